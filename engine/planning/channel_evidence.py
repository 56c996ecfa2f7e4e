"""What speaks for each channel: results, people seen there, kind of product, buyers, country.

In: facts of channels, a question, results, people seen. Out: factors of a score as logarithms with
their variance. Never: an order, or a word of explanation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import expit, log_expit, logit, ndtri

from engine.planning.channel_results import Efficiency, learn_efficiency, outcome_counted
from engine.settings import Scalar, Section

Array = NDArray[Any]
Facts = Mapping[str, Mapping[str, Scalar]]
BUYERS = ("b2b", "b2c")
NUMBERS = ("cost_per_mille", "click_rate", "usual_share", "minimum_spend", "minimum_audience")
_EIGHT_OF_TEN = float(ndtri(0.9))  # a factor that holds eight of ten times, as standard deviations
_GRID = (-16.0, 12.0, 2801)
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
    """People of the product's audience: how many there are, and how many were seen where.

    A channel that is not named was not looked at: of those who are on it nobody knows.
    """

    audience: int
    on: Mapping[str, int]


@dataclass(frozen=True)
class Evidence:
    """What speaks for each channel, in one order; factors as logarithms with their variance."""

    efficiency: Efficiency
    share: Array  # (channels, 3): expected, lower, upper
    usual: Array
    seen: Array  # people, -1 where nobody looked
    factors: Array  # (channels,) of share, kind, buyers, country together
    variance: Array
    kinds: list[list[str]]
    closed: Array


def middling(facts: Facts, fit: Section) -> dict[str, Scalar]:
    """A middling channel of which little is known."""
    values = {
        name: float(np.median([float(row[name]) for row in facts.values()])) for name in NUMBERS
    }
    spread = float(fit.unknown_spread)
    return {
        **values,
        "cost_spread": spread,
        "click_spread": spread,
        **{name: "" for name in ("home", "closed", "kinds")},
        **dict.fromkeys(BUYERS, 1.0),
    }


def weigh(
    names: Sequence[str],
    rows: Sequence[Mapping[str, Scalar]],
    question: Question,
    past: tuple[pl.DataFrame | None, Seen | None],
    settings: Mapping[str, Section],
) -> Evidence:
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
    return Evidence(efficiency, share, usual, counted, factors, variance, matches, shut)


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

    The log-odds are normal around those of the usual share, people seen are binomial; the answer
    is summed over a grid, so that nobody among ten thousand says what it says.
    """
    people, confidence = chosen
    counted = np.array([seen.on.get(name, -1) if seen else -1 for name in names], np.int64)
    on = np.maximum(counted, 0)
    off = np.where(counted >= 0, (seen.audience if seen else 0) - on, 0)
    odds = np.linspace(*_GRID)
    prior = -0.5 * ((odds - logit(usual)[:, None]) / float(people.spread)) ** 2
    density = prior + on[:, None] * log_expit(odds) + off[:, None] * log_expit(-odds)
    density = np.exp(density - density.max(axis=1, keepdims=True))
    density /= density.sum(axis=1, keepdims=True)
    ends = [
        expit(odds[(np.cumsum(density, axis=1) < 0.5 + side * confidence / 2).sum(axis=1)])
        for side in (-1, 1)
    ]
    # Sums, not products of matrices: equal channels must come out equal to the last bit.
    mean, log_mean, log_square = (
        (density * each).sum(axis=1)
        for each in (expit(odds), log_expit(odds), log_expit(odds) ** 2)
    )
    return np.column_stack([mean, *ends]), log_square - log_mean**2, counted
