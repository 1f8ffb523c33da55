"""The journal of an import: what each batch changed, kept with the job so that the import can be undone.

A writer notes what it is about to write, in the transaction that writes it or, where there is none, just before. A run
that was killed notes its batch anew, as a further part: what counts of a document is the last part that names it. What
was noted and turned out not to be written is taken out again (`Journal.settle`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import blake2b
from typing import Any
from uuid import UUID, uuid5

import bson
from bson.binary import UUID_SUBTYPE, Binary
from bson.codec_options import CodecOptions

from core.clock import now
from core.collections import Scoped, as_binary, scoped_binary
from core.errors import Overtaken
from core.mongo import RawDocument
from models.budget import BudgetEntry
from models.customer import Assignment, Customer, CustomerPrice, MatrixEntry
from models.forecast import Line, SnapshotRow
from models.imports import JournalBatch
from models.keys import NAMESPACE
from models.product import Product, ProductCost
from models.rate import FxRate
from models.sale import SaleLine
from services.jobs import KEPT_FOR

Id = Binary
Change = tuple[Mapping[str, Any], Mapping[str, Any]]
Rows = Mapping[Id, RawDocument]

JOURNALED: Mapping[str, type[Any]] = {
    model.Settings.name: model
    for model in (Customer, Product, ProductCost, Assignment, MatrixEntry, CustomerPrice, FxRate, SaleLine, BudgetEntry)
}
"""Where imports write whole documents, by the collection's name."""
CELLS: Mapping[str, type[Any]] = {model.Settings.name: model for model in (Line, SnapshotRow)}
"""Where they write cells of documents (`services.journal_cells`)."""

LONGER = timedelta(days=1)
"""How much longer than its job a journal is kept, whose first batch is as much older."""
BOOKKEEPING = frozenset({"_id", "tenant_id", "rev", "created_at", "updated_at", "search", "matrix_rev", "price_rev"})
"""What says nothing of a document itself."""
SIGNED = SaleLine.Settings.name
"""The collection whose documents name the import that wrote them; they need no marks."""
PART_ENTRIES = 1_000
PART_BYTES = 4_000_000
ID_BYTES, MARK_BYTES = 16, 8


def mark_of(document: Mapping[str, Any], options: CodecOptions[Any]) -> bytes:
    """Eight bytes that stand for what a document says; null and absent fields are the same."""
    said = {name: document[name] for name in sorted(document) if name not in BOOKKEEPING and document[name] is not None}
    return blake2b(bson.encode(said, codec_options=options), digest_size=MARK_BYTES).digest()


@dataclass(slots=True)
class Noted:
    """What a batch did to one collection: marks of new documents by id, and the other entries by id."""

    created: dict[Id, bytes] = field(default_factory=dict)
    entries: dict[Id, RawDocument] = field(default_factory=dict)

    @classmethod
    def of(cls, parts: Iterable[Mapping[str, Any]]) -> Noted:
        """The parts of a batch, in their order, as one."""
        noted = cls()
        for part in parts:
            for id, mark in _unpacked(part):
                noted.entries.pop(id, None)
                noted.created[id] = mark
            for entry in part["entries"]:
                noted.created.pop(entry["id"], None)
                noted.entries[entry["id"]] = entry
        return noted

    @property
    def ids(self) -> list[Id]:
        return [*self.created, *self.entries]


class Journal:
    """Of one run of one import."""

    def __init__(self, import_id: UUID) -> None:
        self.import_id = as_binary(import_id)
        self.row = 0
        self.part = 0
        self.again = False

    async def begin(self, row: int, *, again: bool) -> None:
        """What is noted from now on belongs to the batch that ends with this row. `again`: a run before this one has
        noted some of it."""
        self.row, self.part, self.again = row, 0, again
        if again:
            rows = await scoped_binary(JournalBatch).rows({"import_id": self.import_id, "row": row}, {"part": 1})
            self.part = max((one["part"] for one in rows), default=-1) + 1

    async def note(self, door: Scoped[Any], new: Sequence[RawDocument] = (), changed: Sequence[Change] = ()) -> None:
        """Keep what is needed to take these inserts and updates back.

        Raises Overtaken when what is to be changed is not as the filters say any more.
        """
        before = await self._before(door, changed)
        await self._store(door, new, _entries(door, before, changed))

    async def note_removed(self, door: Scoped[Any], documents: Sequence[RawDocument]) -> None:
        """Keep whole documents that are about to be removed."""
        removed = [{"id": one["_id"], "before": {k: v for k, v in one.items() if k != "_id"}} for one in documents]
        await self._store(door, (), [{**one, "after": None, "mark": b""} for one in removed])

    async def note_cells(
        self,
        door: Scoped[Any],
        entries: Iterable[RawDocument],
        *,
        sheet_id: UUID | None = None,
        made_of: UUID | None = None,
    ) -> None:
        """Keep what cells said before and say now, in the transaction that writes them. Those of a sheet that are
        written beside others have ids `made_of` something of their own."""
        parts: list[RawDocument] = []
        for own in _pieces(entries, door.raw.codec_options):
            part = self._part(door, self._next()) if made_of is None else self._part(door, len(parts), made_of)
            parts.append({**part, "entries": own, "sheet_id": sheet_id})
        await self._insert(door, parts)

    async def settle(self) -> None:
        """Take out of the current batch what was noted and is not as it would have been written."""
        journal = scoped_binary(JournalBatch)
        documents = {"import_id": self.import_id, "row": self.row, "collection": {"$in": list(JOURNALED)}}
        for part in await journal.rows(documents):
            noted = Noted.of([part])
            stored = await _by_id(scoped_binary(JOURNALED[part["collection"]]), noted.ids)
            created = {id: mark for id, mark in noted.created.items() if id in stored}
            entries = [one for id, one in noted.entries.items() if _is_written(one, stored.get(id))]
            if (len(created), len(entries)) != (len(noted.created), len(noted.entries)):
                await journal.update_one({"_id": part["_id"]}, {"$set": {**_packed(created), "entries": entries}})

    async def _before(self, door: Scoped[Any], changed: Sequence[Change]) -> Rows:
        stored = await _by_id(door, [query["_id"] for query, _ in changed])
        for query, _ in changed:
            document = stored.get(query["_id"])
            if document is None or any(document.get(name) != value for name, value in query.items()):
                raise Overtaken()
        return stored

    async def _store(self, door: Scoped[Any], new: Sequence[RawDocument], entries: Iterable[RawDocument]) -> None:
        named = door.model.Settings.name
        options = door.raw.codec_options
        created = {_binary(one["_id"]): b"" if named == SIGNED else mark_of(one, options) for one in new}
        parts = []
        for own_entries in _pieces(entries, options) if not created else [[], *_pieces(entries, options)]:
            packed = _packed(created if not own_entries else {})
            parts.append({**self._part(door, self._next()), **packed, "entries": own_entries})
        await self._insert(door, parts)

    def _next(self) -> int:
        self.part += 1
        return self.part - 1

    def _part(self, door: Scoped[Any], part: int, made_of: UUID | None = None) -> RawDocument:
        key = f"{self.import_id.hex()}|{self.row}" if made_of is None else made_of
        return {
            "_id": as_binary(uuid5(NAMESPACE, f"journal|{key}|{part}")),
            "import_id": self.import_id,
            "collection": door.model.Settings.name,
            "row": self.row,
            "part": part,
            **_packed({}),
            "undone_at": None,
            "kept": [],
            "expires_at": now() + KEPT_FOR + LONGER,
        }

    async def _insert(self, door: Scoped[Any], parts: Sequence[RawDocument]) -> None:
        if parts:
            own = scoped_binary(JournalBatch)
            own.raw = own.raw.with_options(codec_options=door.raw.codec_options)
            await own.insert_rows(parts)


def _entries(door: Scoped[Any], stored: Rows, changed: Sequence[Change]) -> Iterator[RawDocument]:
    for query, update in changed:
        before = stored[query["_id"]]
        after = dict(before) | update.get("$set", {})
        for name, step in update.get("$inc", {}).items():
            after[name] = before.get(name, 0) + step
        names = [name for name in after if name not in ("rev", "updated_at") and before.get(name) != after[name]]
        yield {
            "id": query["_id"],
            "before": {name: before[name] for name in names if name in before},
            "after": {name: after[name] for name in names},
            "mark": mark_of(after, door.raw.codec_options),
        }


def _is_written(entry: Mapping[str, Any], stored: Mapping[str, Any] | None) -> bool:
    if entry["after"] is None or stored is None:
        return entry["after"] is None and stored is None
    return all(stored.get(name) == value for name, value in entry["after"].items())


def _pieces(entries: Iterable[RawDocument], options: CodecOptions[Any]) -> Iterator[list[RawDocument]]:
    """The entries in lists that each fit into a document."""
    piece: list[RawDocument] = []
    size = 0
    for entry in entries:
        length = len(bson.encode(entry, codec_options=options))
        if piece and (size + length > PART_BYTES or len(piece) == PART_ENTRIES):
            yield piece
            piece, size = [], 0
        piece.append(entry)
        size += length
    if piece:
        yield piece


def _packed(created: Mapping[Id, bytes]) -> dict[str, bytes]:
    return {"created": b"".join(created), "marks": b"".join(created.values())}


def _unpacked(part: Mapping[str, Any]) -> Iterator[tuple[Id, bytes]]:
    packed, marks = bytes(part["created"]), bytes(part["marks"])
    for at in range(len(packed) // ID_BYTES):
        id = Binary(packed[at * ID_BYTES : (at + 1) * ID_BYTES], UUID_SUBTYPE)
        yield id, marks[at * MARK_BYTES : (at + 1) * MARK_BYTES]


async def _by_id(door: Scoped[Any], ids: Sequence[Any]) -> dict[Any, RawDocument]:
    if not ids:
        return {}
    return {row["_id"]: row for row in await door.rows({"_id": {"$in": list(ids)}}, batch_size=len(ids) + 1)}


def _binary(id: UUID | Binary) -> Binary:
    return as_binary(id) if isinstance(id, UUID) else id
