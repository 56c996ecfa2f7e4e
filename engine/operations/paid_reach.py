"""Paid and earned reach as a verb: whom ads touch, and whom the word of those reaches besides.

In: a model with ties, and a segment that ads touch. Out: people reached by ads, by word alone and
in all, with intervals, by hours. Never: somebody counted twice, or touched who may not be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine import settings
from engine.audiences.membership import least_people
from engine.audiences.scores import pair_logits, rates
from engine.errors import InvalidValue, SegmentTooSmall, UnknownEntity
from engine.frames import KIND, LIKES, NAME, PRODUCT, SEGMENT, SIZE, USER
from engine.operations.audiences import audience
from engine.operations.carriers import carriers_graph
from engine.operations.journey import Answer, Journey, Trip, said, told_curve
from engine.operations.lookup import index, near_ids, product_row
from engine.operations.withholding import segment_sizes_now, withheld
from engine.reach.earned import Touch, drawn, earned, earned_by_group
from engine.reach.estimates import Estimate
from engine.reach.graph import Graph
from engine.reach.spread import Tick, Travel
from engine.reach.uptake import SHARES, likes_passed_on, shares_per_like, uptake
from engine.store.artefacts import Model
from engine.store.home import Home

Array = NDArray[Any]


@dataclass(frozen=True)
class Paid:
    """Ads for a product that touch a share of a segment's people, each as likely."""

    product_id: str
    segment_id: str
    share: float


def spread_of_paid(
    home: Home,
    model: Model,
    paid: Paid,
    journey: Journey,
    *,
    tick: Tick = lambda sets, width: None,
) -> Answer:
    """People whom ads reach, and those whom the word of the former reaches, each counted once.

    Ads touch each person of the segment with the same chance, at hour 0, apart from all others.
    Who is touched takes the word up as often as they like what they are shown and likes of the
    product are passed on. Whoever may not be addressed is not touched, but may hear of it.

    Args:
        home: whose settings and log hold.
        model: with ties, and with those who are withheld beside it.
        paid: what is paid for.
        journey: how the word travels.
        tick: told the sets so far, and half of the interval as part of what is earned.

    Returns:
        product_id, model_version, as_of, segment (segment_id, name, size, and how many are in the
        network), paid_share, paid, earned, together (expected, lower, upper), per_touch (what one
        more touch in the segment earns), uptake (probability, shares_per_like, likes), sets,
        and the rest as `spread_of_starters`; its curve is of all together.

    Raises:
        UnknownEntity: of product, segment or channel.
        SegmentTooSmall: too few of it may be addressed.
        InvalidValue: the model knows of no ties, or what is asked cannot be meant.
    """
    trip = Trip.of(home, journey)
    if not 0 < paid.share <= 1:  # nor NaN
        raise InvalidValue("paid", f"{paid.share:g} of a segment is not above 0, up to 1; as 0.3")
    product = product_row(model, paid.product_id)
    segment, members = _segment(model, paid, product)
    graph = carriers_graph(model, journey.channel)
    travel, delay = trip.travel()
    likes, per_like = _passing(trip, paid.product_id)
    chances = _liking(model, product, members)
    touch, rows = _touch(graph, model, members, paid.share, uptake(chances, per_like))
    found = earned(graph, touch, travel, trip.times("sets"), tick)
    return {
        "product_id": paid.product_id,
        "model_version": model.version,
        "as_of": model.as_of,
        "segment": {**segment, SIZE: members.size, "in_network": rows.size},
        "paid_share": paid.share,
        "paid": found.paid,
        "earned": said(found.earned),
        "together": said(found.together),
        "per_touch": said(_per_touch(trip, graph, (touch, rows, members.size), travel)),
        "uptake": {
            "probability": float(chances.mean()),
            "shares_per_like": per_like,
            LIKES: likes,
        },
        "curve": told_curve(travel, found.curve),
        "sets": found.sets,
        "source": f"model {model.version}",
        **trip.told(graph, travel, delay),
    }


def _segment(model: Model, paid: Paid, product: int) -> tuple[Answer, Array]:
    """What a segment is called, and rows of its people who may be addressed."""
    parts = model.segments
    at = index(model).places.get(paid.segment_id)
    if at is not None:
        members = np.asarray(parts.members[parts.offsets[at] : parts.offsets[at + 1]])
        described = parts.table.row(at, named=True)
        enough = bool(segment_sizes_now(model)[at])
    else:
        # a best share of a product's audience is no segment of the table
        mine = (pl.col(SEGMENT) == paid.segment_id) & (pl.col("product") == product)
        best = parts.best.filter(mine)
        if best.is_empty():
            near = near_ids(paid.segment_id, parts.table[SEGMENT].sort())
            raise UnknownEntity("segment", paid.segment_id, near)
        described = best.row(0, named=True)
        size, goal = max(int(described[SIZE]), 1), str(described["goal"])
        members = audience(model, paid.product_id, size=size, goal=goal).rows
        enough = members.size > 0
    held = np.zeros(model.users.height, bool)
    held[withheld(model).rows] = True
    if not enough:
        rules = settings.load("audiences")["segments"]
        everybody = int((~held).sum())
        raise SegmentTooSmall(least_people(everybody, rules.minimum_people, rules.minimum_share))
    named = {SEGMENT: paid.segment_id, NAME: described[NAME], KIND: described[KIND]}
    return named, members[~held[members]].astype(np.int64)


def _liking(model: Model, product: int, members: Array) -> Array:
    logit = pair_logits(model.embeddings, model.probability, members, product)
    return rates(logit, model.probability.knots)


def _passing(trip: Trip, product_id: str) -> tuple[int, float]:
    """People who liked the product in the log, and how many of those who do pass it on."""
    rules = settings.load("reach", trip.home.root)["uptake"]
    counts = likes_passed_on(trip.acts())
    mine = counts[PRODUCT] == product_id
    likes, shares = (np.append(counts[name].to_numpy(), 0) for name in (LIKES, SHARES))
    found = shares_per_like(likes, shares, float(rules.usual), float(rules.strength))
    at = mine.index_of(True)
    row = counts.height if at is None else at  # the last one is of no product: what is usual
    return int(likes[row]), float(found[row])


def _touch(
    graph: Graph, model: Model, members: Array, share: float, takes: Array
) -> tuple[Touch, Array]:
    """Whom ads touch, and the rows in the graph of those of them who have ties."""
    at = graph.rows_of(model.users[USER].gather(members))
    rows, inside = at[at >= 0], at >= 0
    touched, taken = np.zeros(len(graph)), np.zeros(len(graph))
    touched[rows], taken[rows] = share, np.clip(takes[inside], 0, 1)
    return Touch(touched, taken, beyond=share * float((~inside).sum())), rows


def _per_touch(
    trip: Trip, graph: Graph, segment: tuple[Touch, Array, int], travel: Travel
) -> Estimate:
    """Of one more person of the segment; those without ties earn nobody."""
    touch, rows, people = segment
    rng = np.random.default_rng([trip.journey.seed, 64])
    number = int(trip.chosen["sets"].touch)
    sets = drawn(graph, travel, number, rng)
    found = earned_by_group(sets, touch, rows, float(trip.chosen["runs"].level))
    part = rows.size / people
    return Estimate(found.mean * part, found.lower * part, found.upper * part)
