"""Search as people type it: the beginnings of words, in any order, without accents and without regard to case.

Documents carry `search`, the list of normalised words of their code and name; a query asks for a prefix of one of them
per word typed, which an index on `search` answers.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

MAX_WORDS = 6
MAX_STORED_WORDS = 40
_WORD = re.compile(r"[^\W_]+")


def search_words(*texts: str | None) -> list[str]:
    """The distinct normalised words of the texts, in order; at most 40 of them are kept."""
    words = (word for text in texts if text for word in _words(text))
    return list(dict.fromkeys(words))[:MAX_STORED_WORDS]


def as_one_word(text: str) -> str:
    """All words of the text without what separates them: the form in which codes are compared with what is typed."""
    if text.isascii():
        return "".join(filter(str.isalnum, text.casefold()))
    return "".join(_words(text))


def search_filter(text: str | None) -> dict[str, Any]:
    """The query for documents that have, for each of the first six words typed, a word that begins with it.

    Everything typed is escaped: nothing in it is a pattern. A text without any letter or digit finds everything.
    """
    # The longest first: MongoDB finds by the first one, and looks for the others in what it has found.
    words = sorted(_words(text or "")[:MAX_WORDS], key=len, reverse=True)
    clauses = [{"search": {"$regex": f"^{re.escape(word)}"}} for word in words]
    if not clauses:
        return {}
    return clauses[0] if len(clauses) == 1 else {"$and": clauses}


def _words(text: str) -> list[str]:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return _WORD.findall("".join(char for char in decomposed if not unicodedata.combining(char)))
