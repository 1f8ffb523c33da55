"""When Python looks for garbage."""

from __future__ import annotations

import gc

OFTEN, SELDOM, RARELY = 50_000, 20, 100


def collect_seldom() -> None:
    """For processes that do bulk work, once they have started: leave what they loaded alone for good, and look through
    new containers after every 50,000 (700 by default).

    A batch of an import makes hundreds of thousands of them that are all in use, and looking through these again and
    again took a quarter of its time. Nearly all of our garbage is freed by its reference count anyway.
    """
    gc.freeze()
    gc.set_threshold(OFTEN, SELDOM, RARELY)
