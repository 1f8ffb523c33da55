"""Reading a JSON body strictly, before any model sees it.

The standard library's parser accepts what would hurt later: duplicate keys (the last wins), NaN and infinity (stored,
they break every list of the tenant), lone surrogates and NUL (no database text), numbers that lose digits. All are
refused here with the place of the mistake.
"""

from __future__ import annotations

import json
import math
from typing import Any

from core.errors import Detail, InvalidInput, MalformedRequest

MAX_DEPTH = 32
MAX_INT_DIGITS = 19
MAX_SIGNIFICANT_DIGITS = 15


class _Refused(Exception):
    """A value that no field may hold; carried through the parser."""


def parse_json(body: bytes) -> Any:
    """The JSON value of a body in UTF-8. Raises MalformedRequest (not JSON) or InvalidInput (JSON nobody may send)."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedRequest("The body is not UTF-8.") from error
    try:
        value = _DECODER.decode(text)
    except _Refused as error:
        raise InvalidInput(details=[Detail("body", str(error))]) from error
    except json.JSONDecodeError as error:
        raise MalformedRequest(f"The body is not well-formed JSON: {error.msg} at character {error.pos}.") from error
    except RecursionError as error:
        raise InvalidInput(details=[Detail("body", "is nested too deep")]) from error
    except ValueError as error:
        raise InvalidInput(details=[Detail("body", "holds a number that is too long")]) from error
    _check(value, "", 0, escapes="\\u" in text)
    return value


def parse_texts(text: str) -> dict[str, str | None]:
    """A JSON object of texts and nulls that came in a form; keys may be any text. Raises ValueError with the reason."""
    try:
        value = _DECODER.decode(text)
    except _Refused as error:
        raise ValueError(str(error)) from error
    except (ValueError, RecursionError) as error:
        raise ValueError("is not well-formed JSON") from error
    if not isinstance(value, dict) or not all(inner is None or isinstance(inner, str) for inner in value.values()):
        raise ValueError("must be a JSON object of texts")
    if any(_is_broken(part) for pair in value.items() for part in pair if part is not None):
        raise ValueError("must be text without NUL or broken characters")
    return value


def _check(value: Any, path: str, depth: int, *, escapes: bool) -> None:
    """Walk containers, and texts too where an escape can hide what UTF-8 can't hold."""
    if depth > MAX_DEPTH:
        raise InvalidInput(details=[Detail(path or "body", "is nested too deep")])
    if isinstance(value, dict):
        for key, inner in value.items():
            if escapes or key[:1] == "$" or "." in key:
                _check_key(key, path)
            if isinstance(inner, (dict, list)) or (escapes and isinstance(inner, str)):
                _check(inner, f"{path}.{key}" if path else key, depth + 1, escapes=escapes)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            if isinstance(inner, (dict, list)) or (escapes and isinstance(inner, str)):
                _check(inner, f"{path}.{index}" if path else str(index), depth + 1, escapes=escapes)
    elif isinstance(value, str) and _is_broken(value):
        raise InvalidInput(details=[Detail(path or "body", "must be text without NUL or broken characters")])


def _check_key(key: str, path: str) -> None:
    if key[:1] == "$" or "." in key or _is_broken(key):
        raise InvalidInput(details=[Detail(path or "body", "holds a key that is not allowed")])


def _is_broken(text: str) -> bool:
    return "\x00" in text or (not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise _Refused("holds the same key twice")
    return result


def _constant(name: str) -> float:
    raise _Refused(f"holds {name}, which is not a number")


def _int(text: str) -> int:
    if len(text.lstrip("-")) > MAX_INT_DIGITS:
        raise _Refused("holds a number that is too long")
    return int(text)


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _Refused("holds a number that is too large")
    if len(text) > MAX_SIGNIFICANT_DIGITS and _significant(text) > MAX_SIGNIFICANT_DIGITS:
        raise _Refused(f"holds a number with more than {MAX_SIGNIFICANT_DIGITS} significant digits")
    return number


def _significant(text: str) -> int:
    mantissa = text.lower().partition("e")[0].lstrip("-").replace(".", "")
    return len(mantissa.strip("0"))


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant, parse_int=_int, parse_float=_float)
