"""How hard a password is to guess, estimated by zxcvbn: by words, names, dates, keyboard rows and repeats.

No list of breached passwords is asked: nothing of a password ever leaves the process.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from threading import Lock

from zxcvbn import zxcvbn

JUDGED_LENGTH = 40
"""Only so many characters are judged: the estimate takes half a second for the worst 40, and grows with the square."""
MAX_ABOUT = 20

# zxcvbn keeps what is known of the person in a dictionary of its module: two at once would judge by each other's names.
_ALONE = Lock()
_WORD = re.compile(r"[^\W_]{3,}")


def weakness(password: str, about: Iterable[str], min_score: int) -> str | None:
    """What makes the password too easy to guess, as a sentence that says what to do; None when it is good enough.

    `about` is what an attacker knows of the person (address, name, company). `min_score` is zxcvbn's: 0 (too guessable)
    to 4 (very unguessable). A password longer than `JUDGED_LENGTH` must be strong by its beginning.
    """
    with _ALONE:
        estimate = zxcvbn(password[:JUDGED_LENGTH], user_inputs=_known(about), max_length=JUDGED_LENGTH)
    if estimate["score"] >= min_score:
        return None
    reason = _sentence(estimate["feedback"]["warning"]) or "This is easy to guess."
    return f"{reason} Use several uncommon words, without names, dates and repeats."


def _known(about: Iterable[str]) -> list[str]:
    """The texts and their words, bounded: what names the person is the first thing that is tried."""
    texts = [text.casefold()[:JUDGED_LENGTH] for text in ("planwright", *about)]
    words = [word for text in texts for word in _WORD.findall(text)]
    return list(dict.fromkeys([*texts, *words]))[:MAX_ABOUT]


def _sentence(warning: str) -> str:
    return f"{warning.rstrip('.')}." if warning else ""
