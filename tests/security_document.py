"""What docs/security.md promises, as values: the table of who may do what, and the tests that prove each row."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from planning.access import Action
from planning.roles import Role

ROOT = Path(__file__).resolve().parent.parent
NO = "–"


@dataclass(frozen=True, slots=True)
class Promise:
    """One row of the table: what a role may do it on (`all`, `own`, `yes`), or `NO`."""

    action: str
    subject: str
    answers: dict[str, str]
    by_grant: bool


def promises() -> list[Promise]:
    """The rows of the table of actions and roles."""
    rows = [row for row in _rows("| action |") if row]
    return [
        Promise(action.strip("`"), subject, dict(zip(Role, answers, strict=True)), grant == "yes")
        for action, subject, *answers, grant in rows
    ]


def promise_of(action: Action) -> Promise:
    """The row of this action."""
    return next(promise for promise in promises() if promise.action == action)


def company_wide() -> set[str]:
    """The actions that the document leaves to those who see all customers."""
    text = (ROOT / "docs/security.md").read_text(encoding="utf-8")
    listed = text.partition("gets 403 with the reason:")[2].partition("\n\n")[0]
    return set(re.findall(r"`(\w+)`", listed))


def proofs() -> dict[str, list[tuple[str, str]]]:
    """T-number -> (file, test function) of each test that its row names."""
    return {number: re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", tests) for number, _, tests in _rows("| # |")}


def _rows(header: str) -> Iterator[list[str]]:
    lines = iter((ROOT / "docs/security.md").read_text(encoding="utf-8").splitlines())
    for line in lines:
        if line.startswith(header):
            next(lines)
            break
    for line in lines:
        if not line.startswith("|"):
            return
        yield [cell.strip() for cell in line.strip("|").split(" | ")]
