"""Numbers as people write them in text cells: which sign marks the decimals is decided for a column, from all of it.

`1.234,56`, `1 234,56`, `1'234.56`, `1,234.56`, `(12)`, `12-`, `€ 12,50` are read. `1,234` alone can be two numbers, a
thousand apart; it is refused unless the other values of its column, or somebody, say what a comma is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class DecimalSign(StrEnum):
    """What stands before the decimals."""

    POINT = "point"
    COMMA = "comma"


_CHARACTER = {DecimalSign.POINT: ".", DecimalSign.COMMA: ","}


class Unreadable(ValueError):
    """`args[0]` ends the sentence "expected …"; "" where there is nothing particular to say."""


@dataclass(frozen=True, slots=True)
class NumberStyle:
    """How a column writes its numbers. `strict`: somebody said so, and what is written otherwise is refused.

    `currency`: the ISO code whose sign may stand beside a number; "" = none may.
    """

    sign: DecimalSign | None = None
    strict: bool = False
    currency: str = ""


_SPACES = re.compile(r"[\s\u00a0\u2007\u2009\u202f]+")
_MINUS = str.maketrans({"\u2212": "-", "\u2013": "-", "\u2019": "'", "\u2018": "'", "\u00b4": "'", "`": "'"})
_PLAIN = re.compile(r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")
# Most numbers are written like this, and need no further look.
_PLAIN_BY_POINT = re.compile(r"[+-]?[0-9]{1,30}(?:\.[0-9]{1,20})?")
_CLEARLY_PLAIN = re.compile(r"[+-]?[0-9]{1,30}(?:\.(?:[0-9]{1,2}|[0-9]{4,20}))?")
_LONGEST = 60
_UNSIGNED = re.compile(r"[0-9.,' ]+")
_GROUPED_BY_SPACE = re.compile(r"[0-9]{1,3}(?:[ '][0-9]{3})+")
_INDIAN = re.compile(r"[0-9]{1,2}(?:,[0-9]{2})+,[0-9]{3}(?:\.[0-9]*)?")
_AMBIGUOUS = re.compile(r"[1-9][0-9]{0,2}[.,][0-9]{3}")


def number_style(
    texts: Iterable[str], given: DecimalSign | None, hint: DecimalSign | None, currency: str = ""
) -> NumberStyle:
    """The style of a column from its texts: what was given, else what they prove, else the hint of the file.

    Where they prove both, each is read by what itself proves.
    """
    if given is not None:
        return NumberStyle(given, strict=True, currency=currency)
    proofs: set[DecimalSign | None] = {proven_sign(text, currency) for text in texts}
    proofs.discard(None)
    if not proofs:
        return NumberStyle(hint, currency=currency)
    return NumberStyle(proofs.pop() if len(proofs) == 1 else None, currency=currency)


def proven_sign(text: str, currency: str = "") -> DecimalSign | None:
    """What one text says of the decimal sign; None when it says nothing, can be read both ways, or is no number."""
    if _CLEARLY_PLAIN.fullmatch(text):
        return DecimalSign.POINT if "." in text else None
    _, body = _unsigned(text, currency)
    if body is None or _AMBIGUOUS.fullmatch(body):
        return None
    return next((sign for sign in _signs_of(body) if _read(body, sign) is not None), None)


def _signs_of(body: str) -> tuple[DecimalSign, ...]:
    return (DecimalSign.POINT, DecimalSign.COMMA) if "." in body or "," in body else ()


def plain_number(text: str, style: NumberStyle) -> str:
    """The number with a point and nothing else: `-1234.56`. Raises Unreadable."""
    if style.sign is DecimalSign.POINT and _PLAIN_BY_POINT.fullmatch(text):
        return text
    if style.sign is None and _CLEARLY_PLAIN.fullmatch(text):
        return text
    minus, body = _unsigned(text, style.currency)
    found = None if body is None else _by_style(body, style)
    if found is not None:
        return minus + found
    if body is not None and style.sign is None and _AMBIGUOUS.fullmatch(body):
        raise Unreadable(_which_one(body))
    raise Unreadable(_what_else(text, style))


def _by_style(body: str, style: NumberStyle) -> str | None:
    if style.sign is not None:
        found = _read(body, style.sign)
        if found is not None or style.strict:
            return found
    if _AMBIGUOUS.fullmatch(body):
        return None
    return _read(body, DecimalSign.POINT) or _read(body, DecimalSign.COMMA)


def _read(body: str, sign: DecimalSign) -> str | None:
    """The plain form under this decimal sign, None when the body is not written so."""
    mark = _CHARACTER[sign]
    other = _CHARACTER[DecimalSign.COMMA if sign is DecimalSign.POINT else DecimalSign.POINT]
    whole, _, decimals = body.partition(mark)
    if other in decimals or mark in decimals or " " in decimals or "'" in decimals:
        return None
    if any(group in whole for group in (other, " ", "'")):
        whole = _ungrouped(whole, other, indian=sign is DecimalSign.POINT)
    if any(group in whole for group in (other, " ", "'")):
        return None
    plain = f"{whole}.{decimals}" if mark in body else whole
    return plain if _PLAIN.fullmatch(plain) else None


def _ungrouped(whole: str, other: str, *, indian: bool) -> str:
    """Without the separators of thousands, or as it is when they don't stand at thousands."""
    if _GROUPED_BY_SPACE.fullmatch(whole):
        return re.sub(r"[ ']", "", whole)
    groups = whole.split(other)
    if 1 <= len(groups[0]) <= 3 and all(len(group) == 3 for group in groups[1:]) and groups[0] != "0":
        return "".join(groups)
    return whole.replace(",", "") if indian and _INDIAN.fullmatch(whole) else whole


_SIGNS_OF_CURRENCIES = {
    "€": ("EUR",), "£": ("GBP",), "¥": ("JPY", "CNY"), "zł": ("PLN",), "kč": ("CZK",), "₹": ("INR",), "₩": ("KRW",),
    "₺": ("TRY",), "kr": ("SEK", "NOK", "DKK", "ISK"), "kr.": ("DKK", "SEK", "NOK", "ISK"), "fr.": ("CHF",),
    "sfr.": ("CHF",), "ft": ("HUF",), "r$": ("BRL",), "us$": ("USD",), "lei": ("RON",),
    "$": ("USD", "CAD", "AUD", "NZD", "SGD", "HKD", "MXN", "ARS", "CLP", "COP", "TWD"),
}  # fmt: skip


def _unsigned(text: str, currency: str) -> tuple[str, str | None]:
    """("-" or "", the digits and separators); None where anything else stands beside them."""
    if len(text) > _LONGEST:
        return "", None
    body = _SPACES.sub(" ", text.translate(_MINUS)).strip()
    negative = body.startswith("(") and body.endswith(")")
    if negative:
        body = body[1:-1].strip()
    signs, body = _stripped(body, negative)
    body = _without_currency(body, currency)
    more, body = _stripped(body, negative or bool(signs))
    return ("-" if negative or "-" in (signs, more) else ""), body if _UNSIGNED.fullmatch(body) else None


def _stripped(body: str, signed: bool) -> tuple[str, str]:
    """(the sign, the rest): a plus or minus in front, or a minus behind; one only."""
    if signed:
        return "", body
    if body[:1] in ("+", "-"):
        return body[0], body[1:].strip()
    return ("-", body[:-1].strip()) if body[-1:] == "-" else ("", body)


def _without_currency(body: str, currency: str) -> str:
    if not currency:
        return body
    found = re.match(r"([^\d\s.,'+-]+\.?)(.*)", body) or re.fullmatch(r"(.*\d)\s?([^\d\s.,'+-]+\.?)", body)
    if found is None:
        return body
    first, second = found.groups()
    mark, rest = (second, first) if first[-1:].isdigit() else (first, second)
    known = mark.upper() == currency or currency in _SIGNS_OF_CURRENCIES.get(mark.casefold(), ())
    return rest.strip() if known else body


def _which_one(body: str) -> str:
    whole, decimals = re.split(r"[.,]", body)
    return (
        f"a number that is clear: {body} can be {whole}{decimals} or {whole}.{decimals}; "
        "send decimal=point or decimal=comma with the file"
    )


def _what_else(text: str, style: NumberStyle) -> str:
    if "%" in text:
        return "a number without a percent sign"
    return "a number written like 1234,5" if style.strict and style.sign is DecimalSign.COMMA else ""
