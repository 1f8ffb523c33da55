"""All routers, one line per noun."""

from __future__ import annotations

from fastapi import APIRouter

from api.routes import health

ROUTERS: tuple[APIRouter, ...] = (health.router,)
