"""What may be said about a person, whoever says it: an admin, a file, the command line or the person."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any
from zoneinfo import available_timezones

from core.errors import Detail
from core.text import text_problem
from planning.access import RULES
from planning.roles import Role
from planning.users import Notification

MAX_NAME = 120
MAX_REGION = 100
MAX_REGIONS = 50
GRANTS = frozenset(str(action) for action, rule in RULES.items() if rule.by_grant)
CLEARED_BY_NULL = frozenset({"time_zone"})
"""Fields for which null says something: back to the company's."""

_LANGUAGE = re.compile(r"[a-z]{2}")
_ZONES = frozenset(available_timezones())


def person_problems(**said: Any) -> list[Detail]:
    """Everything that is wrong with the named fields; what is None is not said.

    The address is not judged here: see `core.security.emails`.
    """
    return [
        Detail(field, f"Send {expected}.")
        for field, problem in _PROBLEMS.items()
        if said.get(field) is not None and (expected := problem(said[field]))
    ]


def clean(said: Mapping[str, Any]) -> dict[str, Any]:
    """The fields as the document holds them; None means that nothing is said, except where null clears."""
    named = {name: value for name, value in said.items() if value is not None or name in CLEARED_BY_NULL}
    return {
        name: _CLEAN[name](value) if name in _CLEAN and value is not None else value for name, value in named.items()
    }


def regions_problem(role: str, regions: Collection[str]) -> list[Detail]:
    """Regions narrow what a manager sees; nobody else has any."""
    if role == Role.MANAGER or not regions:
        return []
    return [Detail("regions", "Only a manager can be narrowed to regions; leave them out, or send an empty list.")]


def _name(name: str) -> str | None:
    return text_problem(name, max_length=MAX_NAME) or (None if name.strip() else "a name")


def _role(role: str) -> str | None:
    return None if role in set(Role) else f"one of: {', '.join(Role)}"


def _grants(grants: Collection[str]) -> str | None:
    return None if GRANTS.issuperset(grants) else f"any of: {', '.join(sorted(GRANTS))}"


def _regions(regions: Collection[str]) -> str | None:
    if len(regions) > MAX_REGIONS:
        return f"at most {MAX_REGIONS} regions"
    wrong = (text_problem(region, max_length=MAX_REGION) or (None if region.strip() else "names") for region in regions)
    return next(filter(None, wrong), None)


def _language(language: str) -> str | None:
    return None if _LANGUAGE.fullmatch(language) else "a language code of two letters, like en"


def _time_zone(name: str) -> str | None:
    return None if name in _ZONES else "an IANA time zone, like Europe/London"


def _notifications(decided: Mapping[str, bool]) -> str | None:
    return None if set(Notification).issuperset(decided) else f"any of: {', '.join(Notification)}"


_PROBLEMS: Mapping[str, Callable[[Any], str | None]] = {
    "name": _name,
    "role": _role,
    "grants": _grants,
    "regions": _regions,
    "language": _language,
    "time_zone": _time_zone,
    "notifications": _notifications,
}
_CLEAN: Mapping[str, Callable[[Any], Any]] = {
    "name": str.strip,
    "role": lambda role: str(Role(role)),
    "grants": lambda grants: sorted(set(grants)),
    "regions": lambda regions: sorted({region.strip() for region in regions}),
}
