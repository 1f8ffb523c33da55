"""Naming the rows that an undo can't set back: what they are, and what came after the import, by whom and when."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from itertools import product
from typing import Any
from uuid import UUID

from core.collections import as_binary, scoped, scoped_binary
from core.context import current_tenant
from core.mongo import RawDocument
from models.audit import AuditEvent
from models.budget import BudgetEntry
from models.customer import Assignment, Customer, CustomerPrice, MatrixEntry
from models.cycle import Cycle
from models.forecast import Line, SnapshotRow
from models.imports import JournalBatch
from models.job import Job
from models.keys import sheet_id
from models.product import Product, ProductCost
from models.rate import FxRate
from models.sale import SaleLine
from models.user import User
from planning.months import Month
from planning.undoing import WORDS, Obstacle
from services.import_journal import Id
from services.labels import Labels, labels_of
from services.undo_step import Blocked

ENTITIES: Mapping[str, str] = {
    Customer.Settings.name: "customer",
    Product.Settings.name: "product",
    ProductCost.Settings.name: "product_cost",
    Assignment.Settings.name: "assignment",
    MatrixEntry.Settings.name: "matrix_entry",
    CustomerPrice.Settings.name: "price",
    FxRate.Settings.name: "fx_rate",
    SaleLine.Settings.name: "sale",
    BudgetEntry.Settings.name: "budget_entry",
    Line.Settings.name: "forecast",
    SnapshotRow.Settings.name: "past_forecast",
}
"""How audit events name what stands in a collection."""
SHEET = "sheet"
OWNERS: tuple[str, ...] = ("customer_id", "product_id", "user_id", "cycle_id")
NAMED: Mapping[str, tuple[str, ...]] = {
    Customer.Settings.name: ("code",),
    Product.Settings.name: ("code",),
    ProductCost.Settings.name: (*OWNERS, "valid_from"),
    Assignment.Settings.name: (*OWNERS, "category", "valid_from"),
    MatrixEntry.Settings.name: (*OWNERS, "valid_from"),
    CustomerPrice.Settings.name: (*OWNERS, "valid_from"),
    FxRate.Settings.name: ("kind", "currency", "month"),
    SaleLine.Settings.name: (*OWNERS, "invoice", "line_number"),
    BudgetEntry.Settings.name: ("fiscal_year", "version", "month", "customer_key", "product_key"),
    Line.Settings.name: OWNERS,
    SnapshotRow.Settings.name: (*OWNERS, "stream"),
}
"""What a row is told apart by; a cell also by its month."""
LATER_IMPORTS = 200
WHOLE_SHEET = ("forecast.merged", "forecast.submitted")
"""What may change cells of a sheet without naming them: submitting confirms empty ones as 0."""

Row = tuple[str, Blocked]
Key = tuple[Id, Month | None]
Changes = dict[Key, RawDocument]


async def described(job: Job, blocked: Sequence[Row]) -> list[RawDocument]:
    """Each row with its label, the obstacle in words and the newer change, as far as somebody kept it."""
    changes = [await _events(job, blocked), await _saves(job, blocked), await _imports(job, blocked)]
    labels = await _Labels.of(blocked)
    by = {change["by"] for found in changes for change in found.values() if change["by"]}
    people = await labels_of(User, by, "name")
    rows = []
    for name, one in blocked:
        known = [found[_key(one)] for found in changes if _key(one) in found]
        newest = max(known, key=lambda change: change["at"], default={"action": None, "by": None, "at": None})
        message = WORDS[one.obstacle] + (f": {one.reason}" if one.reason else "")
        rows.append(
            {
                "entity": _entity(name, one),
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


def _key(one: Blocked) -> Key:
    return one.id, one.month


def _entity(name: str, one: Blocked) -> str:
    return SHEET if one.obstacle is Obstacle.LOCKED else ENTITIES[name]


async def _events(job: Job, blocked: Sequence[Row]) -> Changes:
    """The newest audit event of each row since the import."""
    ids = [str(one.id.as_uuid()) for _, one in blocked]
    names = sorted({_entity(name, one) for name, one in blocked})
    query = {"entity": {"$in": names}, "entity_id": {"$in": ids}, "at": {"$gte": job.finished_at}}
    shown = {"entity_id": 1, "action": 1, "actor_id": 1, "at": 1}
    found: Changes = {}
    for row in await scoped(AuditEvent).rows(query, shown, sort=[("at", 1)]) if ids else ():
        found[as_binary(UUID(row["entity_id"])), None] = _change(row)
    return found


async def _saves(job: Job, blocked: Sequence[Row]) -> Changes:
    """The newest change of each cell of a plan since the import began, by the audit events of their sheets."""
    cells: dict[tuple[str, str, Month], Key] = {}
    of_sheet: dict[str, list[Key]] = defaultdict(list)
    for name, one in blocked:
        if name == Line.Settings.name and one.month is not None and one.document is not None:
            cycle, customer = (one.document[owner].as_uuid() for owner in ("cycle_id", "customer_id"))
            sheet = str(sheet_id(current_tenant(), cycle, customer, None))
            cells[sheet, str(one.document["product_id"].as_uuid()), one.month] = _key(one)
            of_sheet[sheet].append(_key(one))
    query = {
        "entity": SHEET,
        "entity_id": {"$in": list(of_sheet)},
        "action": {"$in": ["forecast.saved", *WHOLE_SHEET]},
        "at": {"$gte": job.started_at},
    }
    found: Changes = {}
    for event in await scoped(AuditEvent).rows(query, sort=[("at", 1)]) if of_sheet else ():
        sheet, after = event["entity_id"], event["after"]
        named = [cells.get((sheet, cell["product_id"], cell["month"])) for cell in after.get("cells", ())]
        if event["action"] in WHOLE_SHEET and after.get("confirmed_zero") != 0:
            named += of_sheet[sheet]
        found |= {key: _change(event) for key in named if key is not None}
    return found


def _change(event: RawDocument) -> RawDocument:
    return {"action": event["action"], "by": event["actor_id"], "at": event["at"]}


async def _imports(job: Job, blocked: Sequence[Row]) -> Changes:
    """The newest later import that changed each row or cell, by the journals of the imports."""
    wanted = {_key(one) for _, one in blocked}
    ids = [id for id, _ in wanted]
    if not ids:
        return {}
    later = {"kind": job.kind, "finished_at": {"$gte": job.started_at}, "undone_at": None, "_id": {"$ne": job.id}}
    shown = {"requested_by": 1, "started_at": 1}
    jobs = await scoped(Job).rows(later, shown, sort=[("started_at", -1)], limit=LATER_IMPORTS)
    found: Changes = {}
    known = {as_binary(row["_id"]): row for row in jobs}
    query = {"import_id": {"$in": list(known)}, "$or": [{f"entries.{name}": {"$in": ids}} for name in ("id", "ids")]}
    shown = dict.fromkeys(("import_id", "entries.id", "entries.ids", "entries.months"), 1)
    async for part in scoped_binary(JournalBatch).find(query, shown):
        own = known[part["import_id"]]
        change = {"action": "import", "import_id": own["_id"], "by": own["requested_by"], "at": own["started_at"]}
        for entry in part["entries"]:
            for key in product(entry.get("ids", [entry.get("id")]), entry.get("months", [None])):
                if key in wanted and (key not in found or found[key]["at"] < change["at"]):
                    found[key] = change
    return found


class _Labels:
    """Codes of the customers and products that rows are about, addresses of people, and names of cycles."""

    def __init__(self, found: Mapping[str, tuple[Labels, str]]) -> None:
        self.found = found

    @classmethod
    async def of(cls, blocked: Sequence[Row]) -> _Labels:
        documents = [one.document for _, one in blocked if one.document is not None]
        shown: Sequence[tuple[str, type[Any], str]] = (
            ("customer_id", Customer, "code"),
            ("product_id", Product, "code"),
            ("user_id", User, "email"),
            ("cycle_id", Cycle, "name"),
        )
        return cls({name: (await labels_of(model, _ids(documents, name), own), own) for name, model, own in shown})

    def label(self, name: str, one: Blocked) -> str:
        """What people call the row; of one that is gone only its id is known."""
        if one.document is None:
            return f"{ENTITIES[name].replace('_', ' ')} {one.id.as_uuid()}"
        fields = [field for field in NAMED[name] if one.document.get(field) is not None]
        shown = [self._shown(field, one.document[field]) for field in fields]
        return " ".join(shown if one.month is None else [*shown, one.month])

    def _shown(self, field: str, value: Any) -> str:
        if field not in self.found:
            return str(value)
        labels, own = self.found[field]
        return str(labels[value].get(own, ""))


def _ids(documents: Collection[RawDocument], field: str) -> set[Any]:
    return {one[field] for one in documents if one.get(field) is not None}
