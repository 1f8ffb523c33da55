"""What is suggested for a misspelt code or name, and in which order."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planning import suggesting
from planning.suggesting import Entry, WordIndex

NAMES = {
    "c1001": "northwind traders ltd nwt",
    "c1002": "northern lights ltd",
    "c2001": "muller sohne gmbh",
    "acme": "wile e coyote ltd",
    "x9": "acme tools ltd",
    "x10": "alpine ski house",
}
INDEX = WordIndex(Entry(code.encode(), code, [code, *name.split()]) for code, name in NAMES.items())


def found(text: str, index: WordIndex = INDEX) -> list[str]:
    words = text.split()
    return [hit.key.decode() for hit in index.find(words, "".join(words))]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("northwind", "c1001"),
        ("nortwind", "c1001"),
        ("nrothwind tradesr", "c1001"),
        ("northwnd", "c1001"),
        ("nwt", "c1001"),
        ("mueller", "c2001"),
        ("muler sohne", "c2001"),
        ("coyte", "acme"),
        ("lights northen", "c1002"),
        ("alpin house", "x10"),
        ("c2010", "c2001"),
        ("c 1002", "c1002"),
    ],
)
def test_a_misspelt_text_finds_what_was_meant(text: str, first: str) -> None:
    assert found(text)[0] == first


def test_codes_come_first() -> None:
    hits = list(INDEX.find(["acme"], "acme"))
    assert [(hit.key, hit.by_code) for hit in hits] == [(b"acme", True), (b"x9", False)]
    assert [(hit.key, hit.score, hit.by_code) for hit in INDEX.find(["c1"], "c1")][:2] == [
        (b"c1001", suggesting.PREFIX, True),
        (b"c1002", suggesting.PREFIX, True),
    ]
    assert found("x1")[0] == "x10"


@pytest.mark.parametrize("text", ["", "zzzzzz", "q", "northwind zzzz yyyy"])
def test_what_fits_nothing_finds_nothing(text: str) -> None:
    assert found(text) == []


def test_a_word_that_most_entries_have_only_lifts_what_others_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suggesting, "ROWS_PER_WORD", 3)
    assert found("ltd coyote") == ["acme"]
    assert len(found("ltd")) >= 3


def test_an_empty_index_is_an_index() -> None:
    assert len(WordIndex([])) == 0
    assert found("northwind", WordIndex([])) == []


WORD = st.text(alphabet="abcdef", min_size=4, max_size=10)


@given(st.lists(WORD, min_size=1, max_size=20, unique=True), st.integers(0, 10**6))
def test_a_word_with_two_letters_swapped_still_finds_its_entry(words: list[str], seed: int) -> None:
    chance = random.Random(seed)
    word = chance.choice(words)
    at = chance.randrange(1, len(word) - 1)
    swapped = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    index = WordIndex(Entry(one.encode(), f"code{place}", [one]) for place, one in enumerate(words))
    assert word in found(swapped, index)
    scores = [hit.score for hit in index.find([swapped], swapped) if not hit.by_code]
    assert scores == sorted(scores, reverse=True)
    assert all(0 < score <= 1 for score in scores)
