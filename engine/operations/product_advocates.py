"""Advocates of a product: whose word carries furthest among those who would like it.

In: a model with ties, a product. Out: advocates by id, with the likes that their word brings, the
interval and the proof. Never: somebody by name who may not be addressed, or would rather not like
the product.
"""

from __future__ import annotations

from dataclasses import replace
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine import settings
from engine.audiences.scores import pair_logits, rates
from engine.operations.advocates import NOBODY, Tick, chosen
from engine.operations.asking import Ask
from engine.operations.audiences import audience
from engine.operations.carriers import carriers_graph, carriers_of
from engine.operations.lookup import product_row
from engine.operations.withholding import withheld
from engine.reach.listeners import listener_weights, may_speak, worth
from engine.store.artefacts import Model
from engine.store.carriers import ROW
from engine.store.home import Home

Array = NDArray[Any]


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
        model: that knows of ties, with those who are withheld beside it.
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
    row, graph = product_row(model, product_id), carriers_graph(model, channel)
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
    found = chosen(home, graph, (weights, allowed), ask, tick, began)
    told = replace(found, source=f"model {model.version}").told()
    rows = carriers_of(model).people[ROW].gather(found.found.rows).to_numpy()
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
    rows = carriers_of(model).people[ROW]
    places = np.full(model.users.height, -1, np.int64)
    known = rows.is_not_null().to_numpy()
    places[rows.drop_nulls().to_numpy()] = np.flatnonzero(known)
    return places
