"""The process that opens files from outside: `python -m integrations.spreadsheets.reader KIND PATH SKIP LIMITS`.

It limits itself before it opens the file, writes frames to its standard output, and holds nothing worth stealing: no
settings, no database, no network, an empty environment. Its death is an answer too; the parent turns it into a refusal.
"""

from __future__ import annotations

import os
import re
import resource
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from core.errors import InvalidInput, PayloadTooLarge, PlanwrightError
from integrations.spreadsheets.csv_rows import csv_rows
from integrations.spreadsheets.frames import Cell, Row, batch_frame, write_frame
from integrations.spreadsheets.limits import ReadLimits
from integrations.spreadsheets.xlsx_rows import xlsx_rows

EXIT_MEMORY = 3
_BATCH_CELLS = 200_000


def limit_process(limits: ReadLimits) -> None:
    """Bound this process for good: address space, processor time, no core dump, no file to write."""
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_seconds, limits.cpu_seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def frames(rows: Iterable[Row], limits: ReadLimits, skip_rows: int) -> Iterator[dict[str, Any]]:
    """The header's frame, a frame per batch, the end's frame."""
    filled = (row for row in rows if not _is_blank(row[1]))
    header = _header(next(filled, None), limits)
    yield {"header": header}
    collector = _Collector(len(header), limits)
    count = 0
    for number, cells, chars in filled:
        count += 1
        if count > limits.rows:
            raise PayloadTooLarge(f"The table has more than {limits.rows:,} rows; split it.")
        if count <= skip_rows:
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


def _header(first: Row | None, limits: ReadLimits) -> list[str]:
    if first is None:
        raise InvalidInput("The file holds no table: every row is blank.")
    names = ["" if cell is None else str(cell).strip() for cell in first[1]]
    while names and not names[-1]:
        names.pop()
    if len(names) > limits.columns:
        raise PayloadTooLarge(f"The table has more than {limits.columns} columns.")
    if any(len(name) > 255 for name in names):
        raise InvalidInput("A column title is longer than 255 characters; the header must be the first row.")
    return names


class _Collector:
    """Rows of one batch."""

    def __init__(self, width: int, limits: ReadLimits) -> None:
        self.width = width
        self.limits = limits
        self.padding: list[Cell] = [None] * width
        # Short texts are not weighed one by one, so wide tables get fewer rows per batch.
        self.batch_rows = max(1, min(limits.batch_rows, _BATCH_CELLS // max(width, 1)))
        self.total_chars = 0
        self._clear()

    def _clear(self) -> None:
        self.numbers: list[int] = []
        self.rows: list[Sequence[Cell]] = []
        self.overlong: list[int] = []
        self.chars = 0

    def add(self, number: int, cells: Sequence[Cell], chars: int) -> bool:
        """Take a row; True when the batch is full."""
        if len(cells) != self.width:
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
        frame = batch_frame(self.numbers, list(zip(*self.rows, strict=True)), self.overlong)
        self._clear()
        return frame


def run(kind: str, path: Path, skip_rows: int, limits: ReadLimits, out: BinaryIO) -> None:
    """Write the file's frames, or the refusal."""
    try:
        rows = csv_rows(path, limits) if kind == "csv" else xlsx_rows(path, limits)
        for frame in frames(rows, limits, skip_rows):
            write_frame(out, frame)
    except PlanwrightError as refusal:
        write_frame(out, {"refused": {"code": refusal.code(), "message": refusal.message}, "peak_kib": peak_kib()})


def main(arguments: list[str]) -> int:
    kind, path, skip_rows, limits_json = arguments
    limits = ReadLimits(**orjson.loads(limits_json))
    limit_process(limits)
    try:
        run(kind, Path(path), int(skip_rows), limits, sys.stdout.buffer)
    except MemoryError:
        os._exit(EXIT_MEMORY)
    except BrokenPipeError:
        os._exit(0)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
