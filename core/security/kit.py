"""What identity works with, made once from the process's settings."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from core.security.jwt import AccessTokens
from core.security.passwords import Passwords
from core.settings import Settings, load_settings


@dataclass(frozen=True, slots=True)
class Kit:
    """Signing keys and the password pool, with the settings that they were made from."""

    settings: Settings
    access_tokens: AccessTokens
    passwords: Passwords


def kit() -> Kit:
    """The process's kit; other settings make another one."""
    return _kit_of(load_settings())


@lru_cache(maxsize=1)
def _kit_of(settings: Settings) -> Kit:
    return Kit(settings, AccessTokens(settings.security), Passwords(settings.security))
