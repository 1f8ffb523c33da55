"""The outcome of loading the Online Retail file as tables for people."""

from __future__ import annotations

from decimal import Decimal

from rich.console import Console
from rich.table import Table

from seed.retail import Report


def print_report(console: Console, report: Report) -> None:
    """Rows and amounts by class with their sums, counts by kind, revenue, times and memory."""
    classes = Table("class", "rows", "amount GBP", title="Every row is in one class")
    for name, total in report.classes.items():
        classes.add_row(name, f"{total.rows:,}", _amount(total.amount))
    rows = sum(total.rows for total in report.classes.values())
    amount = sum((total.amount for total in report.classes.values()), Decimal(0))
    classes.add_section()
    classes.add_row("all", f"{rows:,}", _amount(amount))
    console.print(classes)

    kinds = Table("import", "inserted", "updated", "unchanged", "rejected", "seconds")
    for kind, counts in report.imported.items():
        kinds.add_row(kind, *(f"{count:,}" for count in counts.values()), f"{report.seconds[kind]:.1f}")
    console.print(kinds)

    same = "equals" if report.stored_revenue == report.expected_revenue else "DIFFERS FROM"
    console.print(
        f"stored revenue {_amount(report.stored_revenue)} {same} the file's {_amount(report.expected_revenue)}"
    )
    console.print(f"rollups of {report.rollups:,} customers computed in {report.seconds['rollups']:.1f} s")
    console.print(f"{sum(report.seconds.values()):.1f} s in all, peak memory {report.peak_megabytes:.0f} MB")


def _amount(amount: Decimal) -> str:
    """At least two decimals, and no more than it needs."""
    digits = max(2, -int(amount.normalize().as_tuple().exponent))
    return f"{amount:,.{digits}f}"
