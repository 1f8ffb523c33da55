"""Column mappings, saved per source."""

from __future__ import annotations

from api.routing import router_of

router = router_of("imports")
