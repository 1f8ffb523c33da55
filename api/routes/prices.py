"""What customers pay, and the answer of the price chain."""

from __future__ import annotations

from api.routing import router_of

router = router_of("prices")
