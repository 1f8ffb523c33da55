"""Exchange rates by month."""

from __future__ import annotations

from api.routing import router_of

router = router_of("fx-rates")
