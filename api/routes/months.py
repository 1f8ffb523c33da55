"""Months of actuals: open, complete or restated, with row counts and control totals."""

from __future__ import annotations

from api.routing import router_of

router = router_of("months")
