"""Who plans which customers, and who stands in for whom."""

from __future__ import annotations

from api.routing import router_of

router = router_of("assignments")
