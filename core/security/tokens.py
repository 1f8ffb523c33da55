"""Opaque tokens (refresh tokens, password links): 256 random bits for the holder, a SHA-256 for the database."""

from __future__ import annotations

import secrets
from hashlib import sha256

_BYTES = 32


def new_token() -> str:
    """A fresh token: 43 URL-safe characters. It is shown once and never stored."""
    return secrets.token_urlsafe(_BYTES)


def token_hash(token: str) -> str:
    """What is stored and looked up. Unsalted on purpose: the token is random, so there is nothing to guess."""
    return sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
