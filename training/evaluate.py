"""How good a model is on pairs it did not learn from, product by product.

In: scores by product, held-out pairs, the pairs learned from. Out: figures, never opinions.
Never: a sampled metric; every user who did not act on the product is a candidate.

Measures as in the field: AUC with ties at one half (Mann-Whitney), lift as the share of likers in
the best 5 % over their share in all, taste as the AUC of likers above dislikers, calibration error
over ten bins of equal mass, Brier skill over the base rate.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.frames import PRODUCT
from training.matrices import Pairs

Array = NDArray[Any]
Scores = Callable[[int], Array]
"""Takes a product's number, returns the logits of all users."""

LEAST_LIKES = 5
LEAST_OPINIONS = 3
BEST = 0.05
BY_PRODUCT = {
    "auc": pl.Float64,
    "lift5": pl.Float64,
    "taste": pl.Float64,
    "activity_auc": pl.Float64,
    "activity_lift5": pl.Float64,
}


@dataclass(frozen=True)
class Judged:
    """Figures of one model: by product (nulls where too few likes), and over all products."""

    by_product: pl.DataFrame  # product_id and the columns of BY_PRODUCT
    figures: dict[str, float | None]


def judge(
    interest: Scores, probability: Scores, held: Pairs, learned: Pairs, *, most: int, seed: int
) -> Judged:
    """Judges interest and probability on held-out pairs.

    Args:
        interest: logits whose order finds likers.
        probability: logits whose order tells likers from dislikers.
        held: pairs to judge by.
        learned: pairs that were learned from; their users are no candidates for those products.
        most: products judged at most, drawn with the seed among those with enough likes.
        seed: of that draw.
    """
    activity = learned.counts(1)["likes"]
    chosen = _products_to_judge(held, most, seed)
    held_at, learned_at = _by_column(held), _by_column(learned)
    rows = []
    for product in chosen:
        pairs = held_at(product)
        likers = held.rows[pairs[held.polarity[pairs] > 0]]
        dislikers = held.rows[pairs[held.polarity[pairs] < 0]]
        row: dict[str, float | int | None] = {"number": int(product)}
        if likers.size >= LEAST_OPINIONS and dislikers.size >= LEAST_OPINIONS:
            said = probability(product)
            row["taste"] = auc(said[likers], said[dislikers])
        if likers.size >= LEAST_LIKES:
            candidates = np.ones(held.shape[0], bool)
            candidates[learned.rows[learned_at(product)]] = False
            label = np.zeros(held.shape[0], bool)
            label[likers] = True
            label = label[candidates]
            if not label.all():
                for name, scores in (("", interest(product)), ("activity_", activity)):
                    row |= _found(scores[candidates], label, name)
        rows.append(row)
    by_product = pl.DataFrame(rows, schema={"number": pl.Int64, **BY_PRODUCT})
    figures = {name: _mean(by_product[name]) for name in BY_PRODUCT}
    figures["products"] = float(by_product["auc"].count())
    named = held.products[by_product["number"].to_list()].rename(PRODUCT)
    return Judged(by_product.with_columns(named).drop("number"), figures)


def _found(scores: Array, label: Array, prefix: str) -> dict[str, float]:
    best = max(1, round(BEST * label.size))
    top = np.argpartition(-scores, best - 1)[:best]
    return {
        f"{prefix}auc": auc(scores[label], scores[~label]),
        f"{prefix}lift5": float(label[top].mean() / label.mean()),
    }


def _products_to_judge(held: Pairs, most: int, seed: int) -> Array:
    likes = np.bincount(held.columns[held.polarity > 0], minlength=held.shape[1])
    enough = np.flatnonzero(likes >= LEAST_OPINIONS)
    if enough.size > most:
        random = np.random.default_rng([seed, 23])
        enough = np.sort(random.choice(enough, most, replace=False))
    return enough


def _by_column(pairs: Pairs) -> Callable[[int], Array]:
    order = np.argsort(pairs.columns, kind="stable")
    starts = np.searchsorted(pairs.columns[order], np.arange(pairs.shape[1] + 1))
    return lambda product: order[starts[product] : starts[product + 1]]


def _mean(values: pl.Series) -> float | None:
    found = values.drop_nulls()
    return float(found.to_numpy().mean()) if found.len() else None


def auc(positive: Array, negative: Array) -> float:
    """Chance that a positive scores above a negative, ties counting one half."""
    below = np.searchsorted(np.sort(negative), positive, side="left").sum(dtype=np.float64)
    not_above = np.searchsorted(np.sort(negative), positive, side="right").sum(dtype=np.float64)
    return float((below + not_above) / 2 / (positive.size * negative.size))


def calibration(rate: Array, liked: Array) -> dict[str, float | None]:
    """Expected calibration error over ten bins of equal mass, and Brier skill over the base rate.

    Both are None without pairs, the skill also where all agree.
    """
    if rate.size == 0:
        return {"ece": None, "brier_skill": None}
    bins = np.array_split(np.argsort(rate, kind="stable"), 10)
    error = sum(
        abs(rate[part].mean() - liked[part].mean()) * part.size for part in bins if part.size
    )
    base = liked.mean()
    spread = base * (1 - base)
    skill = float(1 - np.mean((rate - liked) ** 2) / spread) if spread > 0 else None
    return {"ece": float(error / rate.size), "brier_skill": skill}
