"""T11, T12: all of a password counts, none breaks us, and nobody learns who exists."""

from __future__ import annotations

import asyncio
import threading

import pytest
from pydantic import SecretStr

from core.errors import InvalidInput, Unavailable
from core.security.emails import clean_email, email_key
from core.security.passwords import MAX_WAITING, Passwords, password_problem
from core.settings import SecuritySettings


def passwords(rounds: int = 4) -> Passwords:
    return Passwords(SecuritySettings(jwt_secret=SecretStr("x"), bcrypt_rounds=rounds))


@pytest.mark.parametrize(
    "password",
    [
        "a" * 12,
        "x" * 64,
        "x" * 72 + "y",
        "ä" * 40,
        "p" * 128,
        "nul\x00inside-it",
        "日本語のパスワード",
        "  spaces count  ",
    ],
)
async def test_t12_every_character_counts(password: str) -> None:
    pool = passwords()
    stored = await pool.hash(password)
    assert await pool.verify(password, stored)
    assert not await pool.verify(password[:-1], stored)
    assert not await pool.verify(password[:-1] + "Q", stored)
    assert not await pool.verify(password + "Q", stored)


async def test_the_same_letters_typed_on_two_systems_are_one_password() -> None:
    pool = passwords()
    composed, decomposed = "caf\u00e9-caf\u00e9-1", "cafe\u0301-cafe\u0301-1"
    assert await pool.verify(decomposed, await pool.hash(composed))


async def test_two_hashes_of_one_password_differ() -> None:
    pool = passwords()
    assert await pool.hash("correct horse") != await pool.hash("correct horse")


@pytest.mark.parametrize(
    ("password", "problem"),
    [
        ("short", "at least"),
        ("x" * 129, "at most"),
        ("x" * 10_240, "at most"),
        ("nul\x00inside-it", "typed"),
        ("surrogate-\ud800-inside", "typed"),
        ("aaaaaaaaaaaaaaaa", "different"),
    ],
)
def test_t12_a_new_password_that_is_not_accepted_says_why(password: str, problem: str) -> None:
    assert problem in (password_problem(password, min_length=12) or "")


@pytest.mark.parametrize("password", ["correct horse", "abcd" * 16, "abcd" * 32, "äöü" * 13 + "x"])
def test_t12_long_and_foreign_passwords_are_accepted(password: str) -> None:
    assert password_problem(password, min_length=12) is None


async def test_t11_an_unknown_user_costs_one_check_like_a_known_one() -> None:
    pool = passwords()
    stored = await pool.hash("correct horse")
    assert not await pool.verify("wrong horse", stored)
    known = pool.checks
    assert not await pool.verify("wrong horse", None)
    assert pool.checks == 2 * known


async def test_t11_not_even_the_dummys_password_opens_a_user_without_one() -> None:
    pool = passwords()
    await pool.verify("anything", None)
    assert not await pool.verify("anything", None)


async def test_hashing_never_runs_on_the_event_loops_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    used: set[str] = set()
    pool = passwords()
    hasher = pool._hasher

    class Spy:
        @staticmethod
        def hash(password: str) -> str:
            used.add(threading.current_thread().name)
            return str(hasher.hash(password))

    monkeypatch.setattr(pool, "_hasher", Spy)
    await asyncio.gather(*(pool.hash(f"password {number}") for number in range(20)))
    assert used
    assert all(name.startswith("passwords") for name in used)


async def test_a_queue_that_would_answer_too_late_is_refused() -> None:
    pool = passwords()
    results = await asyncio.gather(
        *(pool.hash("correct horse") for _ in range(MAX_WAITING + 30)), return_exceptions=True
    )
    refused = [result for result in results if isinstance(result, Unavailable)]
    assert len(refused) == 30
    assert await pool.hash("correct horse")


async def test_other_rounds_make_a_hash_outdated() -> None:
    stored = await passwords(4).hash("correct horse")
    assert not passwords(4).is_outdated(stored)
    assert passwords(5).is_outdated(stored)


@pytest.mark.parametrize(
    "address",
    [
        "a@x.example, b@y.example",
        "a@x.example;b@y.example",
        "a@x.example b@y.example",
        "Ann <ann@x.example>",
        "ann@x.example\r\nBcc: b@y.example",
        "ann@x.example\nX: y",
        '"ann, bob"@x.example',
        "ann(comment)@x.example",
        "ann@@x.example",
        "ann",
        "ann@",
        "@x.example",
        "ann@localhost",
        "ann@[127.0.0.1]",
        "ann\x00@x.example",
        "a" * 300 + "@x.example",
        "",
    ],
)
def test_t41_only_one_plain_address_is_an_address(address: str) -> None:
    with pytest.raises(InvalidInput):
        clean_email(address)


def test_addresses_are_kept_as_written_and_compared_in_lower_case() -> None:
    assert clean_email(" Ann.Lee@X.Example ") == "Ann.Lee@x.example"
    assert email_key(" Ann.Lee@X.Example ") == "ann.lee@x.example"
