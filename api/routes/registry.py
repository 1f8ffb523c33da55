"""All routers, one line per noun."""

from __future__ import annotations

from fastapi import APIRouter

from api.routes import (
    assignments,
    auth,
    calendar,
    costs,
    customers,
    cycles,
    findings,
    forecasts,
    health,
    imports,
    matrix,
    metrics,
    months,
    operations,
    prices,
    products,
    rates,
    reports,
    sessions,
    suggestions,
    users,
)

ROUTERS: tuple[APIRouter, ...] = (
    health.router,
    auth.public_router,
    auth.router,
    metrics.router,
    sessions.router,
    users.router,
    assignments.router,
    # Before the nouns: their suggestions are no ids.
    suggestions.router,
    customers.router,
    matrix.router,
    prices.router,
    products.router,
    costs.router,
    rates.router,
    findings.router,
    calendar.router,
    months.router,
    operations.router,
    cycles.router,
    forecasts.router,
    reports.router,
    imports.router,
)
