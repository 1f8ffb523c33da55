"""Suspected duplicates: what is found, what is not, and that the rule is fair and bounded."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planning.duplicates import (
    CODES_ALIKE,
    LIKELY,
    MAX_BLOCK,
    Reason,
    Record,
    Suspicion,
    Words,
    compact,
    essential,
    similarity,
    suspected,
)


def _words(text: str) -> Words:
    return tuple(text.split())


def _record(key: int, name: str, code: str = "", *aliases: str, family: int | None = None) -> Record[int]:
    return Record(key, code, tuple(_words(text) for text in (name, *aliases)), family)


def _pairs(records: Sequence[Record[int]]) -> list[tuple[int, int]]:
    return [(one.first, one.second) for one in suspected(records)]


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("northwind traders", "northwind traders gmbh", True),
        ("northwind traders ltd", "northwind traders gmbh", True),
        ("traders northwind", "northwind traders", True),
        ("north wind traders", "northwind traders", True),
        ("muller sohne", "mueller sohne", True),
        ("contoso pharmaceuticals", "contoso pharmaceutcals", True),
        ("northwind traders", "northwind foods", False),
        ("northwind traders", "northwind traders international", False),
        ("store 12 berlin", "store 13 berlin", False),
        ("cup 200ml", "cup 250ml", False),
        ("ceramic coffee mug large red", "ceramic coffee mug large blue", False),
        ("ceramic coffee mug size s", "ceramic coffee mug size m", False),
        ("contoso pharmaceuticals", "contoso pharmaceuticals de", True),
        ("ceramic coffee mugs large", "ceramic coffee mug red xl", False),
    ],
)
def test_names_are_alike(one: str, other: str, alike: bool) -> None:
    score = similarity(essential(_words(one)), essential(_words(other)))
    assert (score >= LIKELY) == alike


def test_a_name_of_legal_forms_alone_keeps_them() -> None:
    assert essential(("sa",)) == ("sa",)
    assert essential(("acme", "sa")) == ("acme",)


def test_nothing_is_like_no_name() -> None:
    assert similarity((), ("acme",)) == similarity((), ()) == 0


def test_a_pair_says_why() -> None:
    records = [
        _record(1, "acme trading gmbh", "c1001"),
        _record(2, "trading acme", "c2000"),
        _record(3, "something else", "c1001"),
        _record(4, "acme tradingg", "c3000"),
    ]
    assert list(suspected(records)) == [
        Suspicion(1, 2, 100, (Reason.SAME_NAME,)),
        Suspicion(1, 3, CODES_ALIKE, (Reason.SAME_CODE,)),
        Suspicion(1, 4, 96, (Reason.SIMILAR_NAME,)),
        Suspicion(2, 4, 96, (Reason.SIMILAR_NAME,)),
    ]


def test_an_alias_counts_as_a_name() -> None:
    assert _pairs([_record(1, "acme", "c1", "northwind traders"), _record(2, "northwind traders", "c2")]) == [(1, 2)]


def test_the_same_name_and_code_are_two_reasons() -> None:
    (found,) = suspected([_record(1, "acme", "c1001"), _record(2, "acme", "c1001")])
    assert found == Suspicion(1, 2, 100, (Reason.SAME_CODE, Reason.SAME_NAME))


def test_what_is_planned_as_one_is_not_suspected() -> None:
    assert _pairs([_record(1, "acme", family=7), _record(2, "acme", family=7)]) == []
    assert _pairs([_record(1, "acme", family=7), _record(2, "acme", family=8)]) == [(1, 2)]


def test_short_codes_say_nothing() -> None:
    assert _pairs([_record(1, "tea", "a1"), _record(2, "cups", "a1")]) == []


def test_what_too_many_are_called_says_nothing() -> None:
    crowd = [_record(key, "cash customer", f"c{key:04}") for key in range(MAX_BLOCK + 1)]
    assert _pairs(crowd) == []
    assert len(_pairs(crowd[1:])) == MAX_BLOCK * (MAX_BLOCK - 1) // 2


def test_codes_are_compared_without_punctuation() -> None:
    assert compact("C-10 01/a") == compact("c1001A") == "c1001a"


WORD = st.sampled_from(
    [
        "acme",
        "akme",
        "acmee",
        "north",
        "wind",
        "northwind",
        "12",
        "13",
        "mug",
        "red",
        "blue",
        "gmbh",
        "mueller",
        "muller",
    ]
)
NAME = st.lists(WORD, min_size=1, max_size=4).map(tuple)


@given(NAME, NAME)
def test_similarity_is_symmetric_and_bounded(one: Words, other: Words) -> None:
    first, second = essential(one), essential(other)
    assert similarity(first, second) == similarity(second, first)
    assert 0 <= similarity(first, second) <= 100


@given(NAME)
def test_everything_is_like_itself(name: Words) -> None:
    assert similarity(essential(name), essential(name)) == 100


RECORDS = st.lists(
    st.tuples(st.lists(NAME, min_size=1, max_size=2), st.sampled_from(["c1001", "c1002", "a"])), max_size=12
)


@given(RECORDS)
def test_the_order_of_the_list_does_not_matter(named: list[tuple[list[Words], str]]) -> None:
    records = [Record(key, code, tuple(names)) for key, (names, code) in enumerate(named)]
    forward = {(frozenset((one.first, one.second)), one.score, one.reasons) for one in suspected(records)}
    backward = {(frozenset((one.first, one.second)), one.score, one.reasons) for one in suspected(records[::-1])}
    assert forward == backward


@given(RECORDS)
def test_a_pair_is_told_once_and_never_of_one_with_itself(named: list[tuple[list[Words], str]]) -> None:
    records = [Record(key, code, tuple(names)) for key, (names, code) in enumerate(named)]
    pairs = _pairs(records)
    assert len(pairs) == len(set(pairs))
    assert set(pairs) <= set(combinations(range(len(records)), 2))


@given(st.integers(min_value=2, max_value=200))
def test_work_grows_with_the_list_and_not_with_its_square(count: int) -> None:
    """Whatever the names are, a record meets at most `MAX_BLOCK` others in each of its few blocks."""
    records = [_record(key, f"trading {key % 7} north", f"c{key}") for key in range(count)]
    blocks_of_a_record = 2 + 2 * 3 + 1
    assert len(_pairs(records)) <= count * blocks_of_a_record * MAX_BLOCK
