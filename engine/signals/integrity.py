"""Acts that are not what they seem: floods by one account, bursts by thin ones, made profiles.

In: events, which actions are opinions, settings. Out: suspects with a reason, bursts with figures.
Never: a verdict: suspects are held out until somebody has looked, and nothing is deleted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import gammainc

from engine.frames import ACTION, ACTS, AT, FIRST_AT, POLARITY, PRODUCT, REASON, USER
from engine.settings import Section
from engine.signals.profiles import find_profiles

WINDOW, PEOPLE, EXPECTED, THIN = "window", "people", "expected", "thin"


@dataclass(frozen=True)
class Found:
    """`suspects`: user_id, reason, each user once. `bursts`: one row is one window of a product."""

    suspects: pl.DataFrame
    bursts: pl.DataFrame


def find_suspects(
    events: pl.LazyFrame, actions: Mapping[str, Mapping[str, Any]], settings: dict[str, Section]
) -> Found:
    """Accounts that flood, thin ones that came together in a burst, and those of one pattern.

    Bursts are told of whether or not their accounts are thin; `thin` is the part that is.
    """
    users = events.group_by(USER).agg(
        pl.len().alias(ACTS), pl.col(AT).min().alias(FIRST_AT)
    )  # fmt: skip
    activity = users.collect()
    floods = find_floods(activity, settings["activity"])
    bursts, thin = find_bursts(events, activity, actions, settings["bursts"])
    made = find_profiles(events, actions, settings["profiles"])
    suspects = (
        pl.concat([floods, thin, made]).unique(USER, keep="first", maintain_order=True).sort(USER)
    )
    return Found(suspects, bursts)


def find_floods(activity: pl.DataFrame, rules: Section) -> pl.DataFrame:
    """Accounts with many times the acts of almost everybody: user_id, reason.

    Args:
        activity: user_id and acts.
        rules: section `activity` of the settings.
    """
    if activity.is_empty():
        return _nobody()
    usual = activity[ACTS].quantile(rules.quantile, interpolation="higher") or 0.0
    most = max(float(rules.least), rules.times * usual)
    return activity.filter(pl.col(ACTS) > most).select(
        USER, pl.format("{} acts; almost everybody has at most {}", ACTS, int(usual)).alias(REASON)
    )


def cap_weights(
    accounts: NDArray[np.int64], weights: NDArray[np.float32], rules: Section
) -> NDArray[np.float32]:
    """Weights of which no account has more in sum than almost everybody, several times over.

    An account above the cap has all its weights made smaller by one factor. What is below
    stays as it is to the last bit. Pairs have a cap of their own before.

    Args:
        accounts: (pairs,) the account of each pair, numbered from 0.
        weights: (pairs,) 0 and more; pairs of weight 0 count for nothing.
        rules: section `weights` of the settings.
    """
    total = np.bincount(accounts, weights)
    if not total.any():
        return weights
    usual = np.quantile(total[total > 0], rules.quantile, method="higher")
    factor = np.minimum(rules.times * usual / np.where(total > 0, total, usual), 1.0)
    capped: NDArray[np.float32] = weights * factor.astype(np.float32)[accounts]
    return capped


def find_bursts(
    events: pl.LazyFrame,
    activity: pl.DataFrame,
    actions: Mapping[str, Mapping[str, Any]],
    rules: Section,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Windows in which far more people liked, or disliked, a product than chance brings.

    The number of people is compared with a Poisson law whose mean is the product's part of all
    opinions in other windows, times the opinions on other products in this one: so a busy hour is
    no burst, nor is a file in which everything carries the same moment.

    Returns:
        Bursts (product_id, polarity, window, people, expected, thin), the largest first; and
        their thin accounts (user_id, reason) where these are at least the part that rules say, and
        the people so many times as many as were to be expected.
    """
    signs = {name: row[POLARITY] for name, row in actions.items() if row[POLARITY]}
    opinions = events.filter(
        pl.col(ACTION).is_in(list(signs)) & pl.col(PRODUCT).is_not_null()
    ).select(
        USER,
        PRODUCT,
        AT,
        pl.col(ACTION).replace_strict(signs, return_dtype=pl.Int8).alias(POLARITY),
    )
    found = [_in_windows(opinions, rules, shift) for shift in (0.0, 0.5)]
    bursts = pl.concat([burst for burst, _ in found])
    members = pl.concat([each for _, each in found]).join(activity, on=USER, how="left")
    young = pl.col(FIRST_AT) >= pl.col(WINDOW) - timedelta(hours=rules.young_hours)
    young = young & (pl.col(ACTS) <= rules.young_few)
    members = members.with_columns((young | (pl.col(ACTS) <= rules.few)).alias(THIN))
    thin = members.group_by(PRODUCT, POLARITY, WINDOW).agg(pl.col(THIN).mean())
    told = bursts.join(thin, on=[PRODUCT, POLARITY, WINDOW], how="left")
    what = pl.when(pl.col(POLARITY) > 0).then(pl.lit("likes")).otherwise(pl.lit("dislikes"))
    # opinions come in crowds where a product is new: unlikely is not yet clear
    clear = (pl.col(THIN) >= rules.share) & (pl.col(PEOPLE) >= rules.times * pl.col(EXPECTED))
    held = (
        members.filter(THIN)
        .drop(THIN)
        .join(told.filter(clear), on=[PRODUCT, POLARITY, WINDOW], how="semi")
        .sort(USER, WINDOW, PRODUCT)
        .select(USER, pl.format("{} {} of {} from {}", PEOPLE, what, PRODUCT, WINDOW).alias(REASON))
        .unique(USER, keep="first", maintain_order=True)
    )
    return told.sort(
        PEOPLE, PRODUCT, WINDOW, POLARITY, descending=[True, False, False, False]
    ), held


def _in_windows(
    opinions: pl.LazyFrame, rules: Section, shift: float
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Bursts in windows that begin a part of a window later, and who was in each.

    What falls on the border of two windows lies within one of those shifted by a half.
    """
    offset = timedelta(minutes=int(rules.minutes) * shift)
    window = (pl.col(AT) - offset).dt.truncate(f"{int(rules.minutes)}m") + offset
    placed = opinions.select(USER, PRODUCT, POLARITY, window.alias(WINDOW)).unique()
    bursts = _unlikely(placed, rules)
    here = placed.join(bursts.lazy(), on=[PRODUCT, POLARITY, WINDOW], how="inner").collect()
    return bursts, here


def _unlikely(opinions: pl.LazyFrame, rules: Section) -> pl.DataFrame:
    counts = opinions.group_by(PRODUCT, POLARITY, WINDOW).agg(pl.len().alias(PEOPLE)).collect()
    everything = pl.col(PEOPLE).sum()
    counts = counts.with_columns(
        everything.alias("all"),
        everything.over(PRODUCT, POLARITY).alias("of_product"),
        everything.over(WINDOW).alias("of_window"),
    ).filter(pl.col(PEOPLE) >= rules.least)
    others = pl.col("of_window") - pl.col(PEOPLE)
    rest = pl.col("of_product") - pl.col(PEOPLE) + 1
    elsewhere = pl.col("all") - pl.col("of_window") + 1
    counts = counts.with_columns((others * rest / elsewhere).alias(EXPECTED))
    # gammainc(n, mean) is the chance of n or more under a Poisson law of this mean
    chance = gammainc(counts[PEOPLE].to_numpy(), counts[EXPECTED].to_numpy())
    return counts.filter(pl.Series(chance < rules.chance)).select(
        PRODUCT, POLARITY, WINDOW, PEOPLE, EXPECTED
    )


def _nobody() -> pl.DataFrame:
    return pl.DataFrame(schema={USER: pl.String, REASON: pl.String})
