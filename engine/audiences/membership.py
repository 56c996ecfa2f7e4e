"""Segments as they are found: a table of names beside rows of members.

In: named sets of users, kind by kind. Out: one table with offsets and members, sets too small
left out. Never: a set without a name, or members that do not rise.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2s
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from engine import frames as f

Array = NDArray[Any]

TRAIT = "trait"
"""Column of the table: the clause that says what its people have in common."""

NAMELESS = ("tier",)
"""Kinds whose names say how much people did, and not who they are."""


@dataclass(frozen=True)
class Found:
    """One segment: `members` are rising row numbers; `trait` ends the sentence of its reason."""

    id: str
    name: str
    kind: str
    rule: str | None
    trait: str
    members: Array


@dataclass(frozen=True)
class Membership:
    """All segments: the members of segment s are `members[offsets[s]:offsets[s + 1]]`."""

    table: pl.DataFrame
    offsets: Array
    members: Array

    @property
    def sizes(self) -> Array:
        """(segments,) int64."""
        return np.diff(self.offsets)

    @property
    def named(self) -> Array:
        """Rows of the segments whose names say who their people are, rising."""
        return np.flatnonzero(~self.table[f.KIND].is_in(NAMELESS).to_numpy())

    def indicator(self, users: int) -> sparse.csr_array:
        """(segments, users) float32: 1 where the user is a member."""
        ones = np.ones(self.members.size, np.float32)
        shape = (self.offsets.size - 1, users)
        return sparse.csr_array((ones, self.members.astype(np.int64), self.offsets), shape=shape)


def stable_id(kind: str, text: str) -> str:
    """An id that stays as long as the text that defines the segment stays."""
    return f"{kind}-{blake2s(text.encode(), digest_size=4).hexdigest()}"


def least_people(users: int, minimum_people: int, minimum_share: float) -> int:
    """The size below which a set of people is no segment."""
    return max(1, minimum_people, int(np.ceil(minimum_share * users)))


def gather(found: Iterable[Found], least: int) -> Membership:
    """Lays segments of at least `least` people side by side, in the order given, each id once."""
    kept = {each.id: each for each in found if each.members.size >= least}
    segments = list(kept.values())
    sizes = [each.members.size for each in segments]
    table = pl.DataFrame(
        {
            f.SEGMENT: [each.id for each in segments],
            f.NAME: [each.name for each in segments],
            f.KIND: [each.kind for each in segments],
            f.RULE: [each.rule for each in segments],
            f.SIZE: sizes,
            TRAIT: [each.trait for each in segments],
        },
        schema={**f.SEGMENTS.columns, TRAIT: pl.String},
    )
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes, dtype=np.int64)])
    members = [each.members.astype(np.uint32) for each in segments]
    joined = np.concatenate(members) if members else np.zeros(0, np.uint32)
    return Membership(table, offsets, joined)
