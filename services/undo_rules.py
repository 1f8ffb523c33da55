"""What else stands against setting rows back: others refer to a new master, or took the days that an entry had.

An undo is judged as a whole: what it will set back as well does not stand in its own way (`Whole`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from core.collections import Scoped, as_binary, scoped, scoped_binary
from core.mongo import RawDocument
from models.assigned import as_rule
from models.budget import BudgetEntry
from models.customer import Assignment, Customer, CustomerPrice, MatrixEntry
from models.cycle import Cycle
from models.forecast import Line, Sheet, SnapshotRow
from models.product import Product, ProductCost
from models.sale import SaleLine
from models.succession import read_succession
from planning.assignments import in_the_way
from planning.intervals import Interval, in_words, overlapping
from planning.succession import Link, link_problem
from services.import_journal import Id
from services.product_changes import locked_units
from services.undo_step import Whole

Reasons = dict[Id, str]

GROUPS: Mapping[str, tuple[str, ...]] = {
    ProductCost.Settings.name: ("product_id",),
    MatrixEntry.Settings.name: ("customer_id", "product_id"),
    CustomerPrice.Settings.name: ("customer_id", "product_id"),
}
"""Dated entries of which no two share a day, and what they are entries of."""

OWNERS: Mapping[str, type[Any]] = {"customer_id": Customer, "product_id": Product}
OWNED = frozenset({SaleLine.Settings.name, BudgetEntry.Settings.name})
"""What comes back although it was removed, and may name masters that are gone meanwhile."""
OWN_LINKS = {
    Customer.Settings.name: ("merged_into", "planning_customer_id"),
    Product.Settings.name: ("successor_id", "planning_item_id"),
}
"""How masters refer to each other."""
IN_CYCLES: Mapping[type[Any], Mapping[str, Any]] = {Sheet: {}, Line: {}, SnapshotRow: {"imported": True}}
"""What is found by its cycle, and in which cycles. Whoever stands in a snapshot of the others has a line there, too."""


async def objections(name: str, gone: Sequence[Id], after: Sequence[RawDocument], whole: Whole) -> Reasons:
    """Why these new documents (`gone`) can't be taken away, or others can't be `after` again, by id."""
    reasons: Reasons = {}
    if name in OWN_LINKS:
        reasons |= await _referred_to(name, gone, whole)
    if name in GROUPS:
        reasons |= await _taken_days(name, after, whole)
    if name == Assignment.Settings.name:
        reasons |= await _taken_scopes(after, whole)
    if name == Product.Settings.name:
        reasons |= await _bound_products(after, whole)
    if name == Customer.Settings.name:
        reasons |= await _bound_currencies(after)
    if name in OWNED:
        reasons |= await ownerless(after)
    return reasons


async def _referred_to(name: str, gone: Sequence[Id], whole: Whole) -> Reasons:
    field_name = "customer_id" if name == Customer.Settings.name else "product_id"
    reasons: Reasons = {}
    for model, words in _referring(field_name):
        left = [id for id in gone if id not in reasons]
        if not left:
            return reasons
        query: dict[str, Any] = {field_name: {"$in": left}}
        if model in IN_CYCLES:
            query["cycle_id"] = {"$in": await scoped_binary(Cycle).distinct("_id", IN_CYCLES[model])}
        reasons |= dict.fromkeys(await scoped_binary(model).distinct(field_name, query), words)
    own: Scoped[Any] = scoped_binary(OWNERS[field_name])
    for link in OWN_LINKS[name]:
        for row in await own.rows({link: {"$in": list(gone)}}, {link: 1, "code": 1}):
            after = whole.as_undone(row)
            if after is not None and after[link] == row[link]:
                reasons[row[link]] = f"{row['code']} refers to it"
    return reasons


def _referring(field_name: str) -> Iterable[tuple[type[Any], str]]:
    yield SaleLine, "there are sales of it"
    yield Sheet if field_name == "customer_id" else Line, "it is planned in a cycle"
    yield SnapshotRow, "there are past forecasts of it"
    if field_name == "customer_id":
        yield Assignment, "somebody is assigned to it"
    else:
        yield ProductCost, "there are dated costs of it"
    yield MatrixEntry, "it stands in the matrix"
    yield CustomerPrice, "there are customer prices of it"
    yield BudgetEntry, "there is a budget for it"


async def _taken_days(name: str, after: Sequence[RawDocument], whole: Whole) -> Reasons:
    names, door = GROUPS[name], scoped_binary(_DATED[name])
    shown = dict.fromkeys((*names, "valid_from", "valid_to"), 1)
    firsts = list({one[names[0]] for one in after})
    standing: dict[tuple[Any, ...], list[tuple[Id, Interval]]] = defaultdict(list)
    for row in await door.rows({names[0]: {"$in": firsts}}, shown) if firsts else ():
        entry = whole.as_undone(row)
        if entry is not None:
            interval = Interval(entry["valid_from"], entry["valid_to"])
            standing[tuple(entry[one] for one in names)].append((entry["_id"], interval))
    reasons: Reasons = {}
    for one in after:
        others = [days for id, days in standing[tuple(one[own] for own in names)] if id != one["_id"]]
        other = overlapping(Interval(one["valid_from"], one["valid_to"]), others)
        if other is not None:
            reasons[one["_id"]] = f"its days were taken by an entry that holds {in_words(other)}"
    return reasons


_DATED: Mapping[str, type[Any]] = {model.Settings.name: model for model in (ProductCost, MatrixEntry, CustomerPrice)}


async def _taken_scopes(after: Sequence[RawDocument], whole: Whole) -> Reasons:
    customers = list({one["customer_id"] for one in after})
    rows = await scoped_binary(Assignment).rows({"customer_id": {"$in": customers}}) if customers else []
    undone = [entry for entry in map(whole.as_undone, rows) if entry is not None]
    standing = defaultdict(list)
    for entry in undone:
        standing[entry["customer_id"]].append(as_rule(_with_ids(entry)))
    reasons: Reasons = {}
    for one in after:
        if in_the_way(as_rule(_with_ids(one)), standing[one["customer_id"]]) is not None:
            reasons[one["_id"]] = "somebody else was assigned for its days since"
    return reasons


async def _bound_products(after: Sequence[RawDocument], whole: Whole) -> Reasons:
    """Products whose unit is fixed by now, or whose successor they can't have again."""
    stored = await _stored(Product, [one["_id"] for one in after], "unit", "successor_id")
    reasons: Reasons = {}
    other_unit = [one["_id"] for one in after if one["unit"] != stored[one["_id"]]["unit"]]
    locked = await locked_units([id.as_uuid() for id in other_unit]) if other_unit else {}
    reasons |= {as_binary(id): reason for id, reason in locked.items()}
    linked = [one for one in after if one.get("successor_id") not in (None, stored[one["_id"]].get("successor_id"))]
    if linked:
        links = {key: link for key, link in (await read_succession()).links.items() if key.bytes not in whole.created}
        wanted = {one["_id"].as_uuid(): one["successor_id"].as_uuid() for one in linked}
        known = set(await scoped(Product).distinct("_id", {"_id": {"$in": list(set(wanted.values()))}}))
        for id, successor in wanted.items():
            problem = "Its successor is gone." if successor not in known else link_problem(id, successor, links)
            if problem is not None:
                reasons[as_binary(id)] = problem
            links[id] = Link(successor, "")
    return reasons


async def _bound_currencies(after: Sequence[RawDocument]) -> Reasons:
    """Customers that have prices in the currency that they would lose."""
    stored = await _stored(Customer, [one["_id"] for one in after], "currency")
    other = [one["_id"] for one in after if one["currency"] != stored[one["_id"]]["currency"]]
    priced = (
        await scoped_binary(CustomerPrice).distinct("customer_id", {"customer_id": {"$in": other}}) if other else []
    )
    return dict.fromkeys(priced, "it has prices in the currency that it has now")


async def ownerless(after: Sequence[RawDocument]) -> Reasons:
    """Rows whose customer or product is gone."""
    reasons: Reasons = {}
    for name, model in OWNERS.items():
        wanted = {one[name] for one in after} - {None}
        known = set(await scoped_binary(model).distinct("_id", {"_id": {"$in": list(wanted)}})) if wanted else set()
        gone = wanted - known
        reasons |= {one["_id"]: "its customer or product is gone" for one in after if one[name] in gone}
    return reasons


async def _stored(model: type[Any], ids: Sequence[Id], *names: str) -> dict[Id, RawDocument]:
    rows = await scoped_binary(model).rows({"_id": {"$in": list(ids)}}, dict.fromkeys(names, 1)) if ids else []
    return {row["_id"]: row for row in rows}


def _with_ids(document: RawDocument) -> RawDocument:
    ids = {name: UUID(bytes=bytes(document[name])) for name in ("_id", "user_id", "customer_id")}
    return {**document, **ids}
