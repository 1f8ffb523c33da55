"""The forecast workbook there and back: untouched it changes nothing, a changed cell is one cell, and what a colleague
changed meanwhile is a conflict on that cell."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import openpyxl
import pytest

from core.collections import scoped
from core.context import acting_as, tenant_scope
from core.errors import InvalidInput
from core.sheets import FileFormat
from models.cycle import Cycle
from models.forecast import Line, Sheet
from models.job import Job
from models.tenant import Tenant
from planning.access import Scope
from planning.cells import CellChange
from planning.roles import Role
from reports.filled import template
from services import forecasts, templates
from services.exporting.base import Filters
from services.forecasts import LineChange
from services.identity import Caller
from services.import_kinds.tables import ImportKind
from tests import factories
from tests.companies import DURING_ENTRY, FIRST, UNITS, Company, close_cycle, make_company, open_cycle, say
from tests.exported import brought_back, cells_of, csv_of, exported
from tests.imported import counts, errors

LAYOUTS = ("long", "wide")
FORMATS: tuple[FileFormat, ...] = ("xlsx", "csv")


@pytest.fixture
async def company(tenant: Tenant) -> AsyncIterator[Company]:
    with tenant_scope(tenant.id):
        company = await make_company()
        with acting_as(company.rep.id):
            yield company


@pytest.fixture
async def cycle(company: Company) -> Cycle:
    """In entry. Tea has a reviewed number, one by value, one with an own price, and one that was cleared."""
    cycle = await open_cycle()
    await say(cycle, company, company.tea, "2027-01", 12)
    await say(cycle, company, company.tea, "2027-04", None)
    changes = [
        CellChange("2027-02", 0, value=100 * 10_000 + 3_333),
        CellChange("2027-03", 0, price=3 * 10**8, reason="Deal"),
    ]
    await forecasts.save(
        cycle.id, company.customer.id, [LineChange(company.tea.id, one) for one in changes], DURING_ENTRY
    )
    return cycle


async def workbook(layout: str, file_format: FileFormat = "xlsx", **filters: Any) -> bytes:
    return await exported(ImportKind.FORECASTS, file_format, layout=layout, filters=Filters(**filters))


async def back(content: bytes, file_format: FileFormat = "xlsx") -> Job:
    return await brought_back(ImportKind.FORECASTS, content, file_format, received_at=DURING_ENTRY)


async def contents() -> list[Any]:
    return [*await scoped(Line).rows({}, sort=[("_id", 1)]), *await scoped(Sheet).rows({}, sort=[("_id", 1)])]


def cells(job: Job) -> dict[str, int]:
    assert job.result is not None
    return {name: count for name, count in job.result["cells"].items() if count}


@pytest.mark.usefixtures("cycle")
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("file_format", FORMATS)
async def test_an_untouched_workbook_changes_nothing(layout: str, file_format: FileFormat) -> None:
    before = await contents()
    content = await workbook(layout, file_format)
    job = await back(content, file_format)
    assert errors(job) == []
    assert counts(job) == {"inserted": 0, "updated": 0, "unchanged": 2 if layout == "wide" else 32, "rejected": 0}
    assert cells(job) == {"unchanged": 31}
    assert await contents() == before
    assert await workbook(layout, file_format) == content


@pytest.mark.usefixtures("cycle")
async def test_what_stands_in_it() -> None:
    titles, cups, tea = cells_of(await workbook("wide"))
    assert titles[:7] == ["cycle", "customer_code", "customer_name", "item_code", "item_name", "unit", "base_revs"]
    assert titles[7:] == [f"2027-{month:02}" for month in range(1, 13)] + [f"2028-{month:02}" for month in range(1, 5)]
    assert (cups[3], cups[6], cups[7]) == ("CUP", "0", 4)
    assert tea[:7] == [
        "December 2026", "C1", "Customer C1", "TEA", "Product TEA", "EA", "2027-01:1 2027-02:1 2027-03:1 2027-04:1",
    ]  # fmt: skip
    assert tea[7:11] == [12, 40.133, 10, None]
    long = cells_of(await workbook("long"))
    assert long[0][6:] == ["month", "quantity", "value", "price", "reason", "base_rev"]
    assert [row[6:] for row in long if row[3] == "TEA"][:4] == [
        ["2027-01", 12, 30, None, None, 1],
        ["2027-02", 40.133, 100.3333, None, None, 1],
        ["2027-03", 10, 30, 3, "Deal", 1],
        ["2027-04", None, None, None, None, 1],
    ]


def changed(content: bytes, file_format: FileFormat, row: int, column: str, value: Any) -> bytes:
    """The file with another value in one cell; rows are counted from the titles, 0."""
    if file_format == "csv":
        rows = [*csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))]
        rows[row][rows[0].index(column)] = str(value)
        return csv_of(rows)
    book = openpyxl.load_workbook(io.BytesIO(content))
    page = book.worksheets[0]
    titles = [cell.value for cell in page[1]]
    page.cell(row + 1, titles.index(column) + 1).value = value
    saved = io.BytesIO()
    book.save(saved)
    return saved.getvalue()


@pytest.mark.parametrize(("layout", "row", "column"), [("wide", 2, "2027-01"), ("long", 17, "quantity")])
@pytest.mark.parametrize("file_format", FORMATS)
async def test_a_changed_cell_is_one_cell(
    company: Company, cycle: Cycle, layout: str, row: int, column: str, file_format: FileFormat
) -> None:
    content = changed(await workbook(layout, file_format), file_format, row, column, 13)
    before = {line["_id"]: line["cells"] for line in await scoped(Line).rows()}
    job = await back(content, file_format)
    assert errors(job) == []
    assert cells(job) == {"saved": 1, "unchanged": 30}
    assert counts(job)["updated"] == 1
    different = [
        (line["product_id"], cell["month"], cell["quantity"], cell["rev"])
        for line in await scoped(Line).rows()
        for cell, old in zip(line["cells"], before[line["_id"]], strict=True)
        if cell != old
    ]
    assert different == [(company.tea.id, FIRST, 13 * UNITS, 2)]
    assert cycle.stage == "entry"


@pytest.mark.parametrize(("layout", "row", "column"), [("wide", 2, "2027-01"), ("long", 17, "quantity")])
async def test_what_a_colleague_changed_meanwhile_is_a_conflict(
    company: Company, cycle: Cycle, layout: str, row: int, column: str
) -> None:
    content = await workbook(layout)
    with acting_as(company.manager.id):
        await say(cycle, company, company.tea, FIRST, 50, base_rev=1)
        await say(cycle, company, company.tea, "2027-05", 51)
    job = await back(changed(content, "xlsx", row, column, 13))
    assert cells(job) == {"conflict": 2, "unchanged": 29}
    assert [(one["conflict"], one["value"]) for one in job.findings] == [(True, "13"), (True, "10")]
    line = await scoped(Line).one({"product_id": company.tea.id})
    assert line is not None
    assert (line.cells[0].quantity, line.cells[4].quantity) == (50 * UNITS, 51 * UNITS)


async def test_whose_lines_and_which(company: Company, cycle: Cycle) -> None:
    other = await factories.make_customer("C2", region="South")
    await factories.allow(other, company.tea)
    await forecasts.save(
        cycle.id, other.id, [LineChange(company.tea.id, CellChange(FIRST, 0, quantity=1_000))], DURING_ENTRY
    )

    async def shown(**asked: Any) -> list[tuple[str, str]]:
        rows = cells_of(await exported(ImportKind.FORECASTS, layout="wide", **asked))
        return [(row[1], row[3]) for row in rows[1:]]

    assert await shown() == [("C1", "CUP"), ("C1", "TEA"), ("C2", "TEA")]
    assert await shown(scope=Scope(False, frozenset({other.id}))) == [("C2", "TEA")]
    assert await shown(filters=Filters(region="South")) == [("C2", "TEA")]
    assert await shown(filters=Filters(category="Home")) == [("C1", "CUP")]
    assert await shown(filters=Filters(customer_ids=(company.customer.id,), product_ids=(company.tea.id,))) == [
        ("C1", "TEA")
    ]


async def test_of_which_cycle(company: Company, cycle: Cycle) -> None:
    await close_cycle(cycle.id)
    with pytest.raises(InvalidInput):
        await workbook("wide")
    assert len(cells_of(await workbook("wide", cycle_id=cycle.id))) == 3
    with pytest.raises(InvalidInput):
        await workbook("wide", cycle_id=company.tea.id)


async def test_products_stay_in_view_beside_the_months(cycle: Cycle) -> None:
    page = openpyxl.load_workbook(io.BytesIO(await workbook("wide"))).worksheets[0]
    titles = [cell.value for cell in page[1]]
    assert page.freeze_panes == page.cell(2, titles.index("item_name") + 2).coordinate
    assert openpyxl.load_workbook(io.BytesIO(await workbook("long"))).worksheets[0].freeze_panes == "A2"


async def test_an_empty_wide_workbook_has_the_months_of_the_cycle_in_entry(company: Company, cycle: Cycle) -> None:
    rep = Caller(company.rep.id, cycle.tenant_id, uuid4(), Role.SALES_REP, frozenset(), "Rosa", "en")

    async def empty(kind: ImportKind, layout: str) -> bytes:
        return template(await templates.template_of(rep, kind, DURING_ENTRY, layout))

    content = await empty(ImportKind.FORECASTS, "wide")
    assert cells_of(content) == cells_of(await workbook("wide"))[:1]
    job = await back(content)
    assert (job.state, set(counts(job).values())) == ("succeeded", {0})
    filled = changed(changed(changed(content, "xlsx", 1, "customer_code", "C1"), "xlsx", 1, "item_code", "TEA"),
                     "xlsx", 1, "2027-06", 8)  # fmt: skip
    assert cells(await back(filled)) == {"saved": 1}
    with pytest.raises(InvalidInput) as refused:
        await empty(ImportKind.PRICES, "wide")
    assert refused.value.details[0].message == "must be long for prices"
    await close_cycle(cycle.id)
    with pytest.raises(InvalidInput) as refused:
        await empty(ImportKind.FORECASTS, "wide")
    assert [detail.field for detail in refused.value.details] == ["layout"]
    assert cells_of(await empty(ImportKind.FORECASTS, "long"))
