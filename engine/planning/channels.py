"""Which networks fit a product: past results, where the audience is, what is sold, and to whom.

In: facts of channels, results, people seen on channels. Out: channels best first, each with its
score, an interval and a reason. Never: an order that changes between equal questions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from engine import frames as f
from engine.errors import InvalidValue, UnknownEntity
from engine.planning.channel_evidence import (
    BUYERS,
    NUMBERS,
    Evidence,
    Facts,
    Question,
    Seen,
    middling,
    weigh,
)
from engine.planning.channel_results import OUTCOMES
from engine.settings import Scalar, Section

__all__ = ["Question", "Seen", "fit_channels"]
Array = NDArray[Any]
_DIGITS = 9  # beyond them scores differ by the order of sums


def fit_channels(
    facts: Facts,
    question: Question,
    *,
    results: pl.DataFrame | None = None,
    seen: Seen | None = None,
    settings: Mapping[str, Section],
) -> list[dict[str, Any]]:
    """Channels that fit, best first; those the budget is too small for come last.

    The order is by score, then by the lower end of the interval, then by id. A channel without
    facts is taken for a middling one of which little is known.

    Args:
        facts: rows of configs/channels.toml.
        question: what is to be promoted, to whom and for what.
        results: rows of `frames.RESULTS`, any campaign; nothing: only priors speak.
        seen: where the product's audience was seen; nothing: the usual share of each channel.
        settings: configs/channel-fit.toml.

    Returns:
        One dict for each channel: channel, name, rank (from 1), score (worth for each unit of
        money against the geometric mean of the channels compared, which is 1), lower, upper,
        chance (that it is the best), share (of the audience there), share_lower, share_upper,
        basis ("prior", "mixed", "results"), usable, reason, cautions, and of the facts good_for,
        price_model, formats, minimum_spend, minimum_audience, cost_per_mille, click_rate (null
        where there are none).

    Raises:
        UnknownEntity: a channel asked for has neither facts nor results nor people.
        InvalidValue: the goal or `buyers` is not known.
    """
    _refuse(question)
    names = _candidates(facts, question, results, seen)
    if not names:
        return []
    rows = [facts.get(name, middling(facts, settings["fit"])) for name in names]
    evidence = weigh(names, rows, question, (results, seen), settings)
    mean = evidence.efficiency.mean + evidence.factors
    mean = mean - mean.mean()
    spread = np.sqrt(evidence.efficiency.spread**2 + evidence.variance)
    width = float(ndtri(0.5 + float(settings["answer"].confidence) / 2))
    scores = np.exp(np.column_stack([mean, mean - width * spread, mean + width * spread]))
    chances = _chances(mean, spread)
    answers = [
        _told(name, facts.get(name), question, evidence, place)
        | {"score": float(scores[place, 0]), f.LOWER: float(scores[place, 1])}
        | {f.UPPER: float(scores[place, 2]), "chance": float(chances[place])}
        for place, name in enumerate(names)
    ]
    answers.sort(
        key=lambda one: (
            not one["usable"],
            -round(one["score"], _DIGITS),
            -round(one["lower"], _DIGITS),
            one["channel"],
        )
    )
    return [{"channel": one["channel"], "rank": at} | one for at, one in enumerate(answers, 1)]


def _refuse(question: Question) -> None:
    if question.goal not in OUTCOMES:
        known = ", ".join(OUTCOMES)
        raise InvalidValue("goal", f"{question.goal!r} is not known; known: {known}")
    if question.buyers is not None and question.buyers not in BUYERS:
        raise InvalidValue("buyers", f"{question.buyers!r} is neither b2b nor b2c")


def _candidates(
    facts: Facts, question: Question, results: pl.DataFrame | None, seen: Seen | None
) -> list[str]:
    known = dict.fromkeys(facts)
    if results is not None:
        known |= dict.fromkeys(results[f.CHANNEL].drop_nulls().unique().sort().to_list())
    known |= dict.fromkeys(sorted(seen.on) if seen else ())
    for name in question.channels or ():
        if name not in known:
            raise UnknownEntity("channel", name, tuple(known))
    return list(dict.fromkeys(question.channels) if question.channels else known)


def _chances(mean: Array, spread: Array) -> Array:
    """Chance that each is the greatest, for independent normal scores, by quadrature."""
    if mean.size == 1:
        return np.ones(1)
    points = np.linspace((mean - 6 * spread).min(), (mean + 6 * spread).max(), 2001)
    away = (points[:, None] - mean) / spread
    log_below = np.log(np.maximum(ndtr(away), 1e-300))
    density = np.exp(-0.5 * away**2) / spread
    weight = density * np.exp(log_below.sum(axis=1, keepdims=True) - log_below)
    chance = weight.sum(axis=0)
    return np.asarray(chance / chance.sum())


def _told(
    name: str,
    row: Mapping[str, Scalar] | None,
    question: Question,
    evidence: Evidence,
    place: int,
) -> dict[str, Any]:
    facts = row or {}
    minimum = facts.get("minimum_spend")
    short = question.budget is not None and minimum is not None and question.budget < float(minimum)
    moved, seen = float(evidence.efficiency.weight[place]), int(evidence.seen[place])
    told = evidence.efficiency.spend[place] > 0 or seen >= 0
    basis = "results" if moved > 0.5 else "mixed" if told else "prior"
    share = evidence.share[place]
    return {
        "channel": name,
        "name": str(facts.get("name", name)),
        "share": float(share[0]),
        "share_lower": float(share[1]),
        "share_upper": float(share[2]),
        "basis": basis,
        "usable": not short,
        "reason": _reason(row, question, evidence, place),
        "cautions": _cautions(row, question, evidence, place),
        "good_for": facts.get("good_for"),
        "price_model": facts.get("price_model"),
        "formats": [one.strip() for one in str(facts.get("formats", "")).split(",") if one.strip()],
        **{key: facts.get(key) for key in NUMBERS if key != "usual_share"},
    }


def _reason(
    row: Mapping[str, Scalar] | None, question: Question, evidence: Evidence, place: int
) -> str:
    past, seen = evidence.efficiency, int(evidence.seen[place])
    parts = []
    if past.spend[place] > 0:
        rate = past.outcomes[place] / past.spend[place]
        total = past.outcomes.sum() / past.spend.sum()
        parts.append(
            f"{past.outcomes[place]:,.0f} {past.outcome} for {past.spend[place]:,.0f} spent, "
            f"{rate / total:.2f} times all channels together"
            if total > 0
            else f"no {past.outcome} for {past.spend[place]:,.0f} spent"
        )
    elif row is not None:
        parts.append("no results yet: costs and clicks as is usual there")
    usual = "" if row is None else f"; usual is {evidence.usual[place]:.0%}"
    if seen >= 0:
        parts.append(f"{seen:,} of the audience seen there{usual}")
    elif row is not None:
        parts.append(f"about {evidence.usual[place]:.0%} of people online use it")
    if evidence.kinds[place]:
        parts.append("strong for " + ", ".join(evidence.kinds[place]))
    if question.buyers and row is not None:
        worth = float(row[question.buyers])
        parts.append(f"a click is worth {worth:g} times an average one for {question.buyers}")
    return "; ".join(parts)


def _cautions(
    row: Mapping[str, Scalar] | None, question: Question, evidence: Evidence, place: int
) -> list[str]:
    if row is None:
        return ["nothing is known of this channel but what came in"]
    found, seen = [], int(evidence.seen[place])
    if question.budget is not None and question.budget < float(row["minimum_spend"]):
        found.append(f"the budget is below its smallest spend of {row['minimum_spend']:g} dollars")
    if 0 <= seen < float(row["minimum_audience"]):
        found.append(
            f"{seen:,} people were seen there; an audience needs {row['minimum_audience']:g}"
        )
    if evidence.closed[place]:
        found.append(f"its advertising cannot be booked in {question.country}: own posts only")
    if row["price_model"] == "not sold":
        found.append("sells no advertising: own posts only")
    return found
