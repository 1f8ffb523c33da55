"""What is missing or doubtful in the master data."""

from __future__ import annotations

from api.routing import router_of

router = router_of("master-data")
