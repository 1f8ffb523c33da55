"""Plan against actual: figures computed by hand (see `hand_made`), and what must never count."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import pytest
from openpyxl import load_workbook

from core.collections import scoped
from core.context import tenant_scope
from core.errors import Conflict, NotFound
from models.customer import Customer
from models.forecast import SnapshotMarker
from models.product import Product
from models.tenant import Tenant
from reports import plan_vs_actual
from reports.plan_vs_actual import Block, PlanVsActual, Question
from reports.plan_vs_actual_dress import as_json, file_name, sheets
from reports.workbooks import write_xlsx
from services import rollups
from tests import factories
from tests.reports import hand_made
from tests.reports.hand_made import MONTHS, SHA256, HandMade

AT = datetime(2026, 3, 10, 8, 30, tzinfo=UTC)


@pytest.fixture
async def made(tenant: Tenant) -> AsyncIterator[HandMade]:
    with tenant_scope(tenant.id):
        yield await hand_made.make()


@pytest.fixture(autouse=True)
def in_tenant(tenant: Tenant) -> Iterator[None]:
    with tenant_scope(tenant.id):
        yield


async def told(_done: int, _total: int) -> None:
    """Nobody listens."""


async def load(cycle_id: Any, **changes: Any) -> PlanVsActual:
    question = Question(**{"cycle_id": cycle_id, "close_number": 1, "months": MONTHS, **changes})
    return await plan_vs_actual.load(question, AT, told)


async def report_of(made: HandMade, **changes: Any) -> dict[str, Any]:
    return as_json(await load(made.cycle.id, **changes))


def compared(plan: Any, actual: Any, difference: Any, percent: Any) -> dict[str, Any]:
    return {"plan": plan, "actual": actual, "difference": difference, "percent": percent}


def in_unit(unit: str, *numbers: Any) -> dict[str, Any]:
    return {"unit": unit, **compared(*numbers)}


JANUARY = {
    "month": "2026-01",
    "complete": True,
    "value": compared(215.75, 329, 113.25, 52.49),
    "quantities": [in_unit("EA", 140, 161, 21, 15), in_unit("KG", 10.5, 0, -10.5, -100)],
    "missing_prices": 1,
    "unplanned": {"cells": 1, "value": 21},
}
FEBRUARY = {
    "month": "2026-02",
    "complete": True,
    "value": compared(200, 166.38, -33.62, -16.81),
    "quantities": [in_unit("EA", 100, 80, -20, -20), in_unit("KG", None, 4.25, None, None)],
    "missing_prices": 0,
    "unplanned": {"cells": 1, "value": 6.38},
}
MARCH = {
    "month": "2026-03",
    "complete": False,
    "value": compared(100, 13, None, None),
    "quantities": [in_unit("EA", 80, 6, None, None), in_unit("KG", 0, None, None, None)],
    "missing_prices": 1,
    "unplanned": {"cells": 1, "value": 3},
}
APRIL = {
    "month": "2026-04",
    "complete": False,
    "value": compared(100, None, None, None),
    "quantities": [in_unit("EA", 50, None, None, None)],
    "missing_prices": 0,
    "unplanned": {"cells": 0, "value": 0},
}
TOTALS = {
    "value": compared(415.75, 495.38, 79.62, 19.15),
    "quantities": [in_unit("EA", 240, 241, 1, 0.42), in_unit("KG", 10.5, 4.25, -6.25, -59.52)],
    "missing_prices": 2,
    "unplanned": {"cells": 2, "value": 27.38},
    "incomplete_months": {"plan_value": 200, "actual_value": 13},
}
OF_A = {
    "value": compared(415.75, 386.38, -29.38, -7.07),
    "quantities": [in_unit("EA", 200, 190, -10, -5), in_unit("KG", 10.5, 4.25, -6.25, -59.52)],
    "missing_prices": 0,
    "unplanned": {"cells": 1, "value": 6.38},
    "incomplete_months": {"plan_value": 200, "actual_value": 10},
}
OF_B = {
    "value": compared(0, 109, 109, None),
    "quantities": [in_unit("EA", 40, 51, 11, 27.5)],
    "missing_prices": 2,
    "unplanned": {"cells": 1, "value": 21},
    "incomplete_months": {"plan_value": None, "actual_value": 3},
}
OF_P = {
    "value": compared(400, 468, 68, 17),
    "quantities": [in_unit("EA", 240, 234, -6, -2.5)],
    "missing_prices": 2,
    "unplanned": {"cells": 0, "value": 0},
    "incomplete_months": {"plan_value": 200, "actual_value": 10},
}
OF_Q = {
    "value": compared(15.75, 6.38, -9.38, -59.52),
    "quantities": [in_unit("KG", 10.5, 4.25, -6.25, -59.52)],
    "missing_prices": 0,
    "unplanned": {"cells": 1, "value": 6.38},
    "incomplete_months": {"plan_value": 0, "actual_value": None},
}
OF_R = {
    "value": compared(None, 21, None, None),
    "quantities": [in_unit("EA", None, 7, None, None)],
    "missing_prices": 0,
    "unplanned": {"cells": 1, "value": 21},
    "incomplete_months": {"plan_value": None, "actual_value": 3},
}


async def test_every_figure_is_what_the_table_gives_by_hand(made: HandMade) -> None:
    report = await report_of(made)
    assert report["totals"] == TOTALS
    assert report["by_month"] == [JANUARY, FEBRUARY, MARCH, APRIL]
    assert report["by_customer"] == {
        "rows": [
            {"id": str(made.a.id), "code": "A", "name": "=HYPERLINK(1)", "is_active": True, **OF_A},
            {"id": str(made.b.id), "code": "B", "name": "Bätä & Co", "is_active": True, **OF_B},
        ],
        "total_rows": 2,
        "truncated": False,
    }
    assert report["by_product"]["rows"] == [
        {"id": str(made.p.id), "code": "P", "name": "@Pump", "is_active": True, **OF_P},
        {"id": str(made.q.id), "code": "Q", "name": "Product Q", "is_active": True, **OF_Q},
        {"id": str(made.r.id), "code": "R", "name": "+Rarely", "is_active": True, **OF_R},
    ]


async def test_the_head_says_what_was_compared_and_how_far_it_can_be_trusted(made: HandMade) -> None:
    await rollups.mark([made.b.id])
    report = await report_of(made)
    head = {name: value for name, value in report.items() if name not in ("totals", *(f"by_{one}" for one in Block))}
    assert head == {
        "type": "plan_vs_actual",
        "cycle": {"id": str(made.cycle.id), "name": "January 2026"},
        "close_number": 1,
        "snapshot_sha256": SHA256,
        "approved_at": "2025-12-15T17:00:00Z",
        "generated_at": "2026-03-10T08:30:00Z",
        "currency": "EUR",
        "scope": "all_customers",
        "months_compared": ["2026-01", "2026-02"],
        "months_incomplete": ["2026-03", "2026-04"],
        "rollups_pending": 1,
    }


async def test_a_scope_sees_its_customers_alone_in_every_figure(made: HandMade) -> None:
    await rollups.mark([made.b.id])
    report = await report_of(made, customer_ids=frozenset({made.a.id}))
    assert report["scope"] == "own_customers"
    assert report["totals"] == OF_A
    assert [row["code"] for row in report["by_customer"]["rows"]] == ["A"]
    assert [row["code"] for row in report["by_product"]["rows"]] == ["P", "Q"]
    assert report["by_month"][0]["value"]["actual"] == 220
    assert report["rollups_pending"] == 0


async def test_an_empty_scope_gives_an_empty_report(made: HandMade) -> None:
    report = await report_of(made, customer_ids=frozenset())
    assert report["totals"]["value"] == compared(None, 0, None, None)
    assert report["by_customer"] == {"rows": [], "total_rows": 0, "truncated": False}


async def test_the_size_of_a_chunk_changes_nothing(made: HandMade, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = await report_of(made)
    monkeypatch.setattr(plan_vs_actual, "CUSTOMERS_PER_CHUNK", 1)
    steps: list[tuple[int, int]] = []

    async def note(done: int, total: int) -> None:
        steps.append((done, total))

    report = await plan_vs_actual.load(Question(made.cycle.id, 1, MONTHS), AT, note)
    assert as_json(report) == whole
    assert steps == [(1, 2), (2, 2)]


async def test_only_the_months_asked_for_count(made: HandMade) -> None:
    report = await report_of(made, months=("2026-02", "2026-03"))
    assert report["by_month"] == [FEBRUARY, MARCH]
    assert report["totals"]["value"] == FEBRUARY["value"]
    assert report["totals"]["incomplete_months"] == {"plan_value": 100, "actual_value": 13}


async def test_only_the_blocks_asked_for_are_there(made: HandMade) -> None:
    report = await report_of(made, blocks=frozenset({Block.PRODUCT}))
    assert report["totals"] == TOTALS
    assert "by_month" not in report
    assert "by_customer" not in report
    assert [row["code"] for row in report["by_product"]["rows"]] == ["P", "Q", "R"]


async def test_another_close_has_its_own_plan(made: HandMade) -> None:
    report = await report_of(made, close_number=2)
    assert report["totals"]["value"]["plan"] == 5
    assert report["by_product"]["rows"][-1]["quantities"] == [in_unit("EA", 5, 7, 2, 40)]


async def test_another_company_counts_for_nothing(made: HandMade) -> None:
    other = await factories.make_tenant()
    with tenant_scope(other.id):
        await hand_made.make()
        with pytest.raises(NotFound):
            await report_of(made)
    assert (await report_of(made))["totals"] == TOTALS


async def test_an_empty_plan_against_sales_shows_the_sales_as_unplanned() -> None:
    cycle = await hand_made.closed_cycle()
    customer, product = await factories.make_customer(), await factories.make_product()
    await factories.sold(customer, product, "2026-01", 2_000, 50_000)
    await factories.complete("2026-01")
    report = as_json(await load(cycle.id))
    assert report["totals"]["value"] == compared(None, 5, None, None)
    assert report["totals"]["unplanned"] == {"cells": 1, "value": 5}
    assert report["by_month"][0]["quantities"] == [in_unit("EA", None, 2, None, None)]


async def test_nothing_planned_and_nothing_sold_is_null_against_zero() -> None:
    cycle = await hand_made.closed_cycle()
    await factories.complete("2026-01")
    report = as_json(await load(cycle.id))
    assert [row["value"] for row in report["by_month"]] == [compared(None, 0, None, None)] + [
        compared(None, None, None, None)
    ] * 3
    assert report["totals"]["value"] == compared(None, 0, None, None)
    assert report["by_product"]["rows"] == []


async def test_before_any_month_is_complete_the_plan_is_shown_but_not_compared() -> None:
    cycle = await hand_made.closed_cycle()
    customer, product = await factories.make_customer(), await factories.make_product()
    await hand_made.planned(cycle, customer, product, {"2026-01": (1_000, 25_000)})
    report = as_json(await load(cycle.id))
    assert report["months_compared"] == []
    (row,) = report["by_customer"]["rows"]
    assert row["value"] == compared(None, None, None, None)
    assert row["incomplete_months"] == {"plan_value": 2.5, "actual_value": None}


async def test_a_product_keeps_the_unit_that_its_plan_was_frozen_in() -> None:
    cycle = await hand_made.closed_cycle()
    one, other = await factories.make_customer("C1"), await factories.make_customer("C2")
    product = await factories.make_product(unit="EA")
    await hand_made.planned(cycle, one, product, {"2026-01": (1_000, 10_000)})
    await factories.sold(other, product, "2026-01", 3_000, 30_000)
    await factories.complete("2026-01")
    await scoped(Product).update_one({"_id": product.id}, {"$set": {"unit": "CS"}})
    report = as_json(await load(cycle.id))
    assert report["totals"]["quantities"] == [in_unit("EA", 1, 3, 2, 200)]


async def test_money_is_shown_in_the_minor_unit_of_its_currency() -> None:
    cycle = await hand_made.closed_cycle(currency="JPY")
    customer, product = await factories.make_customer(), await factories.make_product()
    await hand_made.planned(cycle, customer, product, {"2026-01": (1_000, 25_000), "2026-02": (1_000, 25_000)})
    await factories.complete("2026-01", "2026-02")
    report = as_json(await load(cycle.id))
    assert [row["value"]["plan"] for row in report["by_month"][:2]] == [2, 2]
    assert report["totals"]["value"]["plan"] == 5, "stored values are summed before they are rounded"


async def test_a_close_without_its_marker_does_not_exist(made: HandMade) -> None:
    await scoped(SnapshotMarker).delete({"cycle_id": made.cycle.id, "close_number": 2})
    with pytest.raises(Conflict):
        await report_of(made, close_number=2)


async def test_json_says_when_it_shows_only_the_first_rows(made: HandMade) -> None:
    report = as_json(await load(made.cycle.id), max_rows=1)
    assert report["by_product"]["total_rows"] == 3
    assert report["by_product"]["truncated"] is True
    assert [row["code"] for row in report["by_product"]["rows"]] == ["P"]


def opened(report: PlanVsActual) -> Any:
    target = BytesIO()
    write_xlsx(target, sheets(report))
    return load_workbook(target)


def table(sheet: Any) -> list[dict[str, Any]]:
    header, *rows = sheet.iter_rows(values_only=True)
    return [dict(zip(header, row, strict=True)) for row in rows]


def fraction(percent: Any) -> Any:
    return None if percent is None else pytest.approx(percent / 100)


def in_columns(row: dict[str, Any], units: tuple[str, ...]) -> dict[str, Any]:
    """The figures of a JSON row under the headers of the workbook."""
    value, known = row["value"], {one["unit"]: one for one in row["quantities"]}
    columns = {
        "Plan value": value["plan"],
        "Actual value": value["actual"],
        "Difference": value["difference"],
        "Percent": fraction(value["percent"]),
        "Sold without a plan": row["unplanned"]["value"],
        "Cells sold without a plan": row["unplanned"]["cells"],
        "Cells without a price": row["missing_prices"],
    }
    for unit in units:
        one = known.get(unit, compared(None, None, None, None))
        columns |= {f"Plan {unit}": one["plan"], f"Actual {unit}": one["actual"]}
        columns |= {f"Difference {unit}": one["difference"], f"Percent {unit}": fraction(one["percent"])}
    return columns


async def test_the_workbook_read_back_equals_the_json(made: HandMade) -> None:
    report = await load(made.cycle.id)
    book, said = opened(report), as_json(report)
    assert book.sheetnames == ["Summary", "By month", "By customer", "By product"]
    assert table(book["By month"]) == [
        {"Month": row["month"], "Complete": "yes" if row["complete"] else "no", **in_columns(row, ("EA", "KG"))}
        for row in said["by_month"]
    ]
    for title, noun, block in (("By customer", "Customer", "by_customer"), ("By product", "Product", "by_product")):
        assert table(book[title]) == [
            {
                f"{noun} code": row["code"],
                noun: row["name"],
                "Active": "yes" if row["is_active"] else "no",
                "Plan value, incomplete months": row["incomplete_months"]["plan_value"],
                "Actual value, incomplete months": row["incomplete_months"]["actual_value"],
                **in_columns(row, ("EA", "KG")),
            }
            for row in said[block]["rows"]
        ]


async def test_the_summary_says_where_the_numbers_come_from(made: HandMade) -> None:
    summary = {(row["Item"], row["Detail"]): row for row in table(opened(await load(made.cycle.id))["Summary"])}
    said = dict(summary)
    for fact in (
        ("Cycle", "January 2026"),
        ("Close number", "1"),
        ("Snapshot SHA-256", SHA256),
        ("Generated at (UTC)", "2026-03-10T08:30:00Z"),
        ("Currency", "EUR"),
        ("Incomplete months, not compared", "2026-03, 2026-04"),
        ("Planned cells without a price", "2"),
    ):
        assert fact in said
    value = summary["Value in EUR", "complete months"]
    assert [value["Plan"], value["Actual"], value["Difference"]] == [415.75, 495.38, 79.62]
    assert value["Percent"] == fraction(19.15)
    kilos = summary["Quantity in KG", "complete months"]
    assert [kilos["Plan"], kilos["Actual"]] == [10.5, 4.25]


async def test_names_that_look_like_formulas_are_text_in_the_workbook(made: HandMade) -> None:
    book = opened(await load(made.cycle.id))
    cells = [cell for sheet in book.worksheets for row in sheet.iter_rows() for cell in row]
    assert {cell.data_type for cell in cells} <= {"s", "n"}
    assert book["By customer"]["B2"].value == "=HYPERLINK(1)"
    assert book["By product"]["B2"].number_format == "@"
    assert book["By month"].freeze_panes == "A2"
    assert book["By month"]["F2"].number_format == "0.0%"


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("January 2026", "Plan against actual - January 2026 - close 1.xlsx"),
        ("Q1/Q2 \\ x", "Plan against actual - Q1-Q2 - x - close 1.xlsx"),
    ],
)
async def test_the_file_is_named_after_the_cycle(name: str, file: str) -> None:
    cycle = await hand_made.closed_cycle(name)
    assert file_name(await load(cycle.id)) == file


async def test_a_merged_customers_plan_and_sales_are_its_owners(made: HandMade) -> None:
    """What both planned and sold is the sum; a month that only one of them planned is not unplanned."""
    before = await report_of(made)
    await factories.sold(made.b, made.q, "2026-01", 2_000, 30_000)
    with_sale = await report_of(made)
    changes = {"merged_into": made.a.id, "is_active": False, "status": "inactive"}
    await scoped(Customer).update_one({"_id": made.b.id}, {"$set": changes})
    merged = await report_of(made)
    [row] = merged["by_customer"]["rows"]
    assert (row["code"], row["is_active"]) == ("A", True)
    figures = ("value", "quantities", "missing_prices")
    assert {name: merged["totals"][name] for name in figures} == {name: with_sale["totals"][name] for name in figures}
    assert {name: row[name] for name in figures} == {name: merged["totals"][name] for name in figures}
    assert (before["totals"]["unplanned"]["cells"], with_sale["totals"]["unplanned"]["cells"]) == (2, 3)
    assert merged["totals"]["unplanned"] == before["totals"]["unplanned"]
    by_code = {one["code"]: one for one in merged["by_product"]["rows"]}
    assert by_code["P"]["quantities"] == [in_unit("EA", 240, 234, -6, -2.5)]
    own = await report_of(made, customer_ids=frozenset({made.a.id}))
    assert own["totals"] == merged["totals"]


async def test_inactive_ones_stay_and_are_marked(made: HandMade) -> None:
    await scoped(Customer).update_one({"_id": made.b.id}, {"$set": {"is_active": False}})
    await scoped(Product).update_one({"_id": made.r.id}, {"$set": {"is_active": False}})
    report = await load(made.cycle.id)
    said = as_json(report)
    assert [row["is_active"] for row in said["by_customer"]["rows"]] == [True, False]
    assert [row["is_active"] for row in said["by_product"]["rows"]] == [True, True, False]
    assert [row["Active"] for row in table(opened(report)["By customer"])] == ["yes", "no"]
