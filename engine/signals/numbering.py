"""Numbers for ids, given as the ids come.

In: columns of ids, batch after batch. Out: their numbers, and the ids in their order.
Never: two ids under one number; they would have to agree in two hashes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

Array = NDArray[Any]

FEWEST_SLOTS = 1 << 12
SLOTS_PER_ID = 4
"""So many that most ids are met at the first slot that is looked at."""
HOME, KEY = 0, 1
"""Seeds: one hash says at which slot an id is looked for, the other one whether it is there."""


class Numbering:
    """A hash table from ids to numbers from 1 on, which looks for a whole batch at once."""

    def __init__(self, column: str) -> None:
        """Knows no id of the column yet."""
        self._slots = np.zeros(FEWEST_SLOTS, np.uint32)  # numbers; 0 where the slot is free
        self._keys = np.zeros(FEWEST_SLOTS // SLOTS_PER_ID + 1, np.uint64)  # by number
        self._ids = [pl.Series(column, dtype=pl.String)]
        self._known = 0

    def number(self, ids: pl.Series) -> Array:
        """(ids,) uint32: the number of each, the same whenever the id comes again; no nulls."""
        homes, keys = (ids.hash(seed).to_numpy() for seed in (HOME, KEY))
        at, numbers = self._find(homes, keys)
        new = np.flatnonzero(numbers == 0)
        at = at[new]
        while new.size:
            # of the rows that came to one free slot the last one is let in, the others look again
            self._slots[at] = new
            chosen = new[self._slots[at] == new][: self._slots.size // SLOTS_PER_ID]
            self._slots[at] = 0
            # written anew, because chosen ids would hold the text of the whole batch in memory
            self._add(ids.gather(chosen) + "", keys[chosen])
            at, numbers[new] = self._find(homes[new], keys[new])
            left = numbers[new] == 0
            at, new = at[left], new[left]
        return numbers

    def ranked(self) -> tuple[pl.Series, Array]:
        """The ids in their order, and by number (0 stands for none) the place in it as uint32."""
        ids = pl.concat(self._ids)
        order = ids.arg_sort()
        places = np.zeros(self._known + 1, np.uint32)
        places[1 + order.to_numpy()] = np.arange(self._known, dtype=np.uint32)
        return ids.gather(order), places

    def _find(self, homes: Array, keys: Array) -> tuple[Array, Array]:
        """Slots and numbers of ids; the next free slot and 0 of those that are not known."""
        at = self._first_slots(homes)
        numbers = self._slots.take(at)
        astray = np.flatnonzero(self._keys.take(numbers) != keys)
        astray = astray[numbers[astray] > 0]
        while astray.size:
            at[astray] = (at[astray] + 1) & (self._slots.size - 1)
            found = numbers[astray] = self._slots[at[astray]]
            astray = astray[(self._keys[found] != keys[astray]) & (found > 0)]
        return at, numbers

    def _add(self, ids: pl.Series, keys: Array) -> None:
        first, self._known = self._known + 1, self._known + ids.len()
        self._ids.append(ids)
        if self._known * SLOTS_PER_ID > self._slots.size:
            size = 1 << (self._known * SLOTS_PER_ID).bit_length()
            known, self._keys = self._keys[:first], np.zeros(size // SLOTS_PER_ID + 1, np.uint64)
            self._keys[:first] = known
            self._slots = np.zeros(size, np.uint32)
            ids, first = pl.concat(self._ids), 1
        self._keys[self._known + 1 - keys.size : self._known + 1] = keys
        numbers = np.arange(first, self._known + 1, dtype=np.uint32)
        at = self._first_slots(ids.hash(HOME).to_numpy())
        while numbers.size:
            free = self._slots[at] == 0
            self._slots[at[free]] = numbers[free]
            lost = self._slots[at] != numbers
            numbers, at = numbers[lost], (at[lost] + 1) & (self._slots.size - 1)

    def _first_slots(self, homes: Array) -> Array:
        return (homes >> np.uint64(65 - self._slots.size.bit_length())).view(np.int64)
