"""The table behind repeated keys and line numbers says what a dictionary would."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.import_kinds import hash_table
from services.import_kinds.hash_table import HashTable

KEYS = st.lists(st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(0, 40).map(lambda n: n << 20)), max_size=200)


@given(KEYS)
def test_the_first_value_of_a_key_stays(keys: list[int]) -> None:
    table, expected = HashTable(), dict[int, int]()
    for row, key in enumerate(keys):
        # 0 and 1 are the same key: 0 marks an empty slot.
        assert table.setdefault(key, row) == expected.setdefault(key or 1, row)
    assert len(table) == len(expected)


@given(KEYS)
def test_keys_are_counted(keys: list[int]) -> None:
    table, expected = HashTable(), dict[int, int]()
    for key in keys:
        expected[key or 1] = expected.get(key or 1, 0) + 1
        assert table.count(key) == expected[key or 1]


def test_it_grows_and_forgets_nothing() -> None:
    table = HashTable()
    rows = hash_table._FIRST_SLOTS * 3
    for row in range(rows):
        assert table.setdefault(hash((row, "x")), row) == row
    assert len(table) == rows
    assert all(table.setdefault(hash((row, "x")), 0) == row for row in range(rows))
