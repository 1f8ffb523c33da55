"""All routers, one line per noun."""

from __future__ import annotations

from fastapi import APIRouter

from api.routes import customers, cycles, forecasts, health, metrics, operations, products

ROUTERS: tuple[APIRouter, ...] = (
    health.router,
    metrics.router,
    customers.router,
    products.router,
    operations.router,
    cycles.router,
    forecasts.router,
)
