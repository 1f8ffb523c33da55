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
    exports,
    findings,
    forecasts,
    health,
    imports,
    mappings,
    matrix,
    metrics,
    months,
    operations,
    prices,
    products,
    rates,
    reports,
    sales,
    sessions,
    suggestions,
    templates,
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
    sales.router,
    imports.router,
    mappings.router,
    templates.router,
    exports.router,
)
