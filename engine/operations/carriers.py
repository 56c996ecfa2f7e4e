"""The graph of who passes on whose word, as a model keeps it.

In: a model. Out: the graph of all channels or of one, over the arrays that the model maps.
Never: a graph made twice for the same model, or a copy of its ties where all channels are asked.
"""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.audiences.standing import Echo
from engine.errors import InvalidValue, UnknownEntity
from engine.frames import CHANNEL, PASSED, USER
from engine.reach.graph import Graph, Rows
from engine.store.artefacts import Model
from engine.store.carriers import ROW, Carriers

Array = NDArray[Any]

_graphs: dict[tuple[int, str | None], tuple[weakref.ref[Carriers], Graph]] = {}


def carriers_graph(model: Model, channel: str | None = None) -> Graph:
    """Who passes on whose word: people in the order of `carriers_of(model).people`.

    It is kept as long as the model's arrays live. Chances are those of good word; where everybody
    hears on all channels, of anything that is said on any.

    Args:
        model: as it was opened.
        channel: only what is said there; None: on all channels together.

    Raises:
        InvalidValue: the model knows of no ties.
        UnknownEntity: nobody was seen to pass on word on this channel.
    """
    carriers = carriers_of(model)
    key = (id(carriers), channel)
    found = _graphs.get(key)
    if found is None or found[0]() is not carriers:
        watch = weakref.ref(carriers, lambda _: _graphs.pop(key, None))
        found = (watch, Graph(carriers.people[USER], _rows(carriers, channel)))
        _graphs[key] = found
    return found[1]


def carriers_of(model: Model) -> Carriers:
    """What a model knows of ties.

    Raises:
        InvalidValue: it knows of none.
    """
    if model.carriers is None:
        raise InvalidValue(
            "graph",
            "is missing: either nobody follows anybody or passes on their word, or this model was "
            "trained before ties were kept; ingest --follows, or shares with their "
            "target_user_id, and retrain",
        )
    return model.carriers


def carried_by_users(carriers: Carriers, users: int) -> Array:
    """(users,) float32: how many others are expected to take up what each user says once.

    0 for who has no ties.

    Args:
        carriers: of a model.
        users: how many the model has.
    """
    found = np.zeros(users, np.float32)
    rows = carriers.people[ROW]
    known = rows.is_not_null().to_numpy()
    found[rows.drop_nulls().to_numpy()] = np.asarray(carriers.carry)[known]
    return found


def echo_of(model: Model) -> Echo | None:
    """How far word goes; None where nobody passes on anything, and to older models."""
    if model.carriers is None or PASSED not in model.products.columns:
        return None
    carry = carried_by_users(model.carriers, model.users.height)
    return Echo(carry, model.products[PASSED].to_numpy())


def _rows(carriers: Carriers, channel: str | None) -> Rows:
    if channel is None:
        return Rows(carriers.starts, carriers.others, carriers.chances)
    try:
        ties, factors = carriers.entries(channel)
    except KeyError:
        raise UnknownEntity("channel", channel, tuple(carriers.channels[CHANNEL][:5])) from None
    starts = np.searchsorted(ties, carriers.starts)
    return Rows(starts, carriers.others[ties], np.minimum(carriers.chances[ties] * factors, 1))
