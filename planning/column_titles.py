"""Which title of a file means which column: by what was said of it, by name, by synonym, and at last by similarity.

Case, blanks, hyphens, dots and a trailing asterisk don't matter. Two titles never mean one column: of a name or synonym
that stands twice the reader of the answer hears, and of two titles that are equally similar none is taken.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from rapidfuzz import fuzz

SIMILAR_FROM = 84
"""Percent of the letters that a title and a name must share to be taken for one another; see `similarity`."""
_SIMILAR_WORD, _SIMILAR_LONG_WORD, _LONG = 80, 75, 6
_BESIDE_A_NOTE = 95.0

Said = Mapping[str, str | None]
"""Title -> column, as somebody gave it; None = leave the title alone."""


class How(StrEnum):
    """Why a title is taken for a column; `similar` is a guess."""

    EXACT = "exact"
    SYNONYM = "synonym"
    SIMILAR = "similar"
    GIVEN = "given"
    SAVED = "saved"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A column by its name and the other names that people give it."""

    name: str
    synonyms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Matched:
    """A column and the position of its title; `score` is 100 unless it is a guess."""

    column: str
    position: int
    how: How
    score: int = 100


@dataclass(frozen=True, slots=True)
class Matching:
    """What was found. `doubled`: columns that several titles name alike, with their positions (none of them is taken);
    `absent`: titles that were given and that the file does not have.
    """

    matched: dict[str, Matched] = field(default_factory=dict)
    doubled: dict[str, tuple[int, ...]] = field(default_factory=dict)
    absent: tuple[str, ...] = ()

    @property
    def positions(self) -> dict[str, int]:
        """Column -> position."""
        return {column: one.position for column, one in self.matched.items()}


def title_key(title: str) -> str:
    """The form in which titles are compared: letters and digits, case-folded, nothing between them."""
    return "".join(_words(title))


def _words(title: str) -> list[str]:
    folded = unicodedata.normalize("NFKC", title).casefold()
    return re.findall(r"[^\W_]+", folded)


def _initials(words: Sequence[str]) -> str:
    return "".join(word[0] for word in words)


def match_titles(
    titles: Sequence[str], wanted: Sequence[Wanted], given: Said | None = None, saved: Said | None = None
) -> Matching:
    """Titles in the order of the file ("" = none) against the columns of a kind. What is given wins over what is saved.

    A column that is named in `given` or `saved` is found by that alone, unless the file lacks the title of a saved one.
    """
    search = _Search(titles, wanted)
    search.say(given or {}, How.GIVEN)
    search.say(saved or {}, How.SAVED)
    search.by_name()
    search.by_synonym()
    search.by_similarity()
    return search.found


class _Search:
    """Takes positions away as columns are found."""

    def __init__(self, titles: Sequence[str], wanted: Sequence[Wanted]) -> None:
        self.titles = titles
        self.keys = [title_key(title) for title in titles]
        self.open = {one.name: one for one in wanted}
        self.free = {at for at, key in enumerate(self.keys) if key}
        self.names = {title_key(one.name) for one in wanted}
        self.known = self.names | {title_key(synonym) for one in wanted for synonym in one.synonyms}
        self.found = Matching()
        self.absent: list[str] = []

    def say(self, said: Said, how: How) -> None:
        """Apply what somebody said."""
        for title, column in said.items():
            key = title_key(title)
            at = tuple(position for position in sorted(self.free) if self.keys[position] == key)
            if column is None:
                self.free.difference_update(at)
            elif column in self.open and (at or how is How.GIVEN):
                self._take(column, at, how)
                self.absent += [] if at else [title]
        self.found = Matching(self.found.matched, self.found.doubled, tuple(self.absent))

    def by_name(self) -> None:
        for column in list(self.open):
            self._take(column, self._at({title_key(column)}), How.EXACT)

    def by_synonym(self) -> None:
        """A title that is the name of another column is no synonym."""
        for column, one in list(self.open.items()):
            self._take(column, self._at({title_key(synonym) for synonym in one.synonyms} - self.names), How.SYNONYM)

    def by_similarity(self) -> None:
        """The best pairs first; where two are equally good, none of them is taken."""
        pairs = sorted(self._similar_pairs(), reverse=True)
        while pairs:
            best = [pair for pair in pairs if pair[0] == pairs[0][0]]
            columns = [column for _, column, _ in best]
            places = [at for _, _, at in best]
            for score, column, at in best:
                if columns.count(column) == places.count(at) == 1:
                    self.found.matched[column] = Matched(column, at, How.SIMILAR, round(score))
            pairs = [pair for pair in pairs if pair[1] not in columns and pair[2] not in places]

    def _similar_pairs(self) -> Iterator[tuple[float, str, int]]:
        # Only what has the same initials can be similar. Nearly nothing has: titles are looked for in many rows.
        names: dict[str, list[tuple[str, list[str]]]] = defaultdict(list)
        for column, one in self.open.items():
            for words in map(_words, (column, *one.synonyms)):
                names[_initials(words)].append((column, words))
        for at in self.free:
            if self.keys[at] in self.known:
                continue
            spelled = _Spelled.of(self.titles[at])
            scores: dict[str, float] = {}
            for column, words in names.get(_initials(spelled.words), ()):
                scores[column] = max(scores.get(column, 0.0), spelled.likeness(words))
            yield from ((score, column, at) for column, score in scores.items() if score >= SIMILAR_FROM)

    def _at(self, keys: set[str]) -> tuple[int, ...]:
        return tuple(at for at in sorted(self.free) if self.keys[at] in keys)

    def _take(self, column: str, at: tuple[int, ...], how: How) -> None:
        if len(at) > 1:
            self.found.doubled[column] = at
            self.open.pop(column)
        elif at:
            self.found.matched[column] = Matched(column, at[0], how)
            self.free.discard(at[0])
            self.open.pop(column)


_NOTE = re.compile(r"\s*(?:\([^()]*\)|\[[^\[\]]*\])\s*\*?$")


def similarity(title: str, name: str) -> float:
    """0 to 100: how much a title looks like a misspelt name.

    Word by word: as many words, each beginning with the same letter, at least 80 % alike (75 % from six letters on) and
    with the same digits; so "Costumer Code" is a customer code, while "Last price" is no list price, "Quality" and
    "Quantity 2" are no quantity. A note in brackets behind the name ("Price (EUR)") is left out, at 95.
    """
    return _Spelled.of(title).likeness(_words(name))


@dataclass(frozen=True, slots=True)
class _Spelled:
    """A title as it is compared with many names: its words without a note behind them."""

    words: list[str]
    has_note: bool

    @classmethod
    def of(cls, title: str) -> _Spelled:
        shorter = _NOTE.sub("", title)
        return cls(_words(shorter), shorter != title)

    def likeness(self, names: Sequence[str]) -> float:
        """`similarity` with the name of these words."""
        if self.has_note and "".join(self.words) == "".join(names):
            return _BESIDE_A_NOTE
        if len(self.words) != len(names) or not names:
            return 0.0
        if not all(_alike(word, other) for word, other in zip(self.words, names, strict=True)):
            return 0.0
        return float(fuzz.ratio(" ".join(self.words), " ".join(names)))


def _alike(word: str, other: str) -> bool:
    if word[0] != other[0] or re.findall(r"\d", word) != re.findall(r"\d", other):
        return False
    enough = _SIMILAR_LONG_WORD if min(len(word), len(other)) >= _LONG else _SIMILAR_WORD
    return bool(fuzz.ratio(word, other) >= enough)
