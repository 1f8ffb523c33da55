"""An export is the template filled: imported untouched it changes nothing, and one changed cell is one change.

Every kind that has a table is tried, by the examples that its columns show.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.context import tenant_scope
from core.mongo import Mongo
from core.sheets import FileFormat
from core.text import code_key, text_problem
from models.tenant import Tenant
from services.exporting.sources import SOURCES
from services.import_kinds.cells import joined_names
from services.import_kinds.tables import TABLES, Column, ImportKind
from tests import factories
from tests.exported import (
    brought_back,
    cells_of,
    exported,
    fill,
    with_cell,
    workbook_of,
)
from tests.imported import counts, errors

FORMATS: tuple[FileFormat, ...] = ("xlsx", "csv")
REFERENCES = {"customer_code", "item_code", "email", "currency", "list_price_currency", "successor"}
KINDS = [kind for kind in SOURCES if kind is not ImportKind.FORECASTS]
"""The others need a cycle in entry: see `tests.services.test_forecast_exports`."""
NOTHING = {"inserted": 0, "updated": 0, "unchanged": 0, "rejected": 0}


@pytest.fixture
async def in_tenant(tenant: Tenant) -> AsyncIterator[None]:
    with tenant_scope(tenant.id):
        yield


def test_every_kind_has_an_export() -> None:
    """If this fails: give the kind a source in `services.exporting.sources`."""
    assert set(TABLES) == set(ImportKind) == set(SOURCES)


@pytest.mark.parametrize("kind", TABLES)
def test_every_column_says_what_it_means_and_shows_two_examples(kind: ImportKind) -> None:
    short = [column.name for column in TABLES[kind].columns if not column.about or len(column.examples) != 2]
    assert short == []
    assert TABLES[kind].about


@pytest.mark.usefixtures("in_tenant")
@pytest.mark.parametrize("kind", KINDS)
async def test_the_examples_can_be_imported(kind: ImportKind) -> None:
    job = await fill(kind)
    assert errors(job) == []
    assert counts(job) == {**NOTHING, "inserted": 2}


@pytest.mark.usefixtures("in_tenant")
@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("kind", KINDS)
async def test_an_untouched_export_changes_nothing(kind: ImportKind, file_format: FileFormat) -> None:
    await fill(kind)
    content = await exported(kind, file_format)
    job = await brought_back(kind, content, file_format)
    assert errors(job) == []
    assert counts(job) == {**NOTHING, "unchanged": 2}
    assert await exported(kind, file_format) == content


@pytest.mark.usefixtures("in_tenant")
@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("kind", KINDS)
async def test_a_changed_cell_changes_that_and_nothing_else(kind: ImportKind, file_format: FileFormat) -> None:
    """Column by column; rules may refuse a change, then nothing has changed."""
    await fill(kind)
    taken = []
    before = await exported(kind)
    for column in _changeable(kind, file_format):
        content = before if file_format == "xlsx" else await exported(kind, file_format)
        job = await brought_back(kind, with_cell(content, column, file_format), file_format)
        after = await exported(kind)
        different, before = _differences(before, after), after
        if counts(job)["rejected"]:
            assert different == []
            continue
        assert counts(job) == {**NOTHING, "updated": 1, "unchanged": 1}, column.name
        assert different == [column.name]
        taken.append(column.name)
    assert taken


def _changeable(kind: ImportKind, file_format: FileFormat) -> list[Column]:
    """Neither a key, nor the code of something else. Of a .csv one column of each way in which cells are shown: what
    a column means does not depend on the format."""
    fixed = {*TABLES[kind].key, *REFERENCES}
    columns = [column for column in TABLES[kind].columns if column.stored and column.name not in fixed]
    return columns if file_format == "xlsx" else list({one.shown: one for one in reversed(columns)}.values())


def _differences(before: bytes, after: bytes) -> list[str]:
    """The titles of the cells in which two workbooks differ."""
    title, *old = cells_of(before)
    _, *new = cells_of(after)
    assert len(old) == len(new)
    return [
        title[at]
        for left, right in zip(old, new, strict=True)
        for at, (one, other) in enumerate(zip(left, right, strict=True))
        if one != other
    ]


NASTY = st.one_of(
    st.text(max_size=30),
    st.builds(
        str.__add__,
        st.sampled_from(["=", "+", "-", "@", "'", "'=", "''-", '"', "00", "_x0041_", "&lt;", "\ufeff", "\u00a0", "#"]),
        st.text(max_size=10),
    ),
    st.sampled_from(
        ["=1+1", "'=1", "''=1", "00123", "1e5", "12345678901234567890", "TRUE", "2026-01-02", 'a "b", c', "x;y",
         "\uffff", "ﬁ", "日本語", "1,5", "'", "-", "007.50", "=cmd|' /C calc'!A0"]
    ),
).map(str.strip).filter(lambda text: text and text_problem(text, max_length=60) is None)  # fmt: skip
PRICES = st.decimals(0, 10**7 - 1, places=8).map(lambda price: f"{price:f}")
DAYS = st.dates(date(1900, 1, 1), date(2199, 12, 30)).map(str)
ROW = st.tuples(NASTY, NASTY, NASTY, PRICES, DAYS)


@settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    rows=st.lists(ROW, min_size=1, max_size=25, unique_by=(lambda row: code_key(row[0]), lambda row: code_key(row[1])))
)
async def test_nothing_that_can_be_stored_is_lost_on_the_way(mongo: Mongo, rows: list[tuple[str, ...]]) -> None:
    files: dict[ImportKind, list[list[str]]] = {
        ImportKind.CUSTOMERS: [["customer_code", "name", "region", "aliases"]],
        ImportKind.PRODUCTS: [["item_code", "name", "category", "list_price"]],
        ImportKind.PRICES: [["customer_code", "item_code", "price", "valid_from"]],
    }
    for customer, product, text, price, day in rows:
        files[ImportKind.CUSTOMERS].append([customer, text, text, joined_names([product, text])])
        files[ImportKind.PRODUCTS].append([product, text, text, price])
        files[ImportKind.PRICES].append([customer, product, price, day])
    with tenant_scope((await factories.make_tenant()).id):
        for kind, lines in files.items():
            job = await brought_back(kind, workbook_of(lines))
            assert errors(job) == []
            assert counts(job) == {**NOTHING, "inserted": len(rows)}
        for kind in files:
            for file_format in FORMATS:
                job = await brought_back(kind, await exported(kind, file_format), file_format)
                assert errors(job) == []
                assert counts(job) == {**NOTHING, "unchanged": len(rows)}
