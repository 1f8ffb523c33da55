"""Signed-in sessions: seeing and ending them."""

from __future__ import annotations

from api.routing import router_of

router = router_of("sessions")
