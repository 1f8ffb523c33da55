"""Taking masters out of use and back: customers and products alike. What it means stands in `planning.lifecycle`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from core.collections import scoped, transaction
from core.errors import Conflict
from models.customer import Customer
from models.product import Product
from planning import lifecycle
from planning.lifecycle import Standing, Status
from services import revisions


async def deactivate(model: type[Customer] | type[Product], id: UUID, rev: int | None, *, entity: str) -> bool:
    """Take a master out of use; False when it was out of use already. Raises `NotFound` and `StaleVersion`."""
    return await _change(model, id, rev, entity, "deactivated", restored=False)


async def restore(model: type[Customer] | type[Product], id: UUID, rev: int | None, *, entity: str) -> bool:
    """Give back the status from before; False when it is in use. Conflict for a customer that was merged."""
    return await _change(model, id, rev, entity, "restored", restored=True)


async def _change(
    model: type[Customer] | type[Product], id: UUID, rev: int | None, entity: str, action: str, *, restored: bool
) -> bool:
    async def decide() -> bool:
        before = await scoped(model).get(id)
        standing = standing_of(before)
        if restored:
            await demand_unmerged(before)
        after = lifecycle.restore(standing) if restored else lifecycle.say(standing, Status.INACTIVE)
        changes = stored(before, after)
        return await revisions.change(model, id, rev, changes, entity=entity, action=action)

    return await transaction(decide)


def standing_of(master: Customer | Product) -> Standing:
    """Where the master stands."""
    if isinstance(master, Product):
        return Standing(Status.ACTIVE if master.is_active else Status.INACTIVE)
    before = None if master.status_before is None else Status(master.status_before)
    return Standing(Status(master.status), before)


def stored(master: Customer | Product, standing: Standing) -> Mapping[str, Any]:
    """The fields of the master that hold the standing."""
    if isinstance(master, Product):
        return {"is_active": standing.is_active}
    before = None if standing.before is None else str(standing.before)
    return {"status": str(standing.status), "status_before": before, "is_active": standing.is_active}


async def demand_unmerged(master: Customer | Product) -> None:
    """Conflict for a customer that turned out to be another one: it is planned there."""
    if isinstance(master, Customer) and master.merged_into is not None:
        into = await scoped(Customer).get(master.merged_into)
        raise Conflict(f"The customer {master.code} was merged into {into.code}; it can't come back.")
