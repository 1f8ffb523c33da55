"""Public holidays by country, from the `holidays` library: which countries there are, and who rests when.

The library costs 0.05 s and 10 MB when it is imported, and a country 1 ms when it is first asked for; only the list of
all countries loads every one of them (0.2 s). Rules and workflows never see it: they get plain dates.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import holidays
from holidays.registry import COUNTRIES

from core.errors import Detail

FIRST_YEAR, LAST_YEAR = 2000, 2100
_ENGLISH = "en_US"
_SMALL_WORDS = frozenset(("and", "da", "of", "the"))
_CLASSES = {names[1]: names[0] for names in COUNTRIES.values()}


@dataclass(frozen=True, slots=True)
class Subdivision:
    """A part of a country with holidays of its own; `name` None where the library knows the code only."""

    code: str
    name: str | None


@dataclass(frozen=True, slots=True)
class Country:
    """A country by its ISO 3166 code of two letters."""

    code: str
    name: str
    subdivisions: tuple[Subdivision, ...]


@lru_cache(maxsize=1)
def countries() -> tuple[Country, ...]:
    """All countries by name. The first call takes 0.2 s: make it in a thread."""
    found = [Country(names[1], _title(key), _subdivisions(names[1])) for key, names in COUNTRIES.items()]
    return tuple(sorted(found, key=lambda country: country.name))


def problem(country: str | None, subdivision: str | None) -> Detail | None:
    """What is wrong with these settings, None when they can be used."""
    if country is None:
        return None if subdivision is None else Detail("holiday_subdivision", "needs a holiday_country")
    if country not in _CLASSES:
        return Detail("holiday_country", "must be one of the codes of GET /calendar/countries, like DE")
    known = [one.code for one in _subdivisions(country)]
    if subdivision is None or subdivision in known:
        return None
    choice = f"must be one of {', '.join(known)}, or null" if known else f"must be null: {country} has none"
    return Detail("holiday_subdivision", choice)


@lru_cache(maxsize=512)
def public_holidays(country: str, subdivision: str | None, year: int) -> Mapping[date, str]:
    """The public holidays of a year by day, with their names in English where the library has them; those that are
    made up for on another day stand on both."""
    languages = _entity(country).supported_languages
    language = _ENGLISH if _ENGLISH in languages else None
    with warnings.catch_warnings():
        # Of some countries the library knows a few decades only: what it does not know it leaves out.
        warnings.simplefilter("ignore")
        found = holidays.country_holidays(country, subdivision, years=year, language=language)
    return MappingProxyType(dict(sorted(found.items())))


def _subdivisions(country: str) -> tuple[Subdivision, ...]:
    entity = _entity(country)
    names: dict[str, str] = {}
    for name, code in entity.subdivisions_aliases.items():
        if len(name) > len(names.get(code, "")):
            names[code] = name
    return tuple(Subdivision(code, names.get(code)) for code in entity.subdivisions)


def _entity(country: str) -> Any:
    return getattr(holidays, _CLASSES[country])


def _title(key: str) -> str:
    return " ".join(word if word in _SMALL_WORDS else word.capitalize() for word in key.split("_"))
