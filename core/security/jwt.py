"""Access tokens: the only module that touches python-jose.

HS256 is a constant, never taken from a header or a setting. A token is looked at structurally before jose sees it
(jose raises RecursionError on a nested header of 1.6 KB, accepts `crit`, and lets missing claims pass unless told
otherwise), and whatever jose raises ends as `NotAuthenticated`. A token proves who signed in; what the person may do
now is read from the database on every request.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Final
from uuid import UUID, uuid4

from jose import jwk, jwt
from jose.backends.base import Key
from jose.exceptions import JOSEError

from core.errors import NotAuthenticated
from core.settings import SecuritySettings

ALGORITHM: Final = "HS256"
LEEWAY_SECONDS: Final = 5
MAX_TOKEN_LENGTH: Final = 4096
MAX_REMEMBERED: Final = 10_000
ACCESS: Final = "access"

_SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)
_HEADER_NAMES = frozenset({"alg", "typ", "kid"})
_REQUIRED = ("exp", "iat", "aud", "iss", "sub", "jti")
_OPTIONS = {"leeway": LEEWAY_SECONDS, **{f"require_{claim}": True for claim in _REQUIRED}}


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """What an access token says. The database decides; `role` and `token_version` are only compared with it."""

    user_id: UUID
    tenant_id: UUID
    session_id: UUID
    role: str
    token_version: int


class AccessTokens:
    """Signs with the current secret; reads with it and the previous ones, which the header's `kid` names."""

    def __init__(self, settings: SecuritySettings) -> None:
        self._settings = settings
        current = settings.jwt_secret.get_secret_value()
        previous = [secret.get_secret_value() for secret in settings.jwt_previous_secrets]
        self._kid = key_id(current)
        self._verified: dict[str, tuple[AccessClaims, int]] = {}
        self._keys: dict[str, Key] = {
            key_id(secret): jwk.construct(secret, ALGORITHM) for secret in (*previous, current)
        }

    def sign(self, claims: AccessClaims, at: datetime) -> str:
        """A token that is valid from `at` for the `access_token_seconds` of the settings."""
        issued = int(at.timestamp())
        payload: dict[str, Any] = {
            "iss": self._settings.jwt_issuer,
            "aud": self._settings.jwt_audience,
            "sub": str(claims.user_id),
            "jti": str(uuid4()),
            "iat": issued,
            "exp": issued + self._settings.access_token_seconds,
            "token_use": ACCESS,
            "tid": str(claims.tenant_id),
            "sid": str(claims.session_id),
            "role": claims.role,
            "tv": claims.token_version,
        }
        return jwt.encode(payload, self._keys[self._kid], algorithm=ALGORITHM, headers={"kid": self._kid})

    def read(self, token: object) -> AccessClaims:
        """The claims of a valid access token; anything else, of whatever type, raises `NotAuthenticated`.

        What was verified once is remembered until it expires: the signature of the same text does not change.
        """
        known = self._verified.get(token) if isinstance(token, str) else None
        if known is not None and time.time() < known[1]:
            return known[0]
        if not isinstance(token, str) or len(token) > MAX_TOKEN_LENGTH or not _SHAPE.fullmatch(token):
            raise NotAuthenticated()
        try:
            payload = jwt.decode(
                token,
                self._key_for(jwt.get_unverified_header(token)),
                algorithms=[ALGORITHM],
                options=_OPTIONS,
                audience=self._settings.jwt_audience,
                issuer=self._settings.jwt_issuer,
            )
            return self._remember(token, _claims(payload), int(payload["exp"]))
        except (JOSEError, RecursionError, ValueError, TypeError, KeyError, OverflowError) as error:
            raise NotAuthenticated() from error

    def _remember(self, token: str, claims: AccessClaims, until: int) -> AccessClaims:
        if len(self._verified) >= MAX_REMEMBERED:
            self._verified.clear()
        self._verified[token] = (claims, until)
        return claims

    def _key_for(self, header: dict[str, Any]) -> Key:
        """The own key that `kid` names. A header with more than alg, typ and kid (crit, jku, jwk …) is refused."""
        if not _HEADER_NAMES.issuperset(header) or header["alg"] != ALGORITHM:
            raise ValueError("not a header that we write")
        return self._keys[header["kid"]]


def key_id(secret: str) -> str:
    """The public name of a secret: it tells keys apart and nothing about them."""
    return sha256(b"planwright key id\x00" + secret.encode()).hexdigest()[:12]


def _claims(payload: dict[str, Any]) -> AccessClaims:
    """The own claims, typed; raises ValueError, TypeError or KeyError where they are not ours."""
    if payload["token_use"] != ACCESS:
        raise ValueError("not an access token")
    role, version = payload["role"], payload["tv"]
    if not isinstance(role, str) or type(version) is not int:
        raise TypeError("role must be a string, tv an integer")
    return AccessClaims(
        user_id=_uuid(payload["sub"]),
        tenant_id=_uuid(payload["tid"]),
        session_id=_uuid(payload["sid"]),
        role=role,
        token_version=version,
    )


def _uuid(value: object) -> UUID:
    if not isinstance(value, str):
        raise TypeError("an id must be a string")
    return UUID(value)
