"""Loading the Online Retail file: exact classes and sums, and everything else through the imports."""

from __future__ import annotations

from decimal import Decimal
from io import StringIO
from pathlib import Path
from uuid import uuid4

import pandas as pd
import pytest
from rich.console import Console

from bench.load_retail import data_file
from core.collections import scoped
from core.context import tenant_scope
from core.errors import InvalidInput
from core.mongo import Mongo
from models.customer import Assignment, Customer, CustomerPrice, MatrixEntry
from models.product import Product
from models.sale import SaleLine, SalesRollup
from models.user import User
from planning.numbers import MONEY
from seed import retail
from seed.retail_classes import CLASSES, NOT_PRODUCTS, read, totals
from seed.retail_report import print_report
from services import months, tenants
from tests import factories

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
SMALL = (
    "536365,85123A, LANTERN ,6,2010-12-01 08:26:00,2.55,17850,United Kingdom",
    "536365,85123a,LANTERN,2,2010-12-01 08:26:00,2.55,17850,United Kingdom",
    "536366,85123A,LAMP,1,2010-12-05 08:26:00,2.50,13047,France",
    "536367,22633,HAND WARMER,3,2011-01-05 08:26:00,1.001,13047,Spain",
    "536368,22633,,3,2011-01-06 08:26:00,0.9,13047,Spain",
    "C36369,85123A,LANTERN,-2,2011-01-07 08:26:00,2.55,17850,United Kingdom",
    "536370,POST,POSTAGE,1,2011-01-07 08:26:00,18,13047,Spain",
    "536371,22633,HAND WARMER,5,2011-01-07 08:26:00,0,13047,Spain",
    "536372,22633,HAND WARMER,-5,2011-01-07 08:26:00,1,13047,Spain",
    "A56373,B,Adjust bad debt,1,2011-08-12 14:50:00,-11062.06,,United Kingdom",
    "C36374,POST,POSTAGE,-1,2011-12-07 08:26:00,18,,Spain",
    "536375,22633,HAND WARMER,1,2011-12-08 08:26:00,0.9,13047,Spain",
)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "retail.csv"
    path.write_text("\n".join((HEADER, *SMALL)) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def slug() -> str:
    return f"retail-{uuid4().hex[:8]}"


def test_thirty_three_codes_are_no_products() -> None:
    assert len(NOT_PRODUCTS) == 33


def test_every_row_is_in_the_first_class_that_matches(small: Path) -> None:
    rows = read(small)
    assert rows["row_class"].tolist() == [
        *["sale"] * 5,
        "credit",
        "not_a_product",
        "zero_price_or_adjustment",
        "zero_price_or_adjustment",
        "no_customer",
        "no_customer",
        "sale",
    ]
    assert rows["line"].tolist()[:3] == [1, 2, 1]


def test_the_whole_file_is_classed_to_the_penny() -> None:
    if not data_file().is_file():
        pytest.skip(f"The Online Retail data is not at {data_file()}; set PLANWRIGHT_DATA.")
    found = totals(read(data_file()))
    assert tuple(found) == CLASSES
    assert sum(total.rows for total in found.values()) == 541_909
    assert sum(total.amount for total in found.values()) == Decimal("9747747.934")
    assert found["no_customer"].rows == 135_080
    raw = pd.read_csv(data_file(), usecols=["StockCode"], dtype=str)
    assert int(raw["StockCode"].isin(NOT_PRODUCTS).sum()) == 2_995
    assert set(raw["StockCode"]) >= NOT_PRODUCTS


async def test_the_small_file_becomes_a_company(mongo: Mongo, small: Path, slug: str) -> None:
    report = await retail.load(small, slug)
    assert {name: total.rows for name, total in report.classes.items()} == {
        "no_customer": 2, "not_a_product": 1, "zero_price_or_adjustment": 2, "credit": 1, "sale": 6,
    }  # fmt: skip
    expected = (
        Decimal("15.30")
        + Decimal("5.10")
        + Decimal("2.50")
        + Decimal("3.003")
        + Decimal("2.7")
        - Decimal("5.10")
        + Decimal("0.9")
    )
    assert report.stored_revenue == report.expected_revenue == expected
    with tenant_scope(await tenants.tenant_id_of(slug)):
        france = await scoped(Customer).one({"code_key": "13047"})
        assert france is not None
        assert (france.country, france.currency) == ("Spain", "GBP")
        lantern, warmer = await scoped(Product).documents(sort=[("code_key", -1)])
        assert (lantern.code, lantern.name, lantern.list_price) == ("85123A", "LANTERN", Decimal("2.55"))
        assert (warmer.code, warmer.name, warmer.list_price) == ("22633", "HAND WARMER", Decimal("0.9"))
        assert await scoped(MatrixEntry).count() == 3
        (price,) = await scoped(CustomerPrice).documents()
        assert (price.customer_id, price.product_id, price.price, price.valid_from) == (
            france.id, lantern.id, Decimal("2.5"), "2010-12-05",
        )  # fmt: skip
        assert await scoped(User).count({"role": "sales_rep"}) == 10
        assert await scoped(Assignment).count() == 2
        credit = await scoped(SaleLine).one({"invoice": "C36369"})
        assert credit is not None
        assert (credit.line_type, credit.quantity, credit.net_revenue) == ("cancellation", -2_000, -51_000)
        revenue = sum([row["revenue"] for row in await scoped(SalesRollup).rows()])
        assert MONEY.to_decimal(revenue) == report.stored_revenue
        complete = await months.complete_months()
        assert (complete[0], complete[-1], len(complete)) == ("2010-12", "2011-11", 12)


async def test_loading_twice_changes_nothing(mongo: Mongo, small: Path, slug: str) -> None:
    await retail.load(small, slug)
    again = await retail.load(small, slug)
    assert all(counts["inserted"] == counts["updated"] == counts["rejected"] == 0 for counts in again.imported.values())
    assert again.rollups == 0
    output = StringIO()
    print_report(Console(file=output, width=120), again)
    assert "equals the file's" in output.getvalue()


async def test_a_company_in_another_currency_is_refused(mongo: Mongo, small: Path) -> None:
    euros = await factories.make_tenant()
    with pytest.raises(InvalidInput, match="GBP"):
        await retail.load(small, euros.slug)


async def test_another_file_is_refused(mongo: Mongo, tmp_path: Path, slug: str) -> None:
    path = tmp_path / "other.csv"
    path.write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(InvalidInput, match="not the Online Retail file"):
        await retail.load(path, slug)
