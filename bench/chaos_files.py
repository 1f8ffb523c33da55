"""Files of sales for a chaos run, with what their import must make of them."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from bench.chaos_company import HISTORY
from bench.chaos_ledger import Row, Upload

HEADER = "invoice,line_number,item_code,customer_code,invoice_date,quantity,net_revenue,line_type"
ROWS = (3_000, 12_000)
KINDS = ("sale",) * 17 + ("return", "rebate", "free_goods")


class SalesFiles:
    """Gives one file after the other: new invoices; or an earlier file again, some of its rows changed.

    A few rows of each name a customer that does not exist. The files must be imported in this order, each to its end.
    """

    def __init__(self, chance: Random, customers: Sequence[str], items: Sequence[str]) -> None:
        self._chance, self._customers, self._items = chance, customers, items
        self._number = 0
        self._earlier: list[Upload] = []
        self.expected: dict[tuple[str, str, int], Row] = {}

    def next(self) -> tuple[Upload, bytes]:
        """The next file, and its bytes."""
        self._number += 1
        if self._earlier and self._chance.random() < 0.35:
            rows, updated = self._changed(self._chance.choice(self._earlier))
            inserted = 0
        else:
            rows, updated = self._fresh(), 0
            inserted = len(rows)
        bad = self._chance.randint(0, 20)
        counts = {
            "rows": len(rows) + bad,
            "inserted": inserted,
            "updated": updated,
            "unchanged": len(rows) - inserted - updated,
            "rejected": bad,
        }
        by_key = {(row.invoice, row.item, row.line): row for row in rows}
        upload = Upload(f"sales-{self._number:03}.csv", by_key, counts)
        if inserted:
            self._earlier.append(upload)
        self.expected.update(by_key)
        wrong = [f"W{self._number}-{at},1,I1,NOBODY,2025-06-01,1,1.00,sale" for at in range(bad)]
        lines = [_line(row) for row in rows] + wrong
        self._chance.shuffle(lines)
        return upload, "\n".join([HEADER, *lines, ""]).encode()

    def _fresh(self) -> list[Row]:
        rows: list[Row] = []
        wanted = self._chance.randint(*ROWS)
        while len(rows) < wanted:
            invoice = f"F{self._number}-{len(rows)}"
            customer = self._chance.choice(self._customers)
            day = f"{self._chance.choice(HISTORY)}-{self._chance.randint(1, 28):02}"
            for line in range(1, self._chance.randint(2, 9)):
                rows.append(self._row(invoice, self._chance.choice(self._items), line, customer, day))
        return rows

    def _changed(self, upload: Upload) -> tuple[list[Row], int]:
        rows: list[Row] = []
        updated = 0
        for key in upload.rows:
            row = self.expected[key]
            if self._chance.random() < 0.2:
                row = self._row(row.invoice, row.item, row.line, row.customer, row.day)
                updated += row != self.expected[key]
            rows.append(row)
        return rows, updated

    def _row(self, invoice: str, item: str, line: int, customer: str, day: str) -> Row:
        kind = self._chance.choice(KINDS)
        sign = -1 if kind in ("return", "rebate") else 1
        quantity, cents = self._chance.randint(1, 500), self._chance.randint(1, 1_000_000)
        cents = 0 if kind == "free_goods" else cents
        return Row(invoice, item, line, customer, day, sign * quantity * 1000, sign * cents * 100, kind)


def _line(row: Row) -> str:
    return (
        f"{row.invoice},{row.line},{row.item},{row.customer},{row.day},"
        f"{row.quantity // 1000},{row.revenue / 10_000:.2f},{row.kind}"
    )
