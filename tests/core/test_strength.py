"""What makes a password too easy to guess."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from core.security.strength import JUDGED_LENGTH, weakness

ROSA = ("rosa.rep@zwirbelmoos.example", "Rosa Quasselstrippe", "Zwirbelmoos Handel")


@pytest.mark.parametrize(
    "password",
    [
        "password1234",
        "Password1234!",
        "qwertyuiop[]",
        "aaaabbbbcccc",
        "abcdefghijklm",
        "2026-11-28!!",
        "abcabcabcabcabc",
        "planwright11",
        "rosa.rep@zwirbelmoos.example",
        "Quasselstrippe",
        "zwirbelmoos1!",
        "ä" * 36 + "1234",
        "abc" * 50,
    ],
)
def test_easy_ones_are_refused_with_what_to_do(password: str) -> None:
    assert "Use several uncommon words" in (weakness(password, ROSA, 3) or "")


@pytest.mark.parametrize(
    "password", ["correct horse battery", "a brand new horse", "tr0ub4dor&3xyz", "日本語の長い合言葉です"]
)
def test_others_are_accepted(password: str) -> None:
    assert weakness(password, ROSA, 3) is None


def test_what_names_somebody_else_is_no_weakness() -> None:
    assert weakness("Quasselstrippe", ("ann@acme.example", "Ann", "Acme"), 3) is None


def test_the_threshold_decides() -> None:
    assert weakness("password1234", (), 0) is None
    assert weakness("Sommer2026!!", (), 4) is not None
    assert weakness("Sommer2026!!", (), 3) is None


def test_people_judged_at_once_are_judged_by_their_own_names() -> None:
    strangers = [("Quasselstrippe",), ("Ann",)] * 40
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda about: weakness("Quasselstrippe", about, 3) is None, strangers))
    assert found == [False, True] * 40


def test_only_the_beginning_is_judged() -> None:
    assert weakness("a" * JUDGED_LENGTH + "correct horse battery", (), 3) is not None
    assert weakness("x" * 5 + "correct horse battery" + "a" * 100, (), 3) is None
