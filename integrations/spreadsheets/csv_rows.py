"""Rows of a delimited text: encoding and delimiter are found out, every value stays text."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TextIO

from core.errors import InvalidInput
from core.text import unguarded
from integrations.spreadsheets.frames import Row
from integrations.spreadsheets.limits import ReadLimits

_DELIMITERS = (",", ";", "\t", "|", "^", "~", "\x1f")
_SAMPLE_CHARS = 65_536
_SAMPLE_RECORDS = 50
_CHUNK = 1024 * 1024


class CsvTable:
    """A csv as a workbook with one sheet without a name.

    Encoding: byte order mark, else UTF-8, else UTF-16 by its zeros, else Windows-1252. Delimiter: what a first line
    `sep=;` says, else the one that cuts most lines into the same number of cells. Raises InvalidInput.
    """

    from_1904 = False

    def __init__(self, path: Path, limits: ReadLimits) -> None:
        self.path = path
        self.limits = limits
        self.encoding = _encoding(path)
        csv.field_size_limit(limits.cell_chars)
        with self._open() as text:
            sample = text.read(_SAMPLE_CHARS)
        stated = re.match(r"\ufeff?sep=(.)(?:\r\n|\r|\n)", sample)
        self.stated = stated is not None
        self.delimiter = stated.group(1) if stated else _delimiter(sample)
        self.has_apostrophes = _holds(path, b"'")

    def __enter__(self) -> CsvTable:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing stays open between the readings."""

    def sheets(self) -> list[tuple[int, str]]:
        """The only one."""
        return [(1, "")]

    def top(self, sheet: int) -> Iterator[Row]:
        return self.rows(sheet)

    def rows(self, sheet: int) -> Iterator[Row]:
        """(row number, cells, characters) of every record, blank ones too; a quoted line break starts no new row."""
        number = 0
        with self._open() as text:
            if self.stated:
                text.readline()
            # Excel counts the line that states the delimiter as little as we do: it does not show it.
            reader = csv.reader(text, delimiter=self.delimiter)
            try:
                for number, cells in enumerate(reader, start=1):
                    if self.has_apostrophes:
                        cells = [unguarded(cell) if cell[:1] == "'" else cell for cell in cells]
                    yield number, cells, sum(map(len, cells))
            except csv.Error as error:
                raise InvalidInput(
                    f"Row {number + 1} cannot be read: a cell holds more than {self.limits.cell_chars:,} characters; "
                    "look for a quotation mark that is not closed."
                ) from error
            except UnicodeDecodeError as error:
                raise InvalidInput(_UNREADABLE) from error

    def _open(self) -> TextIO:
        return self.path.open("r", encoding=self.encoding, newline="", buffering=_CHUNK)


_UNREADABLE = "The text is in none of the encodings UTF-8, UTF-16 and Windows-1252; save it as 'CSV UTF-8'."


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(4096)
        if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        if head.startswith(codecs.BOM_UTF8):
            return "utf-8-sig"
        even, odd = head[0::2].count(0), head[1::2].count(0)
        if min(even, odd) == 0 and max(even, odd) >= max(len(head) // 4, 1):
            return "utf-16-be" if even else "utf-16-le"
        file.seek(0)
        for encoding in ("utf-8", "cp1252"):
            if _decodes(file, encoding):
                return encoding
    raise InvalidInput(_UNREADABLE)


def _holds(path: Path, byte: bytes) -> bool:
    with path.open("rb") as file:
        return any(byte in chunk for chunk in iter(lambda: file.read(_CHUNK), b""))


def _decodes(file: io.BufferedReader, encoding: str) -> bool:
    file.seek(0)
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    try:
        while chunk := file.read(_CHUNK):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _delimiter(sample: str) -> str:
    """The candidate that cuts most of the first records into the same number of cells, at least two; wider wins a tie.

    Titles and notes above a table are records of other widths, so the first record decides nothing.
    """
    complete = sample.rpartition("\n")[0] or sample
    best, best_score = ",", (0, 1)
    for candidate in _DELIMITERS:
        if candidate not in complete:
            continue
        try:
            records = csv.reader(io.StringIO(complete, newline=""), delimiter=candidate)
            widths = Counter(len(record) for record in islice(records, _SAMPLE_RECORDS) if len(record) > 1)
        except csv.Error:
            continue
        score = max(((count, width) for width, count in widths.items()), default=(0, 0))
        if score > best_score:
            best, best_score = candidate, score
    return best
