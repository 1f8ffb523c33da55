"""T01-T05: an access token is ours, whole, of this moment, or it is nothing."""

from __future__ import annotations

import base64
import hmac
import json
from datetime import timedelta
from hashlib import sha256
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr

from core.clock import now
from core.errors import NotAuthenticated
from core.security.jwt import AccessClaims, AccessTokens, key_id
from core.security.tokens import new_token
from core.settings import SecuritySettings, Settings, SettingsError, check_secrets

SECRET = "k1-9fTq3vLr8XwZ2pBn6mHs4jYd7cGa5eUo"
OTHER = "k2-Lr8XwZ2pBn6mHs4jYd7cGa5eUo9fTq3v"


def settings(secret: str = SECRET, **changes: Any) -> SecuritySettings:
    return SecuritySettings(jwt_secret=SecretStr(secret), **changes)


CLAIMS = AccessClaims(user_id=uuid4(), tenant_id=uuid4(), session_id=uuid4(), role="manager", token_version=3)
TOKENS = AccessTokens(settings())


def part(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def forged(
    header: Any = None, payload: Any = None, *, secret: str = SECRET, changes: dict[str, Any] | None = None
) -> str:
    """A token signed with our own secret, so that only the changed thing can be the reason for the refusal."""
    header = {"alg": "HS256", "typ": "JWT", "kid": key_id(SECRET)} if header is None else header
    if payload is None:
        good = json.loads(base64.urlsafe_b64decode(TOKENS.sign(CLAIMS, now()).split(".")[1] + "=="))
        payload = {name: value for name, value in {**good, **(changes or {})}.items() if value is not None}
    signed = f"{part(header)}.{part(payload)}"
    return f"{signed}.{part(hmac.digest(secret.encode(), signed.encode(), sha256))}"


def header_with(**changes: Any) -> dict[str, Any]:
    return {"alg": "HS256", "typ": "JWT", "kid": key_id(SECRET), **changes}


def refused(token: object) -> None:
    with pytest.raises(NotAuthenticated):
        TOKENS.read(token)


def test_a_token_reads_back_as_what_was_signed() -> None:
    assert TOKENS.read(TOKENS.sign(CLAIMS, now())) == CLAIMS
    assert TOKENS.read(forged()) == CLAIMS


@pytest.mark.parametrize(
    "algorithm", ["none", "NONE", "None", "HS384", "HS512", "RS256", "", None, ["HS256"], {"a": 1}, 1]
)
def test_t01_only_hs256_is_an_algorithm(algorithm: Any) -> None:
    refused(forged(header_with(alg=algorithm)))
    unsigned = forged(header_with(alg=algorithm)).rsplit(".", 1)[0]
    refused(f"{unsigned}.")
    refused(f"{unsigned}.AA")


def test_t01_a_foreign_key_signs_nothing() -> None:
    refused(forged(secret=OTHER))
    refused(forged(header_with(kid=key_id(OTHER)), secret=OTHER))
    refused(forged(secret=""))


@pytest.mark.parametrize("claim", ["exp", "iat", "aud", "iss", "sub", "jti", "token_use", "tid", "sid", "role", "tv"])
def test_t01_no_claim_may_be_missing(claim: str) -> None:
    refused(forged(changes={claim: None}))


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "another-api"},
        {"aud": ["another-api"]},
        {"aud": {"planwright-api": 1}},
        {"iss": "somebody"},
        {"exp": 1},
        {"exp": "soon"},
        {"exp": [1]},
        {"exp": float("inf")},
        {"nbf": 99_999_999_999},
        {"iat": "yesterday"},
        {"sub": 7},
        {"sub": "not-a-uuid"},
        {"jti": 7},
        {"tid": ["x"]},
        {"sid": 5},
        {"role": 5},
        {"tv": "3"},
        {"tv": True},
    ],
)
def test_t01_no_claim_may_be_another(changes: dict[str, Any]) -> None:
    refused(forged(changes=changes))


def test_a_token_ends_after_its_time_with_five_seconds_of_leeway() -> None:
    lifetime = timedelta(seconds=settings().access_token_seconds)
    assert TOKENS.read(TOKENS.sign(CLAIMS, now() - lifetime + timedelta(seconds=2))) == CLAIMS
    refused(TOKENS.sign(CLAIMS, now() - lifetime - timedelta(seconds=10)))


@pytest.mark.parametrize("depth", [1_200, 900, 300])
def test_t02_a_nested_header_is_refused_and_not_recursed_into(depth: int) -> None:
    opened, closed = b"[" * depth, b"]" * depth
    for header in (opened, opened + closed, b'{"alg":' + opened + closed + b"}"):
        refused(f"{part(header)}.e30.AA")
        refused(forged(header))


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "...",
        "a.b",
        "a.b.c.d",
        "A" * 100_000,
        f"{'A' * 50_000}.{'A' * 50_000}.AA",
        "ä.ö.ü",
        "e30.e30.\ud800",
        "e30.e30.AA\n",
        " e30.e30.AA",
        "e30.e30.A=",
        None,
        7,
        b"e30.e30.AA",
        ["e30.e30.AA"],
        {"token": 1},
    ],
)
def test_t02_what_is_no_token_is_refused(token: object) -> None:
    refused(token)


@pytest.mark.parametrize("header", [b"not json", b"\xff\xfe", [], "HS256", {}, 7, True])
def test_t02_a_signed_header_that_is_no_object_is_refused(header: Any) -> None:
    refused(forged(header))


@pytest.mark.parametrize("payload", [b"[]", b'"text"', b"7", b"null", b"\xff", b"{", b"[" * 2_000, b"{}"])
def test_t02_a_signed_payload_that_is_no_object_is_refused(payload: bytes) -> None:
    refused(forged(payload=payload))


@pytest.mark.parametrize(
    "more",
    [
        {"jku": "https://evil.example/keys"},
        {"jwk": {"kty": "oct", "k": part(OTHER.encode())}},
        {"x5u": "https://evil.example/cert"},
        {"x5c": ["AAAA"]},
        {"crit": ["exp"]},
        {"crit": ["unknown"], "unknown": 1},
        {"b64": False},
        {"kid": "unknown"},
        {"kid": "../../dev/null"},
        {"kid": ["x"]},
        {"kid": {"x": 1}},
        {"kid": None},
        {"kid": 1},
    ],
)
def test_t03_a_header_can_neither_bring_a_key_nor_make_demands(more: dict[str, Any]) -> None:
    refused(forged(header_with(**more)))
    refused(forged(header_with(**more), secret=OTHER))


def test_t03_a_header_without_kid_names_no_key() -> None:
    refused(forged({"alg": "HS256", "typ": "JWT"}))


@pytest.mark.parametrize("use", ["refresh", "reset", "setup", "", ["access"]])
def test_t04_only_access_tokens_are_read(use: Any) -> None:
    refused(forged(changes={"token_use": use}))


def test_t04_an_opaque_token_is_no_access_token() -> None:
    refused(new_token())


def test_keys_rotate_without_signing_anybody_out() -> None:
    old = TOKENS.sign(CLAIMS, now())
    rotated = AccessTokens(settings(OTHER, jwt_previous_secrets=[SecretStr(SECRET)]))
    assert rotated.read(old) == CLAIMS
    refused(rotated.sign(CLAIMS, now()))
    with pytest.raises(NotAuthenticated):
        AccessTokens(settings(OTHER)).read(old)


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "short",
        "x" * 31,
        "x" * 64,
        "changeme" * 8,
        "password-password-password-password",
        "secret" * 10,
        "0123456789" * 4,
    ],
)
def test_t05_the_process_refuses_to_start_with_a_guessable_secret(secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JWT_SECRET", secret)
    with pytest.raises(SettingsError, match="JWT_SECRET"):
        check_secrets(Settings())


def test_t05_an_older_secret_must_be_as_good(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JWT_SECRET", SECRET)
    monkeypatch.setenv("JWT_PREVIOUS_SECRETS", f"{OTHER},short")
    with pytest.raises(SettingsError):
        check_secrets(Settings())


def test_t05_a_good_secret_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JWT_SECRET", SECRET)
    monkeypatch.setenv("BCRYPT_ROUNDS", "12")
    monkeypatch.setenv("PLANWRIGHT_ENV", "prod")
    check_secrets(Settings())
