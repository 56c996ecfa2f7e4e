"""How advocates are asked for: so many, or as many as a budget buys, and how surely.

In: numbers as somebody typed them, and what people ask for. Out: the same, checked; a cost for
each person of a network. Never: a cost that was guessed, or one below zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.errors import FrameError, InvalidValue, UnreadableFile, counted
from engine.frames import USER
from engine.reach.graph import positions

Array = NDArray[Any]
COST = "cost"
USUAL = 10
LARGEST_COST, LARGEST_BUDGET = 1e12, 1e15
DECIMALS = 9
"""Of amounts; what is less is nothing."""
ROUNDING = 1e-9
"""Money that is short by so small a part is not short."""


@dataclass(frozen=True)
class Ask:
    """How many advocates, what they ask for, and how much is to be proven.

    Attributes:
        count: at most so many; None: ten, or as many as the budget buys.
        cost: what each person asks for of whom `costs` says nothing.
        costs: user_id and cost; of several rows of a person the last counts.
        budget: what all together may cost.
        proof: part of the best possible reach that is to be proven; None: of the settings.
        seed: of the draws.
        most_sets: at most so many sets, where fewer than the settings allow.
    """

    count: int | None = None
    cost: float | None = None
    costs: pl.DataFrame | None = None
    budget: float | None = None
    proof: float | None = None
    seed: int = 0
    most_sets: int | None = None

    def refuse(self) -> None:
        """Raises what cannot be meant.

        Raises:
            InvalidValue: of what, and why.
        """
        if self.count is not None and self.count < 1:
            raise InvalidValue("seeds", f"{self.count} is not at least 1")
        if self.proof is not None and not 0 <= self.proof < 1:
            raise InvalidValue("proof", f"{self.proof:g} is not from 0 to below 1")
        if self.seed < 0:
            raise InvalidValue("seed", f"{self.seed} is below 0")
        limits = (("cost", self.cost, LARGEST_COST), ("budget", self.budget, LARGEST_BUDGET))
        for name, value, most in limits:
            if value is not None and not 0 <= value <= most:
                raise InvalidValue(name, f"{value:g} is not an amount from 0 to {most:g}")
        if self.budget is not None and self.cost is None and self.costs is None:
            raise InvalidValue("budget", "needs what people ask for: a cost for all, or a list")

    def most(self, costs: Array | None, allowed: Array, limit: int) -> int:
        """How many may be chosen: as asked, and no more than the budget buys of the cheapest.

        Args:
            costs: (people,), NaN where it is not known.
            allowed: (people,) bool, who may be asked.
            limit: no more than this, where nobody says how many.
        """
        if self.budget is None or costs is None or not allowed.any():
            return USUAL if self.count is None else self.count
        paid = np.sort(costs[allowed])
        affordable = int(np.searchsorted(np.cumsum(paid), self.budget * (1 + ROUNDING), "right"))
        if not affordable:
            least = f"the least that anybody asks for is {paid[0]:g}"
            raise InvalidValue("budget", f"{self.budget:g} buys nobody: {least}")
        return min(affordable, limit if self.count is None else self.count)


def costs_of(ask: Ask, users: pl.Series) -> Array | None:
    """(users,) what each asks for, NaN where nobody knows; None where nobody asks for anything.

    Raises:
        FrameError: the list lacks a column.
        UnreadableFile: a cost is no number.
        InvalidValue: a cost is below zero or no finite number, or the list knows nobody here.
    """
    usual = None if ask.cost is None else round(float(ask.cost), DECIMALS)
    if ask.costs is None:
        return None if usual is None else np.full(users.len(), usual)
    told = _told(ask.costs)
    found = np.full(users.len(), np.nan if usual is None else usual)
    at = positions(users, told[USER])
    if ask.cost is None and told.height and not (at >= 0).any():
        raise InvalidValue("costs", "names nobody of this network")
    found[at[at >= 0]] = told[COST].to_numpy()[at >= 0]
    return found


def _told(costs: pl.DataFrame) -> pl.DataFrame:
    for column in (USER, COST):
        if column not in costs.columns:
            raise FrameError("costs", column, f"missing; found {', '.join(costs.columns)}")
    try:
        told = costs.select(pl.col(USER).cast(pl.String), pl.col(COST).cast(pl.Float64))
    except pl.exceptions.PolarsError:
        raise UnreadableFile("costs", "holds a cost that is no number") from None
    told = told.drop_nulls()
    wrong = told.filter(~pl.col(COST).is_between(0, LARGEST_COST))
    if wrong.height:
        amount = f"no amount from 0 to {LARGEST_COST:g}"
        raise InvalidValue("costs", f"of {counted(wrong.height, 'row')} is {amount}")
    told = told.with_columns(pl.col(COST).round(DECIMALS))
    return told.unique(USER, keep="last", maintain_order=True)
