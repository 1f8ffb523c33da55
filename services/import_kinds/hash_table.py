"""Numbers by 64-bit hashes, in two arrays: 12 bytes a slot, where a dictionary needs some hundred bytes an entry."""

from __future__ import annotations

from array import array

_FIRST_SLOTS = 1 << 14
_WORD = (1 << 64) - 1


class HashTable:
    """Keys are hashes, values row numbers or counts below 2^32. Two keys with the same 64 bits are one: among a million
    there is one such pair in 37 million files."""

    def __init__(self) -> None:
        self._count = 0
        self._clear(_FIRST_SLOTS)

    def __len__(self) -> int:
        return self._count

    def setdefault(self, key: int, value: int) -> int:
        """The value of the key; this one if it has none yet."""
        key, at = self._find(key)
        if self._keys[at]:
            return self._values[at]
        self._put(key, at, value)
        return value

    def count(self, key: int) -> int:
        """How often the key was counted, this time included."""
        key, at = self._find(key)
        if self._keys[at]:
            self._values[at] += 1
            return self._values[at]
        self._put(key, at, 1)
        return 1

    def _find(self, key: int) -> tuple[int, int]:
        """The key as it is kept (0 is an empty slot), and where it is or belongs."""
        key = key & _WORD or 1
        keys, mask = self._keys, self._mask
        at = key & mask
        while (found := keys[at]) != key and found:
            at = (at + 1) & mask
        return key, at

    def _put(self, key: int, at: int, value: int) -> None:
        self._keys[at], self._values[at] = key, value
        self._count += 1
        if self._count * 3 > len(self._keys) * 2:
            self._grow()

    def _grow(self) -> None:
        keys, values = self._keys, self._values
        self._clear(len(keys) * 2)
        for key, value in zip(keys, values, strict=True):
            if key:
                _, at = self._find(key)
                self._keys[at], self._values[at] = key, value

    def _clear(self, slots: int) -> None:
        self._mask = slots - 1
        self._keys = array("Q", bytes(8 * slots))
        self._values = array("I", bytes(4 * slots))
