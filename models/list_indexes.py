"""The indexes behind a list of masters that people sort, filter and search, so that its pages examine what they show.

- In the order of each sort: what lists filter by and search in stands behind it in the key, so that rows are left out
  before they are fetched. A page of many hits ends early.
- For each filter with few hits of many: the same in the order of the name.
- By the words of the search: the hits of a rare word are sorted by what is in the key, and only the page is fetched.

MongoDB chooses by trying. All of them begin with the tenant and whether a master is active.
"""

from __future__ import annotations

from collections.abc import Sequence

from pymongo import IndexModel

SORTS = ("name", "code_key", "updated_at")


def list_indexes(filters: Sequence[str], selective: Sequence[str]) -> list[IndexModel]:
    """For a collection with `tenant_id`, `is_active`, `search` and the fields of `SORTS`. `selective` are those of the
    filters that have an index of their own."""
    in_order = [
        _index(f"tenant_active_{sort}", "tenant_id", "is_active", sort, "_id", *filters, "search") for sort in SORTS
    ]
    filtered = [
        _index(
            f"tenant_{name}_name",
            *("tenant_id", name, "is_active", "name", "_id"),
            *(other for other in filters if other != name),
        )
        for name in selective
    ]
    by_word = _index("tenant_search", "tenant_id", "search", "is_active", "name", "code_key", "_id")
    return [*in_order, *filtered, by_word]


def _index(name: str, *fields: str) -> IndexModel:
    return IndexModel([(field, 1) for field in fields], name=name)
