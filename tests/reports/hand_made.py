"""A small closed cycle whose report can be computed by hand.

Planned 2026-01 to 2026-04; January is complete, February restated, March sold in but incomplete, April to come.

    approved plan (quantity, value)  2026-01       2026-02      2026-03      2026-04
    A x P (EA)                       100, 200.00   100, 200.00  50, 100.00   50, 100.00
    A x Q (KG)                       10.5, 15.75   -            0, 0.00      -
    B x P (EA)                       40, no price  0, 0.00      30, no price -
    sold (quantity, revenue)
    A x P                            110, 220.00   80, 160.00   5, 10.00
    A x Q                                          4.25, 6.375
    B x P                            44, 88.00
    B x R (EA, never planned)        7, 21.00                   1, 3.00

Around it lies what must not count: other streams, another close, a month before the plan.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid4

from core.collections import scoped
from models.customer import Customer
from models.cycle import Cycle
from models.forecast import SnapshotCell, SnapshotMarker, SnapshotRow
from models.product import Product
from models.sale import MonthStatus
from planning.numbers import PRICE
from tests import factories

MONTHS = ("2026-01", "2026-02", "2026-03", "2026-04")
CLOSED_AT = datetime(2025, 12, 15, 17, tzinfo=UTC)
SHA256 = "ab" * 32

Cells = Mapping[str, tuple[int, int | None]]


@dataclass(frozen=True, slots=True)
class HandMade:
    """The things of the table."""

    cycle: Cycle
    a: Customer
    b: Customer
    p: Product
    q: Product
    r: Product


async def closed_cycle(name: str = "January 2026", *, currency: str = "EUR", closes: int = 1) -> Cycle:
    """A closed cycle of the four months; its first close is the graded one, every close has its marker."""
    cycle = Cycle(
        name=name,
        stage="closed",
        base_month="2025-12",
        start_month=MONTHS[0],
        horizon=len(MONTHS),
        months=list(MONTHS),
        mandatory_until=MONTHS[-1],
        entry_closes_at=CLOSED_AT,
        closes_at=CLOSED_AT,
        currency=currency,
        time_zone="Europe/London",
        close_number=closes,
        graded_close=1,
    )
    await scoped(Cycle).insert(cycle)
    for number in range(1, closes + 1):
        marker = SnapshotMarker(
            cycle_id=cycle.id,
            close_number=number,
            streams={"approved": 0},
            rows=0,
            sha256=SHA256,
            approved_by=None,
            approved_at=CLOSED_AT,
        )
        await scoped(SnapshotMarker).insert(marker)
    return cycle


async def planned(
    cycle: Cycle,
    customer: Customer,
    product: Product,
    cells: Cells,
    *,
    stream: str = "approved",
    close_number: int = 1,
    unit: str | None = None,
) -> UUID:
    """A snapshot row; `cells` holds quantity (1/1000) and value (1/10000) by month, other months are null."""
    nothing: tuple[None, None] = (None, None)
    row = SnapshotRow(
        id=uuid4(),
        cycle_id=cycle.id,
        close_number=close_number,
        stream=stream,
        customer_id=customer.id,
        product_id=product.id,
        unit=unit or product.unit,
        currency=cycle.currency,
        plan_rate=PRICE.factor,
        unit_factor=PRICE.factor,
        cells=[
            SnapshotCell(
                month=month,
                quantity=cells.get(month, nothing)[0],
                value=cells.get(month, nothing)[1],
                price=None,
                price_source="list",
                step="submitted",
            )
            for month in cycle.months
        ],
    )
    return (await scoped(SnapshotRow).insert(row)).id


async def make() -> HandMade:
    """Everything of the table, in the tenant in context."""
    cycle = await closed_cycle(closes=2)
    a, b = (
        await factories.make_customer("A", name="=HYPERLINK(1)"),
        await factories.make_customer("B", name="Bätä & Co"),
    )
    p = await factories.make_product("P", name="@Pump")
    q = await factories.make_product("Q", unit="KG")
    r = await factories.make_product("R", name="+Rarely")
    made = HandMade(cycle, a, b, p, q, r)
    await _plan(made)
    await _sell(made)
    await factories.complete("2025-12", "2026-01")
    await scoped(MonthStatus).insert(MonthStatus(month="2026-02", status="restated"))
    return made


async def _plan(made: HandMade) -> None:
    jan, feb, mar, apr = MONTHS
    a_p = {jan: (100_000, 2_000_000), feb: (100_000, 2_000_000), mar: (50_000, 1_000_000), apr: (50_000, 1_000_000)}
    await planned(made.cycle, made.a, made.p, a_p)
    await planned(made.cycle, made.a, made.q, {jan: (10_500, 157_500), mar: (0, 0)})
    await planned(made.cycle, made.b, made.p, {jan: (40_000, None), feb: (0, 0), mar: (30_000, None)})
    for stream in ("sales", "naive"):
        await planned(made.cycle, made.a, made.p, {jan: (999_000, 9_990_000)}, stream=stream)
    await planned(made.cycle, made.b, made.r, {jan: (5_000, 50_000)}, close_number=2)


async def _sell(made: HandMade) -> None:
    jan, feb, mar, _ = MONTHS
    await factories.sold(made.a, made.p, "2025-12", 77_000, 770_000)
    await factories.sold(made.a, made.p, jan, 110_000, 2_200_000)
    await factories.sold(made.a, made.p, feb, 80_000, 1_600_000)
    await factories.sold(made.a, made.p, mar, 5_000, 100_000)
    await factories.sold(made.a, made.q, feb, 4_250, 63_750)
    await factories.sold(made.b, made.p, jan, 44_000, 880_000)
    await factories.sold(made.b, made.r, jan, 7_000, 210_000)
    await factories.sold(made.b, made.r, mar, 1_000, 30_000)
