"""Rows of customers."""

from __future__ import annotations

from planning.access import Action
from tests.api.matrix.base import Row

ROWS = {
    "list_customers": Row(Action.READ_CUSTOMERS),
}
