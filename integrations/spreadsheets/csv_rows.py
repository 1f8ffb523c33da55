"""Rows of a delimited text: encoding and delimiter are found out, every value stays text."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

from core.errors import InvalidInput
from integrations.spreadsheets.frames import Row
from integrations.spreadsheets.limits import ReadLimits

_DELIMITERS = (",", ";", "\t", "|")
_SAMPLE_CHARS = 65_536
_SAMPLE_RECORDS = 50
_CHUNK = 1024 * 1024


def csv_rows(path: Path, limits: ReadLimits) -> Iterator[Row]:
    """(row number, cells, characters) of every record, blank ones too; a quoted line break does not start a new row.

    Encoding: byte order mark, else UTF-8, else UTF-16 by its zeros, else Windows-1252. Raises InvalidInput.
    """
    encoding = _encoding(path)
    csv.field_size_limit(limits.cell_chars)
    with path.open("r", encoding=encoding, newline="", buffering=_CHUNK) as text:
        sample = text.read(_SAMPLE_CHARS)
        text.seek(0)
        stated = re.match(r"\ufeff?sep=(.)(?:\r\n|\r|\n)", sample)
        if stated:
            text.readline()
        delimiter = stated.group(1) if stated else _delimiter(sample)
        reader = csv.reader(text, delimiter=delimiter)
        number = 0
        try:
            for number, cells in enumerate(reader, start=1):
                yield number, cells, sum(map(len, cells))
        except csv.Error as error:
            raise InvalidInput(
                f"Row {number + 1} cannot be read: a cell holds more than {limits.cell_chars:,} characters; "
                "look for a quotation mark that is not closed."
            ) from error
        except UnicodeDecodeError as error:
            raise InvalidInput(_UNREADABLE) from error


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
    """The candidate under which most of the first records are as wide as the first; wider wins a tie."""
    complete = sample.rpartition("\n")[0] or sample
    best, best_score = ",", (0, 1)
    for candidate in _DELIMITERS:
        widths: list[int] = []
        try:
            for record in csv.reader(io.StringIO(complete, newline=""), delimiter=candidate):
                if record:
                    widths.append(len(record))
                if len(widths) == _SAMPLE_RECORDS:
                    break
        except csv.Error:
            continue
        if widths and widths[0] > 1:
            score = (sum(width == widths[0] for width in widths), widths[0])
            if score > best_score:
                best, best_score = candidate, score
    return best
