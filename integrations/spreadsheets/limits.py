"""How much of a spreadsheet is read, and what the process that reads it may use."""

from __future__ import annotations

from dataclasses import dataclass

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """`rows` counts data rows that are not blank; characters are counted after unpacking; times are seconds.

    `preview_rows` rows that are not blank are shown of the tops of at most `preview_sheets` sheets.

    `wait_seconds` is the longest that the reader may take from one batch to the next; a slow consumer does not count.
    """

    rows: int = 1_000_000
    preview_rows: int = 30
    preview_sheets: int = 20
    columns: int = 256
    cell_chars: int = 32_767
    row_chars: int = 1_000_000
    text_chars: int = 100_000_000
    shared_texts: int = 1_000_000
    shared_chars: int = 64_000_000
    merged_cells: int = 5_000_000
    batch_rows: int = 10_000
    batch_chars: int = 4_000_000
    memory_bytes: int = 190 * MEBIBYTE
    cpu_seconds: int = 120
    wait_seconds: float = 30.0
