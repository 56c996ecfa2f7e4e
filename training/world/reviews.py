"""What people write: reviews in English and Persian whose tone follows from what they felt.

In: the sentiment of each act, who writes Persian, what the product is. Out: texts and languages.
Never: a tone that the outcome did not have.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from training.world import words
from training.world.goods import Goods, things
from training.world.plan import Array

SENTIMENTS = ("positive", "neutral", "negative")
LANGUAGES = ("en", "fa")


def tell_reviews(
    sentiment: Array, persian: Array, rng: np.random.Generator, *, goods: Goods, products: Array
) -> tuple[pl.Series, pl.Series]:
    """Text and language of every act; null where `sentiment` is -1, for the act is no review."""
    rows = np.flatnonzero(sentiment >= 0)
    phrases = [words.reviews(tone, language) for tone in SENTIMENTS for language in LANGUAGES]
    count = len(phrases[0])
    writes = persian[rows].astype(np.int64)
    group = sentiment[rows].astype(np.int64) * len(LANGUAGES) + writes
    chosen = group * count + rng.integers(0, count, rows.shape[0])
    heads, tails = zip(*(phrase.split("{}") for group in phrases for phrase in group), strict=True)
    names = pl.Series([name for pair in things(goods) for name in pair])
    text = (
        pl.Series(heads).gather(chosen)
        + names.gather(products[rows] * len(LANGUAGES) + writes)
        + pl.Series(tails).gather(chosen)
    )
    return _scatter(text, rows, sentiment.shape[0]), _scatter(
        pl.Series(LANGUAGES).gather(writes), rows, sentiment.shape[0]
    )


def _scatter(values: pl.Series, rows: Array, length: int) -> pl.Series:
    place = np.full(length, -1)
    place[rows] = np.arange(rows.shape[0])
    return values.gather(pl.Series(place).set(pl.Series(place < 0), None))
