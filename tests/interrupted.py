"""Work that ends in the middle, inside the process of a test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


class Killed(BaseException):
    """Stands for the end of the process at this place."""


@dataclass
class Rows:
    """A batch as the reader gives it."""

    header: list[str]
    rows: list[int]
    columns: Sequence[Sequence[Any]]
    overlong: list[int]
