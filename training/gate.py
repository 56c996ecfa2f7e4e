"""May the challenger replace the champion: checks that each name what they compare.

In: a challenger, perhaps a champion, settings. Out: a list of verdicts. Never: a promotion.

Differences are judged by a bootstrap over products (Efron & Tibshirani 1993, ch. 13): turned away
is only who is worse with the configured confidence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.audiences.ranking import best_users_of_each
from engine.audiences.scores import logits
from engine.errors import counted
from engine.frames import PRODUCT, USER
from engine.settings import Section
from engine.store.artefacts import Model

Array = NDArray[Any]

PEOPLE = 100_000
"""Users by whom the shape of scores and embeddings is judged, at most."""


@dataclass(frozen=True)
class Verdict:
    """One check: passed or not, and the figures in words."""

    check: str
    passed: bool
    words: str
    champion: float | None = None
    challenger: float | None = None


def judge_challenger(
    challenger: Model,
    champion: Model | None,
    by_product: pl.DataFrame,
    settings: Section,
    *,
    seed: int,
) -> list[Verdict]:
    """All checks, passed or not; a check that lacks data passes and says so.

    But no challenger passes that cannot be judged where the champion could.
    """
    verdicts = [
        _distinct(challenger, settings.distinct_scores, settings.probed_products),
        _against(_ACTIVITY, by_product, settings, seed),
    ]
    if champion is not None:
        beside = _beside_champion(by_product, champion)
        verdicts += [
            _norms(challenger, champion, settings.norm_growth),
            _judged(by_product, champion),
            _against(_CHAMPION, beside, settings, seed),
        ]
    return verdicts


def _distinct(model: Model, least: float, most: int) -> Verdict:
    """Constant scores rank nobody: users must differ, unless they acted alike."""
    products = np.unique(np.linspace(0, model.products.height - 1, most).astype(int))
    users = np.unique(np.linspace(0, model.users.height - 1, PEOPLE).astype(int))
    scores = logits(
        model.embeddings[users], model.interest.user_terms[users], model.interest, products
    )
    distinct = float(np.median([np.unique(row).size for row in scores]) / users.size)
    words = f"{distinct:.0%} of users have scores of their own, at least {least:.0%} must"
    return Verdict("distinct scores", distinct >= least or users.size < 10, words, least, distinct)


@dataclass(frozen=True)
class _Rival:
    """Somebody whose AUC stands beside ours, by product, and how that is said."""

    check: str
    column: str
    words: str
    lacking: str


_ACTIVITY = _Rival(
    "AUC against the most active",
    "activity_auc",
    "{:+.3f} AUC over ranking by activity, on {}",
    "too few held-out likes to judge",
)
_CHAMPION = _Rival(
    "AUC against the champion",
    "champion_auc",
    "{:+.3f} AUC on {} judged in both",
    "no product was judged in both",
)


def _judged(by_product: pl.DataFrame, champion: Model) -> Verdict:
    """Who was judged does not make way for somebody whom nobody could judge."""
    ours, theirs = (int(frame["auc"].count()) for frame in (by_product, champion.products))
    words = f"products with enough held-out likes: {ours:,}, the champion had {theirs:,}"
    return Verdict("can be judged", ours > 0 or theirs == 0, words, theirs, ours)


def _beside_champion(by_product: pl.DataFrame, champion: Model) -> pl.DataFrame:
    theirs = champion.products.select(PRODUCT, pl.col("auc").alias(_CHAMPION.column))
    return by_product.join(theirs, on=PRODUCT)


def _against(rival: _Rival, by_product: pl.DataFrame, settings: Section, seed: int) -> Verdict:
    found = by_product.drop_nulls(["auc", rival.column])
    if found.is_empty():
        return Verdict(rival.check, True, rival.lacking)
    upper, mean = _upper(found["auc"] - found[rival.column], settings, seed)
    words = rival.words.format(mean, counted(found.height, "product"))
    ours, theirs = (float(found[column].to_numpy().mean()) for column in ("auc", rival.column))
    return Verdict(rival.check, upper >= 0, words, theirs, ours)


def _upper(difference: pl.Series, settings: Section, seed: int) -> tuple[float, float]:
    values = difference.to_numpy()
    random = np.random.default_rng([seed, 26])
    draws = random.integers(0, values.size, (settings.draws, values.size))
    return float(np.quantile(values[draws].mean(1), settings.confidence)), float(values.mean())


def _norms(challenger: Model, champion: Model, growth: float) -> Verdict:
    ours, theirs = (_largest(model) for model in (challenger, champion))
    words = f"99th percentile of embeddings {ours:.3g}, the champion's {theirs:.3g}"
    return Verdict("size of embeddings", ours <= growth * max(theirs, 1e-9), words, theirs, ours)


def _largest(model: Model) -> float:
    users = np.unique(np.linspace(0, model.users.height - 1, PEOPLE).astype(int))
    return float(np.quantile(np.linalg.norm(model.embeddings[users], axis=1), 0.99))


def audience_change(challenger: Model, champion: Model, *, share: float, most: int) -> float | None:
    """Mean Jaccard index of the best users of products that both models know, None without any.

    Up to `most` products, evenly spaced by id; audiences are those that would be served, of
    the best `share` of each model's own users, compared by id. Two of nobody are the same.
    """
    shared = challenger.products.select(PRODUCT).with_row_index("ours").join(
        champion.products.select(PRODUCT).with_row_index("theirs"), on=PRODUCT
    ).sort(PRODUCT)  # fmt: skip
    if shared.is_empty():
        return None
    chosen = np.unique(np.linspace(0, shared.height - 1, most).astype(int))
    shared = shared[chosen.tolist()]
    sides = [
        _best_ids(model, shared[column].to_numpy(), share)
        for model, column in ((challenger, "ours"), (champion, "theirs"))
    ]
    indices = [
        len(ours & theirs) / len(ours | theirs) if ours | theirs else 1.0
        for ours, theirs in zip(*sides, strict=True)
    ]
    return float(np.mean(indices))


def _best_ids(model: Model, products: Array, share: float) -> list[set[str]]:
    count = max(1, round(share * model.users.height))
    head = model.interest
    found = best_users_of_each(
        model.embeddings,
        head.products[products],
        head.user_terms,
        count,
        exclude=[model.seen.of(product) for product in products],
    )
    return [set(model.users[USER].gather(rows)) for rows, _ in found]
