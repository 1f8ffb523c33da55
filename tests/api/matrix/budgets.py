"""Rows of budgets."""

from __future__ import annotations

from planning.access import Action
from tests.api.matrix.base import Row

ROWS = {"list_budgets": Row(Action.READ_FORECAST, query=lambda _: {"fiscal_year": 2026})}
