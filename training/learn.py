"""From pairs to a scorer: fit parts twice, learn the heads out of fold, judge them across halves.

In: pairs, features, a recipe, a seed. Out: arrays that score, figures, and held-out pairs.
Never: a head judged on products it was learned from, or a pair scored by parts that knew it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.frames import INTEREST, PROBABILITY
from engine.settings import Section
from training.assemble import Scorer, assemble, product_columns, user_columns, user_terms
from training.compute import run
from training.evaluate import Judged, calibration, judge
from training.heads import (
    Drawn,
    LogisticHead,
    Scale,
    Stack,
    Units,
    calibrate,
    draw_interest,
    draw_opinions,
    fit_head,
)
from training.matrices import Pairs, set_aside
from training.parts import Features, Part, merge_copies, plan_parts
from training.recipe import Recipe

Array = NDArray[Any]
Tick = Callable[[str], None]


@dataclass(frozen=True)
class Learned:
    """A scorer over all users and products, how it was judged, and what it was judged by."""

    scorer: Scorer
    stack: Stack
    units: Units
    heads: tuple[LogisticHead, LogisticHead]
    judged: Judged
    holdout: pl.DataFrame


@dataclass(frozen=True)
class Fold:
    """Parts of the pairs to learn from, and the pairs set aside for heads."""

    learned: Pairs
    held: Pairs
    stack: Stack
    interest: Drawn
    opinions: Drawn


def learn(
    pairs: Pairs,
    features: Features,
    recipe: Recipe,
    *,
    settings: Section,
    seed: int,
    warm: dict[str, Any] | None = None,
    tick: Tick = lambda step: None,
) -> Learned:
    """Learns from all pairs; equal arguments give equal arrays, to the last bit.

    `tick` hears the name of each step as it ends. `warm` holds fitted LightFM objects to start
    the fits of all pairs from; the fits that heads are learned on never start warm, since those
    objects have seen the pairs that are held out.
    """
    learned, held = split(pairs, recipe, seed)
    tasks = plan_parts(pairs, features, recipe, seed, warm=warm)
    whole = len(tasks)
    tasks += plan_parts(learned, features, recipe, seed)
    parts: list[Part] = []
    for part in run(tasks, backend=settings.backend, workers=settings.workers):
        parts.append(part)
        tick(part.name)
    full, folded = merge_copies(parts[:whole]), merge_copies(parts[whole:])
    shared = {part.name for part in full} & {part.name for part in folded}
    full, folded = ([part for part in side if part.name in shared] for side in (full, folded))
    units = Units.of(learned)
    fold = make_fold(learned, held, folded, units, recipe, seed)
    heads, judged, holdout = learn_heads(fold, recipe, most=settings.judged_products, seed=seed)
    tick("heads")
    stack = stack_parts(full, pairs, units, recipe, seed)
    return Learned(assemble(stack, *heads), stack, units, heads, judged, holdout)


def split(pairs: Pairs, recipe: Recipe, seed: int) -> tuple[Pairs, Pairs]:
    """The pairs that parts learn from, and those set aside for the heads."""
    return set_aside(pairs, recipe["head"].holdout, seed)


def stack_parts(parts: list[Part], pairs: Pairs, units: Units, recipe: Recipe, seed: int) -> Stack:
    """Parts with the scales and sides of the pairs they were fitted on."""
    scale = Scale.of(parts, pairs, seed)
    return Stack(parts, units.sides(pairs), scale, recipe["head"].by_activity)


def make_fold(
    learned: Pairs, held: Pairs, parts: list[Part], units: Units, recipe: Recipe, seed: int
) -> Fold:
    """Draws what the heads learn from."""
    head = recipe["head"]
    drawn = draw_interest(
        learned, held, positives=head.positives, negatives=head.negatives, seed=seed
    )
    stack = stack_parts(parts, learned, units, recipe, seed)
    return Fold(learned, held, stack, drawn, draw_opinions(held))


def learn_heads(
    fold: Fold, recipe: Recipe, *, most: int, seed: int
) -> tuple[tuple[LogisticHead, LogisticHead], Judged, pl.DataFrame]:
    """Learns both heads from all held-out pairs, and judges them across two halves of products.

    Each half's products are judged by heads of the other half; the same predictions calibrate
    the final heads.
    """
    half = np.random.default_rng([seed, 24]).random(fold.held.shape[1]) < 0.5
    ridges = (recipe["head"].interest_ridge, recipe["head"].probability_ridge)
    crossed, final = [], []
    for drawn, ridge in zip((fold.interest, fold.opinions), ridges, strict=True):
        design = fold.stack.design(drawn.rows, drawn.columns)
        side = half[drawn.columns]
        pair = tuple(
            fit_head(design[mask], drawn.under(mask), ridge=ridge) for mask in (~side, side)
        )
        logit = np.where(side, pair[0].logit(design), pair[1].logit(design))
        crossed.append(tuple(calibrate(head, logit, drawn) for head in pair))
        final.append(calibrate(fit_head(design, drawn, ridge=ridge), logit, drawn))
    scores = [_cross_scores(fold.stack, pair, half) for pair in crossed]
    judged = judge(scores[0], scores[1], fold.held, fold.learned, most=most, seed=seed)
    holdout = _predict_held(fold, (crossed[0], crossed[1]), half)
    figures = judged.figures | _calibration_of(holdout)
    return (final[0], final[1]), Judged(judged.by_product, figures), holdout


def _cross_scores(
    stack: Stack, pair: tuple[LogisticHead, ...], half: Array
) -> Callable[[int], Array]:
    embeddings = user_columns(stack)
    sides = [product_columns(stack, head) for head in pair]
    terms = [user_terms(stack, head) for head in pair]

    def scores(product: int) -> Array:
        by = 0 if half[product] else 1
        columns, product_terms = sides[by]
        found: Array = embeddings @ columns[product].astype(np.float32)
        found = found + terms[by] + product_terms[product]
        return found

    return scores


def _predict_held(
    fold: Fold, crossed: tuple[tuple[LogisticHead, ...], ...], half: Array
) -> pl.DataFrame:
    held = fold.held
    design = fold.stack.design(held.rows, held.columns)
    side = half[held.columns]
    said = []
    for pair in crossed:
        logit = np.where(side, pair[0].logit(design), pair[1].logit(design))
        rate = np.where(
            side,
            np.interp(logit, *pair[0].knots().T),
            np.interp(logit, *pair[1].knots().T),
        )
        said.append((logit, rate))
    return pl.DataFrame(
        {
            "user": held.rows.astype(np.uint32),
            "product": held.columns.astype(np.uint32),
            "liked": held.polarity,
            INTEREST: said[0][0].astype(np.float32),
            PROBABILITY: said[1][1].astype(np.float32),
        }
    )


def _calibration_of(holdout: pl.DataFrame) -> dict[str, float | None]:
    opinions = holdout.filter(pl.col("liked") != 0)
    liked = (opinions["liked"] > 0).to_numpy().astype(np.float64)
    return calibration(opinions[PROBABILITY].to_numpy().astype(np.float64), liked)
