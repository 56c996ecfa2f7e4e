"""The two questions of targeting as problems of choice: how wide an audience, how long a list.

In: tables of what came of it, values of a trial. Out: arms with their worth, and what they mean.
Never: a study, a file, or people who judge among those who choose.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.audiences.conditions import numbers
from engine.audiences.targeting import Pooled, choose_places, grid_step, share_at
from engine.settings import Scalar, Section
from training.targeting_choice import Arms, Known
from training.targeting_lists import OVERLAPS, Lists
from training.targeting_tables import Tables

Array = NDArray[Any]
Values = dict[str, Scalar]
CHOOSING, UNSEEN = (0, 1), 2
"""Folds of people by whom trials choose and judge in turns, and of those who judge at the end."""


class Problem(Protocol):
    """A question that trials answer by values, and groups and products by deviations."""

    @property
    def name(self) -> str:
        """What is asked, as studies are called."""

    @property
    def known(self) -> Known:
        """What is known of the products."""

    def arms(self, values: Values) -> Arms:
        """What the deviations from the values came to."""

    def meaning(self, values: Values, arm: int) -> dict[str, float]:
        """What an arm stands for, as it is kept."""

    def usual(self) -> list[Values]:
        """Values to begin with; the first are those that hold where nothing is tuned."""

    def lacking(self, people: Array) -> float:
        """How many people the smallest audience lacks; `people` (products,) are addressed."""


@dataclass(frozen=True)
class Width:
    """How wide an audience is and what it is ranked by."""

    tables: Tables
    known: Known
    settings: Section
    default: tuple[float, float]  # share and blend where nothing is tuned
    price: float
    least: int  # people of the panel whom an audience must hold, or all who are open
    name: str = "audience"

    def arms(self, values: Values) -> Arms:
        table, pooled = self.tables, pooled_of(values)
        wide = self.deviations()
        # people who judge are some of the panel, those who count are all of it
        places = choose_places(
            pooled, table.gains, table.people[:, None], price=self.price, shares=table.shares
        )
        blends = [self._blend(values, off) for _, off in wide]
        moved = [np.log(factor) / grid_step(table.shares) for factor, _ in wide]
        at = np.column_stack(
            [places[:, blend] + move for blend, move in zip(blends, moved, strict=True)]
        )
        chosen = share_at(at, table.shares, pooled.floor)
        rows, columns = np.arange(len(table.products))[:, None], np.array(blends)[None, :]
        return Arms(
            table.worth[:, rows, columns, chosen],
            wide.index((1.0, 0.0)),
            table.people[rows, chosen],
            table.likes[rows, columns, chosen],
            table.dislikes[rows, columns, chosen],
        )

    def _blend(self, values: Values, off: float) -> int:
        most = self.tables.blends.size - 1
        return int(np.clip(round((float(values["blend"]) + off) * most), 0, most))

    def deviations(self) -> list[tuple[float, float]]:
        """Factor of the width and shift of the blend of each arm."""
        factors = numbers(self.settings.factors, "arms.factors")
        shifts = numbers(self.settings.blends, "arms.blends")
        return list(dict.fromkeys([(1.0, 0.0), *((a, b) for a in factors for b in shifts)]))

    def meaning(self, values: Values, arm: int) -> dict[str, float]:
        factor, shift = self.deviations()[arm]
        blend = self._blend(values, shift) / (self.tables.blends.size - 1)
        return {"factor": factor, "blend": blend}

    def usual(self) -> list[Values]:
        share, blend = self.default
        floor = self.least / max(int(self.tables.people[:, -1].max()), 1) * 1.05
        still: Values = {
            "margin": 1.0,
            "floor": min(max(floor, 0.002), 0.1),
            "group_pool": 1e5,
            "product_pool": 1e5,
        }
        plain: Values = {"share": share, "adapt": 0.0, "blend": blend, **still}
        fixed = self.fixed(list(CHOOSING))[0]
        return [plain, still | fixed, still | fixed | {"adapt": 0.5, "group_pool": 1000.0}]

    def lacking(self, people: Array) -> float:
        return float((np.minimum(self.least, self.tables.people[:, -1]) - people).max(initial=0))

    def fixed(self, by: list[int]) -> tuple[Values, Array]:
        """The share and blend that suit best where they are the same for all products.

        With the worth of each product in every fold, (folds, products).
        """
        table = self.tables
        worth = table.worth[by].sum(axis=(0, 1))
        enough = table.people.min(axis=0) >= min(self.least, int(table.people[:, -1].min()))
        worth = np.where(enough[None, :], worth, -np.inf)
        blend, place = np.unravel_index(int(worth.argmax()), worth.shape)
        values: Values = {
            "share": float(table.shares[place]),
            "adapt": 0.0,
            "blend": float(table.blends[blend]),
        }
        return values, table.worth[:, :, blend, place]


@dataclass(frozen=True)
class Length:
    """How many segments are listed, and how much they may overlap with better ones."""

    lists: Lists
    known: Known
    settings: Section
    default: tuple[int, float]
    name: str = "segments"

    def arms(self, values: Values) -> Arms:
        bound = round(float(values["overlap"]) * (OVERLAPS - 1))
        lengths = [self._length(values, more) - 1 for more in self.deviations()]
        tables = self.lists
        return Arms(
            tables.worth[:, :, bound, lengths],
            0,
            tables.people[:, bound, lengths],
            tables.likes[:, bound, lengths],
            tables.dislikes[:, bound, lengths],
        )

    def _length(self, values: Values, more: float) -> int:
        return int(np.clip(int(values["segments"]) + more, 1, self.lists.longest))

    def deviations(self) -> list[float]:
        """How many more segments each arm lists."""
        return list(dict.fromkeys([0.0, *numbers(self.settings.segments, "arms.segments")]))

    def meaning(self, values: Values, arm: int) -> dict[str, float]:
        bound = round(float(values["overlap"]) * (OVERLAPS - 1)) / (OVERLAPS - 1)
        return {"segments": self._length(values, self.deviations()[arm]), "overlap": bound}

    def usual(self) -> list[Values]:
        length, overlap = self.default
        still: Values = {"group_pool": 1e5, "product_pool": 1e5}
        plain: Values = {"segments": min(length, self.lists.longest), "overlap": overlap}
        return [plain | still, {"segments": 1, "overlap": 1.0, **still}]

    def lacking(self, people: Array) -> float:
        return 0.0


def pooled_of(values: dict[str, Any]) -> Pooled:
    """The width for all products that values speak of."""
    return Pooled(*(float(values[name]) for name in ("share", "adapt", "margin", "floor")))
