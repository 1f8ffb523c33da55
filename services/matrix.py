"""What a customer may order: the matrix, as dated entries of customer x product.

A sale of a product that is not on the list is kept all the same; it is listed as a finding, never refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from core.clock import now
from core.collections import dump, scoped, transaction
from core.errors import StaleVersion
from core.mongo import RawDocument
from models.customer import MatrixEntry
from services import audit, customer_items
from services.customer_items import Draft, Kind
from services.revisions import plain

MATRIX = Kind(MatrixEntry, "matrix_rev", "matrix_entry", "entry")
SHOWN = dict.fromkeys(("valid_from", "valid_to", "rev", "updated_at"), 1)


@dataclass(frozen=True, slots=True)
class Changed:
    """What became of a list: the entries that are new, how many were changed or removed, and its version now."""

    added: list[RawDocument]
    changed: int
    removed: int
    version: int


async def add(customer_id: UUID, drafts: Sequence[Draft]) -> Changed:
    """Put products on the customer's list, all or none; see `customer_items.insert` for what is refused."""

    async def write() -> Changed:
        customer = await customer_items.lock(MATRIX, customer_id)
        rows = await customer_items.insert(MATRIX, customer, drafts)
        await customer_items.record(MATRIX, customer_id, "added", added=drafts)
        return Changed(rows, 0, 0, customer.version + 1)

    return await transaction(write)


async def replace(customer_id: UUID, version: int, drafts: Sequence[Draft]) -> Changed:
    """Make these entries the customer's whole list, from the version of it that was read (StaleVersion otherwise).

    An entry that is on the list already, by product and first day, stays the same one. InvalidInput as `insert`.
    """

    async def write() -> Changed:
        customer = await customer_items.lock(MATRIX, customer_id)
        if customer.version != version:
            raise StaleVersion()
        stored = {(one.product_id, one.valid_from): one for one in await _entries(customer_id)}
        listed = {product for product, _ in stored}
        documents, products = await customer_items.checked(MATRIX, customer, drafts, listed=listed)
        wanted = {(one.product_id, one.valid_from): one for one in documents}
        added = [one for key, one in wanted.items() if key not in stored]
        if added:
            customer_items.demand_active(customer)
        gone = [one for key, one in stored.items() if key not in wanted]
        moved = [
            (one, wanted[key]) for key, one in stored.items() if key in wanted and wanted[key].valid_to != one.valid_to
        ]
        await _write(added, gone, moved)
        after = {"added": added, "removed": gone, "changed": [one for _, one in moved]}
        await audit.record("matrix_entry.replaced", "customer", customer_id, after=plain(_told(after)))
        rows = [customer_items.joined(products[one.product_id], dump(one)) for one in added]
        return Changed(rows, len(moved), len(gone), version + 1)

    return await transaction(write)


async def _write(
    added: list[MatrixEntry], gone: list[MatrixEntry], moved: list[tuple[MatrixEntry, MatrixEntry]]
) -> None:
    door = scoped(MatrixEntry)
    if gone:
        await door.delete({"_id": {"$in": [one.id for one in gone]}})
    await door.update_rows(
        ({"_id": before.id}, {"$set": {"valid_to": after.valid_to, "updated_at": now()}, "$inc": {"rev": 1}})
        for before, after in moved
    )
    if added:
        await door.insert_rows([dump(one) for one in added], ordered=True)


async def _entries(customer_id: UUID) -> list[MatrixEntry]:
    return await scoped(MatrixEntry).documents({"customer_id": customer_id})


def _told(entries: Mapping[str, Sequence[MatrixEntry]]) -> dict[str, Any]:
    said = {"product_id", "valid_from", "valid_to"}
    return {name: [one.model_dump(include=said) for one in some] for name, some in entries.items()}
