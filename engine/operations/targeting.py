"""How wide a product is addressed where nobody says, and what it is ranked by.

In: a model, with tuned targeting or without, a product and a goal. Out: targeting, and the same
beside what holds where nothing is tuned. Never: a search; training writes what is read here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from engine import frames as f
from engine import settings
from engine.settings import Scalar
from engine.store.artefacts import Model

GOAL, PRODUCT_ROW, BLEND, LENGTH, BASIS = "goal", "product", "blend", "segments", "basis"
TARGETING = {
    PRODUCT_ROW: pl.UInt32,
    GOAL: pl.String,
    f.SHARE: pl.Float64,
    BLEND: pl.Float64,
    LENGTH: pl.UInt16,
    f.OVERLAP: pl.Float64,
    BASIS: pl.String,
}
"""One row is the targeting of one product for one goal; sorted by both, every goal for each."""


@dataclass(frozen=True)
class Targeting:
    """How a product is addressed for a goal.

    `share` of everybody, ranked by `blend` of interest and the rest of probability, or as the goal
    weighs them where it is None; so many `segments` of which no more than `overlap` are in better
    ones. `basis` says whose choice it is: product, group, pooled, or default where nothing was
    tuned.
    """

    share: float
    blend: float | None
    segments: int
    overlap: float
    basis: str

    def ranked_for(self, goal: dict[str, Scalar]) -> dict[str, Scalar]:
        """The goal with this targeting's weights of interest and probability."""
        if self.blend is None:
            return goal
        return goal | {"interest": self.blend, "probability": 1 - self.blend}


def default_targeting() -> Targeting:
    """What holds where nothing was tuned: `configs/targeting.toml`, and the goal's own weights."""
    usual = settings.load("targeting")["default"]
    return Targeting(usual.share, None, usual.segments, usual.overlap, "default")


def targeting_of(model: Model, row: int, goal: str) -> Targeting:
    """The targeting of a product, by its row, for a goal; the default where it is not known."""
    tuned = model.targeting
    if tuned is None:
        return default_targeting()
    count = tuned.height // max(model.products.height, 1)
    for found in tuned.slice(row * count, count).iter_rows(named=True):
        if found[GOAL] == goal:
            names = (f.SHARE, BLEND, LENGTH, f.OVERLAP, BASIS)
            return Targeting(*(found[name] for name in names))
    return default_targeting()


def explain_targeting(model: Model, row: int, goal: str) -> dict[str, Any]:
    """Each value of a product's targeting beside what holds where nothing is tuned."""
    found, usual = targeting_of(model, row, goal), default_targeting()
    weights = settings.load_rows("goals")[goal]
    total = float(weights["interest"]) + float(weights["probability"])
    values = {
        name: {"used": getattr(found, name), "default": getattr(usual, name)}
        for name in ("share", BLEND, LENGTH, "overlap")
    }
    own = float(weights["interest"]) / total if total > 0 else 0.5
    blend = {name: own if value is None else value for name, value in values[BLEND].items()}
    return {"goal": goal, "basis": found.basis, **values, BLEND: blend}
