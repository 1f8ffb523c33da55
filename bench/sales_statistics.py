"""Statistics of sales against an independent computation with pandas on the Online Retail file, to cent and unit.

    python -m bench.sales_statistics [FILE]

Products get units, categories and costs that differ, some have no cost. Then each dimension is asked and held against
sums that pandas makes of the file's accepted rows. Printed is how long each answer took.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pandas as pd
from bson import Decimal128
from pydantic import SecretStr

from bench.load_retail import data_file
from core.collections import dump, scoped
from core.context import tenant_scope
from core.mongo import Mongo
from core.settings import MongoSettings
from models.customer import Assignment, Customer
from models.product import Product, ProductCost
from models.registry import DOCUMENTS
from models.tenant import Tenant
from planning.months import month_range
from planning.numbers import PRICE
from planning.roles import Role
from planning.sales_statistics import Dimension
from reports.sales_statistics import statistics
from seed import retail
from seed.retail_classes import ACCEPTED, SALE, read
from services import months
from services.identity import Caller
from services.sales_questions import Asked, question_of
from tests.servers import running_mongod

FIRST, LAST, DATED_FROM = "2010-12", "2011-12", "2011-06"
AT = datetime(2011, 12, 31, 12, tzinfo=UTC)
DIMENSIONS = tuple(Dimension)
OF_PRODUCTS = (Dimension.CATEGORY, Dimension.FAMILY, Dimension.BRAND)
OF_CUSTOMERS = (Dimension.REGION, Dimension.COUNTRY, Dimension.GROUP)
CENT = Decimal("0.01")

Numbers = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Difference:
    """Where the answer is not what pandas says."""

    by: str
    key: object
    figure: str
    expected: object
    found: object


async def prepare(path: Path, slug: str) -> UUID:
    """The loaded company with its rollups, and masters that differ from product to product."""
    await retail.load(path, slug)
    tenant = await scoped(Tenant).one({"slug": slug})
    assert tenant is not None
    with tenant_scope(tenant.id):
        await vary()
        # The nine days of December stand for the month, so that it can be held against the December before.
        await months.complete([LAST])
    return tenant.id


async def vary() -> None:
    """Let the products and customers of the tenant in context differ in what statistics are made by."""
    rows = await scoped(Product).rows({}, {"list_price": 1}, sort=[("code_key", 1)])
    prices = {row["_id"]: row["list_price"].to_decimal() for row in rows}
    await scoped(Product).update_rows(
        ({"_id": id}, {"$set": _differing(place, price)}) for place, (id, price) in enumerate(prices.items())
    )
    dated = [
        ProductCost(product_id=id, cost=_part(price, "0.7"), valid_from=f"{DATED_FROM}-01")
        for id, price in list(prices.items())[::5]
    ]
    await scoped(ProductCost).insert_rows([dump(entry) for entry in dated])
    customers = await scoped(Customer).rows({}, {"_id": 1}, sort=[("code_key", 1)])
    await scoped(Customer).update_rows(
        (row, {"$set": {"region": f"Region {place % 5}", "group": f"Group {place % 3}" if place % 4 else None}})
        for place, row in enumerate(customers)
    )


def _differing(place: int, price: Decimal) -> dict[str, Any]:
    return {
        "unit": "KG" if place % 7 == 0 else "EA",
        "category": f"Category {place % 4}",
        "family": f"Family {place % 11}",
        "brand": f"BRAND {place % 6}" if place % 5 else None,
        "standard_cost": Decimal128(_part(price, "0.6")) if place % 3 else None,
    }


async def differences(path: Path, tenant_id: UUID, seconds: dict[str, float]) -> list[Difference]:
    """All of them; `seconds` is filled with what each dimension took to answer."""
    caller = Caller(uuid4(), tenant_id, uuid4(), Role.ADMIN, frozenset(), "Ada", "en")
    with tenant_scope(tenant_id):
        sold = await _sold(path)
        found: list[Difference] = []
        for by in DIMENSIONS:
            begin = time.perf_counter()
            asked = Asked(by, from_month=FIRST, to_month=LAST, top=1_000_000)
            answer = await statistics(await question_of(caller, asked, AT))
            seconds[by] = time.perf_counter() - begin
            found += _compared(by, sold, answer)
        return found


async def _sold(path: Path) -> pd.DataFrame:
    """The accepted rows with what masters say of them: whole numbers of 1/10^8, keys as text ("" = none)."""
    rows = read(path)
    rows = rows[rows["row_class"].isin(ACCEPTED)]
    products = {row["code_key"]: row async for row in scoped(Product).find()}
    customers = {row["code"]: row async for row in scoped(Customer).find()}
    reps = {row["customer_id"]: row["user_id"] async for row in scoped(Assignment).find()}
    dated = {row["product_id"]: _scaled(row["cost"]) async for row in scoped(ProductCost).find()}
    sold = pd.DataFrame(
        {
            "month": rows["InvoiceDate"].astype(str).str[:7],
            "invoice": rows["InvoiceNo"].astype(str),
            "quantity": rows["Quantity"],
            "amount": rows["amount"],
            "is_order": rows["row_class"] == SALE,
        }
    )
    of_product = rows["code_key"].astype(str).map(products.__getitem__)
    of_customer = rows["CustomerID"].astype(str).map(customers.__getitem__)
    sold["year"] = sold["month"].str[:4]
    sold["quarter"] = sold["year"] + "-Q" + ((sold["month"].str[5:].astype(int) - 1) // 3 + 1).astype(str)
    sold["unit"] = [row["unit"] for row in of_product]
    for names, rows_of in ((OF_PRODUCTS, of_product), (OF_CUSTOMERS, of_customer)):
        for name in names:
            sold[name] = [(row[name] or "").casefold() for row in rows_of]
    sold["product"] = [str(row["_id"]) for row in of_product]
    sold["customer"] = [str(row["_id"]) for row in of_customer]
    sold["rep"] = [str(reps[row["_id"]]) for row in of_customer]
    standard = [None if row["standard_cost"] is None else _scaled(row["standard_cost"]) for row in of_product]
    later = [dated.get(row["_id"]) for row in of_product]
    costs = [
        also if also is not None and month >= DATED_FROM else usual
        for month, usual, also in zip(sold["month"], standard, later, strict=True)
    ]
    sold["known"] = [cost is not None for cost in costs]
    sold["cost"] = [quantity * (cost or 0) for quantity, cost in zip(sold["quantity"], costs, strict=True)]
    return sold


def _compared(by: Dimension, sold: pd.DataFrame, answer: dict[str, Any]) -> Iterator[Difference]:
    yield from _unequal(by, "total", _expected(sold), _found(answer["total"]))
    expected = _expected_by(str(by), sold)
    answered = {row["key"] or "": row for row in answer["rows"]}
    for key in sorted({*expected, *answered}):
        if key not in expected or key not in answered:
            yield Difference(by, key, "row", key in expected, key in answered)
        else:
            yield from _unequal(by, key, expected[key], _found(answered[key]))
    yield from _against_last_year(by, sold, answer)
    if by is Dimension.MONTH:
        yield from _windows(sold, answered)


def _against_last_year(by: Dimension, sold: pd.DataFrame, answer: dict[str, Any]) -> Iterator[Difference]:
    """Of thirteen months only the Decembers are there twice."""
    compared = answer["total"]["last_year"]
    if answer["months_compared"] != [LAST]:
        yield Difference(by, "total", "months_compared", [LAST], answer["months_compared"])
    for year, month in (("this_year", LAST), ("last_year", FIRST)):
        yield from _unequal(by, year, _expected(sold[sold["month"] == month]), _found(compared[year]))


def _windows(sold: pd.DataFrame, answered: dict[str, Any]) -> Iterator[Difference]:
    for month in month_range(FIRST, 13):
        row = answered[month]
        year = sold[(sold["month"] <= month) & (sold["year"] == month[:4])]
        yield from _unequal("year_to_date", month, _expected(year), _found(row["year_to_date"]))
        first = row["moving_12_months"]["from_month"]
        twelve = sold[(sold["month"] <= month) & (sold["month"] >= first)]
        yield from _unequal("moving_12_months", month, _expected(twelve), _found(row["moving_12_months"]))


def _expected(rows: pd.DataFrame) -> Numbers:
    """What pandas says of all these rows together."""
    return _expected_by("all", rows.assign(all=""))[""]


def _expected_by(key: str, rows: pd.DataFrame) -> dict[str, Numbers]:
    """What pandas says, by key, rounded once."""
    known = rows[rows["known"]]
    orders = rows[rows["is_order"]].drop_duplicates([key, "customer", "month", "invoice"])
    columns = {
        "amount": rows.groupby(key)["amount"].sum(),
        "lines": rows.groupby(key).size(),
        "orders": orders.groupby(key).size(),
        "known": known.groupby(key)["amount"].sum(),
        "known_lines": known.groupby(key).size(),
        "cost": known.groupby(key)["cost"].sum(),
    }
    sums = pd.DataFrame(columns).fillna(0).astype("int64")
    quantities: dict[str, dict[str, int]] = defaultdict(dict)
    by_unit = rows.groupby([key, "unit"], as_index=False)["quantity"].sum()
    for of, unit, quantity in zip(by_unit[key], by_unit["unit"], by_unit["quantity"], strict=True):
        quantities[str(of)][str(unit)] = int(quantity)
    figures = [dict(zip(columns, row, strict=True)) for row in sums.to_numpy().tolist()]
    return {str(of): _rounded(one, quantities[str(of)]) for of, one in zip(sums.index, figures, strict=True)}


def _rounded(one: dict[str, int], quantities: dict[str, int]) -> Numbers:
    unknown = one["lines"] - one["known_lines"]
    nobody_knows = unknown > 0 and one["cost"] == 0
    return {
        "revenue": _money(one["amount"]),
        "orders": one["orders"],
        "lines": one["lines"],
        "cost": None if nobody_knows else _money(one["cost"]),
        "gross_profit": None if nobody_knows else _money(one["known"] - one["cost"]),
        "unknown": (unknown, _money(one["amount"] - one["known"])),
        "quantities": quantities,
    }


def _found(shown: dict[str, Any]) -> Numbers:
    names = ("revenue", "orders", "lines", "cost", "gross_profit")
    unknown = shown["without_cost"]
    return {
        **{name: shown[name] for name in names},
        "unknown": (unknown["lines"], unknown["revenue"]),
        "quantities": {one["unit"]: one["quantity"] for one in shown["quantities"]},
    }


def _unequal(by: str, key: object, expected: Numbers, found: Numbers) -> Iterator[Difference]:
    for name, number in expected.items():
        if found[name] != number:
            yield Difference(by, key, name, number, found[name])


def _money(scaled: int) -> Decimal:
    return Decimal(scaled).scaleb(-8).quantize(CENT, ROUND_HALF_EVEN)


def _scaled(cost: Any) -> int:
    return PRICE.to_scaled(cost.to_decimal())


def _part(price: Decimal, share: str) -> Decimal:
    return (price * Decimal(share)).quantize(Decimal("0.0001"))


async def main(path: Path) -> bool:
    """Print what each dimension took; whether everything is equal."""
    seconds: dict[str, float] = {}
    with running_mongod() as uri:
        mongo = Mongo(MongoSettings(mongodb_uri=SecretStr(uri), mongodb_database="bench-statistics"))
        await mongo.start(DOCUMENTS, indexes=True)
        tenant_id = await prepare(path, "online-retail")
        found = await differences(path, tenant_id, seconds)
        await mongo.close()
    for by, took in seconds.items():
        print(f"statistics by {by}: {took:.2f} s")
    for difference in found[:20]:
        print(difference)
    print(f"{len(found)} differences from pandas")
    return not found


if __name__ == "__main__":
    os.environ.setdefault("JWT_SECRET", "only-for-measuring-9f2c7b1e4d8a6035-kqzv")
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else data_file()
    if not file.is_file():
        sys.exit(f"The Online Retail data is not at {file}; set PLANWRIGHT_DATA.")
    sys.exit(0 if asyncio.run(main(file)) else 1)
