"""One pass over all products: how every segment stands with each, and which are its best.

In: segments, embeddings, two heads, goals. Out: means, curve points and picks of every product.
Never: more than a panel of users times a block of products in memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from engine.audiences.conditions import numbers
from engine.audiences.curve import read_points
from engine.audiences.expectation import Tally, expect
from engine.audiences.membership import Membership, least_people
from engine.audiences.scores import Head
from engine.audiences.selection import Limits, pick, values
from engine.audiences.standing import Panel, draw_panel, measure, segment_means, share_size
from engine.settings import Scalar, Section

Array = NDArray[Any]


@dataclass(frozen=True)
class Surveyed:
    """Every product in rows, in columns the segments and then the product's own best shares.

    `interest` and `probability` are means; `picks` and `overlaps` are (products, goals, kept) as
    in `selection.Picks`; `expected` and `thresholds` are (products, curve shares);
    `top_thresholds` (products, best shares); `everybody` (products,) mean interest rates; `open`
    likes expected of people not known to like the product.
    """

    shares: list[float]
    curve_shares: list[float]
    goals: list[str]
    interest: Array
    probability: Array
    picks: Array
    overlaps: Array
    expected: Array
    thresholds: Array
    top_thresholds: Array
    everybody: Array
    open: Tally
    sizes: Array  # (segments + shares,) people
    users: int


def allowed_shares(settings: dict[str, Section], users: int) -> list[float]:
    """The best shares that hold enough people to be a segment."""
    limits = settings["segments"]
    least = least_people(users, limits.minimum_people, limits.minimum_share)
    shares = numbers(settings["best"].shares, "best.shares")
    return [share for share in shares if 0 < share <= 1 and share_size(share, users) >= least]


def survey(
    segments: Membership,
    heads: tuple[Head, Head],
    *,
    embeddings: Array,
    loyalty: Array,
    settings: dict[str, Section],
    goals: dict[str, dict[str, Scalar]],
    seed: int,
    known: sparse.csr_array | None = None,
    rows: Array | None = None,
    products: Array | None = None,
) -> Surveyed:
    """Measures products in blocks on a panel of `rows` (everybody by default).

    Args:
        known: (users, products), likes that are known.
    """
    rows = np.arange(embeddings.shape[0]) if rows is None else rows
    products = np.arange(heads[0].products.shape[0]) if products is None else products
    panel = draw_panel(
        rows,
        heads,
        embeddings=embeddings,
        segments=segments,
        loyalty=loyalty,
        known=known,
        most=settings["standing"].users,
        seed=seed,
    )
    shares = allowed_shares(settings, rows.size)
    points = numbers(settings["curve"].shares, "curve.shares")
    block = settings["standing"].block
    parts = [
        _measure_block(panel, heads, products[at : at + block], (shares, points), settings, goals)
        for at in range(0, products.size, block)
    ]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    open_ = Tally(*(columns.pop(name) for name in ("open", "open_segments", "open_shares")))
    sizes = [*segments.sizes, *(share_size(share, rows.size) for share in shares)]
    return Surveyed(
        shares=shares,
        curve_shares=points,
        goals=list(goals),
        sizes=np.array(sizes, np.int64),
        users=int(rows.size),
        open=open_,
        **columns,
    )


def _measure_block(
    panel: Panel,
    heads: tuple[Head, Head],
    products: Array,
    shares: tuple[list[float], list[float]],
    settings: dict[str, Section],
    goals: dict[str, dict[str, Scalar]],
) -> dict[str, Array]:
    measured = measure(panel, heads, products, shares[0])
    curve = read_points(measured.interest, measured.ranked, shares[1])
    own = read_points(measured.interest, measured.ranked, shares[0])
    interest = np.hstack([segment_means(measured.interest, panel.members), own.expected])
    probability = np.hstack(
        [
            segment_means(measured.probability, panel.members),
            _top_means(measured.probability, measured.tops),
        ]
    )
    open_ = expect(panel, measured, products, curve.thresholds)
    seen = _covered(panel, settings["standing"].coverage_users)
    limits = Limits(settings["best"].kept, settings["best"].overlap, settings["best"].worth)
    members, tops = panel.members[:, seen], measured.tops[:, :, seen]
    picked = [
        pick(
            members,
            tops,
            values(measured, panel.loyalty, goal)[:, seen],
            float(goal["size"]),
            limits,
        )
        for goal in goals.values()
    ]
    return {
        "interest": interest,
        "probability": probability,
        "picks": np.stack([each.segments for each in picked], axis=1),
        "overlaps": np.stack([each.overlaps for each in picked], axis=1),
        "expected": curve.expected,
        "thresholds": curve.thresholds,
        "top_thresholds": own.thresholds,
        "everybody": curve.everybody,
        "open": open_.everybody,
        "open_segments": open_.segments,
        "open_shares": open_.shares,
    }


def _covered(panel: Panel, most: int) -> Array | slice:
    # The panel's rows rise, and evenly spaced ones of them are as random as users' ids.
    if panel.people <= most:
        return slice(None)
    return np.linspace(0, panel.people - 1, most).astype(np.int64)


def _top_means(values: Array, tops: Array) -> Array:
    products = values.shape[0]
    means = [
        np.einsum("pu,pu->p", values, top) / np.maximum(top.sum(axis=1), 1) for top in tops
    ]  # fmt: skip
    return np.column_stack(means) if means else np.zeros((products, 0), np.float32)
