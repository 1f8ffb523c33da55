"""The row of templates: everybody may have them; which kinds and columns they see is asked further on."""

from __future__ import annotations

from planning.access import Action
from tests.api.matrix.base import Row

ROWS = {"download_template": Row(Action.READ_TEMPLATE, ids=lambda _: {"kind": "products"})}
