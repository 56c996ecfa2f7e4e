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
from engine.audiences.selection import Limits, Picks, pick, values
from engine.audiences.standing import (
    Echo,
    Measured,
    Panel,
    draw_panel,
    measure,
    share_people,
    share_size,
)
from engine.settings import Scalar, Section

Array = NDArray[Any]
_TALLIED = ("everybody", "segments", "shares")


@dataclass(frozen=True)
class Surveyed:
    """Every product in rows, in columns the segments and then the product's own best shares.

    People who acted on a product are left out of all that is said of it; the others are open.
    `interest` and `probability` are means, zero where nobody is open; `parts` the parts of open
    people in each column. `picks` and `overlaps` are (products, goals, kept) as in
    `selection.Picks`; `expected` and `thresholds` are (products, curve shares); `top_thresholds`
    (products, best shares); `everybody` (products,) mean interest rates; `open_likes` the likes
    expected, `open_squares` their squared rates.
    """

    shares: list[float]
    curve_shares: list[float]
    goals: list[str]
    interest: Array
    probability: Array
    earned: Array  # (products, columns): further people reached for each who is reached; or NaN
    parts: Array
    picks: Array
    overlaps: Array
    expected: Array
    thresholds: Array
    top_thresholds: Array
    everybody: Array
    open_likes: Tally
    open_squares: Tally
    sizes: Array  # (products, segments + shares): members, and open people of shares
    curve_sizes: Array  # (products, curve shares)
    users: int


def allowed_shares(settings: dict[str, Section], users: int, least: int) -> list[float]:
    """The best shares that hold enough people to be a segment."""
    shares = numbers(settings["best"].shares, "best.shares")
    return [share for share in shares if 0 < share <= 1 and share_size(share, users) >= least]


def survey(
    segments: Membership,
    heads: tuple[Head, Head],
    *,
    embeddings: Array,
    loyalty: Array,
    echo: Echo | None = None,
    seen: sparse.csc_array,
    settings: dict[str, Section],
    goals: dict[str, dict[str, Scalar]],
    seed: int,
    rows: Array | None = None,
    products: Array | None = None,
) -> Surveyed:
    """Measures products in blocks on a panel of `rows` (everybody by default).

    Args:
        seen: (users, products) with an entry for each pair with an act.
    """
    rows = np.arange(embeddings.shape[0]) if rows is None else rows
    products = np.arange(heads[0].products.shape[0]) if products is None else products
    limits = settings["segments"]
    least = least_people(rows.size, limits.minimum_people, limits.minimum_share)
    panel = draw_panel(
        rows,
        heads,
        embeddings=embeddings,
        segments=segments,
        loyalty=loyalty,
        echo=echo,
        seen=seen,
        most=settings["standing"].users,
        least=least,
        seed=seed,
    )
    shares = allowed_shares(settings, rows.size, least)
    points = numbers(settings["curve"].shares, "curve.shares")
    block = settings["standing"].block
    parts = [
        _measure_block(panel, heads, products[at : at + block], (shares, points), settings, goals)
        for at in range(0, products.size, block)
    ]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    open_ = panel.open_people[products]
    static = np.tile(segments.sizes, (products.size, 1))
    return Surveyed(
        shares=shares,
        curve_shares=points,
        goals=list(goals),
        sizes=np.hstack([static, share_people(shares, rows.size, open_)]),
        curve_sizes=share_people(points, rows.size, open_),
        users=int(rows.size),
        open_likes=_take_tally(columns, "likes"),
        open_squares=_take_tally(columns, "squares"),
        **columns,
    )


def _take_tally(columns: dict[str, Array], name: str) -> Tally:
    return Tally(*(columns.pop(f"{name}_{part}") for part in _TALLIED))


def _measure_block(
    panel: Panel,
    heads: tuple[Head, Head],
    products: Array,
    shares: tuple[list[float], list[float]],
    settings: dict[str, Section],
    goals: dict[str, dict[str, Scalar]],
) -> dict[str, Array]:
    measured = measure(panel, heads, products, shares[0])
    own, curve = (
        read_points(measured.interest, measured.ranked, people, each)
        for people, each in zip((measured.listable, measured.people), shares, strict=True)
    )
    likes, squares = expect(panel, measured, curve.thresholds)
    people = _sums(measured.open.astype(np.float32), panel.members, measured.tops)
    least_one = np.maximum(people, 1)
    carried = panel.carried(products)
    picked = _pick_for_goals(panel, measured, carried, settings, goals)
    return {
        "interest": likes.segments / (least_one * panel.weight),
        "probability": _sums(measured.probability, panel.members, measured.tops) / least_one,
        "earned": _earned(panel, measured, carried) / least_one,
        "parts": people / np.maximum(measured.people, 1)[:, None],
        "picks": np.stack([each.segments for each in picked], axis=1),
        "overlaps": np.stack([each.overlaps for each in picked], axis=1),
        "expected": curve.expected,
        "thresholds": curve.thresholds,
        "top_thresholds": own.thresholds,
        "everybody": curve.everybody,
        **{f"likes_{part}": getattr(likes, part) for part in _TALLIED},
        **{f"squares_{part}": getattr(squares, part) for part in _TALLIED},
    }


def _earned(panel: Panel, measured: Measured, carried: Array | None) -> Array:
    """Sums of earned reach by segment and best share; NaN where nobody knows who passes on."""
    if carried is None:
        return np.full((measured.people.size, len(panel.members) + len(measured.tops)), np.nan)
    return _sums(measured.probability * carried, panel.members, measured.tops)


def _pick_for_goals(
    panel: Panel,
    measured: Measured,
    carried: Array | None,
    settings: dict[str, Section],
    goals: dict[str, dict[str, Scalar]],
) -> list[Picks]:
    some = _covered(panel, settings["standing"].coverage_users)
    rules, part = settings["best"], 1 / max(panel.weight * panel.people, 1)
    members, tops, open_ = panel.members[:, some], measured.tops[:, :, some], measured.open[:, some]
    limits = Limits(
        rules.kept,
        rules.overlap,
        rules.worth,
        people=panel.least * open_.shape[1] * part,
        alike=rules.alike,
    )
    return [
        pick(
            members,
            tops,
            values(measured, panel.loyalty, goal, carried)[:, some],
            open_=open_,
            size_power=float(goal["size"]),
            limits=limits,
            named=panel.named,
        )
        for goal in goals.values()
    ]


def _covered(panel: Panel, most: int) -> Array | slice:
    # The panel's rows rise, and evenly spaced ones of them are as random as users' ids.
    if panel.people <= most:
        return slice(None)
    return np.linspace(0, panel.people - 1, most).astype(np.int64)


def _sums(values: Array, members: Array, tops: Array) -> Array:
    """Sums of (products, panel) values by segment and best share: (products, columns)."""
    own = [np.einsum("pu,pu->p", values, top) for top in tops]
    sums: Array = np.column_stack([values @ members.T, *own])
    return sums
