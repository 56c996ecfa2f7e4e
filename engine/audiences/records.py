"""The survey written down: best segments and curves as tables that answer without computing.

In: a survey, held-out likes, names. Out: the frames `best` and `curves`.
Never: a number that is not finite.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine import frames as f
from engine.audiences import curve
from engine.audiences.lifts import lift_intervals, model_error, scatter
from engine.audiences.membership import TRAIT, Membership
from engine.audiences.outcomes import Outcome
from engine.audiences.reasons import reason, share_trait, share_words
from engine.audiences.survey import Surveyed
from engine.settings import Section

Array = NDArray[Any]

GOAL, THRESHOLD, PRODUCT_ROW = "goal", "threshold", "product"
BEST_SCHEMA = {
    PRODUCT_ROW: pl.UInt32,
    GOAL: pl.String,
    f.RANK: pl.UInt16,
    f.SEGMENT: pl.String,
    f.NAME: pl.String,
    f.KIND: pl.String,
    f.SIZE: pl.UInt32,
    f.INTEREST: pl.Float64,
    f.PROBABILITY: pl.Float64,
    f.EARNED: pl.Float64,
    f.LIFT: pl.Float64,
    f.LOWER: pl.Float64,
    f.UPPER: pl.Float64,
    f.OVERLAP: pl.Float64,
    f.REASON: pl.String,
}
CURVES_SCHEMA = {
    PRODUCT_ROW: pl.UInt32,
    f.SHARE: pl.Float64,
    f.SIZE: pl.UInt32,
    f.EXPECTED: pl.Float64,
    f.LOWER: pl.Float64,
    f.UPPER: pl.Float64,
    THRESHOLD: pl.Float32,
}


def best_table(
    segments: Membership,
    surveyed: Surveyed,
    outcome: Outcome,
    *,
    products: pl.DataFrame,
    settings: dict[str, Section],
) -> pl.DataFrame:
    """One row is one of the best segments of a product for a goal; sorted by all three.

    Rates, lifts and overlaps are those of open people, who have not acted on the product; sizes
    of segments count all members; `earned_reach` is null where nobody knows who passes on. Lifts
    are those of interest over all open people, see `lifts.lift_intervals`; `overlap` is the part
    of the segment's open people who are in better ones.
    """
    product, goal, rank = np.nonzero(surveyed.picks >= 0)
    column = surveyed.picks[product, goal, rank].astype(np.int64)
    picked = product, column
    rules, parts = settings["best"], surveyed.parts
    observed = outcome.observed
    expected = _parts(outcome.expected.segments, outcome.expected.everybody, parts)
    lift, lower, upper = lift_intervals(
        (observed.segments[picked], observed.everybody[product]),
        expected[picked],
        _parts(surveyed.interest * parts, surveyed.everybody, parts)[picked] / parts[picked],
        parts[picked],
        error=_error(outcome, expected, rules.model_error),
        confidence=rules.confidence,
    )
    words = _words(segments, surveyed, products, product, column)
    return pl.DataFrame(
        {
            PRODUCT_ROW: product,
            GOAL: np.array(surveyed.goals, object)[goal].tolist(),
            f.RANK: rank + 1,
            f.SEGMENT: words[0],
            f.NAME: words[1],
            f.KIND: words[2],
            f.SIZE: surveyed.sizes[picked],
            f.INTEREST: surveyed.interest[picked],
            f.PROBABILITY: surveyed.probability[picked],
            f.EARNED: pl.Series(surveyed.earned[picked], nan_to_null=True),
            f.LIFT: lift,
            f.LOWER: lower,
            f.UPPER: upper,
            f.OVERLAP: surveyed.overlaps[product, goal, rank],
            f.REASON: [
                reason(*each) for each in zip(lift, lower, upper, words[3], strict=True)
            ],
        },
        schema_overrides=BEST_SCHEMA,
    ).select(BEST_SCHEMA.keys()).sort(PRODUCT_ROW, GOAL, f.RANK)  # fmt: skip


def _error(outcome: Outcome, expected: Array, default: float) -> float:
    observed, likes, squares = outcome.observed, outcome.expected, outcome.squares
    chance = scatter(
        (likes.segments, squares.segments), (likes.everybody, squares.everybody), outcome.scale
    )
    return model_error(
        observed.segments, observed.everybody, expected, default=default, chance=chance
    )


def _parts(inside: Array, everybody: Array, people: Array) -> Array:
    """Parts of everybody's sum; where that is zero, parts of people."""
    total = everybody[:, None]
    found: Array = np.where(total > 0, inside / np.where(total > 0, total, 1), people)
    return found.clip(0, 1)


def _words(
    segments: Membership,
    surveyed: Surveyed,
    products: pl.DataFrame,
    product: Array,
    column: Array,
) -> tuple[list[str], list[str], list[str], list[str]]:
    """Ids, names, kinds and traits of picks, in their order."""
    table, shares = segments.table, surveyed.shares
    ids = [*table[f.SEGMENT], *(f"top-{100 * share:g}" for share in shares)]
    names = [*table[f.NAME], *(f"Best {share_words(share)} for " for share in shares)]
    kinds = [*table[f.KIND], *("top" for _ in shares)]
    traits = [*table[TRAIT], *map(share_trait, shares)]
    called = products[f.NAME].fill_null(products[f.PRODUCT]).to_list()
    static = table.height
    return (
        [ids[at] for at in column],
        [
            names[at] if at < static else names[at] + str(called[row])
            for row, at in zip(product, column, strict=True)
        ],
        [kinds[at] for at in column],
        [traits[at] for at in column],
    )


def curve_table(surveyed: Surveyed, outcome: Outcome, settings: dict[str, Section]) -> pl.DataFrame:
    """One row is one share of one product's ranking of open people; sorted by both.

    Shares are of everybody; sizes are at most the number of open people.
    """
    shares, rules = surveyed.curve_shares, settings["curve"]
    products = surveyed.everybody.size
    errors = curve.rate_errors(
        outcome.observed.shares,
        outcome.expected.shares,
        outcome.squares.shares,
        scale=outcome.scale,
        default=rules.model_error,
    )
    lower, upper = curve.rate_intervals(
        surveyed.expected, surveyed.curve_sizes, errors, confidence=rules.confidence
    )
    return pl.DataFrame(
        {
            PRODUCT_ROW: np.repeat(np.arange(products), len(shares)),
            f.SHARE: np.tile(shares, products),
            f.SIZE: surveyed.curve_sizes.ravel(),
            f.EXPECTED: surveyed.expected.ravel(),
            f.LOWER: lower.ravel(),
            f.UPPER: upper.ravel(),
            THRESHOLD: surveyed.thresholds.ravel(),
        },
        schema_overrides=CURVES_SCHEMA,
    ).select(CURVES_SCHEMA.keys())
