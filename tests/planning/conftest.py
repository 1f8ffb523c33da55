"""Generated examples are the same in every run, so that a red test is red again for whoever looks into it.

`make fuzz` takes many new ones instead and prints how to repeat the one that failed.
"""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("planning", deadline=None, derandomize=True, database=None)
settings.register_profile("fuzz", deadline=None, database=None, max_examples=500, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "planning"))
