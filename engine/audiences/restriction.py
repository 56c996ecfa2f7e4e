"""The best segments of one product among some people only: those of a channel.

In: rows of the people, one product, the segments of the model. Out: the table of the best.
Never: people outside, or who acted on the product, in any rate.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from engine import frames as f
from engine.audiences.membership import Membership, least_people
from engine.audiences.outcomes import Outcome
from engine.audiences.records import best_table
from engine.audiences.scores import Head
from engine.audiences.standing import Echo
from engine.audiences.survey import survey
from engine.settings import Scalar, Section

Array = NDArray[Any]


def best_within(
    rows: Array,
    product: int,
    heads: tuple[Head, Head],
    *,
    embeddings: Array,
    segments: tuple[pl.DataFrame, Array, Array],
    products: pl.DataFrame,
    loyalty: Array,
    echo: Echo | None = None,
    seen: Array,
    settings: dict[str, Section],
    goals: dict[str, dict[str, Scalar]],
) -> pl.DataFrame:
    """Measures the segments' people among `rows` (rising) and picks the best, as training does.

    Everybody means everybody in `rows`; segments with too few people there are left out. Lifts
    are the model's, with the default error: held-out likes of one product on one channel are too
    few to tell it. The panel is drawn with seed 0: the same question has the same answer.

    Args:
        seen: rising rows of the users who acted on the product, on any channel.
    """
    users, goods = embeddings.shape[0], heads[0].products.shape[0]
    inside = np.zeros(users, bool)
    inside[rows] = True
    limits = settings["segments"]
    least = least_people(rows.size, limits.minimum_people, limits.minimum_share)
    kept = _restrict(segments, inside, least)
    # Only this product is looked at: the others may be as if nobody had acted on them.
    offsets = np.where(np.arange(goods + 1) > product, seen.size, 0)
    acts = sparse.csc_array((np.ones(seen.size, bool), seen, offsets), shape=(users, goods))
    surveyed = survey(
        kept,
        heads,
        embeddings=embeddings,
        loyalty=loyalty,
        echo=echo,
        seen=acts,
        settings=settings,
        goals=goals,
        seed=0,
        rows=rows,
        products=np.array([product]),
    )
    outcome = Outcome.none(surveyed)
    return best_table(kept, surveyed, outcome, products=products[product], settings=settings)


def _restrict(segments: tuple[pl.DataFrame, Array, Array], inside: Array, least: int) -> Membership:
    table, offsets, members = segments
    held = inside[members]
    sizes = np.diff(np.concatenate([[0], np.cumsum(held)])[offsets])
    wide = sizes >= least
    members = members[held & np.repeat(wide, np.diff(offsets))]
    table = table.with_columns(pl.Series(f.SIZE, sizes, dtype=pl.UInt32)).filter(pl.Series(wide))
    return Membership(table, np.concatenate([[0], np.cumsum(sizes[wide])]), members)
