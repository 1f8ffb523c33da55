"""The demo company as files: one csv per kind of import, in import order. Equal companies give equal bytes."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from math import sqrt
from pathlib import Path
from random import Random

from planning.months import Month, first_day, last_day
from planning.sales_types import SalesType
from seed.demo_company import YEARLY_PRICE_RISE, DemoCompany, DemoLine, rep_address
from services.import_kinds.tables import ImportKind

CURRENCY = "EUR"
SOURCE = "erp"
"""The system that the company writes its invoices with."""

Row = Sequence[object]

TITLES: Mapping[ImportKind, tuple[str, ...]] = {
    ImportKind.CUSTOMERS: ("customer_code", "name", "region", "group", "country", "currency"),
    ImportKind.PRODUCTS: (
        *("item_code", "name", "category", "unit"),
        *("list_price", "list_price_currency", "standard_cost", "launch_month"),
    ),
    ImportKind.ASSIGNMENTS: ("email", "customer_code", "valid_from"),
    ImportKind.MATRIX: ("customer_code", "item_code", "valid_from", "valid_to"),
    ImportKind.PRICES: ("customer_code", "item_code", "price", "currency", "valid_from", "valid_to"),
    ImportKind.SALES: (
        *("invoice", "item_code", "line_number", "customer_code", "invoice_date"),
        *("quantity", "unit_price", "line_type", "source"),
    ),
}


def write_tables(company: DemoCompany, directory: Path, domain: str) -> dict[ImportKind, int]:
    """Write `<kind>.csv` for every kind; returns how many rows each has."""
    rows: Mapping[ImportKind, Iterator[Row]] = {
        ImportKind.CUSTOMERS: _customers(company),
        ImportKind.PRODUCTS: _products(company),
        ImportKind.ASSIGNMENTS: _assignments(company, domain),
        ImportKind.MATRIX: _matrix(company),
        ImportKind.PRICES: _prices(company),
        ImportKind.SALES: sales(company),
    }
    counts = {}
    for kind, titles in TITLES.items():
        with (directory / f"{kind}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(titles)
            counts[kind] = 0
            for row in rows[kind]:
                writer.writerow(row)
                counts[kind] += 1
    return counts


def sales(company: DemoCompany) -> Iterator[Row]:
    """The invoice lines of the whole history, customer by customer and month by month."""
    of_customer: dict[str, list[DemoLine]] = defaultdict(list)
    for line in company.lines:
        of_customer[line.customer.code].append(line)
    for code, lines in of_customer.items():
        chance = company.chance_for("sales", code)
        for index, month in enumerate(company.months):
            yield from _month_of_customer(company, chance, lines, index, month)


def _month_of_customer(
    company: DemoCompany, chance: Random, lines: Sequence[DemoLine], index: int, month: Month
) -> Iterator[Row]:
    ordered = [(line, _quantity(chance, company.expected(line, index), line)) for line in lines]
    ordered = [(line, quantity) for line, quantity in ordered if quantity > 0]
    if not ordered:
        return
    code = lines[0].customer.code
    days = _invoice_days(chance, month, len(ordered))
    positions = [0] * len(days)
    for line, quantity in ordered:
        which = chance.randrange(len(days))
        positions[which] += 1
        invoice = f"{month[2:4]}{month[5:]}-{code[1:]}-{which + 1}"
        paid = _euros(company.paid_cents(line, month))
        head = (line.product.code, positions[which], code, days[which].isoformat())
        yield (invoice, *head, quantity, paid, SalesType.SALE, SOURCE)
        fate = chance.random()
        if fate < 0.006:
            back = _euros(company.paid_cents(line, month))
            yield (f"R{invoice}", *head, -max(1, quantity // 10), back, SalesType.RETURN, SOURCE)
        elif fate > 0.997:
            yield (f"F{invoice}", *head, max(1, quantity // 20), "0", SalesType.FREE_GOODS, SOURCE)


def _quantity(chance: Random, mean: float, line: DemoLine) -> int:
    """Whole units around the mean: rounded by chance, so that small customers order now and then."""
    if mean <= 0 or (line.chance < 1 and chance.random() > line.chance):
        return 0
    noise = line.noise if line.chance == 1 else line.noise + 0.3
    # The middle of a lognormal lies below its mean by half the square of its sigma.
    demand = mean / line.chance * chance.lognormvariate(-noise * noise / 2, noise)
    return int(demand + chance.random())


def _invoice_days(chance: Random, month: Month, lines: int) -> list[date]:
    count = min(4, 1 + int(sqrt(lines) * chance.uniform(0.3, 1.0)))
    span = last_day(month).day
    return [first_day(month) + timedelta(days=day) for day in sorted(chance.sample(range(span), count))]


def _customers(company: DemoCompany) -> Iterator[Row]:
    for one in company.customers:
        yield one.code, one.name, one.region, one.group, one.country, CURRENCY


def _products(company: DemoCompany) -> Iterator[Row]:
    for one in company.products:
        price = _euros(one.cents) if one.has_list_price else ""
        launch = "" if one.launch is None else company.month_at(one.launch)
        yield one.code, one.name, one.category.name, "EA", price, CURRENCY, _euros(one.cost_cents), launch


def _assignments(company: DemoCompany, domain: str) -> Iterator[Row]:
    since = first_day(company.months[0]).isoformat()
    for one in company.customers:
        yield rep_address(one.rep, domain), one.code, since


def _matrix(company: DemoCompany) -> Iterator[Row]:
    for line in company.lines:
        launch, last = line.product.launch, line.last
        since = "" if launch is None else first_day(company.month_at(launch)).isoformat()
        until = "" if last is None else last_day(company.month_at(last)).isoformat()
        if not (launch is not None and last is not None and launch > last):
            yield line.customer.code, line.product.code, since, until


def _prices(company: DemoCompany) -> Iterator[Row]:
    """Agreed prices: those of last year, which ran out, and those of this year."""
    this_year = company.reference_month[:4]
    begin = first_day(company.months[0])
    for line in company.lines:
        if line.discount is None:
            continue
        head = (line.customer.code, line.product.code)
        now = company.paid_cents(line, company.reference_month)
        before = max(1, round(now / (1 + YEARLY_PRICE_RISE)))
        yield *head, _euros(before), CURRENCY, begin.isoformat(), f"{int(this_year) - 1}-12-31"
        yield *head, _euros(now), CURRENCY, f"{this_year}-01-01", ""


def _euros(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"
