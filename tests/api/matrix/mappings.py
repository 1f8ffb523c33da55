"""Rows of saved column mappings, which are found by kind and source."""

from __future__ import annotations

from core.collections import scoped
from models.imports import ColumnMapping
from planning.access import Action
from tests.api.matrix.base import Row
from tests.api.matrix.world import World

BODY = {"columns": [{"title": "Menge", "column": "quantity"}]}


def webshop(_: World) -> dict[str, str]:
    """The keys of the mapping that `make` makes, whatever other nouns call a kind."""
    return {"kind": "sales", "source": "Webshop"}


ROWS = {
    "list_mappings": Row(Action.IMPORT_FILE),
    "read_mapping": Row(Action.IMPORT_FILE, ids=webshop),
    "save_mapping": Row(Action.IMPORT_FILE, body=lambda _: BODY, ids=webshop),
    "delete_mapping": Row(Action.IMPORT_FILE, ids=webshop),
}


async def make(world: World) -> None:
    columns: list[dict[str, str | None]] = [{"title": f"Menge {world.mark}", "column": "quantity"}]
    await scoped(ColumnMapping).insert(
        ColumnMapping(kind="sales", source="Webshop", source_key="webshop", columns=columns)
    )
    # What another noun calls a kind is left alone: the rows above name theirs.
    for name, key in webshop(world).items():
        world.ids.setdefault(name, key)
