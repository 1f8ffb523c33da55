"""What follows from the accepted rows of the Online Retail file: one table per kind of import, in import order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from planning.numbers import PRICE
from planning.sales_types import SalesType
from seed.retail_classes import CREDIT, CURRENCY, SALE
from services.import_kinds.tables import ImportKind

REPS = 10
FIRST_DAY = "2010-12-01"
SOURCE = "online-retail"
"""Where its sales lines come from."""


def tables(rows: pd.DataFrame, slug: str) -> Iterator[tuple[ImportKind, pd.DataFrame]]:
    """(kind, table) with the column titles of the kind; `rows` are the accepted ones of `retail_classes.read`.

    Deterministic: ties go to the first in alphabetical order, or to the lower price.
    """
    sold = rows[rows["row_class"] == SALE]
    products = _products(rows)
    codes = products.set_index("code_key")["item_code"]
    list_prices = products.set_index("code_key")["price"]
    customers = _customers(rows)
    yield ImportKind.USERS, _reps(slug)
    yield ImportKind.CUSTOMERS, customers
    yield ImportKind.PRODUCTS, _priced(products, "list_price").drop(columns="code_key")
    yield ImportKind.ASSIGNMENTS, _assignments(customers, slug)
    last_paid = _last_paid(sold)
    yield ImportKind.MATRIX, _relation(last_paid, codes)
    differs = last_paid["price"] != last_paid["code_key"].map(list_prices).astype("int64")
    yield ImportKind.PRICES, _prices(last_paid[differs], codes)
    yield ImportKind.SALES, _sales(rows, codes)


def address_of(rep: int, slug: str) -> str:
    """The e-mail address of the rep 1..10; addresses are unique over all companies."""
    return f"rep{rep:02}@{slug}.example"


def _reps(slug: str) -> pd.DataFrame:
    numbers = range(1, REPS + 1)
    return pd.DataFrame(
        {"email": [address_of(one, slug) for one in numbers], "name": [f"Rep {one:02}" for one in numbers]}
    ).assign(role="sales_rep")


def _customers(rows: pd.DataFrame) -> pd.DataFrame:
    found = _most_frequent(rows, "CustomerID", "Country")
    return pd.DataFrame(
        {
            "customer_code": found["CustomerID"].astype(str),
            "name": "Customer " + found["CustomerID"].astype(str),
            "country": found["Country"].astype(str),
            "currency": CURRENCY,
        }
    )


def _products(rows: pd.DataFrame) -> pd.DataFrame:
    """item_code (the most frequent spelling), code_key, name, price (scaled)."""
    described = rows[["code_key"]].assign(text=rows["Description"].astype(str).str.strip())
    names = _most_frequent(described[described["text"] != ""], "code_key", "text").set_index("code_key")["text"]
    prices = _most_frequent(rows, "code_key", "price").set_index("code_key")["price"]
    found = _most_frequent(rows, "code_key", "StockCode")
    return pd.DataFrame(
        {
            "item_code": found["StockCode"].astype(str),
            "code_key": found["code_key"].astype(str),
            "name": found["code_key"].map(names).astype(str),
            "price": found["code_key"].map(prices).astype("int64"),
        }
    )


def _assignments(customers: pd.DataFrame, slug: str) -> pd.DataFrame:
    reps = [address_of(at % REPS + 1, slug) for at in range(len(customers))]
    return pd.DataFrame(
        {"email": reps, "customer_code": customers["customer_code"].to_numpy(), "valid_from": FIRST_DAY}
    )


def _last_paid(sold: pd.DataFrame) -> pd.DataFrame:
    """The last sale of every customer and product: CustomerID, code_key, price, day. The file is in time order."""
    last = sold.drop_duplicates(["CustomerID", "code_key"], keep="last").sort_values(["CustomerID", "code_key"])
    return last[["CustomerID", "code_key", "price"]].assign(day=last["InvoiceDate"].astype(str).str[:10])


def _relation(pairs: pd.DataFrame, codes: pd.Series[Any]) -> pd.DataFrame:
    return pd.DataFrame({"customer_code": pairs["CustomerID"], "item_code": pairs["code_key"].map(codes)})


def _prices(last_paid: pd.DataFrame, codes: pd.Series[Any]) -> pd.DataFrame:
    prices = _relation(last_paid, codes).assign(price=last_paid["price"], valid_from=last_paid["day"])
    return _priced(prices, "price")


def _sales(rows: pd.DataFrame, codes: pd.Series[Any]) -> pd.DataFrame:
    types = {SALE: SalesType.SALE.value, CREDIT: SalesType.CANCELLATION.value}
    table = pd.DataFrame(
        {
            "invoice": rows["InvoiceNo"],
            "item_code": rows["code_key"].map(codes),
            "line_number": rows["line"],
            "customer_code": rows["CustomerID"],
            "invoice_date": rows["InvoiceDate"].map(lambda moment: moment[:10]),
            "quantity": rows["Quantity"],
            "price": rows["price"],
            "line_type": rows["row_class"].map(types),
        }
    ).assign(source=SOURCE)
    return _priced(table, "unit_price")


def _priced(table: pd.DataFrame, title: str) -> pd.DataFrame:
    """The scaled column `price` as exact decimal text under the title."""
    texts = {scaled: format(PRICE.to_decimal(scaled).normalize(), "f") for scaled in table["price"].unique().tolist()}
    return table.assign(price=table["price"].map(texts)).rename(columns={"price": title})


def _most_frequent(rows: pd.DataFrame, group: str, column: str) -> pd.DataFrame:
    """(group, its most frequent value), sorted by group."""
    pairs = pd.DataFrame({group: rows[group].astype(str), column: _sortable(rows[column])})
    counts = pairs.groupby([group, column]).size().rename("count").reset_index()
    ranked = counts.sort_values([group, "count", column], ascending=[True, False, True])
    return ranked.drop_duplicates(group)[[group, column]].reset_index(drop=True)


def _sortable(column: pd.Series[Any]) -> pd.Series[Any]:
    return column.astype(str) if isinstance(column.dtype, pd.CategoricalDtype) else column
