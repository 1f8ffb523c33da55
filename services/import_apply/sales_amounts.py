"""Net revenue of imported lines, and the numbers that their types may have; column by column."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from core.errors import InvalidInput
from planning.net_revenue import SaidAmounts, net_revenue
from planning.numbers import value_of
from planning.sales_types import SalesType, line_problems
from services.import_kinds.validation import RowError, ValidBatch

ErrorOf = Callable[[int, str, object, str], RowError]
AMOUNTS = ("net_revenue", "gross_amount", "unit_price", "discount", "tax", "freight")


def with_revenue(batch: ValidBatch, error_of: ErrorOf) -> tuple[ValidBatch, list[RowError]]:
    """The batch with `net_revenue` filled as `planning.net_revenue` says, without the rows where it can't be."""
    given = batch.columns.get("net_revenue")
    if given is not None and None not in given:
        return batch, []
    errors: list[RowError] = []
    revenue: list[int | None] = []
    nothing: list[Any] = [None] * len(batch.rows)
    amounts = zip(*(batch.columns.get(name, nothing) for name in AMOUNTS), strict=True)
    types, quantities = batch.columns["line_type"], batch.columns["quantity"]
    for row, line_type, quantity, said in zip(batch.rows, types, quantities, amounts, strict=True):
        try:
            revenue.append(_net(line_type, quantity, said))
        except InvalidInput as refused:
            revenue.append(None)
            errors += [error_of(row, _column(batch, one.field), "", one.message) for one in refused.details]
    return replace(batch, columns={**batch.columns, "net_revenue": revenue}).without(errors), errors


def _column(batch: ValidBatch, field: str) -> str:
    """The column that is told to be wrong: of amounts one that the file has."""
    return field if field in batch.columns else next(name for name in AMOUNTS if name in batch.columns)


def _net(line_type: str, quantity: int, said: tuple[int | None, ...]) -> int:
    stated, total, price, discount, *_ = said
    if line_type == SalesType.SALE and price is not None and stated is total is discount is None:
        try:
            return value_of(quantity, price)  # nearly every row of nearly every file
        except InvalidInput:
            pass
    return net_revenue(SalesType(line_type), quantity, SaidAmounts(*said))


def with_fitting_numbers(batch: ValidBatch, error_of: ErrorOf) -> tuple[ValidBatch, list[RowError]]:
    """The batch without lines whose numbers their type can't have: lines are plain sums, so these would count wrong."""
    columns = batch.columns
    lines = zip(batch.rows, columns["line_type"], columns["quantity"], columns["net_revenue"], strict=True)
    errors = [
        error_of(row, field, "", expected)
        for row, line_type, quantity, revenue in lines
        for field, expected in line_problems(SalesType(line_type), quantity, revenue)
    ]
    return batch.without(errors), errors
