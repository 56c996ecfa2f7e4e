"""Who may not be addressed at this moment, though the model knows them.

In: rising rows of users, how many of each segment they are. Out: the same, beside the model.
Never: an id, a reason, or a file: it is made anew from the records of consent.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Withheld:
    """People left out of every answer; `marks` say up to which change of the records."""

    rows: Array  # rising uint32
    members: Array  # (segments,) int64, how many of each segment's members they are
    marks: tuple[int, ...] = (0, 0)
    free: dict[int, int] = field(default_factory=dict)
    """By product, how many people who had not acted on it may be addressed; filled when asked."""

    @classmethod
    def nobody(cls, segments: int) -> Withheld:
        """Everybody may be addressed."""
        return cls(np.zeros(0, np.uint32), np.zeros(segments, np.int64))

    def hold(self, rows: Array) -> Array:
        """(rows,) bool: which of these rows are withheld."""
        if not self.rows.size:
            return np.zeros(rows.size, bool)
        place = np.minimum(np.searchsorted(self.rows, rows), self.rows.size - 1)
        found: Array = self.rows[place] == rows
        return found
