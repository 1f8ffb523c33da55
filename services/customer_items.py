"""What matrix and prices have in common: dated entries of customer x product, of which no two share a day.

Whoever changes a customer's entries first writes their counter in the customer's document (`lock`), in the same
transaction: of two such transactions the second one conflicts, runs again and sees the first one's entries. The counter
is also the version of the whole list.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from bson.binary import Binary

from core.collections import Scoped, as_binary, dump, scoped, scoped_binary, transaction
from core.errors import Conflict, Detail, InvalidInput, NotFound, StaleVersion
from core.listing import Listing, Window, uuid_text
from core.mongo import RawDocument
from core.search import search_filter
from models.customer import Customer, CustomerPrice, MatrixEntry
from models.product import Product
from planning import lifecycle
from planning.intervals import Interval, in_words, overlapping, runs_backwards
from planning.overlays import clashes
from services import audit, revisions
from services.validity import holding

Entry = MatrixEntry | CustomerPrice
Draft = Mapping[str, Any]
IN_LIST, ALONE = "entries.{}.", ""
"""Where an entry stands in the body, for the field that an error names."""
MAX_DETAILS = 100
BACKWARDS = "must not be before valid_from"
PRODUCT_FIELDS = dict.fromkeys(("code", "code_key", "name", "category", "unit", "is_active"), 1)


@dataclass(frozen=True, slots=True)
class Kind:
    """A collection of such entries: the customer's counter for it, its name in audit events, its name to people."""

    model: type[MatrixEntry] | type[CustomerPrice]
    counter: str
    entity: str
    noun: str

    @property
    def door(self) -> Scoped[Any]:
        return scoped(self.model)


@dataclass(frozen=True, slots=True)
class Locked:
    """A customer whose entries nobody else changes until the transaction ends. `version` is what it was before;
    `refusal` says why the customer gets no new entries, if so."""

    id: UUID
    code: str
    currency: str
    version: int
    refusal: str | None


@dataclass(frozen=True, slots=True)
class ItemFilter:
    """`valid_on` keeps what holds on that day; `search` finds beginnings of words of the product's code and name."""

    valid_on: str | None = None
    product_id: UUID | None = None
    search: str | None = None


@dataclass(frozen=True, slots=True)
class Sorting:
    """`field` is code_key or name (of the product), or valid_from; ties follow code and first day."""

    field: str
    descending: bool


async def version_of(kind: Kind, customer_id: UUID) -> int:
    """The version of the customer's whole list, from 1."""
    row = await scoped(Customer).row({"_id": customer_id}, {kind.counter: 1}) or {}
    changes: int = row.get(kind.counter, 0)
    return changes + 1


async def list_page(
    kind: Kind, customer_id: UUID, shown: Mapping[str, int], wanted: ItemFilter, window: Window, sorting: Sorting
) -> Listing:
    """One page of the customer's entries with the product's code and name.

    Entries are joined and sorted here: they belong to one customer, so they are few.
    """
    query: dict[str, Any] = {"customer_id": as_binary(customer_id)}
    query |= {} if wanted.product_id is None else {"product_id": as_binary(wanted.product_id)}
    query |= {} if wanted.valid_on is None else holding(wanted.valid_on)
    entries = await scoped_binary(kind.model).rows(query, {"product_id": 1, **shown})
    products = await _products({entry["product_id"] for entry in entries}, search_filter(wanted.search))
    rows = [(products[entry["product_id"]], entry) for entry in entries if entry["product_id"] in products]
    rows.sort(key=lambda row: (row[0]["code_key"], row[1]["valid_from"] or ""))
    if sorting.field in ("name", "valid_from"):
        of = 0 if sorting.field == "name" else 1
        rows.sort(key=lambda row: row[of][sorting.field] or "", reverse=sorting.descending)
    elif sorting.descending:
        rows.reverse()
    end = window.skip + window.limit
    page = [joined(product, entry) for product, entry in rows[window.skip : end]]
    return Listing(page, len(rows) > end, None if window.count is False else len(rows))


async def get(kind: Kind, customer_id: UUID, entry_id: UUID) -> RawDocument:
    """One entry of this customer as the list shows it; NotFound."""
    entry = await _own(kind, customer_id, entry_id)
    (product,) = await scoped(Product).rows({"_id": entry.product_id}, PRODUCT_FIELDS)
    return joined(product, dump(entry))


async def lock(kind: Kind, customer_id: UUID) -> Locked:
    """Begin to change the customer's entries, inside the caller's transaction. NotFound."""
    fields = {"code": 1, "currency": 1, "is_active": 1, "merged_into": 1, kind.counter: 1}
    row = await scoped(Customer).change({"_id": customer_id}, {"$inc": {kind.counter: 1}}, projection=fields)
    if row is None:
        raise NotFound("There is no such customer among yours.")
    owner = row.get("merged_into") and await scoped(Customer).row({"_id": row["merged_into"]}, {"code": 1})
    merged_into = owner["code"] if owner else None
    refusal = lifecycle.refusal("customer", row["code"], is_active=row["is_active"], merged_into=merged_into)
    return Locked(row["_id"], row["code"], row["currency"], row[kind.counter], refusal)


def demand_active(customer: Locked) -> None:
    """Conflict for a customer that gets no new entries, since it is inactive or was merged."""
    if customer.refusal is not None:
        raise Conflict(customer.refusal)


async def checked(
    kind: Kind, customer: Locked, drafts: Sequence[Draft], *, listed: Collection[UUID] = ()
) -> tuple[list[Any], dict[UUID, RawDocument]]:
    """The drafts as documents, and their products. InvalidInput for an inactive product (`listed` ones may stay), for
    days that run backwards, and for two drafts that share a day."""
    documents = [kind.model(customer_id=customer.id, **draft) for draft in drafts]
    products = await _demand_products([document.product_id for document in documents], listed)
    refuse_overlaps(documents, products, IN_LIST)
    return documents, products


async def insert(kind: Kind, customer: Locked, drafts: Sequence[Draft]) -> list[RawDocument]:
    """Store these entries, all or none, inside the transaction that locked the customer; rows as the list shows them.

    InvalidInput as `checked`; Conflict for an inactive customer, and names the stored entry that a draft shares a day
    with.
    """
    demand_active(customer)
    documents, products = await checked(kind, customer, drafts)
    await refuse_stored_overlaps(kind, documents, products, IN_LIST)
    await kind.door.insert_rows([dump(document) for document in documents], ordered=True)
    return [joined(products[document.product_id], dump(document)) for document in documents]


async def change(kind: Kind, customer_id: UUID, entry_id: UUID, rev: int, changes: Draft) -> RawDocument:
    """Change one entry from the version that was read. NotFound, StaleVersion, InvalidInput, Conflict as `insert`."""

    async def write() -> RawDocument:
        await lock(kind, customer_id)
        before = await _own(kind, customer_id, entry_id)
        if before.rev != rev:
            raise StaleVersion()
        # Before it is written: an entry with the first day of another one would meet the unique index instead.
        proposed = before.model_copy(update=dict(changes))
        products = await _products_by_id([before.product_id])
        refuse_overlaps([proposed], products, ALONE)
        await refuse_stored_overlaps(kind, [proposed], products, ALONE)
        await revisions.change(kind.model, entry_id, rev, changes, entity=kind.entity)
        return joined(products[before.product_id], dump(await _own(kind, customer_id, entry_id)))

    return await transaction(write)


async def remove(kind: Kind, customer_id: UUID, entry_id: UUID, rev: int) -> None:
    """Delete one entry from the version that was read. NotFound, StaleVersion."""

    async def write() -> None:
        await lock(kind, customer_id)
        await _own(kind, customer_id, entry_id)
        await revisions.remove(kind.model, entry_id, rev, entity=kind.entity)

    await transaction(write)


async def record(kind: Kind, customer_id: UUID, action: str, *, added: Sequence[Draft], **more: Any) -> None:
    """The one audit event for entries that were added or replaced together."""
    after = revisions.plain({"entries": added, **more})
    await audit.record(f"{kind.entity}.{action}", "customer", customer_id, after=after)


def refuse_overlaps(entries: Sequence[Entry], products: Mapping[UUID, RawDocument], place: str) -> None:
    """InvalidInput for entries that run backwards, or share a day with one that stands before them."""
    details = [
        Detail(place.format(at) + "valid_to", BACKWARDS) for at, one in enumerate(entries) if runs_backwards(one)
    ]
    places: dict[UUID, list[int]] = {}
    for at, entry in enumerate(entries):
        places.setdefault(entry.product_id, []).append(at)
    for product_id, own in places.items():
        rows = [Interval(entries[at].valid_from, entries[at].valid_to) for at in own]
        for refused, clash in clashes([], rows).items():
            other = "" if clash.row is None else place.format(own[clash.row]).rstrip(".")
            words = f"shares days with {other} for {products[product_id]['code']} ({in_words(clash.entry)})"
            details.append(Detail(place.format(own[refused]) + "valid_from", words))
    if details:
        words = "No two entries for a product may share a day; see the details."
        raise InvalidInput(words, details=details[:MAX_DETAILS])


async def refuse_stored_overlaps(
    kind: Kind, entries: Sequence[Entry], products: Mapping[UUID, RawDocument], place: str
) -> None:
    """Conflict naming the stored entry, for each entry that shares a day with another one."""
    if not entries:
        return
    ids = list({entry.product_id for entry in entries})
    query = {"customer_id": entries[0].customer_id, "product_id": {"$in": ids}}
    stored: dict[UUID, list[Entry]] = {}
    for document in await kind.door.documents(query):
        stored.setdefault(document.product_id, []).append(document)
    details = []
    for at, entry in enumerate(entries):
        others = [other for other in stored.get(entry.product_id, ()) if other.id != entry.id]
        other = overlapping(entry, others)
        if other is not None:
            code = products[entry.product_id]["code"]
            words = f"shares days with the {kind.noun} {other.id} for {code} ({in_words(other)})"
            details.append(Detail(place.format(at) + "valid_from", f"{words}; end or remove that one first"))
    if details:
        words = "Some of these days have another one already; see the details."
        raise Conflict(words, details=details[:MAX_DETAILS])


async def _own(kind: Kind, customer_id: UUID, entry_id: UUID) -> Any:
    entry = await kind.door.one({"_id": entry_id, "customer_id": customer_id})
    if entry is None:
        raise NotFound(f"The customer has no such {kind.noun}.")
    return entry


async def _demand_products(ids: Sequence[UUID], listed: Collection[UUID]) -> dict[UUID, RawDocument]:
    products = await _products_by_id(ids)
    details = []
    for at, id in enumerate(ids):
        words = "There is no such product." if id not in products else _refusal(products[id])
        if words is not None and (id not in products or id not in listed):
            details.append(Detail(f"entries.{at}.product_id", words))
    if details:
        raise InvalidInput(details=details[:MAX_DETAILS])
    return products


def _refusal(product: RawDocument) -> str | None:
    return lifecycle.refusal("product", product["code"], is_active=product["is_active"])


async def _products_by_id(ids: Iterable[UUID]) -> dict[UUID, RawDocument]:
    rows = await scoped(Product).rows({"_id": {"$in": list(set(ids))}}, PRODUCT_FIELDS)
    return {row["_id"]: row for row in rows}


async def _products(ids: set[Binary], search: Mapping[str, Any]) -> dict[Binary, RawDocument]:
    rows = await scoped_binary(Product).rows({"_id": {"$in": list(ids)}, **search}, PRODUCT_FIELDS)
    return {row["_id"]: row for row in rows}


def joined(product: RawDocument, entry: RawDocument) -> RawDocument:
    """An entry as the API shows it."""
    hidden = ("_id", "tenant_id", "customer_id", "created_at")
    return {
        "id": uuid_text(entry["_id"]) if isinstance(entry["_id"], bytes) else entry["_id"],
        "item_code": product["code"],
        "name": product["name"],
        "category": product["category"],
        "unit": product["unit"],
        "product_active": product["is_active"],
        **{name: value for name, value in entry.items() if name not in hidden},
    }
