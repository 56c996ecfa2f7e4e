"""What people did: showings, what they made of them, and the traces that this left.

In: a plan, the people of one block and their truth. Out: events, as `frames.EVENTS` names them.
Never: a taste of its own; every like is drawn from the truth.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
import polars as pl

from engine.frames import (
    ACTION,
    AT,
    CHANNEL,
    EVENT,
    LANGUAGE,
    OBJECT,
    PRODUCT,
    TEXT,
    USER,
    UTC,
    VALUE,
)
from training.world.goods import Goods
from training.world.people import Culture, People, named
from training.world.plan import Array, Plan, Stage, choose, distinct, ids
from training.world.reviews import SENTIMENTS, tell_reviews
from training.world.truth import Truth

ACTIONS = (
    *("view", "like", "dislike", "click", "save", "share"),
    *("purchase", "review", "hide", "undo", "follow"),
)
CODE = {action: code for code, action in enumerate(ACTIONS)}
OPINIONS = {"like": "positive", "dislike": "negative", "view": "neutral"}
QUIETLY = ("save", "share", "purchase", "follow")
"""What people do who like something and press no like."""
MARGIN = 7200
"""Seconds before the end in which no showing falls, so that what follows it fits in."""


@dataclass(frozen=True)
class Trace:
    """What a showing may leave besides its outcome: an action, how often, and when (seconds)."""

    outcome: str
    action: str
    rate: str
    earliest: int
    latest: int


TRACES = (
    Trace("like", "view", "view", -60, -20),
    Trace("dislike", "view", "view", -60, -20),
    Trace("like", "dislike", "changed", -5400, -300),
    Trace("view", "click", "click_viewed", 1, 20),
    Trace("like", "click", "click_liked", 1, 20),
    Trace("like", "save", "save", 20, 120),
    Trace("like", "share", "share", 20, 600),
    Trace("like", "purchase", "purchase", 300, 3600),
    Trace("dislike", "hide", "hide", 1, 60),
    Trace("like", "review", "review_liked", 600, 7000),
    Trace("dislike", "review", "review_disliked", 600, 7000),
    Trace("view", "review", "review_viewed", 600, 7000),
)
SLIP, UNDO = (2, 10), (15, 60)
"""Seconds after a view at which a like by mistake falls, and after that its undo."""


@dataclass(frozen=True)
class Acts:
    """Events as numbers; `undoes` is the place of the act that is taken back, or -1."""

    user: Array  # row within the block
    product: Array
    action: Array
    at: Array  # seconds since 1970
    channel: Array
    undoes: Array
    sentiment: Array  # place in SENTIMENTS of a review, else -1

    def taken(self, rows: Array, action: str, at: Array) -> Acts:
        """Another act of the same users on the same products over the same channels."""
        return Acts(
            self.user[rows],
            self.product[rows],
            np.full(rows.size, CODE[action], np.int8),
            at,
            self.channel[rows],
            np.full(rows.size, -1),
            np.full(rows.size, -1, np.int8),
        )


def acts_per_pair(plan: Plan, like: Array) -> Array:
    """Events to expect of one showing, for each chance of a like."""
    rates = plan.settings["acts"]
    dislike = rates.dislike * (1 - like)
    chances = {"like": like, "dislike": dislike, "view": 1 - like - dislike}
    loud = {**chances, "like": like * (1 - rates.quiet)}
    extra = sum(loud[trace.outcome] * getattr(rates, trace.rate) for trace in TRACES)
    return np.asarray(1 + extra + 2 * rates.slip * chances["view"])


def draw_acts(
    plan: Plan, culture: Culture, people: People, truth: Truth, *, block: int
) -> pl.DataFrame:
    """The events of one block, sorted by time; ids name the block and the place in it."""
    rng = plan.draw(Stage.ACTS, block)
    outcomes = _draw_outcomes(plan, culture, people, truth, rng)
    if plan.settings["acts"].quiet > 0:
        outcomes = _grow_quiet(plan, outcomes, plan.draw(Stage.QUIET, block))
    acts = _draw_traces(plan, outcomes, rng)
    return _tell_events(plan, people, truth.goods, acts, block)


def draw_showings(truth: Truth, rng: np.random.Generator) -> tuple[Array, Array]:
    """Who was shown what: users and products of each pair once, sorted by both.

    Showings of a user are Poisson in number and go by the community's exposure, so each product
    is shown a Poisson number of times, and a pair exists where that is not zero.
    """
    user = np.repeat(np.arange(truth.users), rng.poisson(truth.activity))
    product = choose(rng.random(user.size), truth.goods.exposure, truth.community[user])
    pairs = distinct(user * truth.products + product)
    return pairs // truth.products, pairs % truth.products


def _draw_outcomes(
    plan: Plan, culture: Culture, people: People, truth: Truth, rng: np.random.Generator
) -> Acts:
    user, product = draw_showings(truth, rng)
    like = truth.like_pairs(user, product)
    draw = rng.random(user.size, np.float32)
    disliked = draw < like + plan.settings["acts"].dislike * (1 - like)
    action = np.where(draw < like, CODE["like"], np.where(disliked, CODE["dislike"], CODE["view"]))
    elsewhere = rng.random(user.size) >= plan.settings["channels"].loyalty
    other = choose(rng.random(user.size), culture.channels, people.community[user])
    channel = np.where(elsewhere, other, people.channel[user])
    at = _draw_times(plan, people, user, channel, rng)
    none = np.full(user.size, -1)
    return Acts(user, product, action.astype(np.int8), at, channel, none, none.astype(np.int8))


def _grow_quiet(plan: Plan, outcomes: Acts, rng: np.random.Generator) -> Acts:
    """Some of the likes become acts of other kinds, which then carry the taste alone."""
    quiet = rng.random(outcomes.user.size, np.float32) < plan.settings["acts"].quiet
    codes = np.array([CODE[action] for action in QUIETLY], np.int8)
    instead = codes[rng.integers(0, codes.size, outcomes.user.size)]
    liked = outcomes.action == CODE["like"]
    return replace(outcomes, action=np.where(liked & quiet, instead, outcomes.action))


def _draw_times(
    plan: Plan, people: People, user: Array, channel: Array, rng: np.random.Generator
) -> Array:
    end = int(plan.until.timestamp())
    midnight = end - end % 86400
    joined, left = people.joined[user], people.left[user]
    days_ago = np.floor(left + (joined - left) * rng.random(user.size)).astype(np.int64)
    draws, second = rng.random(user.size), np.empty(user.size)
    hours = np.arange(24)
    for place, peak in enumerate(plan.column("peak_hour")):
        busy = 1 + plan.settings["time"].rhythm * np.cos((hours + 0.5 - peak) * np.pi / 12)
        edges = np.concatenate([[0], np.cumsum(busy)]) / busy.sum()
        there = channel == place
        second[there] = np.interp(draws[there], edges, np.arange(25) * 3600.0)
    at = midnight - days_ago * 86400 + second.astype(np.int64)
    return np.where(at > end - MARGIN, at - 86400, at)


def _draw_traces(plan: Plan, outcomes: Acts, rng: np.random.Generator) -> Acts:
    parts, rates = [outcomes], plan.settings["acts"]
    for trace in TRACES:
        hit = rng.random(outcomes.user.size, np.float32) < getattr(rates, trace.rate)
        rows = np.flatnonzero(hit & (outcomes.action == CODE[trace.outcome]))
        delay = rng.integers(trace.earliest, trace.latest, rows.size, endpoint=True)
        parts.append(outcomes.taken(rows, trace.action, outcomes.at[rows] + delay))
        if trace.action == "review":
            parts[-1].sentiment[:] = SENTIMENTS.index(OPINIONS[trace.outcome])
    hit = rng.random(outcomes.user.size, np.float32) < rates.slip
    rows = np.flatnonzero(hit & (outcomes.action == CODE["view"]))
    slipped = outcomes.at[rows] + rng.integers(*SLIP, rows.size)
    first = sum(part.user.size for part in parts)
    parts.append(outcomes.taken(rows, "like", slipped))
    undone = outcomes.taken(rows, "undo", slipped + rng.integers(*UNDO, rows.size))
    undone.undoes[:] = first + np.arange(rows.size)
    parts.append(undone)
    return _join(parts)


def _join(parts: list[Acts]) -> Acts:
    return Acts(
        *(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Acts))
    )


def _tell_events(plan: Plan, people: People, goods: Goods, acts: Acts, block: int) -> pl.DataFrame:
    order = np.argsort(acts.at, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(order.size)
    acts = Acts(*(getattr(acts, field.name)[order] for field in fields(Acts)))
    rows, rng = plan.rows(block), plan.draw(Stage.REVIEWS, block)
    bought = acts.action == CODE["purchase"]
    text, language = tell_reviews(acts.sentiment, people.persian[acts.user], rng, goods=goods,
                                  products=acts.product)  # fmt: skip
    undoes = np.where(acts.undoes < 0, -1, place[acts.undoes])
    return pl.DataFrame(
        [
            _event_ids(np.arange(order.size), block).alias(EVENT),
            named(USER, ids("u", range(rows.start, rows.stop), plan.users), acts.user),
            named(PRODUCT, ids("p", range(plan.products), plan.products), acts.product),
            named(ACTION, ACTIONS, acts.action),
            pl.Series(AT, acts.at * 1_000_000).cast(UTC),
            named(CHANNEL, list(plan.channels), acts.channel),
            text.alias(TEXT),
            language.alias(LANGUAGE),
            pl.Series(VALUE, np.where(bought, goods.price[acts.product], np.nan)).fill_nan(None),
            _event_ids(undoes, block).set(pl.Series(undoes < 0), None).alias(OBJECT),
        ]
    )


def _event_ids(places: Array, block: int) -> pl.Series:
    return f"e{block:04d}-" + pl.Series(places).cast(pl.String).str.zfill(8)
