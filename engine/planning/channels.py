"""Which networks fit a product: past results, where the audience is, what is sold, and to whom.

In: facts of channels, results, people seen on channels. Out: channels best first, each with its
score, an interval and a reason. Never: an order that changes between equal questions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import expit, logit, ndtr, ndtri

from engine import frames as f
from engine.errors import InvalidValue, UnknownEntity
from engine.planning.channel_results import (
    OUTCOMES,
    Efficiency,
    learn_efficiency,
    outcome_counted,
)
from engine.settings import Scalar, Section

Array = NDArray[Any]
Facts = Mapping[str, Mapping[str, Scalar]]
BUYERS = ("b2b", "b2c")
_EIGHT_OF_TEN = float(ndtri(0.9))  # a factor that holds eight of ten times, as standard deviations
_NUMBERS = ("cost_per_mille", "click_rate", "usual_share", "minimum_spend", "minimum_audience")
_WORDS = re.compile(r"[^\W_]+(?:[-\u200c][^\W_]+)*")


@dataclass(frozen=True)
class Question:
    """What is to be promoted, to whom and for what.

    `words` are those of the product: tags, kind, name. `buyers` is "b2b", "b2c" or nothing where
    that is not known; `country` of the audience, two letters of ISO 3166, or nothing. `budget` is
    that of the whole campaign. `channels` are those to choose among; nothing: all that have
    facts, results or people.
    """

    goal: str = "traffic"
    words: tuple[str, ...] = ()
    buyers: str | None = None
    country: str | None = None
    budget: float | None = None
    channels: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Seen:
    """People of the product's audience: how many there are, and how many were seen where."""

    audience: int
    on: Mapping[str, int]


@dataclass(frozen=True)
class _Evidence:
    """What speaks for each channel, in one order; factors as logarithms with their variance."""

    efficiency: Efficiency
    share: Array  # (channels, 3): expected, lower, upper
    usual: Array
    seen: Array  # people, -1 where nobody looked
    factors: Array  # (channels,) of share, kind, buyers, country together
    variance: Array
    kinds: list[list[str]]
    closed: Array


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
    rows = [facts.get(name, _unknown(facts, settings["fit"])) for name in names]
    evidence = _weigh(names, rows, question, (results, seen), settings)
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
    answers.sort(key=lambda one: (not one["usable"], -one["score"], -one["lower"], one["channel"]))
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


def _unknown(facts: Facts, fit: Section) -> dict[str, Scalar]:
    """A middling channel of which little is known."""
    values = {
        name: float(np.median([float(row[name]) for row in facts.values()])) for name in _NUMBERS
    }
    spread = float(fit.unknown_spread)
    return {
        **values,
        "cost_spread": spread,
        "click_spread": spread,
        **{name: "" for name in ("home", "closed", "kinds")},
        **dict.fromkeys(BUYERS, 1.0),
    }


def _weigh(
    names: Sequence[str],
    rows: Sequence[Mapping[str, Scalar]],
    question: Question,
    past: tuple[pl.DataFrame | None, Seen | None],
    settings: Mapping[str, Section],
) -> _Evidence:
    results, seen = past
    outcome = outcome_counted(results, question.goal)
    fit, people = settings["fit"], settings["people"]
    worth, matches = _worth(rows, question, fit)
    variance = float(fit.spread) ** 2 * ((worth[0] != 0).astype(float) + (worth[1] != 0))
    expected = _expected(rows, question.goal, settings["past"])
    told = outcome in ("conversions", "sales")  # then results themselves tell what a click is worth
    if told:
        expected = expected[0] + worth.sum(axis=0), np.sqrt(expected[1] ** 2 + variance)
    efficiency = learn_efficiency(
        results, names, expected=expected, outcome=outcome, past=settings["past"]
    )
    usual = np.array([_usual_share(row, question.country, people) for row in rows])
    confidence = float(settings["answer"].confidence)
    share, share_variance, counted = _shares(names, usual, seen, (people, confidence))
    shut = np.array([_holds(row["closed"], question.country) for row in rows])
    # Where a channel is at home elsewhere, what is cheap there brings the wrong people.
    at_home = np.array([float(row["usual_share"]) if row["home"] else 0.0 for row in rows])
    strange = share[:, 0] < at_home
    power = float(people.weight) + strange
    factors = float(people.weight) * np.log(share[:, 0])
    factors += np.log(np.where(strange, share[:, 0] / np.where(strange, at_home, 1.0), 1.0))
    factors += np.where(shut, np.log(float(fit.closed)), 0.0)
    variance = power**2 * share_variance + (0.0 if told else variance)
    factors = factors + (0.0 if told else worth.sum(axis=0))
    return _Evidence(efficiency, share, usual, counted, factors, variance, matches, shut)


def _expected(
    rows: Sequence[Mapping[str, Scalar]], goal: str, past: Section
) -> tuple[Array, Array]:
    """Mean and spread of the logarithm of outcomes for a unit of money, by the facts alone."""
    cost, cost_spread, click, click_spread = (
        np.log([float(row[name]) for row in rows])
        for name in ("cost_per_mille", "cost_spread", "click_rate", "click_spread")
    )
    mean, variance = np.log(1000.0) - cost, (cost_spread / _EIGHT_OF_TEN) ** 2
    if goal != "awareness":
        mean, variance = mean + click, variance + (click_spread / _EIGHT_OF_TEN) ** 2
    if goal in ("sales", "loyalty"):
        variance = variance + float(past.conversion_spread) ** 2
    return mean, np.sqrt(variance)


def _worth(
    rows: Sequence[Mapping[str, Scalar]], question: Question, fit: Section
) -> tuple[Array, list[list[str]]]:
    """Logarithms (2, channels) of worth by kind of product and by buyers; the kinds that match."""
    words = {word.lower() for text in question.words for word in _WORDS.findall(text)}
    matches = [sorted(words & set(str(row["kinds"]).lower().split())) for row in rows]
    kind = np.log([float(fit.kind) if match else 1.0 for match in matches])
    buyers = np.log([float(row[question.buyers]) if question.buyers else 1.0 for row in rows])
    return np.stack([kind, buyers]), matches


def _holds(countries: Scalar, country: str | None) -> bool:
    return country is not None and country.upper() in str(countries).split()


def _usual_share(row: Mapping[str, Scalar], country: str | None, people: Section) -> float:
    usual, home = float(row["usual_share"]), str(row["home"])
    if not home or _holds(home, country):
        return usual
    return usual * float(people.unknown_country if country is None else people.away)


def _shares(
    names: Sequence[str], usual: Array, seen: Seen | None, chosen: tuple[Section, float]
) -> tuple[Array, Array, Array]:
    """Share of the audience on each channel with its ends, variance of its logarithm, people seen.

    On the scale of log-odds the usual share is a normal prior, and people seen a measurement.
    """
    people, confidence = chosen
    mean, variance = logit(usual), np.full(usual.size, float(people.spread) ** 2)
    counted = np.full(usual.size, -1, np.int64)
    if seen is not None:
        counted = np.array([seen.on.get(name, 0) for name in names], np.int64)
        on, off = counted + 0.5, seen.audience - counted + 0.5
        noise = 1 / on + 1 / off
        mean = (mean / variance + np.log(on / off) / noise) / (1 / variance + 1 / noise)
        variance = 1 / (1 / variance + 1 / noise)
    width = float(ndtri(0.5 + confidence / 2)) * np.sqrt(variance)
    share = expit(np.column_stack([mean, mean - width, mean + width]))
    return share, (1 - share[:, 0]) ** 2 * variance, counted


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
    evidence: _Evidence,
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
        **{key: facts.get(key) for key in _NUMBERS if key != "usual_share"},
    }


def _reason(
    row: Mapping[str, Scalar] | None, question: Question, evidence: _Evidence, place: int
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
    if seen >= 0:
        parts.append(f"{seen:,} of the audience seen there; usual is {evidence.usual[place]:.0%}")
    else:
        parts.append(f"about {evidence.usual[place]:.0%} of people online use it")
    if evidence.kinds[place]:
        parts.append("strong for " + ", ".join(evidence.kinds[place]))
    if question.buyers and row is not None:
        worth = float(row[question.buyers])
        parts.append(f"a click is worth {worth:g} times an average one for {question.buyers}")
    return "; ".join(parts)


def _cautions(
    row: Mapping[str, Scalar] | None, question: Question, evidence: _Evidence, place: int
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
