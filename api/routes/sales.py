"""Actuals: lines as they were sold, corrections, statistics and chart data."""

from __future__ import annotations

from api.routing import router_of

router = router_of("sales")
