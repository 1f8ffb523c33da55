"""Exports: every kind of data as the template filled."""

from __future__ import annotations

from api.routing import router_of

router = router_of("exports")
