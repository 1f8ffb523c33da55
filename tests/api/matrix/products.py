"""Rows of products."""

from __future__ import annotations

from planning.access import Action
from tests.api.matrix.base import Row

ROWS = {
    "list_products": Row(Action.READ_PRODUCTS),
}
