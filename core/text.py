"""Text from outside: what a stored text may hold, how codes compare, and how a text is made fit to be shown."""

from __future__ import annotations

import re

REPLACEMENT = "\ufffd"

# C0 and C1 controls without tab and line breaks, which free text may hold.
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_LINE_BREAKS = re.compile(r"[\t\n\r\u2028\u2029]")
_SURROGATES = re.compile(r"[\ud800-\udfff]")
# Overrides and isolates let a text show in another order than it is stored ("exe.slx" for "xls.exe").
_DIRECTION = re.compile(r"[\u202a-\u202e\u2066-\u2069]")
_SUSPECT = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028-\u202e\u2066-\u2069\ufffd]")
_UNPRINTABLE = re.compile("|".join(known.pattern for known in (_CONTROLS, _SURROGATES, _DIRECTION)))


def code_key(code: str) -> str:
    """The form in which codes are compared: trimmed and case-folded."""
    return code.strip().casefold()


_SOURCE = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
SOURCE_PATTERN = f"^{_SOURCE.pattern}$"
"""The name of a system that facts come from, as it is stored."""


def source_key(name: str) -> str | None:
    """The stored form of a source's name: small letters, blanks as hyphens; None when it is no such name."""
    key = re.sub(r"\s+", "-", name.strip()).casefold()
    return key if _SOURCE.fullmatch(key) else None


def text_problem(text: str, *, max_length: int, multiline: bool = False) -> str | None:
    """What a text should be and is not, as the end of "expected …"; None when it may be stored.

    `max_length` counts characters. Tabs and line breaks pass only where `multiline` says so.
    """
    if len(text) > max_length:
        return f"at most {max_length} characters"
    if not _SUSPECT.search(text):
        return None
    if _SURROGATES.search(text) or REPLACEMENT in text:
        return "text without broken characters"
    if _CONTROLS.search(text):
        return "text without control characters"
    if _DIRECTION.search(text):
        return "text without characters that change the writing direction"
    if not multiline and _LINE_BREAKS.search(text):
        return "text on one line"
    return None


def printable(text: str, *, max_length: int) -> str:
    """The text with what `text_problem` refuses shown as U+FFFD (line breaks stay), cut with an ellipsis."""
    shown = _UNPRINTABLE.sub(REPLACEMENT, text)
    return shown if len(shown) <= max_length else shown[: max_length - 1] + "…"


# A csv cell that begins so is a formula to spreadsheet programs.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
_GUARDED = re.compile(r"'+[=+\-@\t\r\n]")


def guarded(text: str) -> str:
    """The text as a csv cell that no program takes for a formula: with an apostrophe in front where it looks like one.

    A text that looks like a guarded one gets one more, so that `unguarded` gives back every text.
    """
    return "'" + text if text.startswith(FORMULA_STARTS) or _GUARDED.match(text) else text


def unguarded(cell: str) -> str:
    """A csv cell without the apostrophe that `guarded`, or a program that does the same, has put there."""
    return cell[1:] if _GUARDED.match(cell) else cell


# What a spreadsheet shows instead of a value; `NOT_CALCULATED` is our own, for a formula saved without its result.
NOT_CALCULATED = "#NOT-CALCULATED!"
CELL_ERRORS = frozenset(
    ("#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!", "#GETTING_DATA", "#SPILL!", "#CALC!",
     "#BLOCKED!", "#CONNECT!", "#FIELD!", NOT_CALCULATED)
)  # fmt: skip
