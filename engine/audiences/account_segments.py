"""Segments of accounts: what those have in common that are interested, and how active they are.

In: a table of accounts and the interest of each. Out: found segments with their figures, all of
them counted in accounts. Never: a segment of too few accounts, or of a name.
"""

from __future__ import annotations

from datetime import datetime
from statistics import NormalDist
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine import frames as f
from engine.audiences.attributes import find_attribute_segments
from engine.audiences.membership import Found
from engine.audiences.tiers import find_tiers
from engine.settings import Section

Array = NDArray[Any]
SEGMENTS_SCHEMA = {
    f.SEGMENT: pl.String,
    f.NAME: pl.String,
    f.KIND: pl.String,
    f.RULE: pl.String,
    f.SIZE: pl.UInt32,
    f.INTEREST: pl.Float64,
    f.LIFT: pl.Float64,
    f.LOWER: pl.Float64,
    f.UPPER: pl.Float64,
    f.REASON: pl.String,
}


def account_segments(
    accounts: pl.DataFrame,
    interest: Array,
    *,
    as_of: datetime,
    settings: dict[str, Section],
    rules: Section,
) -> pl.DataFrame:
    """The segments whose accounts are worth listing beside all, the most interested first.

    Attribute segments are found as those of people are (`attributes.discover`), with the interest
    of accounts as the target; tiers by the acts of their contacts.

    Args:
        accounts: account_id, acts, last_at, and attributes; a row for each account.
        interest: (accounts,) of one product, finite.
        settings: of audiences; `attributes` and `tiers` find segments, `best.worth` lists them.
        rules: section `segments` of the settings of accounts.

    Returns:
        One row is one segment: segment_id, name, kind, rule, size (accounts), interest (mean),
        lift over all accounts with its interval, reason. Ties by id. At most `rules.most`.
    """
    least = max(rules.minimum_accounts, 2)
    if accounts.height < least or float(interest.sum()) <= 0:
        return pl.DataFrame(schema=SEGMENTS_SCHEMA)
    found = [*_by_attribute(accounts, interest, settings["attributes"], rules, least)]
    found += find_tiers(accounts, as_of, settings["tiers"])
    rows = [
        _measured(each, interest, rules.confidence) for each in found if each.members.size >= least
    ]
    table = pl.DataFrame(rows, schema=SEGMENTS_SCHEMA, orient="row")
    more = table.filter(pl.col(f.LIFT) >= settings["best"].worth)
    return more.sort(f.INTEREST, f.SEGMENT, descending=[True, False]).head(rules.most)


def _by_attribute(
    accounts: pl.DataFrame, interest: Array, settings: Section, rules: Section, least: int
) -> list[Found]:
    plain = accounts.drop(f.ACCOUNT, f.NAME, f.SIZE, strict=False)
    sample = np.arange(plain.height)
    if plain.height > settings.sample:
        random = np.random.default_rng(plain.height)
        sample = np.sort(random.choice(plain.height, settings.sample, replace=False))
    chosen = Section(settings.name, settings.values | {"clear": rules.clear})
    return find_attribute_segments(
        plain,
        sample,
        interest[sample],
        settings=chosen,
        least=max(1, least * sample.size // plain.height),
    )


def _measured(found: Found, interest: Array, confidence: float) -> tuple[Any, ...]:
    inside = interest[found.members]
    lift, lower, upper = _lift(inside, interest, confidence)
    return (
        found.id,
        found.name,
        found.kind,
        found.rule,
        inside.size,
        float(inside.mean()),
        lift,
        lower,
        upper,
        _reason(lift, (lower, upper), found.trait),
    )


def _lift(inside: Array, everybody: Array, confidence: float) -> tuple[float, float, float]:
    """The mean inside over the mean of all, with an interval from how accounts differ.

    By the delta method on the logarithm; the mean inside errs as that of a sample without
    replacement, and all accounts are all there are.
    """
    mean, whole = float(inside.mean()), float(everybody.mean())
    lift = mean / whole
    if mean <= 0 or inside.size < 2:
        return lift, lift, lift
    left = 1 - inside.size / everybody.size
    error = float(inside.std(ddof=1)) * np.sqrt(left / inside.size) / mean
    reach = float(np.exp(NormalDist().inv_cdf((1 + confidence) / 2) * error))
    return lift, lift / reach, lift * reach


def _reason(lift: float, bounds: tuple[float, float], trait: str) -> str:
    said = "perhaps " if bounds[0] <= 1 <= bounds[1] else ""
    return f"{said}{lift:.1f} × as many interested accounts as all; {trait}"
