"""Loading the Online Retail file: its rows are classed, and what is accepted goes the way of every other import.

A csv per kind is written, accepted as an import job and run in this process with the code of the worker.
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from uuid import UUID

from core.collections import scoped
from core.context import tenant_scope
from core.errors import InvalidInput
from models.sale import SaleLine
from models.tenant import Tenant
from planning.numbers import MONEY, PRICE
from seed.importing import Step, import_table, refresh_rollups
from seed.retail_classes import ACCEPTED, CURRENCY, ClassTotal, read, totals
from seed.retail_tables import tables
from services import tenants
from services.import_kinds.tables import ImportKind

TENANT_NAME = "Online Retail"
LAST_COMPLETE_MONTH = "2011-11"
"""December 2011 has nine days in the file."""


@dataclass(slots=True)
class Report:
    """What a load did. Amounts in pounds, seconds by step; memory is this process's peak."""

    classes: Mapping[str, ClassTotal]
    expected_revenue: Decimal
    stored_revenue: Decimal = Decimal(0)
    imported: dict[str, dict[str, int]] = field(default_factory=dict)
    rollups: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    peak_megabytes: float = 0.0

    @asynccontextmanager
    async def timed(self, step: str) -> AsyncIterator[None]:
        """Take the time of a step."""
        begin = time.perf_counter()
        yield
        self.seconds[step] = time.perf_counter() - begin


async def load(path: Path, slug: str, tell: Step = lambda *_: None) -> Report:
    """Load the file into the company with this short name, which is made (in pounds) when there is none.

    Loading again changes nothing. Raises InvalidInput for another file, and for a company in another currency.
    """
    begin = time.perf_counter()
    tell("reading the file", 0, None)
    with tempfile.TemporaryDirectory(prefix="planwright-retail-") as directory:
        report, counts = _prepare(path, Path(directory), slug)
        report.seconds["reading and classing"] = time.perf_counter() - begin
        with tenant_scope(await _tenant(slug)):
            for kind, rows in counts.items():
                until = LAST_COMPLETE_MONTH if kind is ImportKind.SALES else None
                file = Path(directory) / f"{kind}.csv"
                async with report.timed(str(kind)):
                    report.imported[str(kind)] = await import_table(kind, file, rows, tell, complete_until=until)
            async with report.timed("rollups"):
                report.rollups = await refresh_rollups(tell)
            report.stored_revenue = await stored_revenue()
    report.peak_megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    return report


async def load_masters(path: Path, slug: str) -> None:
    """Customers and products of the file into the company in context: what its sales refer to."""
    with tempfile.TemporaryDirectory(prefix="planwright-retail-") as directory:
        _, counts = _prepare(path, Path(directory), slug)
        for kind in (ImportKind.CUSTOMERS, ImportKind.PRODUCTS):
            await import_table(kind, Path(directory) / f"{kind}.csv", counts[kind], lambda *_: None)


async def stored_revenue() -> Decimal:
    """The revenue of all sales lines of the tenant in context, summed by the database."""
    pipeline = [{"$group": {"_id": None, "revenue": {"$sum": "$net_revenue"}}}]
    found = [row async for row in scoped(SaleLine).aggregate(pipeline)]
    return MONEY.to_decimal(found[0]["revenue"]) if found else Decimal(0)


async def _tenant(slug: str) -> UUID:
    row = await scoped(Tenant).row({"slug": slug}, {"base_currency": 1})
    if row is None:
        return (await tenants.create_tenant(slug, TENANT_NAME, base_currency=CURRENCY)).id
    if row["base_currency"] != CURRENCY:
        raise InvalidInput(f"The file is in {CURRENCY} and the company {slug!r} plans in {row['base_currency']}.")
    found: UUID = row["_id"]
    return found


def _prepare(path: Path, directory: Path, slug: str) -> tuple[Report, dict[ImportKind, int]]:
    """Class the rows and write the canonical files; the frames are gone afterwards."""
    rows = read(path)
    accepted = rows[rows["row_class"].isin(ACCEPTED)]
    report = Report(totals(rows), PRICE.to_decimal(int(accepted["amount"].sum())))
    counts = {}
    for kind, table in tables(accepted, slug):
        table.to_csv(directory / f"{kind}.csv", index=False, lineterminator="\n")
        counts[kind] = len(table)
    return report, counts
