"""How a file is taken: what happens to what stands already, and to a file with wrong rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Mode(StrEnum):
    """What a file does to what is stored: `upsert` adds and changes, `insert_only` adds, `replace_period` also removes
    what it does not name of its months."""

    UPSERT = "upsert"
    INSERT_ONLY = "insert_only"
    REPLACE_PERIOD = "replace_period"


class OnError(StrEnum):
    """What wrong rows do: they are left out, or the whole file is."""

    SKIP_ROWS = "skip_rows"
    REJECT_FILE = "reject_file"


@dataclass(frozen=True, slots=True)
class Problem:
    """Why something can't be asked: the sentence, and the field that it is about."""

    field: str
    message: str


_DATED = "its rows hold from a day on and belong to no period: end them with valid_to"
WITH_A_PERIOD = frozenset({"sales", "budget", "past-forecasts"})
"""The kinds whose rows belong to a month of something (a source, a version of a year, a stream of a cycle), so that a
file can stand for all of it."""
NO_PERIOD: Mapping[str, str] = MappingProxyType(
    {
        "users": "people belong to no period: delete those who left",
        "customers": "customers belong to no period: say status inactive",
        "products": "products belong to no period: take them out of use one by one",
        "forecasts": "what it does not name stays in the plan: write clear into cells to take back what stands there",
        "fx-rates": "a rate that is not named must not get lost: send the months again with mode upsert",
        **dict.fromkeys(("assignments", "matrix", "prices", "costs"), _DATED),
    }
)


def settled(mode: Mode, on_error: OnError | None) -> OnError:
    """What wrong rows do when nobody says it: a file that replaces a period is taken whole or not at all."""
    if on_error is not None:
        return on_error
    return OnError.REJECT_FILE if mode is Mode.REPLACE_PERIOD else OnError.SKIP_ROWS


def mode_problem(kind: str, mode: Mode, on_error: OnError | None) -> Problem | None:
    """Why a file of this kind can't be taken like this; None when it can."""
    if mode is not Mode.REPLACE_PERIOD:
        return None
    if kind not in WITH_A_PERIOD:
        return Problem("mode", f"can't be replace_period for {kind}: {NO_PERIOD[kind]}")
    if on_error is OnError.SKIP_ROWS:
        words = "can't be skip_rows with replace_period: a wrong row may name what would then be removed"
        return Problem("on_error", words)
    return None
