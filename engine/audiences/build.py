"""All segments of a model, how they stand with every product, and the curves.

In: users, products, likes, embeddings, two heads, held-out pairs, settings. Out: the parts of a
model that speak of segments. Never: a clock, a disk, or all pairs at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from engine.audiences.attributes import find_attribute_segments
from engine.audiences.communities import find_communities
from engine.audiences.membership import Found, Membership, gather, least_people
from engine.audiences.outcomes import Outcome
from engine.audiences.records import best_table, curve_table
from engine.audiences.scores import Head
from engine.audiences.standing import Echo
from engine.audiences.survey import survey
from engine.audiences.tiers import find_tiers, loyalty
from engine.settings import Scalar, Section

Array = NDArray[Any]


@dataclass(frozen=True)
class SegmentParts:
    """What a model keeps of segments; the fields are those of its artefact."""

    table: pl.DataFrame
    offsets: Array
    members: Array
    best: pl.DataFrame
    curves: pl.DataFrame


@dataclass(frozen=True)
class Learned:
    """What was learned of users and products, by row numbers.

    `likes` is (users, products) with 1 for each like, with or without those held out; `seen` has
    an entry for each pair with an act of any kind, with those held out. `holdout` has the columns
    user, product, liked and interest (the logit as predicted without the pair). Interest's rate
    is that of people who have not acted on the product. `echo` is None where nobody knows
    who passes on.
    """

    users: pl.DataFrame
    products: pl.DataFrame
    likes: sparse.csr_array
    seen: sparse.csc_array
    embeddings: Array
    tastes: Array
    interest: Head
    probability: Head
    holdout: pl.DataFrame
    echo: Echo | None = None


def build_segments(
    learned: Learned,
    *,
    as_of: datetime,
    settings: dict[str, Section],
    goals: dict[str, dict[str, Scalar]],
    seed: int,
) -> SegmentParts:
    """Finds communities, attribute segments and tiers, and ranks them for every product and goal.

    Segments come in that order, communities by size. Memory is bounded by the panel
    (`standing.users`) times a block of products. Equal arguments give equal parts.
    """
    segments = find_segments(learned, as_of=as_of, settings=settings, seed=seed)
    faith = loyalty(learned.users, as_of, settings["tiers"].half_life_days)
    surveyed = survey(
        segments,
        (learned.interest, learned.probability),
        embeddings=learned.embeddings,
        loyalty=faith,
        echo=learned.echo,
        seen=learned.seen,
        settings=settings,
        goals=goals,
        seed=seed,
    )
    outcome = Outcome.of(learned.holdout, segments, surveyed, knots=learned.interest.knots)
    return SegmentParts(
        table=segments.table,
        offsets=segments.offsets,
        members=segments.members,
        best=best_table(segments, surveyed, outcome, products=learned.products, settings=settings),
        curves=curve_table(surveyed, outcome, settings),
    )


def find_segments(
    learned: Learned, *, as_of: datetime, settings: dict[str, Section], seed: int
) -> Membership:
    """The static segments of all kinds, each with enough people."""
    users = learned.users.height
    limits = settings["segments"]
    least = least_people(users, limits.minimum_people, limits.minimum_share)
    communities = find_communities(
        learned.tastes,
        learned.likes,
        learned.products,
        settings=settings["communities"],
        least=least,
        seed=seed,
    )
    attributes = _attributes(learned, communities, settings["attributes"], least, seed)
    tiers = find_tiers(learned.users, as_of, settings["tiers"])
    return gather([*communities, *attributes, *tiers], least)


def _attributes(
    learned: Learned, communities: list[Found], settings: Section, least: int, seed: int
) -> list[Found]:
    users = learned.users.height
    sample = np.arange(users)
    if users > settings.sample:
        random = np.random.default_rng(seed)
        sample = np.sort(random.choice(users, settings.sample, replace=False))
    return find_attribute_segments(
        learned.users,
        sample,
        _targets(learned, communities, sample, settings.products),
        settings=settings,
        least=max(1, least * sample.size // max(users, 1)),
    )


def _targets(learned: Learned, communities: list[Found], sample: Array, most: int) -> Array:
    """What attributes may stand out for: likes of the most liked products, and communities."""
    counts = np.bincount(learned.likes.indices, minlength=learned.products.height)
    popular = np.sort(np.argsort(-counts, kind="stable")[:most])
    liked = learned.likes[sample][:, popular].toarray() > 0
    inside = np.zeros((learned.users.height, len(communities)), bool)
    for column, community in enumerate(communities):
        inside[community.members, column] = True
    return np.hstack([liked, inside[sample]]).astype(np.float32)
