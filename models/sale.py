"""Actuals: sales lines, the months they are complete in, and the rollups that reports read.

Numbers are scaled integers: quantity 1/1000, money 1/10000, prices 1/10^8. Sales lines and rollups have ids made of
their natural keys, so that a second write of the same thing is the same document.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from pymongo import IndexModel

from core.documents import TenantDocument

FROM_FILES = "file"
"""The source of lines whose file names none."""


BY_DAY = (("invoice_date", 1), ("_id", 1))
LIST_FILTERS = ("product_id", "month", "import_id", "invoice", "source", "line_type")
"""The fields besides the customer by which lists of lines are filtered."""


class SaleLine(TenantDocument):
    """One line of an invoice. `_id` is made of tenant, invoice, item and line number, case-folded (`models.keys`), as
    its source names them: it stays whatever is corrected.

    `month` follows from the date that the company's `actuals_basis` names, or from the invoice date where the line does
    not have that one; `dated_by` says which it was. `net_revenue` and `unit_cost` are in the company's base currency.
    `unit_price` is in the line's own `currency`; where that is another one, `original_revenue` is what the source says
    and `fx_rate` what it was converted at.
    """

    invoice: str
    line_number: int
    customer_id: UUID
    product_id: UUID
    invoice_date: str
    order_date: str | None = None
    requested_date: str | None = None
    shipped_date: str | None = None
    month: str
    dated_by: str = "invoice_date"
    line_type: str
    quantity: int
    unit_price: int | None = None
    unit_cost: int | None = None
    """What one unit cost, where the source says so; otherwise the product's cost of the month counts."""
    cost: int | None = None
    """Quantity x unit cost as scaled money, where the line says it and counts as cost."""
    net_revenue: int
    currency: str
    original_revenue: int | None = None
    fx_rate: int | None = None
    source: str = FROM_FILES
    """The system that the line came from (`core.text.source_key`)."""
    import_id: UUID | None = None
    corrected_at: datetime | None = None
    """When a person corrected it by hand: an import that repeats what it said before does not undo that."""
    imported: dict[str, Any] | None = None
    """What the source said of the corrected fields, to notice when the source itself changes."""
    rev: int = 1

    class Settings:
        name = "sales"
        indexes = [
            # Totals of a month by source are read from the index alone.
            IndexModel(
                [("tenant_id", 1), ("month", 1), ("source", 1), ("line_type", 1), ("net_revenue", 1)],
                name="tenant_month_source",
            ),
            # Lists are sorted by day. What else somebody may ask for, or may see, is left out before lines are fetched.
            IndexModel(
                [("tenant_id", 1), *BY_DAY, ("customer_id", 1), ("product_id", 1), ("line_type", 1), ("source", 1)],
                name="tenant_day",
            ),
            *(
                IndexModel([("tenant_id", 1), (name, 1), *BY_DAY, *also], name=f"tenant_{name}_day")
                for name, also in (
                    ("customer_id", [("product_id", 1), ("month", 1), ("line_type", 1), ("source", 1)]),
                    *((one, [("customer_id", 1)]) for one in LIST_FILTERS),
                )
            ),
        ]


class SalesRollup(TenantDocument):
    """Demand, net revenue and cost of customer x product x month. `_id` = {t, c, p, m}; `claim` orders recomputations.

    `cost` sums the lines that say what they cost. `uncosted` is the quantity of goods whose lines do not, and
    `uncosted_revenue` and `uncosted_lines` are the revenue and the number of these lines: what they cost follows when
    it is read, from the cost of their month, so that another standard cost changes no rollup.
    """

    id: dict[str, Any]  # type: ignore[assignment]
    customer_id: UUID
    product_id: UUID
    month: str
    quantity: int
    revenue: int
    cost: int = 0
    uncosted: int = 0
    uncosted_revenue: int = 0
    uncosted_lines: int = 0
    lines: int
    claim: int

    class Settings:
        name = "sales_rollups"
        indexes = [
            IndexModel([("tenant_id", 1), ("customer_id", 1), ("month", 1)], name="tenant_customer_month"),
            IndexModel([("tenant_id", 1), ("month", 1)], name="tenant_month"),
            IndexModel([("tenant_id", 1), ("product_id", 1)], name="tenant_product"),
        ]


class OrderRollup(TenantDocument):
    """Distinct invoices of customer x month. `_id` = {t, c, m}."""

    id: dict[str, Any]  # type: ignore[assignment]
    customer_id: UUID
    month: str
    orders: int
    claim: int

    class Settings:
        name = "order_rollups"
        indexes = [IndexModel([("tenant_id", 1), ("customer_id", 1), ("month", 1)], name="tenant_customer_month")]


class RollupState(TenantDocument):
    """A customer's rollups: dirty while `marks` > `done`. Writers mark before and after; a recomputation claims."""

    customer_id: UUID
    marks: int = 0
    done: int = 0
    claim: int = 0
    dirty: bool = True

    class Settings:
        name = "rollup_states"
        indexes = [
            IndexModel([("tenant_id", 1), ("customer_id", 1)], unique=True, name="tenant_customer"),
            IndexModel([("tenant_id", 1), ("dirty", 1)], name="tenant_dirty"),
        ]


COUNTS_AS_COMPLETE: dict[str, Any] = {"status": {"$in": ["complete", "restated"]}}
"""The query for months whose actuals are all there."""


class ControlTotal(BaseModel):
    """What finance says a source holds for a month: scaled money, and rows where they count them."""

    model_config = ConfigDict(extra="forbid")

    source: str
    revenue: int
    rows: int | None = None
    entered_by: UUID | None = None
    entered_at: datetime


class UnitTotal(BaseModel):
    """Demand in one unit of measure, scaled."""

    model_config = ConfigDict(extra="forbid")

    unit: str
    quantity: int


class MonthTotals(BaseModel):
    """What is posted in a month: lines, net revenue (scaled money) and demand by unit."""

    model_config = ConfigDict(extra="forbid")

    rows: int = 0
    revenue: int = 0
    quantities: list[UnitTotal] = Field(default_factory=list)


class MonthStatus(TenantDocument):
    """A month's actuals: `open` (also when there is no document), `complete` or `restated`."""

    month: str
    status: str
    completed_at: datetime | None = None
    completed_by: UUID | None = None
    restated_at: datetime | None = None
    """When it last became `restated`."""
    totals: MonthTotals | None = None
    """What was posted when it last became complete: what a restated month is held against."""
    control_totals: list[ControlTotal] = Field(default_factory=list)
    rev: int = 1

    class Settings:
        name = "months"
        indexes = [IndexModel([("tenant_id", 1), ("month", 1)], unique=True, name="tenant_month")]
