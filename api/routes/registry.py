"""All routers, one line per noun."""

from __future__ import annotations

from fastapi import APIRouter

from api.routes import auth, customers, cycles, forecasts, health, imports, metrics, operations, products, reports

ROUTERS: tuple[APIRouter, ...] = (
    health.router,
    auth.public_router,
    auth.router,
    metrics.router,
    customers.router,
    products.router,
    operations.router,
    cycles.router,
    forecasts.router,
    reports.router,
    imports.router,
)
