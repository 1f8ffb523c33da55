"""Whatever is imported, saved and undone in whatever order: a cell that nobody touched later is as it was before, every
other one as the last who touched it left it, and no revision comes twice.

`HYPOTHESIS_PROFILE=fuzz` plays many more, and new ones.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from activities.imports import undo_import_job
from core.collections import scoped
from core.context import acting_as, tenant_scope
from core.errors import Conflict
from core.mongo import Mongo
from models.cycle import Cycle
from models.forecast import Line, Sheet
from models.job import Job
from planning.cells import CellChange, CellStatus
from services import forecasts, import_runs, jobs, undo
from services.forecast_options import ForecastOptions
from services.forecasts import LineChange
from tests import factories
from tests.companies import DURING_ENTRY, UNITS, Company, make_company, open_cycle
from tests.imported import accepted
from tests.interrupted import Rows
from tests.services.test_rollup_interleavings import FEW

MONTHS = ("2027-01", "2027-02")
CODES = ("TEA", "CUP", "OLD")
HEADER = ["customer_code", "item_code", "month", "quantity"]

_CELL = st.tuples(st.sampled_from(CODES), st.sampled_from(MONTHS))
_IMPORT = st.tuples(st.just("import"), st.dictionaries(_CELL, st.integers(0, 3), min_size=1, max_size=4))
_SAVE = st.tuples(st.just("save"), _CELL, st.none() | st.integers(0, 3))
_UNDO = st.tuples(st.just("undo"), st.integers(0, 3))
STEPS = st.lists(st.one_of(_IMPORT, _SAVE, _UNDO), min_size=1, max_size=10)
CellKey = tuple[str, str]
Step = tuple[Any, ...]


class Said(NamedTuple):
    """What a cell says, and which step said it."""

    quantity: int | None
    reviewed: bool
    by: int


@dataclass
class Model:
    """The plan as it should be."""

    cells: dict[CellKey, Said]
    imports: dict[UUID, dict[CellKey, tuple[Said, Said]]] = field(default_factory=dict)
    highest: dict[CellKey, int] = field(default_factory=lambda: defaultdict(int))

    def imported(self, id: UUID, said: dict[CellKey, int], by: int) -> None:
        changed = {
            key: (self.cells[key], Said(quantity * UNITS, True, by))
            for key, quantity in said.items()
            if self.cells[key].quantity != quantity * UNITS
        }
        self.imports[id] = changed
        self.cells |= {key: after for key, (_, after) in changed.items()}

    def may_undo(self, id: UUID) -> bool:
        changed = self.imports[id]
        return bool(changed) and all(self.cells[key] == after for key, (_, after) in changed.items())

    def undone(self, id: UUID) -> None:
        self.cells |= {key: before for key, (before, _) in self.imports.pop(id).items()}


class Desk:
    """One customer's sheet, and the model beside it."""

    def __init__(self, company: Company, cycle: Cycle, model: Model) -> None:
        self.company = company
        self.cycle = cycle
        self.model = model
        self.products = dict(zip(CODES, (company.tea, company.cups, company.dormant), strict=True))

    async def play(self, number: int, step: Step) -> None:
        kind, *said = step
        if kind == "import":
            await self.take(number, *said)
        elif kind == "save":
            await self.save(number, *said)
        else:
            await self.undo(*said)

    async def take(self, number: int, said: dict[CellKey, int]) -> None:
        cells = [["C1", code, month, str(quantity)] for (code, month), quantity in said.items()]
        batch = Rows(HEADER, list(range(2, len(cells) + 2)), list(zip(*cells, strict=True)), [])

        async def source() -> AsyncIterator[Rows]:
            yield batch

        options = ForecastOptions(self.cycle.id, overwrite=True)
        job = await accepted("forecasts", ",".join(HEADER), options=options, received_at=DURING_ENTRY)
        claimed = await jobs.claim(job.id)
        assert claimed is not None
        await import_runs.run(claimed, source())
        self.model.imported(job.id, said, number)

    async def save(self, number: int, key: CellKey, units: int | None) -> None:
        (code, month), quantity = key, None if units is None else units * UNITS
        standing = (await stored(self)).get(key)
        rev = standing["rev"] if standing else 0
        change = LineChange(self.products[code].id, CellChange(month, rev, quantity=quantity))
        (answer,) = await forecasts.save(self.cycle.id, self.company.customer.id, [change], DURING_ENTRY)
        assert answer.status in (CellStatus.SAVED, CellStatus.UNCHANGED)
        if answer.status is CellStatus.SAVED:
            self.model.cells[key] = Said(quantity, True, number)

    async def undo(self, place: int) -> None:
        if not self.model.imports:
            return
        id = list(self.model.imports)[-1 - place % len(self.model.imports)]
        try:
            job = await undo.request(id, DURING_ENTRY)
        except Conflict:
            assert not self.model.may_undo(id)
            return
        await undo_import_job(job.id)
        assert self.model.may_undo(id)
        assert (await scoped(Job).get(job.id)).progress["blocked"] == 0
        self.model.undone(id)


async def stored(desk: Desk) -> dict[CellKey, dict[str, Any]]:
    codes = {product.id: code for code, product in desk.products.items()}
    return {
        (codes[line["product_id"]], cell["month"]): cell
        for line in await scoped(Line).rows()
        for cell in line["cells"]
        if cell["month"] in MONTHS
    }


async def check(desk: Desk, steps: Sequence[Step], known: dict[CellKey, int]) -> dict[CellKey, int]:
    """The plan is as the model says, the sheet counts its lines, and no cell has a revision again that it had before
    with other words."""
    cells = await stored(desk)
    for key, said in desk.model.cells.items():
        cell = cells.get(key, {"quantity": None, "reviewed": False})
        assert (cell["quantity"], cell["reviewed"]) == (said.quantity, said.reviewed), (key, steps)
    lines = await scoped(Line).count()
    (sheet,) = await scoped(Sheet).documents()
    assert (sheet.lines, sheet.mandatory_lines) == (lines, lines), steps
    revisions = {key: cell["rev"] for key, cell in cells.items()}
    for key, rev in revisions.items():
        assert rev == known.get(key) or rev == 0 or rev > desk.model.highest[key], (key, steps)
        desk.model.highest[key] = max(desk.model.highest[key], rev)
    return revisions


@FEW
@given(STEPS)
async def test_an_undo_takes_back_its_import_and_nothing_else(mongo: Mongo, steps: list[Step]) -> None:
    tenant = await factories.make_tenant()
    with tenant_scope(tenant.id):
        company = await make_company()
        cycle = await open_cycle()
        with acting_as(company.rep.id):
            desk = Desk(company, cycle, Model({}))
            cells = await stored(desk)
            nothing = {"quantity": None}
            desk.model.cells = {
                (code, month): Said(cells.get((code, month), nothing)["quantity"], False, -1)
                for code in CODES
                for month in MONTHS
            }
            known: dict[CellKey, int] = {}
            for number, step in enumerate(steps):
                await desk.play(number, step)
                known = await check(desk, steps, known)
