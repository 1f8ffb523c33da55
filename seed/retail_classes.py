"""The dirt of the Online Retail file: every row lands in exactly one class, and every figure is exact.

The file holds 541,909 invoice lines of a British wholesaler (Chen, D. (2015), Online Retail, UCI Machine Learning
Repository, CC BY 4.0). Amounts are whole numbers of 1/10^8 pound; columns of repeated text are categories, which keeps
half a million rows within some tens of megabytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import union_categoricals

from core.errors import InvalidInput
from core.text import code_key
from planning.numbers import PRICE

TEXTS = ("InvoiceNo", "StockCode", "Description", "InvoiceDate", "CustomerID", "Country")
COLUMNS = (*TEXTS, "Quantity", "UnitPrice")
CHUNK_ROWS = 50_000
CURRENCY = "GBP"

NO_CUSTOMER = "no_customer"
NOT_A_PRODUCT = "not_a_product"
ZERO_PRICE_OR_ADJUSTMENT = "zero_price_or_adjustment"
CREDIT = "credit"
SALE = "sale"
CLASSES = (NO_CUSTOMER, NOT_A_PRODUCT, ZERO_PRICE_OR_ADJUSTMENT, CREDIT, SALE)
"""In order: the first that matches wins. The first three are rejected."""
ACCEPTED = (CREDIT, SALE)
_CLASS = pd.CategoricalDtype(list(CLASSES))

NOT_PRODUCTS = frozenset(
    (
        *("POST", "DOT", "M", "m", "C2", "D", "S", "B", "PADS", "CRUK", "AMAZONFEE", "BANK CHARGES"),
        *("DCGSSBOY", "DCGSSGIRL", "DCGS0003", "DCGS0004", "DCGS0055", "DCGS0057", "DCGS0066P", "DCGS0067", "DCGS0068"),
        *("DCGS0069", "DCGS0070", "DCGS0071", "DCGS0072", "DCGS0073", "DCGS0074", "DCGS0076"),
        *("gift_0001_10", "gift_0001_20", "gift_0001_30", "gift_0001_40", "gift_0001_50"),
    )
)
"""The 33 codes, to the letter, that stand for postage, fees, discounts, vouchers and the like."""


@dataclass(frozen=True, slots=True)
class ClassTotal:
    """Rows of a class and their exact sum of quantity x unit price."""

    rows: int
    amount: Decimal


def read(path: Path) -> pd.DataFrame:
    """The file (csv or csv.gz) with the columns of the source, plus `price` and `amount` in 1/10^8, `code_key`, `line`
    (ordinal within invoice and case-folded code, in file order) and `row_class`.

    Raises InvalidInput when it is not that file.
    """
    try:
        chunks = list(_chunks(path))
        columns = {name: union_categoricals([chunk[name] for chunk in chunks]) for name in TEXTS}
        numbers = {
            name: pd.concat([chunk[name] for chunk in chunks], ignore_index=True) for name in ("Quantity", "price")
        }
    except (ValueError, ArithmeticError, OSError) as error:
        raise InvalidInput(f"{path.name} is not the Online Retail file: {error}") from error
    rows = pd.DataFrame(columns | numbers)
    rows["code_key"] = _mapped(rows["StockCode"], code_key)
    rows["amount"] = rows["price"] * rows["Quantity"]
    rows["line"] = rows.groupby(["InvoiceNo", "code_key"], observed=True, sort=False).cumcount() + 1
    rows["row_class"] = classify(rows)
    return rows


def classify(rows: pd.DataFrame) -> pd.Categorical:
    """The class of each row, as a category of `CLASSES`."""
    cancelled = rows["InvoiceNo"].isin([one for one in rows["InvoiceNo"].cat.categories if one.startswith("C")])
    conditions = {
        NO_CUSTOMER: rows["CustomerID"] == "",
        NOT_A_PRODUCT: rows["StockCode"].isin(NOT_PRODUCTS),
        ZERO_PRICE_OR_ADJUSTMENT: (rows["price"] <= 0) | ((rows["Quantity"] <= 0) & ~cancelled),
        CREDIT: cancelled,
    }
    # `select` takes the first condition that holds.
    codes = np.select(list(conditions.values()), [CLASSES.index(name) for name in conditions], CLASSES.index(SALE))
    return pd.Categorical.from_codes(codes, dtype=_CLASS)


def totals(rows: pd.DataFrame) -> Mapping[str, ClassTotal]:
    """Rows and amount of every class, in the order of `CLASSES`."""
    groups = rows.groupby("row_class", observed=False)["amount"]
    counts, amounts = groups.size().to_dict(), groups.sum().to_dict()
    return {name: ClassTotal(counts[name], PRICE.to_decimal(amounts[name])) for name in CLASSES}


def _chunks(path: Path) -> Iterator[dict[str, Any]]:
    for chunk in pd.read_csv(path, dtype=str, keep_default_na=False, usecols=list(COLUMNS), chunksize=CHUNK_ROWS):
        prices = {text: PRICE.to_scaled(Decimal(text)) for text in set(chunk["UnitPrice"])}
        yield {name: pd.Categorical(chunk[name]) for name in TEXTS} | {
            "Quantity": chunk["Quantity"].astype("int64"),
            "price": chunk["UnitPrice"].map(prices).astype("int64"),
        }


def _mapped(column: pd.Series[Any], change: Callable[[str], str]) -> pd.Categorical:
    """The column with every distinct text changed; texts that become equal become one category."""
    changed = [change(text) for text in column.cat.categories]
    distinct = pd.CategoricalDtype(sorted(set(changed)))
    place = {text: at for at, text in enumerate(distinct.categories)}
    codes = np.array([place[text] for text in changed])[column.cat.codes.to_numpy()]
    return pd.Categorical.from_codes(codes, dtype=distinct)
