"""What merging one customer into another would do, read in one go: for the preview, and for the merge itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from core.collections import scoped
from core.documents import PlanwrightDocument
from core.errors import NotFound
from core.mongo import RawDocument
from models.customer import MAX_ALIASES, Assignment, Customer, CustomerPrice, MatrixEntry
from models.cycle import Cycle
from models.forecast import Line, Sheet, SnapshotMarker, SnapshotRow
from models.merged import load_merged
from models.sale import SaleLine
from planning.access import category_key
from planning.intervals import Interval, overlap
from planning.merging import Collision, CycleFacts, Party, collide, names_after, obstacles, state_after, uncovered
from planning.stages import Stage
from services.closing import read_cells
from services.opening import SALES

UNFINISHED = (Stage.DRAFT, Stage.ENTRY, Stage.REVIEW, Stage.CLOSING)
WRITTEN = (Stage.ENTRY, Stage.REVIEW)
"""The stages in which a cycle has drafts that a merge sums."""

Key = Callable[[RawDocument], object]


@dataclass(frozen=True, slots=True)
class Moves:
    """What becomes of effective-dated entries: `whole` ones change their owner, of others the target gets `pieces`
    (the days that it says nothing for), `kept` ones stay with the source."""

    whole: tuple[RawDocument, ...]
    pieces: tuple[RawDocument, ...]
    kept: int

    @property
    def moved(self) -> int:
        """Entries of which the target gets something."""
        return len(self.whole) + len({piece["of"] for piece in self.pieces})


@dataclass(frozen=True, slots=True)
class SheetPlan:
    """What becomes of the two sheets of one open cycle. States None = there is no such sheet."""

    cycle: Cycle
    source: Sheet | None
    target: Sheet | None
    source_lines: Mapping[UUID, RawDocument]
    target_lines: Mapping[UUID, RawDocument]
    lines_moved: int
    lines_summed: int
    cells: Collision

    @property
    def changes(self) -> bool:
        """Whether the source has anything that the target's sheet takes over."""
        return bool(self.source_lines)

    @property
    def state_after(self) -> str | None:
        """The target's state afterwards."""
        if not self.changes:
            return self.target.state if self.target else None
        source, target = [sheet.state if sheet else "draft" for sheet in (self.source, self.target)]
        return state_after(Stage(self.cycle.stage), source, target)


@dataclass(frozen=True, slots=True)
class MergePlan:
    """Everything. `flattened` were merged into the source before; `planned_as` are planned as the source."""

    source: Customer
    target: Customer
    obstacles: tuple[str, ...]
    aliases: tuple[str, ...]
    fresh_aliases: tuple[str, ...]
    assignments: Moves
    matrix: Moves
    prices: Moves
    cycles: tuple[Cycle, ...]
    sheets: tuple[SheetPlan, ...]
    flattened: tuple[UUID, ...]
    planned_as: int


@dataclass(frozen=True, slots=True)
class Kept:
    """What stays where it is and is read as the target's."""

    sales_lines: int
    closed_cycles: int


async def make(source_id: UUID, target_id: UUID) -> MergePlan:
    """Read what the merge would do. NotFound where one of the two is missing."""
    source, target = await _customer(source_id), await _customer(target_id)
    cycles = await scoped(Cycle).documents({"stage": {"$in": list(UNFINISHED)}}, sort=[("_id", 1)])
    sheets = [await sheet_plan(cycle, source_id, target_id) for cycle in cycles if cycle.stage in WRITTEN]
    by_cycle = {sheet.cycle.id: sheet for sheet in sheets}
    prices = await _moves(CustomerPrice, source_id, target_id, lambda row: row["product_id"])
    names = (source.code, source.name, *source.aliases)
    aliases, fresh = names_after(target.aliases, (target.code, target.name), names, MAX_ALIASES)
    flattened = await scoped(Customer).rows({"merged_into": source_id}, {"_id": 1})
    return MergePlan(
        source=source,
        target=target,
        obstacles=obstacles(
            await _party(source),
            await _party(target),
            source_prices=len(prices.whole) + len({piece["of"] for piece in prices.pieces}) + prices.kept,
            cycles=[await _cycle_facts(cycle, by_cycle.get(cycle.id)) for cycle in cycles],
        ),
        aliases=aliases,
        fresh_aliases=fresh,
        assignments=await _assignment_moves(source_id, target_id),
        matrix=await _moves(MatrixEntry, source_id, target_id, lambda row: row["product_id"]),
        prices=prices,
        cycles=tuple(cycles),
        sheets=tuple(sheets),
        flattened=tuple(row["_id"] for row in flattened),
        planned_as=await scoped(Customer).count({"planning_customer_id": source_id, "_id": {"$ne": target_id}}),
    )


async def kept_apart(source_id: UUID) -> Kept:
    """Counts what the merge leaves as it is: sales, and closed cycles with a plan of the source."""
    stored_under = {"customer_id": {"$in": (await load_merged()).with_sources([source_id])}}
    sealed = await scoped(SnapshotMarker).distinct("cycle_id")
    planned = {"cycle_id": {"$in": sealed}, "close_number": {"$gte": 1}, "stream": "approved", **stored_under}
    cycles = await scoped(SnapshotRow).distinct("cycle_id", planned)
    return Kept(await scoped(SaleLine).count(stored_under), len(cycles))


async def _customer(customer_id: UUID) -> Customer:
    found = await scoped(Customer).one({"_id": customer_id})
    if found is None:
        raise NotFound("There is no such customer among yours.")
    return found


async def _party(customer: Customer) -> Party:
    into = None if customer.merged_into is None else (await scoped(Customer).get(customer.merged_into)).code
    return Party(customer.id, customer.code, customer.currency, customer.is_active, into)


async def _cycle_facts(cycle: Cycle, plan: SheetPlan | None) -> CycleFacts:
    laid_out = await scoped(Sheet).exists({"cycle_id": cycle.id})
    lines = len({*plan.source_lines, *plan.target_lines}) if plan and plan.changes else 0
    return CycleFacts(cycle.name, Stage(cycle.stage), laid_out, lines)


async def sheet_plan(cycle: Cycle, source_id: UUID, target_id: UUID) -> SheetPlan:
    """What becomes of the two sheets of an open cycle."""
    source, target = [
        await scoped(Sheet).one({"cycle_id": cycle.id, "customer_id": customer, "category": None})
        for customer in (source_id, target_id)
    ]
    of_source, of_target = [await _lines(cycle.id, customer) for customer in (source_id, target_id)]
    both = of_source.keys() & of_target.keys()
    met = [
        collide(read_cells(of_target[product]["cells"]) if product in both else {}, read_cells(line["cells"]))
        for product, line in of_source.items()
    ]
    cells = Collision(sum(one.moved for one in met), sum(one.summed for one in met))
    return SheetPlan(cycle, source, target, of_source, of_target, len(of_source) - len(both), len(both), cells)


async def _lines(cycle_id: UUID, customer_id: UUID) -> dict[UUID, RawDocument]:
    rows = await scoped(Line).rows({"cycle_id": cycle_id, "stream": SALES, "customer_id": customer_id})
    return {row["product_id"]: row for row in rows}


async def _moves(model: type[PlanwrightDocument], source_id: UUID, target_id: UUID, key: Key) -> Moves:
    """What the target does not say for itself comes from the source, day by day, for each `key` on its own."""
    mine, theirs = [
        await scoped(model).rows({"customer_id": customer}, sort=[("valid_from", 1), ("_id", 1)])
        for customer in (target_id, source_id)
    ]
    said: dict[object, list[Interval]] = {}
    for row in mine:
        said.setdefault(key(row), []).append(_days(row))
    return _moved(theirs, said, key)


def _moved(theirs: Iterable[RawDocument], said: dict[object, list[Interval]], key: Key) -> Moves:
    whole: list[RawDocument] = []
    pieces: list[RawDocument] = []
    kept = 0
    for row in theirs:
        covered = said.setdefault(key(row), [])
        left = uncovered(_days(row), covered)
        covered += left
        if left == (_days(row),):
            whole.append(row)
            continue
        kept += not left
        pieces += [
            {**row, "of": row["_id"], "valid_from": piece.valid_from, "valid_to": piece.valid_to} for piece in left
        ]
    return Moves(tuple(whole), tuple(pieces), kept)


async def _assignment_moves(source_id: UUID, target_id: UUID) -> Moves:
    """As `_moves`, by rep and category; where the target has a primary rep on one of the days, the source's comes
    second: of several reps only one is primary."""

    def key(row: RawDocument) -> object:
        return row["user_id"], category_key(row["category"])

    moves = await _moves(Assignment, source_id, target_id, key)
    mine = await scoped(Assignment).rows({"customer_id": target_id, "primary": True})
    return Moves(
        tuple(_second(row, mine) for row in moves.whole), tuple(_second(row, mine) for row in moves.pieces), moves.kept
    )


def _second(row: RawDocument, primaries: Iterable[RawDocument]) -> RawDocument:
    meets = any(
        category_key(other["category"]) == category_key(row["category"]) and overlap(_days(row), _days(other))
        for other in primaries
    )
    return {**row, "primary": row["primary"] and not meets}


def _days(row: Mapping[str, Any]) -> Interval:
    return Interval(row.get("valid_from"), row.get("valid_to"))
