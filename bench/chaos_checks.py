"""What must hold of the plan after a chaos run: read from MongoDB, held against the ledger."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from bench.chaos_ledger import CellKey, Close, Ledger
from core.collections import scoped
from core.mongo import RawDocument
from models.audit import AuditEvent
from models.cycle import Cycle, Operation
from models.forecast import Line, Sheet, SnapshotMarker, SnapshotRow, Version, VersionLine
from models.keys import sheet_id
from services.closing import digest_snapshot

SALES = "sales"


@dataclass(slots=True)
class Check:
    """One promise: how many things were looked at, and what broke it."""

    promise: str
    looked_at: int = 0
    violations: list[str] = field(default_factory=list)

    def see(self, good: bool, otherwise: str) -> None:
        self.looked_at += 1
        if not good:
            self.violations.append(otherwise)


async def check_saves(ledger: Ledger) -> Check:
    """Each cell says what was acknowledged last, or what was sent later without an answer."""
    check = Check("acknowledged saves stand in their lines")
    cells = _by_key(await scoped(Line).rows({"stream": SALES}))
    for key in ledger.cells:
        base, quantities = ledger.allowed(key)
        if base is not None:
            found = cells.get(key, {})
            good = found.get("quantity") in quantities and found.get("rev", 0) >= (base.rev or 0)
            check.see(good, f"{key}: {found} instead of {quantities}, revision {base.rev}")
    return check


async def check_save_events(ledger: Ledger, tenant_id: UUID) -> Check:
    """Each acknowledged save has exactly one audit event, and no revision was given twice."""
    check = Check("one audit event for each acknowledged save")
    events: Counter[tuple[str, str, str, int]] = Counter()
    for row in await scoped(AuditEvent).rows({"action": "forecast.saved"}, {"entity_id": 1, "after": 1}):
        events.update((row["entity_id"], one["product_id"], one["month"], one["rev"]) for one in row["after"]["cells"])
    for (cycle, customer, product, month), writes in ledger.cells.items():
        sheet = str(sheet_id(tenant_id, cycle, customer, None))
        for write in writes:
            if write.saved and write.rev is not None:
                count = events[sheet, str(product), month, write.rev]
                check.see(count == 1, f"{cycle} {customer} {product} {month} revision {write.rev}: {count} events")
    twice = [key for key, count in events.items() if count > 1]
    check.see(not twice, f"{len(twice)} revisions were written twice, such as {twice[:3]}")
    return check


async def check_submits(ledger: Ledger) -> Check:
    """Each acknowledged submission has its version, its lines, its state and its audit event; and nothing is half."""
    check = Check("acknowledged submissions have their version, state and event")
    sheets = {(row["cycle_id"], row["customer_id"]): row for row in await scoped(Sheet).rows()}
    versions = {(row["cycle_id"], row["customer_id"], row["number"]): row for row in await scoped(Version).rows()}
    lines: Counter[tuple[UUID, UUID, int]] = Counter(
        (row["cycle_id"], row["customer_id"], row["number"]) for row in await scoped(VersionLine).rows()
    )
    events = Counter(
        (row["entity_id"], row["after"]["version"])
        for row in await scoped(AuditEvent).rows({"action": "forecast.submitted"}, {"entity_id": 1, "after": 1})
    )
    for one in ledger.submits:
        key = (one.cycle_id, one.customer_id, one.version)
        sheet = sheets[one.cycle_id, one.customer_id]
        check.see(key in versions and versions[key]["lines"] == one.lines, f"{key}: no version of {one.lines} lines")
        check.see(sheet["state"] == "submitted" and sheet["version"] >= one.version, f"{key}: the sheet says {sheet}")
    for key, version in versions.items():
        check.see(lines[key] == version["lines"], f"{key}: {lines[key]} of {version['lines']} lines")
        check.see(events[str(version["sheet_id"]), key[2]] == 1, f"{key}: not one audit event")
    numbers = Counter((cycle, customer) for cycle, customer, _ in versions)
    for place, sheet in sheets.items():
        check.see(sheet["version"] == numbers[place], f"{place}: {numbers[place]} versions, {sheet['version']} counted")
    return check


async def check_versions() -> Check:
    """What was submitted can't have changed since: a version says what the lines of its sheet still say."""
    check = Check("versions say what was submitted")
    cells = _by_key(await scoped(Line).rows({"stream": SALES}))
    for row in await scoped(VersionLine).rows():
        same = all(
            cells[row["cycle_id"], row["customer_id"], row["product_id"], cell["month"]] == cell
            for cell in row["cells"]
        )
        check.see(same, f"{row['cycle_id']} {row['customer_id']} {row['product_id']} differs from its version")
    return check


async def check_closes(ledger: Ledger) -> Check:
    """Each close has exactly one marker, with the right count and hash, and rows without a marker don't stay."""
    check = Check("one snapshot per close, with its count and hash")
    markers: dict[tuple[UUID, int], list[RawDocument]] = defaultdict(list)
    for row in await scoped(SnapshotMarker).rows():
        markers[row["cycle_id"], row["close_number"]].append(row)
    acked = Counter(close.cycle_id for close in ledger.closes if close.operation_id)
    for cycle in await scoped(Cycle).rows():
        asked = sum(close.cycle_id == cycle["_id"] for close in ledger.closes)
        number = cycle["close_number"]
        check.see(acked[cycle["_id"]] <= number <= asked, f"{cycle['name']}: {number} closes, {asked} asked for")
        lines = await scoped(Line).count({"cycle_id": cycle["_id"], "stream": SALES})
        for close in range(1, number + 1):
            found = markers.pop((cycle["_id"], close), [])
            check.see(len(found) == 1, f"{cycle['name']} close {close}: {len(found)} snapshots")
            if len(found) == 1:
                await _check_marker(check, found[0], lines)
    check.see(not markers, f"snapshots of closes that nobody counted: {list(markers)}")
    return check


async def check_snapshots(ledger: Ledger) -> Check:
    """A save that was acknowledged before the reopening stands in the snapshot of the close before it."""
    check = Check("acknowledged saves stand in the snapshots, or were refused")
    by_cycle: dict[UUID, list[CellKey]] = defaultdict(list)
    for key in ledger.cells:
        by_cycle[key[0]].append(key)
    numbers: Counter[UUID] = Counter()
    for close in ledger.closes:
        numbers[close.cycle_id] += 1
        where = {"cycle_id": close.cycle_id, "close_number": numbers[close.cycle_id]}
        for stream in (SALES, "approved"):
            cells = _by_key(await scoped(SnapshotRow).rows({**where, "stream": stream}))
            if cells:
                _check_frozen(check, ledger, close, by_cycle[close.cycle_id], cells, f"{where} {stream}")
    return check


async def check_moves(ledger: Ledger) -> Check:
    """Each acknowledged move happened exactly once, and what was asked for has an end."""
    check = Check("each acknowledged move once, its operation ended, its event written")
    counted = {"cycle.created", "cycle.opened", "cycle.reopened", "cycle.closing", "cycle.closed"}
    rows = await scoped(AuditEvent).rows({"action": {"$in": list(counted)}}, {"action": 1, "entity_id": 1})
    events = Counter((row["action"], row["entity_id"]) for row in rows)
    for (action, cycle_id), times in ledger.moves.items():
        count = events[action, str(cycle_id)]
        check.see(count == times, f"{action} {cycle_id}: {count} events for {times}")
    for cycle in await scoped(Cycle).rows():
        for action in ("cycle.closing", "cycle.closed"):
            count = events[action, str(cycle["_id"])]
            check.see(count == cycle["close_number"], f"{cycle['name']}: {count} {action} of {cycle['close_number']}")
    operations = {row["_id"]: row for row in await scoped(Operation).rows()}
    for close in ledger.closes:
        if close.operation_id:
            state = operations.get(close.operation_id, {}).get("state")
            check.see(state == "succeeded", f"operation {close.operation_id} is {state}")
    for row in operations.values():
        check.see(row["state"] == "succeeded", f"operation {row['_id']} ({row['kind']}) is {row['state']}")
    return check


async def _check_marker(check: Check, marker: RawDocument, lines: int) -> None:
    where = {"cycle_id": marker["cycle_id"], "close_number": marker["close_number"]}
    streams, digest = await digest_snapshot(marker["cycle_id"], marker["close_number"])
    rows = await scoped(SnapshotRow).count(where)
    check.see(digest == marker["sha256"], f"{where}: the hash does not fit")
    check.see(streams == marker["streams"] and rows == marker["rows"], f"{where}: {streams}, marker {marker}")
    check.see(set(streams.values()) == {lines}, f"{where}: {streams} of {lines} lines")


def _check_frozen(
    check: Check, ledger: Ledger, close: Close, keys: list[CellKey], cells: dict[CellKey, Any], where: str
) -> None:
    for key in keys:
        base, quantities = ledger.allowed(key, close.until)
        if base is not None:
            found = cells.get(key, {}).get("quantity")
            check.see(found in quantities, f"{where}: {key} froze {found} instead of {quantities}")


def _by_key(rows: list[RawDocument]) -> dict[CellKey, Any]:
    return {
        (row["cycle_id"], row["customer_id"], row["product_id"], cell["month"]): cell
        for row in rows
        for cell in row["cells"]
    }
