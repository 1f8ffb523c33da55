"""Imports of odd files as jobs: what was found is told, errors are marked in a copy, nothing hostile gets far."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import uuid4

import openpyxl
import psutil
import pytest

from activities.imports import run_import_job
from core.collections import scoped
from core.context import acting_as, tenant_scope
from core.errors import Conflict, InvalidInput, NotFound
from models.imports import ColumnMapping
from models.job import Job
from models.sale import SaleLine
from models.tenant import Tenant
from models.user import User
from planning.access import Action, Actor, may
from planning.roles import Role
from planning.table_places import Preview, PreviewRow, SheetPreview
from services import files, import_errors, import_layout, imports, jobs, mappings
from services.identity import Caller
from services.import_kinds.tables import ImportKind
from services.import_layout import ReadingOptions
from services.mappings import FileHints
from tests import factories, odd_files, spreadsheet_files
from tests.imported import counts, csv_of, imported

HEADER = odd_files.HEADER
LINES = odd_files.LINES


@pytest.fixture(autouse=True)
async def company(tenant: Tenant) -> AsyncIterator[Tenant]:
    with tenant_scope(tenant.id):
        for code in ("C1", "C2"):
            await factories.make_customer(code)
        for code in ("00123", "P-7"):
            await factories.make_product(code)
        yield tenant


async def sent(content: bytes, file_kind: Any = "xlsx", kind: str = "sales", **said: Any) -> Job:
    """The import of a file, ended."""
    stored = await files.store(content, name=f"table.{file_kind}", content_type=imports.CONTENT_TYPES[file_kind])
    job = await imports.accept(stored, kind=ImportKind(kind), file_kind=file_kind, reading=ReadingOptions(**said))
    await run_import_job(job.id)
    return await scoped(Job).get(job.id)


async def marked(job: Job) -> Any:
    """The copy with marked cells, opened."""
    assert job.result_file_id is not None
    content = b"".join([chunk async for chunk in files.stream(job.result_file_id)])
    return openpyxl.load_workbook(io.BytesIO(content))


async def test_what_was_found_is_told() -> None:
    content = odd_files.workbook(
        ("Cover", [["Read me"]]),
        ("2025", [["Sales"], [], ["Rechnung", "Itm code", *HEADER[2:], "Remark"], *LINES, ["Total", *[None] * 3, 9]]),
        ("2026", [["Rechnung", "Itm code", *HEADER[2:]], *LINES]),
    )
    job = await sent(content)
    assert counts(job) == {"inserted": 3, "updated": 0, "unchanged": 0, "rejected": 0}
    shown = await imports.read(job.id)
    assert (shown["sheet"], shown["other_sheets"], shown["header_rows"]) == ("2025", ["2026"], [3])
    assert shown["counts"]["rows"] == 3
    assert (shown["totals"], shown["left_out"]) == (1, [{"row": 7, "text": "Total"}])
    assert [(one["letter"], one["column"], one["how"]) for one in shown["columns"]][:2] == [
        ("A", "invoice", "synonym"), ("B", "item_code", "similar"),
    ]  # fmt: skip
    assert shown["columns"][-1] == {"title": "Remark", "letter": "G", "column": None, "how": None, "score": None}
    assert shown["ignored_columns"] == ["Remark"]
    assert not shown["has_errors_file"]


async def test_the_first_answer_to_where_the_table_stands_is_the_answer() -> None:
    """A mapping that is saved meanwhile, or a new release with more synonyms, changes nothing for a job that began."""
    stored = await files.store(b"x", name="a.xlsx", content_type="text/plain")
    queued = await imports.accept(stored, kind=ImportKind.SALES, file_kind="xlsx")
    job = await jobs.claim(queued.id)
    assert job is not None

    def preview(row: int) -> Preview:
        return Preview((SheetPreview(1, "Data", (PreviewRow(row, HEADER),)),))

    place = await import_layout.settle(job, preview(3))
    again = await scoped(Job).get(job.id)
    assert await import_layout.settle(again, preview(9)) == place
    assert place.header_rows == (3,)


async def test_a_header_that_does_not_fit_is_told_with_what_did() -> None:
    job = await sent(odd_files.data(["Report"], ["invoice", "quantity", "F1"], ["I1", 1, "x"]))
    assert job.state == "rejected"
    shown = await imports.read(job.id)
    assert shown["header_rows"] == [2]
    assert [one["column"] for one in shown["columns"]] == ["invoice", "quantity", None]
    assert {(one["row"], one["column"]) for one in shown["errors"]} >= {(2, "item_code"), (2, "customer_code")}
    assert "row 2" in shown["message"]


async def test_errors_are_marked_in_a_copy_of_the_table() -> None:
    rows = [["Report", "=1+1"], [], HEADER, *LINES, ["I9", "00123", "C9", "soon", None, 1], [None, "00123", "C1"]]
    book = odd_files.workbook(("Data", rows))
    job = await sent(book)
    assert counts(job)["rejected"] == 2
    page = (await marked(job))["Data"]
    assert [cell.value for cell in page[4]] == ["I1", "00123", "C1", page["D4"].value, 1234, 2.5]
    assert page["B4"].data_type == "s"
    assert page["D4"].value.date() == LINES[0][3]
    assert page["B1"].value == "#NOT-CALCULATED!"
    assert "expected a date" in page["D7"].comment.text
    assert "expected a value" in page["E7"].comment.text
    assert page["A8"].comment.text == "invoice: expected a value"
    bad = {cell.coordinate for row in page for cell in row if cell.fill.fgColor.rgb == "FFFFC7CE"}
    assert bad == {cell.coordinate for row in page for cell in row if cell.comment}
    assert {"C7", "D7", "E7", "A8"} <= bad
    assert not {"A4", "D4", "B7"} & bad


async def test_the_corrected_copy_can_be_sent_back() -> None:
    job = await sent(odd_files.data(["Report"], HEADER, LINES[0], ["I2", *LINES[1][1:3], "soon", 1, 1]))
    book = await marked(job)
    book.active["D4"] = "2026-05-06"
    buffer = io.BytesIO()
    book.save(buffer)
    again = await sent(buffer.getvalue())
    assert counts(again) == {"inserted": 1, "updated": 0, "unchanged": 1, "rejected": 0}


async def test_errors_of_a_csv_are_marked_in_a_workbook() -> None:
    job = await sent(csv_of(",".join(HEADER), "I1,00123,C1,2026-01-05,x,1", "=1,00123,C9,2026-01-05,1,1"), "csv")
    page = (await marked(job)).active
    assert page["A3"].data_type == "s"
    assert [page[cell].comment is not None for cell in ("E2", "C3", "A2")] == [True, True, False]
    assert page["E2"].comment.text == "quantity: expected a number with at most 3 decimals, written like 1234.5"


async def test_who_gets_the_marked_copy(tenant: Tenant) -> None:
    users = {role: await factories.make_user(role) for role in Role}
    stranger = await factories.make_user("sales_rep")
    with acting_as(users[Role.SALES_REP].id):
        job = await sent(csv_of(",".join(HEADER), "I1,00123,C1,2026-01-05,x,1"), "csv")
    for user in (users[Role.ADMIN], users[Role.MANAGER], users[Role.SALES_REP]):
        stored, _ = await import_errors.open_marked(_caller(tenant, user), job.id)
        assert stored.name == "table-errors.xlsx"
    for user in (stranger, users[Role.VIEWER]):
        with pytest.raises(NotFound):
            await import_errors.open_marked(_caller(tenant, user), job.id)


async def test_there_is_no_marked_copy_without_errors_or_before_the_end(tenant: Tenant) -> None:
    admin = _caller(tenant, await factories.make_user("admin"))
    good = await sent(odd_files.data(HEADER, *LINES))
    with pytest.raises(NotFound, match="no errors"):
        await import_errors.open_marked(admin, good.id)
    stored = await files.store(b"x", name="a.csv", content_type="text/csv")
    running = await imports.accept(stored, kind=ImportKind.SALES, file_kind="csv")
    with pytest.raises(Conflict, match="still running"):
        await import_errors.open_marked(admin, running.id)
    report = await jobs.create("report", {})
    with pytest.raises(NotFound):
        await import_errors.open_marked(admin, report.id)


def _caller(tenant: Tenant, user: User) -> Caller:
    return Caller(user.id, tenant.id, uuid4(), role=user.role, grants=frozenset(), name=user.name, language="en")  # type: ignore[arg-type]


@pytest.mark.parametrize("make", spreadsheet_files.HOSTILE_BOOKS, ids=lambda make: make.__name__)
async def test_a_hostile_file_makes_the_job_rejected_with_a_reason(make: Callable[[], bytes]) -> None:
    """T33-T36: not failed, not hanging; and no reader is left."""
    job = await sent(make())
    assert job.state == "rejected"
    assert (job.error or {})["message"].rstrip().endswith(".")
    assert await scoped(SaleLine).count() == 0
    assert not [
        one for one in psutil.Process().children() if "integrations.spreadsheets.reader" in " ".join(_words(one))
    ]


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return []


async def hints(kind: str = "sales", file_kind: Any = "xlsx", **said: Any) -> ReadingOptions:
    return await mappings.reading_options(ImportKind(kind), file_kind, FileHints(**said))


async def test_a_mapping_is_kept_for_a_source_and_used_by_its_next_file() -> None:
    first = FileHints(source="Webshop", mapping={"F1": "invoice", "F2": "item_code"}, save_mapping=True)
    options = await mappings.reading_options(ImportKind.SALES, "xlsx", first)
    await mappings.keep_with_import(ImportKind.SALES, first, options)
    content = odd_files.data(["F1", "F2", *HEADER[2:]], *LINES)
    found = await hints(source=" webshop ")
    job = await sent(content, source=found.source, saved=found.saved)
    assert counts(job)["inserted"] == 3
    shown = await imports.read(job.id)
    assert [one["how"] for one in shown["columns"]] == ["saved", "saved", *["exact"] * 4]

    second = FileHints(source="Webshop", mapping={"SKU": "item_code", "Note": None}, save_mapping=True)
    options = await mappings.reading_options(ImportKind.SALES, "xlsx", second)
    await mappings.keep_with_import(ImportKind.SALES, second, options)
    kept = await mappings.read(ImportKind.SALES, "WEBSHOP")
    assert kept["columns"] == [
        {"title": "F1", "column": "invoice"},
        {"title": "SKU", "column": "item_code"},
        {"title": "Note", "column": None},
    ]
    assert (kept["rev"], await scoped(ColumnMapping).count()) == (2, 1)


@pytest.mark.parametrize(
    ("said", "fields"),
    [
        ({"source": "nobody"}, ["source"]),
        ({"source": "a/b"}, ["source", "source"]),
        ({"save_mapping": True}, ["save_mapping"]),
        ({"save_mapping": True, "source": "x"}, ["save_mapping"]),
        ({"mapping": {"A": "nonsense"}}, ["mapping"]),
        ({"mapping": {f"T{n}": None for n in range(300)}}, ["mapping"]),
        ({"mapping": {"a\u202eb": "quantity"}}, ["mapping"]),
    ],
)
async def test_hints_that_do_not_fit_are_refused(said: dict[str, Any], fields: list[str]) -> None:
    with pytest.raises(InvalidInput) as refused:
        await hints(**said)
    assert [detail.field for detail in refused.value.details] == fields


async def test_a_csv_has_no_sheets() -> None:
    with pytest.raises(InvalidInput):
        await hints(file_kind="csv", sheet="Data")


async def test_a_marked_copy_that_cannot_be_made_does_not_spoil_the_import() -> None:
    """The file breaks off behind rows that were read: what is known is told without a copy."""
    lines = [f"I{n},00123,C9,2026-01-05,1,1" for n in range(6_000)]
    text = csv_of(",".join(HEADER), *lines) + b'"' + b"x" * 40_000
    job = await sent(text, "csv")
    assert job.state == "rejected"
    assert len(job.findings) == 5_000
    assert job.result_file_id is None


def test_a_manager_with_regions_imports_nothing() -> None:
    """So the marked copies of others are not for them."""
    assert not may(Actor(Role.MANAGER, regional=True), Action.IMPORT_FILE).allowed


async def test_the_same_lines_in_every_dress_are_the_same_import() -> None:
    first = await imported("sales", *odd_files.csv(odd_files.with_texts(), ",", "\n").splitlines())
    assert counts(first)["inserted"] == 3
    for make in (odd_files.numbers_with_decimal_comma, odd_files.dates_with_names, odd_files.totals_at_the_end):
        assert counts(await sent(make()))["unchanged"] == 3
