"""Tiers of activity and recency, and how loyal each user is.

In: the users table (acts, likes, last_at) and the moment of the model. Out: found segments of
kind `tier`; a loyalty for each user. Never: a clock of its own.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine import frames as f
from engine.audiences.membership import Found
from engine.settings import Section

Array = NDArray[Any]


def find_tiers(users: pl.DataFrame, as_of: datetime, settings: Section) -> list[Found]:
    """Splits users by how much and how lately they acted; a tier of everybody is none.

    Ties at the edge of a tier fall into the more active one; users who never acted are occasional
    and quiet.
    """
    found = _activity(users[f.ACTS].fill_null(0).to_numpy(), settings)
    found += _recency(days_since(users, as_of), settings)
    return [each for each in found if 0 < each.members.size < users.height]


def _activity(acts: Array, settings: Section) -> list[Found]:
    if acts.size == 0:
        return []
    ordered = np.sort(acts)[::-1]
    heavy = int(ordered[max(0, int(settings.heavy * acts.size) - 1)])
    regular = min(int(ordered[max(0, int(settings.regular * acts.size) - 1)]), heavy)
    edges = f"{regular}–{heavy - 1} acts" if heavy - 1 > regular else f"{regular} acts"
    return [
        _tier("very-active", f"Very active, {heavy} acts or more", f"acts >= {heavy}",
              "they act more than most", acts >= heavy),
        _tier("active", f"Active, {edges}", f"acts >= {regular} and acts < {heavy}",
              "they act regularly", (acts >= regular) & (acts < heavy)),
        _tier("occasional", f"Occasional, fewer than {regular} acts", f"acts < {regular}",
              "they act now and then", acts < regular),
    ]  # fmt: skip


def _recency(days: Array, settings: Section) -> list[Found]:
    recent, lapsed = settings.recent_days, max(settings.recent_days, settings.lapsed_days)
    return [
        _tier("recent", f"Active in the last {recent:g} days", f"days_since_last_at <= {recent:g}",
              f"they acted in the last {recent:g} days", days <= recent),
        _tier("steady", f"Last active {recent:g} to {lapsed:g} days ago",
              f"days_since_last_at > {recent:g} and days_since_last_at <= {lapsed:g}",
              f"they acted {recent:g} to {lapsed:g} days ago", (days > recent) & (days <= lapsed)),
        _tier("quiet", f"Quiet for more than {lapsed:g} days", f"days_since_last_at > {lapsed:g}",
              f"they have been quiet for more than {lapsed:g} days", days > lapsed),
    ]  # fmt: skip


def _tier(id: str, name: str, rule: str, trait: str, inside: Array) -> Found:
    return Found(f"tier-{id}", name, "tier", rule, trait, np.flatnonzero(inside))


def days_since(users: pl.DataFrame, as_of: datetime) -> Array:
    """Days between each user's last act and `as_of`, never negative; infinite without an act."""
    days = (pl.lit(as_of, dtype=f.UTC) - pl.col(f.LAST_AT)).dt.total_seconds(fractional=True)
    found: Array = (
        users.select((days / timedelta(days=1).total_seconds()).clip(0).fill_null(np.inf))
        .to_series()
        .to_numpy()
    )
    return found


def loyalty(users: pl.DataFrame, as_of: datetime, half_life_days: float) -> Array:
    """How much and how lately each user has liked: mean 1 over everybody, float32.

    The square root of the likes (so that one hyperactive account does not outweigh hundreds),
    halved for every half-life since the last act. All ones where nobody has liked anything.
    """
    likes = users[f.LIKES].fill_null(0).to_numpy().astype(np.float64)
    weights = np.sqrt(likes) * np.exp2(-days_since(users, as_of) / half_life_days)
    mean = weights.mean() if weights.size else 0.0
    if mean <= 0:
        return np.ones(users.height, np.float32)
    found: Array = (weights / mean).astype(np.float32)
    return found
