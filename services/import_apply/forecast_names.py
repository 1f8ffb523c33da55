"""What a file of forecasts may name: the cycles, the products, and the customers of whoever sent it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from core.collections import scoped
from core.errors import InvalidInput
from core.text import code_key
from models.customer import Customer
from models.cycle import Cycle
from models.job import Job
from models.merged import load_merged
from models.product import Product
from models.user import User
from planning.stages import Stage
from services.import_apply.base import ImportContext
from services.import_kinds.validation import RowError, ValidBatch
from services.scopes import narrowed, scope_of

NO_CUSTOMER = "the code of one of your customers"
NO_PRODUCT = "the code of a product that exists"
NO_CYCLE = "the name of a cycle, as its list shows it"
OTHER_CYCLE = "the cycle that the import was sent for, or nothing"
SEVERAL = "the id of a cycle: several have this name"
NONE_OPEN = "No cycle is in entry: name one in a column cycle, or send cycle_id."

Place = tuple[UUID, UUID, UUID]
"""Cycle, customer and product."""


@dataclass(frozen=True, slots=True)
class Names:
    """Ids by what the file says. `default` is the cycle of rows that name none."""

    context: ImportContext
    customers: Mapping[str, UUID]
    products: Mapping[str, UUID]
    cycles: Mapping[str, Sequence[Cycle]]
    default: Cycle | None
    fixed: bool
    received_at: datetime
    overwrite: bool

    def cycle(self, cycle_id: UUID) -> Cycle:
        """The cycle of an id that `places` gave."""
        return self.cycles[str(cycle_id)][0]

    def places(self, batch: ValidBatch) -> tuple[list[Place | None], list[RowError]]:
        """The place of each row in the plan, None where it names something that is not there, with an error."""
        errors: list[RowError] = []
        codes = batch.columns["customer_code"], batch.columns["item_code"]
        named = batch.columns.get("cycle", [None] * len(batch.rows))
        cycles = {name: self._cycle(name) for name in set(named)}
        customers = {code: self.customers.get(code_key(code)) for code in set(codes[0])}
        products = {code: self.products.get(code_key(code)) for code in set(codes[1])}
        places: list[Place | None] = []
        for row, name, customer_code, item_code in zip(batch.rows, named, *codes, strict=True):
            cycle, customer, product = cycles[name], customers[customer_code], products[item_code]
            if isinstance(cycle, UUID) and customer is not None and product is not None:
                places.append((cycle, customer, product))
                continue
            places.append(None)
            if not isinstance(cycle, UUID):
                errors.append(self.context.error(row, "cycle", name, cycle))
            if customer is None:
                errors.append(self.context.error(row, "customer_code", customer_code, NO_CUSTOMER))
            if product is None:
                errors.append(self.context.error(row, "item_code", item_code, NO_PRODUCT))
        return places, errors

    def _cycle(self, name: str | None) -> UUID | str:
        """The id of the cycle that a row names, or what was expected."""
        if name is None:
            if self.default is None:
                raise InvalidInput(NONE_OPEN)
            return self.default.id
        found = self.cycles.get(code_key(name), ())
        if self.default is not None and any(cycle.id == self.default.id for cycle in found):
            return self.default.id
        if self.fixed:
            return OTHER_CYCLE
        if len(found) != 1:
            return SEVERAL if found else NO_CYCLE
        return found[0].id


async def load_names(context: ImportContext) -> Names:
    """What the sender of the import may name. InvalidInput when they are no longer an active user."""
    job = await scoped(Job).get(context.import_id)
    cycle_id = job.params.get("cycle_id")
    cycles = await scoped(Cycle).documents({"stage": {"$ne": Stage.CANCELLED}, "imported": {"$ne": True}})
    by_name: dict[str, list[Cycle]] = defaultdict(list)
    for cycle in cycles:
        by_name[code_key(cycle.name)].append(cycle)
        by_name[str(cycle.id)].append(cycle)
    default = next((cycle for cycle in cycles if cycle.stage == Stage.ENTRY), None)
    if cycle_id is not None:
        default = next((cycle for cycle in cycles if str(cycle.id) == cycle_id), None)
        if default is None:
            raise InvalidInput("The cycle that the file was sent for is not there any more, or was cancelled.")
    products = await scoped(Product).rows({}, {"code_key": 1})
    return Names(
        context,
        customers=await _customers_of_sender(job),
        products={row["code_key"]: row["_id"] for row in products},
        cycles=by_name,
        default=default,
        fixed=cycle_id is not None,
        received_at=job.received_at,
        overwrite=job.params.get("overwrite", False),
    )


async def _customers_of_sender(job: Job) -> dict[str, UUID]:
    """Customers by code, those that the sender saw when the file was received; a merged one's code finds what it is
    now. The role is that of this moment."""
    user = await scoped(User).row({"_id": job.requested_by, "is_active": True}, {"role": 1, "regions": 1})
    if user is None:
        raise InvalidInput("Whoever sent the file is no longer an active user.")
    scope = await scope_of(user["role"], user["_id"], job.received_at, user.get("regions", ()))
    merged = await load_merged()
    own = {row["_id"]: row["code_key"] for row in await scoped(Customer).rows(await narrowed(scope), {"code_key": 1})}
    found = {key: id for id, key in own.items() if id not in merged.targets}
    for row in await scoped(Customer).rows({"_id": {"$in": list(merged.targets)}}, {"code_key": 1}):
        if merged.owner(row["_id"]) in own:
            found[row["code_key"]] = merged.owner(row["_id"])
    return found
