"""The company's calendar: months, working days, fiscal year, days of its own."""

from __future__ import annotations

from api.routing import router_of

router = router_of("calendar")
