"""Which records of a list may be the same thing twice: by what they are called, and by their codes.

Comparing everything with everything would take hours, so records meet only in blocks: those that share a word, a
word's consonants, the whole name in any order, its first letters or the letters of the code. A block of more than
`MAX_BLOCK` records says nothing ("trading", "red") and is left out, so a record is compared with at most `MAX_BLOCK`
others per block. Two records that have nothing rarer in common are not found.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from rapidfuzz import fuzz

Key = TypeVar("Key", bound=Hashable)
Words = tuple[str, ...]

LIKELY = 88
"""From this score (0 to 100) on a pair is suspected."""
CODES_ALIKE = 90
"""The score of codes that differ in nothing but punctuation and case, whatever the names are."""
WORD_LIKELY = 80
"""Words that differ must be this similar, so that `mug red` and `mug blue` are two things."""
MAX_BLOCK = 30
MAX_NAMES = 6
"""Names of a record that are looked at: its own and its first aliases."""
SHORTEST_CODE = 3
FIRST_LETTERS = 8

_GERMANIC = (
    "ab",
    "ag",
    "aps",
    "as",
    "eg",
    "ek",
    "gbr",
    "gesmbh",
    "gmbh",
    "kg",
    "kgaa",
    "mbh",
    "ohg",
    "oy",
    "oyj",
    "ug",
)
_ROMANCE = ("bv", "bvba", "ev", "nv", "sa", "sarl", "sas", "se", "sl", "spa", "spzoo", "srl", "sro", "kft")
_ENGLISH = ("co", "company", "corp", "corporation", "inc", "incorporated", "limited", "llc", "llp", "lp", "ltd")
LEGAL_FORMS = frozenset((*_GERMANIC, *_ROMANCE, *_ENGLISH, "plc", "pte", "pty", "and", "und", "et", "the"))
"""Words that say how a company was founded, or nothing, but not which one it is."""


class Reason(StrEnum):
    """What makes a pair suspicious."""

    SAME_CODE = "same_code"
    """The codes differ in punctuation and case only."""
    SAME_NAME = "same_name"
    """The same words, in any order, legal forms aside."""
    SIMILAR_NAME = "similar_name"
    """Nearly the same words."""


@dataclass(frozen=True, slots=True)
class Record(Generic[Key]):
    """`code` holds letters and digits only, case-folded; `names` the normalised words of the name and the aliases.

    Records with the same `family` (a planning node) are known to belong together and are not suspected.
    """

    key: Key
    code: str
    names: tuple[Words, ...]
    family: Hashable = None


@dataclass(frozen=True, slots=True)
class Suspicion(Generic[Key]):
    """Two records, the one that comes first in the list first."""

    first: Key
    second: Key
    score: int
    reasons: tuple[Reason, ...]


def suspected(records: Sequence[Record[Key]]) -> Iterator[Suspicion[Key]]:
    """Every suspected pair once, in the order of the list."""
    essentials = [[essential(name) for name in record.names[:MAX_NAMES]] for record in records]
    blocks = _blocks(records, essentials)
    for place, record in enumerate(records):
        keys = _keys(record, essentials[place])
        others = {other for key in keys for other in blocks.get(key, ()) if other > place}
        for other in sorted(others):
            found = _compare(record, records[other], essentials[place], essentials[other])
            if found is not None:
                yield found


def essential(name: Words) -> Words:
    """The words that tell things apart: without legal forms, unless nothing else is there."""
    return tuple(word for word in name if word not in LEGAL_FORMS) or name


def similarity(one: Words, other: Words) -> int:
    """0 to 100 for two names as `essential` gives them; 100 = the same words in any order, or the same
    letters (`north wind`, `northwind`). It does not matter which is first.

    0 when numbers differ (`store 12`, `store 13`) or when a word has no counterpart that is nearly the same.
    """
    if not one or not other:
        return 0
    first, second = sorted(one), sorted(other)
    if first == second or "".join(one) == "".join(other):
        return 100
    if _numbers(first) != _numbers(second) or _variants(first, second):
        return 0
    return round(fuzz.ratio(" ".join(first), " ".join(second)))


def compact(code: str) -> str:
    """The letters and digits of a code, case-folded."""
    return "".join(char for char in code.casefold() if char.isalnum())


def _compare(
    one: Record[Key], other: Record[Key], names: Sequence[Words], others: Sequence[Words]
) -> Suspicion[Key] | None:
    if one.family is not None and one.family == other.family:
        return None
    named = max((similarity(name, theirs) for name in names for theirs in others), default=0)
    reasons = []
    if one.code == other.code and len(one.code) >= SHORTEST_CODE:
        reasons.append(Reason.SAME_CODE)
    if named >= LIKELY:
        reasons.append(Reason.SAME_NAME if named == 100 else Reason.SIMILAR_NAME)
    if not reasons:
        return None
    score = max(named, CODES_ALIKE) if Reason.SAME_CODE in reasons else named
    return Suspicion(one.key, other.key, score, tuple(reasons))


def _blocks(records: Sequence[Record[Key]], essentials: Sequence[Sequence[Words]]) -> Mapping[str, list[int]]:
    """Places in the list by block, of the blocks that hold 2 to `MAX_BLOCK` records."""
    sizes = Counter(key for place, record in enumerate(records) for key in _keys(record, essentials[place]))
    blocks: dict[str, list[int]] = defaultdict(list)
    for place, record in enumerate(records):
        for key in _keys(record, essentials[place]):
            if 1 < sizes[key] <= MAX_BLOCK:
                blocks[key].append(place)
    return blocks


def _keys(record: Record[Key], names: Sequence[Words]) -> set[str]:
    """The blocks that a record belongs to; the first letter keeps kinds of blocks apart."""
    keys = {key for name in names for key in _keys_of_name(name)}
    if len(record.code) >= SHORTEST_CODE:
        keys.add(f"c{record.code}")
    return keys


def _keys_of_name(name: Words) -> Iterator[str]:
    yield f"n{''.join(sorted(name))}"
    yield f"f{''.join(name)[:FIRST_LETTERS]}"
    for word in name:
        yield f"w{word}"
        yield f"s{_consonants(word)}"


def _consonants(word: str) -> str:
    """The first letter and the consonants after it, doubled ones once: `mueller`, `muller` and `miller` are `mlr`."""
    kept = word[:1]
    for char in word[1:]:
        if char not in "aeiouyhw" and char != kept[-1]:
            kept += char
    return kept


def _numbers(name: Sequence[str]) -> list[str]:
    return [word for word in name if any(char.isdigit() for char in word)]


def _variants(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether each name has a word of its own without a counterpart in the other: `mug red large`, `mug blue`."""
    own, theirs = list((Counter(one) - Counter(other)).elements()), list((Counter(other) - Counter(one)).elements())
    if len(own) == len(theirs):
        return not (_all_near(own, theirs) and _all_near(theirs, own))
    fewer, more = sorted((own, theirs), key=len)
    return not _all_near(fewer, more)


def _all_near(words: Iterable[str], others: Sequence[str]) -> bool:
    return all(any(fuzz.ratio(word, other) >= WORD_LIKELY for other in others) for word in words)
