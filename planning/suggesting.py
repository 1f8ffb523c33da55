"""Finding a customer or product by a misspelt code or name: an index of words, and how well a text fits an entry.

The exact prefix search of lists stands apart: it never guesses. Words come normalised (no case, no accents), from the
text as from the entries; codes come as one word without separators.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rapidfuzz import process
from rapidfuzz.distance import OSA, JaroWinkler

EXACT = 1.0
PREFIX = 0.95
SIMILAR_WORD = 0.86
"""The least Jaro-Winkler similarity of two words: a letter missing, too many, wrong or in the wrong place."""
SIMILAR_CODE = 0.79
"""The least similarity of two codes: one edit in five characters."""
TYPO = 0.9
"""What a similar word counts, compared with the word itself."""
LEAST_SCORE = 0.45
SHORTEST_TYPO = 3
SHORTEST_CODE_TYPO = 4
WORDS = 6
TOKENS_PER_WORD = 200
ROWS_PER_WORD = 20_000


@dataclass(frozen=True, slots=True)
class Entry:
    """What is suggested: an opaque key, its code as one word, and all words that it is found by."""

    key: bytes
    code: str
    words: Sequence[str]


@dataclass(frozen=True, slots=True)
class Hit:
    """A found entry. `score` is 0..1; `by_code` says that the text is the code or its beginning."""

    key: bytes
    score: float
    by_code: bool = False


class WordIndex:
    """An immutable index. 100,000 entries take some tens of megabytes."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        rows = sorted(entries, key=lambda entry: entry.code)
        self._keys = [entry.key for entry in rows]
        self._codes = [entry.code for entry in rows]
        postings: dict[str, array[int]] = {}
        for place, entry in enumerate(rows):
            for word in entry.words:
                postings.setdefault(word, array("I")).append(place)
        self._tokens = sorted(postings)
        self._places = [postings[token] for token in self._tokens]

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, words: Sequence[str], code: str) -> Iterator[Hit]:
        """The entries that fit, best first: codes that are the text, codes that begin with it, then by score.

        Each word counts with the most similar word of an entry; the score is the mean over the first six words.
        """
        begin_with_it = self._codes_from(code)
        scores = self._scores(words[:WORDS])
        for place, score in self._similar_codes(code):
            scores[place] = max(score, scores.get(place, 0.0))
        for place in begin_with_it:
            scores.pop(place, None)
            yield Hit(self._keys[place], EXACT if self._codes[place] == code else PREFIX, by_code=True)
        fitting = [(score, place) for place, score in scores.items() if score >= LEAST_SCORE]
        for score, place in sorted(fitting, key=lambda one: (-one[0], one[1])):
            yield Hit(self._keys[place], score)

    def _codes_from(self, code: str) -> range:
        """The places of the codes that begin with this one; they stand together, itself first."""
        first = bisect_left(self._codes, code)
        return range(first, bisect_left(self._codes, f"{code}\U0010ffff")) if code else range(0)

    def _similar_codes(self, code: str) -> Iterator[tuple[int, float]]:
        if len(code) < SHORTEST_CODE_TYPO:
            return
        found = process.extract(
            code, self._codes, scorer=OSA.normalized_similarity, score_cutoff=SIMILAR_CODE, limit=TOKENS_PER_WORD
        )
        for _, similarity, place in found:
            yield place, similarity * TYPO

    def _scores(self, words: Sequence[str]) -> dict[int, float]:
        found = sorted((self._of_word(word) for word in words), key=len)
        scores: dict[int, float] = {}
        for of_word in found:
            # A word that half of all entries have decides nothing alone: it only lifts what other words have found.
            places = scores if scores and len(of_word) >= ROWS_PER_WORD else of_word
            for place in list(places):
                scores[place] = scores.get(place, 0.0) + of_word.get(place, 0.0) / len(words)
        return scores

    def _of_word(self, word: str) -> dict[int, float]:
        """How well the most similar word of each entry fits; at most some 20,000 entries, the best ones."""
        best: dict[int, float] = {}
        for token, similarity in self._similar_words(word):
            for place in self._places[token]:
                best.setdefault(place, similarity)
            if len(best) >= ROWS_PER_WORD:
                break
        return best

    def _similar_words(self, word: str) -> list[tuple[int, float]]:
        first = bisect_left(self._tokens, word)
        last = bisect_left(self._tokens, f"{word}\U0010ffff")
        begin = range(first, min(last, first + TOKENS_PER_WORD))
        found = {token: EXACT if self._tokens[token] == word else PREFIX for token in begin}
        if len(word) >= SHORTEST_TYPO:
            similar = process.extract(
                word,
                self._tokens,
                scorer=JaroWinkler.normalized_similarity,
                score_cutoff=SIMILAR_WORD,
                limit=TOKENS_PER_WORD,
            )
            for _, similarity, token in similar:
                found.setdefault(token, similarity * TYPO)
        return sorted(found.items(), key=lambda one: -one[1])
