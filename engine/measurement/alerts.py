"""What somebody should look at now: silence, overspending, odd click rates, costs that drift.

In: planned and actual of a campaign, the day it is. Out: alerts, the gravest first.
Never: an alert on what chance alone explains, by the level of the settings.
"""

from __future__ import annotations

from datetime import date
from statistics import NormalDist
from typing import Any

import polars as pl

from engine.errors import counted
from engine.frames import CHANNEL, DATE, SEGMENT
from engine.measurement.results import (
    ACTUAL,
    PLACE,
    PLANNED_CLICKS,
    PLANNED_SHOWN,
    PLANNED_SPEND,
    SPEND,
)
from engine.settings import Section

Alert = dict[str, Any]
KINDS = ("budget", "silence", "overspend", "unplanned", "drift", "clicks")
"""In the order in which they are told."""
EARLY, LATE = "early", "late"
CENT = 0.005


def find_alerts(
    found: dict[str, Any], plan: dict[str, Any], *, today: date, settings: dict[str, Section]
) -> list[Alert]:
    """Everything worth a look, with the figures that say why.

    `silence` days without results while the plan runs; `budget` more spent than there is;
    `overspend` more than planned by now; `unplanned` money where or when none was planned;
    `drift` the cost of an outcome changed between the earlier and the later half of the days;
    `clicks` a click rate whose interval (Wilson, 1927) lies outside of what the plan allows. What
    is so of the whole is told once, and of placements only where they stand out from it.

    Args:
        found: the answer of `results.against_plan`.
        plan: the same plan.
        today: the day it is.
        settings: sections `alerts` and `pacing`.

    Returns:
        Rows of `kind`, `channel`, `segment_id` (None: the whole campaign), `value`, `against`, and
        `says`, one sentence; those on single placements up to `most`, and `more` in the last.
    """
    chosen = settings["alerts"]
    whole = [*_budget(found, plan), *_silence(found, plan, today, chosen)]
    whole += _overspend(_one(found), chosen) + _drift(_halves(found, []), settings)
    rates = _clicks(_one(found), chosen)
    whole += rates
    clicked = rates[0]["value"] / rates[0]["against"] if rates else 1.0
    placements = found["placements"]
    single = [
        *_overspend(placements, chosen, usual=_usual(found)),
        *_unplanned(found),
        *_drift(_halves(found, list(PLACE)), settings),
        *_clicks(placements, chosen, usual=clicked),
    ]
    order = {kind: at for at, kind in enumerate(KINDS)}
    single.sort(key=lambda one: (order[one["kind"]], -one["weight"]))
    most = int(chosen.most)
    kept = sorted(whole, key=lambda one: order[one["kind"]]) + single[:most]
    for one in kept:
        del one["weight"]
    if len(single) > most:
        more = len(single) - most
        kept.append(
            _alert("more", None, (float(more), 0.0), f"{more} more placements need a look.")
        )
        del kept[-1]["weight"]
    return kept


def _alert(kind: str, row: dict[str, Any] | None, figures: tuple[float, float], says: str) -> Alert:
    value, against = figures
    place = row or {}
    return {
        "kind": kind,
        CHANNEL: place.get(CHANNEL),
        SEGMENT: place.get(SEGMENT),
        "value": value,
        "against": against,
        "says": says,
        "weight": float(place.get(SPEND) or 0.0),
    }


def _one(found: dict[str, Any]) -> pl.DataFrame:
    """The whole campaign as one row without a place."""
    return pl.DataFrame([found["total"] | {CHANNEL: None, SEGMENT: None}])


def _budget(found: dict[str, Any], plan: dict[str, Any]) -> list[Alert]:
    spent, budget = float(found["total"][SPEND]), float(plan["budget"])
    if round(spent, 2) <= round(budget, 2):
        return []
    says = f"{spent - budget:,.2f} more than the budget of {budget:,.2f} were spent."
    return [_alert("budget", None, (spent, budget), says)]


def _silence(
    found: dict[str, Any], plan: dict[str, Any], today: date, chosen: Section
) -> list[Alert]:
    """Counted from the day after the last results, or the first day, to yesterday or the end."""
    first, last = (date.fromisoformat(plan["pacing"][at]["date"]) for at in (0, -1))
    until = min(today.toordinal() - 1, last.toordinal())
    since = first.toordinal() - 1
    if found["through"] is not None:
        since = max(since, date.fromisoformat(found["through"]).toordinal())
    days = until - since
    if days < int(chosen.silent_days):
        return []
    named = date.fromordinal(since).isoformat()
    told = f"since {named}" if found["through"] is not None else "since it began"
    return [_alert("silence", None, (float(days), float(chosen.silent_days)),
                   f"No results for {days} days, {told}.")]  # fmt: skip


def _usual(found: dict[str, Any]) -> float:
    """How many times its plan the whole spends, at least once: placements that do so are usual."""
    total = found["total"]
    return max(1.0, total[SPEND] / total[PLANNED_SPEND]) if total[PLANNED_SPEND] > 0 else 1.0


def _overspend(rows: pl.DataFrame, chosen: Section, *, usual: float = 1.0) -> list[Alert]:
    most = pl.col(PLANNED_SPEND) * usual * (1 + float(chosen.overspend)) + CENT
    over = rows.filter(pl.col(SPEND) > most)
    over = over.filter(pl.col(PLANNED_SPEND) > 0)
    return [
        _alert(
            "overspend",
            row,
            (row[SPEND], row[PLANNED_SPEND]),
            f"{row[SPEND] / row[PLANNED_SPEND] - 1:.0%} more was spent than planned by now: "
            f"{row[SPEND]:,.2f} against {row[PLANNED_SPEND]:,.2f}.",
        )
        for row in over.iter_rows(named=True)
    ]


def _unplanned(found: dict[str, Any]) -> list[Alert]:
    money = found["placement_days"].filter((pl.col(PLANNED_SPEND) <= 0) & (pl.col(SPEND) > 0))
    places = money.group_by(PLACE).agg(pl.col(SPEND).sum(), pl.col(DATE).n_unique().alias("on"))
    return [
        _alert(
            "unplanned",
            row,
            (row[SPEND], 0.0),
            f"{row[SPEND]:,.2f} were spent where or when nothing was planned, "
            f"on {counted(row['on'], 'day')}.",
        )
        for row in places.sort(PLACE, nulls_last=True).iter_rows(named=True)
    ]


def _halves(found: dict[str, Any], by: list[str]) -> pl.DataFrame:
    """Money, outcomes and days of the earlier and the later half of the days with results."""
    told = found["placement_days"].filter(pl.col(SPEND) > 0)
    days = told[DATE].unique().sort()
    if by:
        late = pl.col(DATE).rank("dense").over(by) * 2 > pl.col(DATE).n_unique().over(by)
    else:
        late = (
            pl.col(DATE) > days.gather((len(days) - 1) // 2).item() if len(days) else pl.lit(False)
        )
    part = pl.when(late).then(pl.lit(LATE)).otherwise(pl.lit(EARLY)).alias("half")
    sums = (
        told.with_columns(part)
        .group_by([*by, "half"])
        .agg(pl.col(SPEND, ACTUAL).sum(), pl.col(DATE).n_unique().alias("on"))
    )
    named = [pl.lit(None, pl.String).alias(name) for name in PLACE if name not in by]
    sums = sums.with_columns(named)
    halves = [sums.filter(pl.col("half") == name).drop("half") for name in (EARLY, LATE)]
    both: pl.DataFrame = halves[0].join(halves[1], on=PLACE, suffix="_late", nulls_equal=True)
    return both


def _drift(halves: pl.DataFrame, settings: dict[str, Section]) -> list[Alert]:
    """The logarithm of the ratio of costs is about normal; counts and days give its variance."""
    chosen, spread = settings["alerts"], float(settings["pacing"].outcome_spread)
    z = NormalDist().inv_cdf(0.5 + float(chosen.level) / 2)
    before, after = (
        pl.col(SPEND) / pl.col(ACTUAL),
        pl.col(SPEND + "_late") / pl.col(ACTUAL + "_late"),
    )
    counts = 1 / pl.col(ACTUAL) + 1 / pl.col(ACTUAL + "_late")
    days = spread**2 * (1 / pl.col("on") + 1 / pl.col("on_late"))
    sure = (after / before).log().abs() > z * (counts + days).sqrt()
    rows = (
        halves.filter(
            (pl.col(ACTUAL) > 0)
            & (pl.col(ACTUAL + "_late") > 0)
            & (pl.col("on") + pl.col("on_late") >= int(chosen.drift_days))
        )
        .with_columns(before.alias(EARLY), after.alias(LATE))
        .filter(sure & ((pl.col(LATE) / pl.col(EARLY) - 1).abs() > float(chosen.drift)))
    )
    return [
        _alert(
            "drift",
            row,
            (row[LATE], row[EARLY]),
            f"An outcome costs {row[LATE]:,.2f} by now; at first it was {row[EARLY]:,.2f}.",
        )
        for row in rows.iter_rows(named=True)
    ]


def _clicks(placements: pl.DataFrame, chosen: Section, *, usual: float = 1.0) -> list[Alert]:
    """Rates outside of what is planned; those that are off as the whole is, `usual`, are not."""
    z = NormalDist().inv_cdf(0.5 + float(chosen.level) / 2)
    shown, rate = pl.col("impressions"), pl.col("clicks") / pl.col("impressions")
    middle = (rate + z**2 / (2 * shown)) / (1 + z**2 / shown)
    half = z / (1 + z**2 / shown) * (rate * (1 - rate) / shown + z**2 / (4 * shown**2)).sqrt()
    planned = pl.col(PLANNED_CLICKS) / pl.col(PLANNED_SHOWN)
    allowed = float(chosen.click_share)
    most, least = max(usual, 1.0) * (1 + allowed), min(usual, 1.0) * (1 - allowed)
    odd = (middle - half > planned * most) | (middle + half < planned * least)
    rows = (
        placements.filter((shown > 0) & (pl.col(PLANNED_SHOWN) > 0) & (planned > 0))
        .with_columns(rate.alias("rate"), planned.alias("planned_rate"))
        .filter(odd)
    )
    return [
        _alert(
            "clicks",
            row,
            (row["rate"], row["planned_rate"]),
            f"{row['rate']:.2%} of impressions are clicked; "
            f"planned were {row['planned_rate']:.2%}.",
        )
        for row in rows.iter_rows(named=True)
    ]
