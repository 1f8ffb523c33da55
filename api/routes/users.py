"""People of the company: who they are, and what they may do."""

from __future__ import annotations

from api.routing import router_of

router = router_of("users")
