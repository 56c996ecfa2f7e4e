"""Advocates as a verb: whom to ask to carry the word, and how far it would go.

In: a home with ties in a file or of its own, or a model and a product. Out: advocates by id, with
their reach, its interval and its proof. Never: somebody by name who may not be addressed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine import settings
from engine.audiences.scores import pair_logits, rates
from engine.errors import FrameError, InvalidValue, UnreadableFile
from engine.frames import CHANCE, FOLLOWEE, FOLLOWER
from engine.operations.asking import Ask, costs_of
from engine.operations.audiences import audience
from engine.operations.lookup import product_row
from engine.operations.permits import may_be_named
from engine.operations.withholding import withheld
from engine.operations.word import word_graph, word_of
from engine.reach.advocates import Chosen, Effort, choose
from engine.reach.cover import Wanted
from engine.reach.graph import Graph, build_graph
from engine.reach.listeners import listener_weights, may_speak, worth
from engine.signals.ties import standing_ties
from engine.store.artefacts import Model
from engine.store.eventlog import scan_events, scan_ties
from engine.store.files import read_table
from engine.store.home import Home
from engine.store.word import ROW

Array = NDArray[Any]
Tick = Callable[[int, float], None]
NOBODY: Tick = lambda sets, proof: None  # noqa: E731


@dataclass(frozen=True)
class _Round:
    """One choice: who is asked of whom for what, what it came to, and how long it took."""

    graph: Graph
    wanted: Wanted
    found: Chosen
    level: float
    seconds: float

    def told(self) -> dict[str, Any]:
        """As the command prints it, and the API answers."""
        found, wanted = self.found, self.wanted
        money: dict[str, Any] = {}
        if wanted.costs is not None:
            each = [float(cost) for cost in wanted.costs[found.rows]]
            money = {"costs": each, "spent": sum(each), "budget": wanted.budget}
        return {
            "seeds": self.graph.users.gather(found.rows).to_list(),
            "gains": [float(gain) for gain in found.gains],
            "expected_reach": found.reach,
            "lower": found.lower,
            "upper": found.upper,
            "proven": found.proof,
            "level": self.level,
            **money,
            "people": len(self.graph),
            "ties": int(self.graph.takes.others.size),
            "sets": found.sets,
            "seconds": self.seconds,
        }


def advocates(
    home: Home, ask: Ask, *, ties: Path | None = None, tick: Tick = NOBODY
) -> dict[str, Any]:
    """At most so many people whose word together reaches most of a network.

    Everybody of the network may hear of it; named are only those who may be addressed. Fewer come
    back where nobody else would add a listener, or can be paid.

    Args:
        home: whose settings, ties and records of consent hold.
        ask: how many, at what cost, and how surely.
        ties: a file of follower_id, followee_id and, where known, chance; else those of the home.
        tick: told sets drawn and the part that is proven so far.

    Returns:
        seeds, gains (what each adds), expected_reach, lower, upper, proven, level, people, ties,
        sets and seconds; with costs also costs, spent and budget.

    Raises:
        UnreadableFile, FrameError: the file cannot be read, or lacks a column.
        InvalidValue: there is no tie, a chance is none, nobody may be asked, or what is asked
            cannot be meant.
    """
    ask.refuse()
    began = monotonic()
    graph = _graph(home, ties)
    weights, allowed = np.ones(len(graph)), may_be_named(home, graph.users).to_numpy()
    return _chosen(home, graph, (weights, allowed), ask, tick, began).told()


def product_advocates(
    home: Home,
    model: Model,
    product_id: str,
    ask: Ask,
    *,
    goal: str = "awareness",
    share: float | None = None,
    channel: str | None = None,
    tick: Tick = NOBODY,
) -> dict[str, Any]:
    """At most so many people whose word carries furthest among a product's audience.

    Reach is counted in likes: each of the audience who takes the word up counts as much as they
    are likely to like the product, less what a dislike costs the goal. Whoever would rather
    dislike it counts below zero, in the audience or out of it, and is not asked.

    Args:
        home: whose settings hold.
        model: with ties, see `engine.operations.word`, and with those who are withheld beside it.
        product_id: what the word is about.
        ask: how many, at what cost, and how surely.
        goal: whose audience, and whose price of a dislike.
        share: of everybody that is the audience; else as the product's targeting says.
        channel: only what is said there.
        tick: told sets drawn and the part that is proven so far.

    Returns:
        As `advocates`, with product_id, model_version, as_of, goal, channel, probabilities (of each
        advocate to like it), audience (people), listeners (of them, who is in the network),
        detractors, and as_paid: how many of the audience ads would have to touch for as much.

    Raises:
        UnknownEntity: the product is not known, or nothing is passed on on the channel.
        InvalidValue: the model knows of no ties, none of the audience is in the network, nobody
            may be asked, or what is asked cannot be meant.
    """
    ask.refuse()
    began = monotonic()
    row, graph = product_row(model, product_id), word_graph(model, channel)
    people = audience(model, product_id, share=share, goal=goal)
    chances = _chances(model, row)
    prices = settings.load_rows("goals", home.root)[goal]
    worths = worth(chances, max(float(prices["like"]), 1e-9), float(prices["dislike"]))
    heard = np.zeros(len(graph), bool)
    places = _places(model)
    at = places[people.rows]
    heard[at[at >= 0]] = True
    mine = np.full(len(graph), np.nan)
    mine[places[places >= 0]] = worths[places >= 0]
    allowed = may_speak(mine)
    out = places[withheld(model).rows]
    allowed[out[out >= 0]] = False
    weights = listener_weights(mine, heard)
    chosen = _chosen(home, graph, (weights, allowed), ask, tick, began)
    told = chosen.told()
    rows = word_of(model).people[ROW].gather(chosen.found.rows).to_numpy()
    mean = float(worths[people.rows].mean()) if people.rows.size else 0.0
    return {
        "product_id": product_id,
        "model_version": model.version,
        "as_of": model.as_of,
        "goal": goal,
        "channel": channel,
        **told,
        "probabilities": [float(chance) for chance in chances[rows]],
        "audience": int(people.rows.size),
        "listeners": int(heard.sum()),
        "detractors": int((weights < 0).sum()),
        "as_paid": told["expected_reach"] / mean if mean > 0 else None,
    }


def _chances(model: Model, product: int) -> Array:
    """(users,) P(like | shown) of everybody."""
    rows, head = np.arange(model.users.height), model.probability
    return rates(pair_logits(model.embeddings, head, rows, product), head.knots)


def _places(model: Model) -> Array:
    """(users,) where each user is in the network; -1 for who has no tie."""
    rows = word_of(model).people[ROW]
    places = np.full(model.users.height, -1, np.int64)
    known = rows.is_not_null().to_numpy()
    places[rows.drop_nulls().to_numpy()] = np.flatnonzero(known)
    return places


def _chosen(
    home: Home, graph: Graph, who: tuple[Array, Array], ask: Ask, tick: Tick, began: float
) -> _Round:
    chosen = settings.load("reach", home.root)["advocates"]
    weights, allowed = who
    costs = costs_of(ask, graph.users)
    if costs is not None:
        allowed = allowed & np.isfinite(costs)
    count = ask.most(costs, allowed, int(chosen.most))
    wanted = Wanted(weights, allowed, count, costs, ask.budget)
    wished = float(chosen.proof) if ask.proof is None else ask.proof
    sets = int(chosen.first_sets), min(int(chosen.most_sets), ask.most_sets or 1 << 62)
    level = float(chosen.level)
    found = choose(graph, wanted, Effort(*sets, wished, level, ask.seed), tick)
    return _Round(graph, wanted, found, level, monotonic() - began)


def _graph(home: Home, ties: Path | None) -> Graph:
    if ties is None:
        found = standing_ties(scan_events(home), scan_ties(home), distinct=True)
        if found.is_empty():
            raise InvalidValue(
                "graph", "is missing: nobody here follows anybody; ingest --follows, or --graph"
            )
        return build_graph(found)
    return graph_of(ties)


def graph_of(ties: Path) -> Graph:
    """The graph of a file of follower_id, followee_id and, where known, chance.

    Raises:
        UnreadableFile, FrameError: the file cannot be read, or lacks a column.
        InvalidValue: there is no tie, or a chance is none.
    """
    table = read_table(ties)
    for column in (FOLLOWER, FOLLOWEE):
        if column not in table.columns:
            raise FrameError("graph", column, f"missing; found {', '.join(table.columns)}")
    if CHANCE not in table.columns:
        return build_graph(table.select(FOLLOWER, FOLLOWEE))
    try:
        read = table.select(FOLLOWER, FOLLOWEE, pl.col(CHANCE).cast(pl.Float64))
    except pl.exceptions.PolarsError:
        raise UnreadableFile(str(ties), f"{CHANCE} holds what is no number") from None
    return build_graph(read)
