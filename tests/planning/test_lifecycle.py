"""What an inactive customer or product means: the standing itself, and the places in which it matters."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planning.lifecycle import RULES, Rule, Standing, Status, Where, refusal, restore, say, takes_part

DOCUMENT = Path(__file__).parents[2] / "docs" / "master-data.md"
PROSPECT, ACTIVE, INACTIVE = Status.PROSPECT, Status.ACTIVE, Status.INACTIVE


@pytest.mark.parametrize(
    ("standing", "said", "after"),
    [
        (Standing(ACTIVE), INACTIVE, Standing(INACTIVE, ACTIVE)),
        (Standing(PROSPECT), INACTIVE, Standing(INACTIVE, PROSPECT)),
        (Standing(INACTIVE, PROSPECT), INACTIVE, Standing(INACTIVE, PROSPECT)),
        (Standing(INACTIVE, PROSPECT), ACTIVE, Standing(ACTIVE)),
        (Standing(PROSPECT), ACTIVE, Standing(ACTIVE)),
        (Standing(ACTIVE), ACTIVE, Standing(ACTIVE)),
    ],
)
def test_a_status_that_somebody_says(standing: Standing, said: Status, after: Standing) -> None:
    assert say(standing, said) == after


@pytest.mark.parametrize(
    ("standing", "after"),
    [
        (Standing(INACTIVE, PROSPECT), Standing(PROSPECT)),
        (Standing(INACTIVE, ACTIVE), Standing(ACTIVE)),
        (Standing(INACTIVE), Standing(ACTIVE)),
        (Standing(PROSPECT), Standing(PROSPECT)),
    ],
)
def test_restoring_gives_back_what_was(standing: Standing, after: Standing) -> None:
    assert restore(standing) == after


@given(st.sampled_from([PROSPECT, ACTIVE]), st.lists(st.just(INACTIVE), min_size=1, max_size=3))
def test_however_often_it_goes_inactive_it_comes_back_as_it_was(status: Status, said: list[Status]) -> None:
    standing = Standing(status)
    for one in said:
        standing = say(standing, one)
    assert not standing.is_active
    assert restore(standing) == Standing(status)
    assert restore(standing).is_active


@pytest.mark.parametrize(
    ("where", "stays"),
    [
        (Where.LISTS, False),
        (Where.OPENING, False),
        (Where.OPEN_LINES, True),
        (Where.MANDATORY, False),
        (Where.SHARE, False),
        (Where.CLOSE, True),
        (Where.REPORTS, True),
        (Where.SALES, True),
        (Where.MASTERS, True),
        (Where.RELATIONS, False),
    ],
)
def test_where_an_inactive_master_takes_part(where: Where, stays: bool) -> None:
    assert takes_part(where, True, True)
    assert takes_part(where, True, False) == takes_part(where, False, True) == takes_part(where, False) == stays


def test_what_may_not_be_tied_says_what_to_do() -> None:
    assert refusal("customer", "C1", is_active=True) is None
    assert refusal("customer", "C1", is_active=False) == "The customer C1 is inactive; restore it first."
    merged = refusal("customer", "C1", is_active=False, merged_into="C2")
    assert merged == "The customer C1 was merged into C2; use that one."


@pytest.mark.parametrize(("where", "rule"), RULES.items())
def test_the_document_shows_the_table(where: Where, rule: Rule) -> None:
    row = f"| {where} | {'yes' if rule.takes_part else 'no'} | {rule.words} |"
    assert row in DOCUMENT.read_text(encoding="utf-8")


def test_every_place_has_its_rule() -> None:
    assert set(RULES) == set(Where)
