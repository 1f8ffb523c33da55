"""The process that opens files from outside: `python -m integrations.spreadsheets.reader KIND PATH SHEET LIMITS`.

It limits itself before it opens the file, writes frames to its standard output, and holds nothing worth stealing: no
settings, no database, no network, an empty environment. Its death is an answer too; the parent turns it into a refusal.

It knows no kinds of tables. First it shows the top of every sheet that may be meant; the parent answers on standard
input with one line: the sheet, the row behind which the table begins, and how wide it is. Then come the batches.
"""

from __future__ import annotations

import os
import re
import resource
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from core.errors import PayloadTooLarge, PlanwrightError
from integrations.spreadsheets.csv_rows import CsvTable
from integrations.spreadsheets.frames import Cell, Row, batch_frame, write_frame
from integrations.spreadsheets.limits import ReadLimits
from integrations.spreadsheets.xlsx_rows import Workbook

EXIT_MEMORY = 3
_TITLE_CHARS = 256
_TOP_ROWS = 10_000
_WISH_BYTES = 4096
_BATCH_CELLS = 200_000


def limit_process(limits: ReadLimits) -> None:
    """Bound this process for good: address space, processor time, no core dump, no file to write."""
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_seconds, limits.cpu_seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


Tables = CsvTable | Workbook


@dataclass(frozen=True, slots=True)
class Wish:
    """What the parent wants: rows behind `after` of a sheet, as wide as `width`; 0 = each batch as wide as its rows."""

    sheet: int
    after: int
    width: int
    skip_rows: int = 0


def survey(tables: Tables, limits: ReadLimits) -> dict[str, Any]:
    """The first frame: the top of each sheet as texts. A sheet that can't be read says why."""
    return {
        "survey": {
            "sheets": [_top(tables, number, name, limits) for number, name in tables.sheets()],
            "delimiter": tables.delimiter,
            "from_1904": tables.from_1904,
        },
        "peak_kib": peak_kib(),
    }


def _top(tables: Tables, number: int, name: str, limits: ReadLimits) -> dict[str, Any]:
    top: dict[str, Any] = {"number": number, "name": name, "rows": [], "refused": None}
    try:
        filled = (row for row in islice(tables.top(number), _TOP_ROWS) if not _is_blank(row[1]))
        for at, cells, _ in islice(filled, limits.preview_rows):
            texts = list(map(_title, cells))
            while texts and not texts[-1]:
                texts.pop()
            if len(texts) > limits.columns:
                raise PayloadTooLarge(f"The table has more than {limits.columns} columns.")
            top["rows"].append([at, texts])
    except PlanwrightError as refusal:
        top["refused"] = _refused(refusal)
    return top


def _title(cell: Cell) -> str:
    """A cell as a title: on one line, and cut just behind what a title may hold."""
    if cell is None:
        return ""
    if isinstance(cell, date):
        return (cell.date() if isinstance(cell, datetime) else cell).isoformat()
    return " ".join(str(cell)[:2048].split())[:_TITLE_CHARS]


def frames(rows: Iterable[Row], limits: ReadLimits, wish: Wish) -> Iterator[dict[str, Any]]:
    """A frame per batch, the end's frame."""
    collector = _Collector(wish.width, limits)
    count = 0
    for number, cells, chars in rows:
        if number <= wish.after or _is_blank(cells):
            continue
        count += 1
        if count > limits.rows:
            raise PayloadTooLarge(f"The table has more than {limits.rows:,} rows; split it.")
        if count <= wish.skip_rows:
            continue
        if collector.add(number, cells, chars):
            yield collector.frame()
    if collector.numbers:
        yield collector.frame()
    yield {"end": {"rows": count}, "peak_kib": peak_kib()}


def peak_kib() -> int:
    """The most memory this process ever held, in KiB; 0 where the system does not say."""
    # ru_maxrss would count the parent's memory at the fork.
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    except OSError:
        return 0
    return int(found.group(1)) if found else 0


def _is_blank(cells: Sequence[Cell]) -> bool:
    for cell in cells:  # noqa: SIM110 - a generator would cost a frame per row
        if cell is not None and not (isinstance(cell, str) and not cell.strip()):
            return False
    return True


class _Collector:
    """Rows of one batch."""

    def __init__(self, width: int, limits: ReadLimits) -> None:
        self.width = width
        self.limits = limits
        self.padding: list[Cell] = [None] * width
        # Short texts are not weighed one by one, so wide tables get fewer rows per batch.
        self.batch_rows = max(1, min(limits.batch_rows, _BATCH_CELLS // (width or limits.columns)))
        self.total_chars = 0
        self._clear()

    def _clear(self) -> None:
        self.numbers: list[int] = []
        self.rows: list[Sequence[Cell]] = []
        self.overlong: list[int] = []
        self.chars = 0

    def add(self, number: int, cells: Sequence[Cell], chars: int) -> bool:
        """Take a row; True when the batch is full."""
        if self.width and len(cells) != self.width:
            if not _is_blank(cells[self.width :]):
                self.overlong.append(number)
            cells = [*cells, *self.padding][: self.width]
        if chars > self.limits.cell_chars:
            self._check_texts(number, cells, chars)
        self.numbers.append(number)
        self.rows.append(cells)
        self.chars += chars
        return len(self.rows) >= self.batch_rows or self.chars >= self.limits.batch_chars

    def _check_texts(self, number: int, cells: Sequence[Cell], chars: int) -> None:
        if chars > self.limits.row_chars or any(
            isinstance(cell, str) and len(cell) > self.limits.cell_chars for cell in cells
        ):
            raise PayloadTooLarge(f"Row {number} holds too much text; "
                                  f"a cell may hold {self.limits.cell_chars:,} characters.")  # fmt: skip

    def frame(self) -> dict[str, Any]:
        self.total_chars += self.chars
        if self.total_chars > self.limits.text_chars:
            raise PayloadTooLarge("The table holds too much text; split it.")
        columns = zip(*self.rows, strict=True) if self.width else zip_longest(*self.rows)
        frame = batch_frame(self.numbers, list(columns), self.overlong)
        self._clear()
        return frame


def run(kind: str, path: Path, sheet: str, limits: ReadLimits, out: BinaryIO, wishes: BinaryIO) -> None:
    """Write the file's frames, or the refusal. A parent that wants nothing has gone."""
    try:
        with CsvTable(path, limits) if kind == "csv" else Workbook(path, limits, sheet) as tables:
            write_frame(out, survey(tables, limits))
            line = wishes.readline(_WISH_BYTES)
            if line:
                wish = Wish(**orjson.loads(line))
                for frame in frames(tables.rows(wish.sheet), limits, wish):
                    write_frame(out, frame)
    except PlanwrightError as refusal:
        write_frame(out, {"refused": _refused(refusal), "peak_kib": peak_kib()})


def _refused(refusal: PlanwrightError) -> dict[str, str]:
    return {"code": refusal.code(), "message": refusal.message}


def main(arguments: list[str]) -> int:
    kind, path, sheet, limits_json = arguments
    limits = ReadLimits(**orjson.loads(limits_json))
    limit_process(limits)
    try:
        run(kind, Path(path), sheet, limits, sys.stdout.buffer, sys.stdin.buffer)
    except MemoryError:
        os._exit(EXIT_MEMORY)
    except BrokenPipeError:
        os._exit(0)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
