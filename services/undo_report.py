"""Naming the rows that an undo can't set back: what they are, and what came after the import, by whom and when."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from core.collections import as_binary, scoped, scoped_binary
from core.mongo import RawDocument
from models.audit import AuditEvent
from models.customer import Assignment, Customer, CustomerPrice, MatrixEntry
from models.imports import JournalBatch
from models.job import Job
from models.product import Product, ProductCost
from models.rate import FxRate
from models.sale import SaleLine
from models.user import User
from planning.undoing import WORDS
from services.import_journal import Id
from services.labels import Labels, labels_of
from services.undo_steps import Blocked

ENTITIES: Mapping[str, str] = {
    Customer.Settings.name: "customer",
    Product.Settings.name: "product",
    ProductCost.Settings.name: "product_cost",
    Assignment.Settings.name: "assignment",
    MatrixEntry.Settings.name: "matrix_entry",
    CustomerPrice.Settings.name: "price",
    FxRate.Settings.name: "fx_rate",
    SaleLine.Settings.name: "sale",
}
"""How audit events name what stands in a collection."""
NAMED: Mapping[str, tuple[str, ...]] = {
    Customer.Settings.name: ("code",),
    Product.Settings.name: ("code",),
    ProductCost.Settings.name: ("valid_from",),
    Assignment.Settings.name: ("category", "valid_from"),
    MatrixEntry.Settings.name: ("valid_from",),
    CustomerPrice.Settings.name: ("valid_from",),
    FxRate.Settings.name: ("kind", "currency", "month"),
    SaleLine.Settings.name: ("invoice", "line_number"),
}
"""What a row is told apart by, besides its person, customer and product."""
LATER_IMPORTS = 200

Row = tuple[str, Blocked]


async def described(job: Job, blocked: Sequence[Row]) -> list[RawDocument]:
    """Each row with its label, the obstacle in words and the newer change, as far as somebody kept it."""
    events = await _events(job, blocked)
    imports = await _imports(job, blocked)
    labels = await _Labels.of(blocked)
    people = await labels_of(User, {one["by"] for one in (*events.values(), *imports.values()) if one["by"]}, "name")
    rows = []
    for name, one in blocked:
        known = [found[one.id] for found in (events, imports) if one.id in found]
        newest = max(known, key=lambda change: change["at"], default={"action": None, "by": None, "at": None})
        message = WORDS[one.obstacle] + (f": {one.reason}" if one.reason else "")
        rows.append(
            {
                "entity": ENTITIES[name],
                "id": one.id.as_uuid(),
                "label": labels.label(name, one),
                "obstacle": str(one.obstacle),
                "message": message,
                "action": newest["action"],
                "import_id": newest.get("import_id"),
                "by": newest["by"],
                "by_name": people[newest["by"]].get("name") if newest["by"] else None,
                "at": newest["at"],
            }
        )
    return rows


async def _events(job: Job, blocked: Sequence[Row]) -> dict[Id, RawDocument]:
    """The newest audit event of each row since the import."""
    ids = [str(one.id.as_uuid()) for _, one in blocked]
    names = sorted({ENTITIES[name] for name, _ in blocked})
    query = {"entity": {"$in": names}, "entity_id": {"$in": ids}, "at": {"$gte": job.finished_at}}
    shown = {"entity_id": 1, "action": 1, "actor_id": 1, "at": 1}
    found: dict[Id, RawDocument] = {}
    for row in await scoped(AuditEvent).rows(query, shown, sort=[("at", 1)]) if ids else ():
        change = {"action": row["action"], "by": row["actor_id"], "at": row["at"]}
        found[as_binary(UUID(row["entity_id"]))] = change
    return found


async def _imports(job: Job, blocked: Sequence[Row]) -> dict[Id, RawDocument]:
    """The newest later import that changed each row, by the journals of the imports."""
    ids = [one.id for _, one in blocked]
    if not ids:
        return {}
    later = {"kind": job.kind, "finished_at": {"$gte": job.started_at}, "undone_at": None, "_id": {"$ne": job.id}}
    shown = {"requested_by": 1, "started_at": 1}
    jobs = await scoped(Job).rows(later, shown, sort=[("started_at", -1)], limit=LATER_IMPORTS)
    found: dict[Id, RawDocument] = {}
    known = {as_binary(row["_id"]): row for row in jobs}
    query = {"import_id": {"$in": list(known)}, "entries.id": {"$in": ids}}
    wanted = set(ids)
    async for part in scoped_binary(JournalBatch).find(query, {"import_id": 1, "entries.id": 1}):
        own = known[part["import_id"]]
        change = {"action": "import", "import_id": own["_id"], "by": own["requested_by"], "at": own["started_at"]}
        for entry in part["entries"]:
            if entry["id"] in wanted and (entry["id"] not in found or found[entry["id"]]["at"] < change["at"]):
                found[entry["id"]] = change
    return found


class _Labels:
    """Codes of the customers and products that rows are about, and addresses of people."""

    def __init__(self, customers: Labels, products: Labels, people: Labels) -> None:
        self.of_field = {
            "customer_id": (customers, "code"),
            "product_id": (products, "code"),
            "user_id": (people, "email"),
        }

    @classmethod
    async def of(cls, blocked: Sequence[Row]) -> _Labels:
        documents = [one.document for _, one in blocked if one.document is not None]
        return cls(
            await labels_of(Customer, _ids(documents, "customer_id"), "code"),
            await labels_of(Product, _ids(documents, "product_id"), "code"),
            await labels_of(User, _ids(documents, "user_id"), "email"),
        )

    def label(self, name: str, one: Blocked) -> str:
        """What people call the row; of one that is gone only its id is known."""
        if one.document is None:
            return f"{ENTITIES[name].replace('_', ' ')} {one.id.as_uuid()}"
        document = one.document
        owners = [
            str(labels[document[field]].get(shown, ""))
            for field, (labels, shown) in self.of_field.items()
            if document.get(field) is not None
        ]
        return " ".join(owners + [str(document[field]) for field in NAMED[name] if document.get(field) is not None])


def _ids(documents: Collection[RawDocument], field: str) -> set[Any]:
    return {one[field] for one in documents if one.get(field) is not None}
