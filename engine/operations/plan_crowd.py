"""Who is in which segments of a plan, as kinds of people, so that nobody is counted twice.

In: placements and a model, if there is one. Out: a crowd. Never: a person's id; kinds are counts.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine import frames as f
from engine.operations.plan_inputs import Material
from engine.planning.history import EVERYBODY
from engine.planning.people import Crowd
from engine.store.artefacts import Model

Array = NDArray[Any]


def crowd_of(material: Material) -> tuple[Crowd, tuple[str, ...]]:
    """Kinds of people by the segments they are in; a segment nobody knows is people of its own.

    Where there are more kinds than settings allow, those of most people stand for all.
    """
    segments = sorted({segment for _, segment in material.places})
    at = {segment: row for row, segment in enumerate(segments)}
    of = np.array([at[segment] for _, segment in material.places], np.int64)
    usual = material.settings["usual"]
    known = _members(material.model, segments)
    unknown = [row for row in range(len(segments)) if row not in known]
    counts, inside = _kinds(known, int(material.settings["plan"].most_people))
    kinds = [(inside[:, column], row) for column, row in enumerate(known)]
    kind, place, sizes = [], [], np.full(len(segments), float(usual.people))
    total = np.concatenate([counts, np.full(len(unknown), float(usual.people))])
    lists: dict[int, Array] = {row: np.flatnonzero(mask) for mask, row in kinds}
    lists |= {row: np.array([counts.size + extra]) for extra, row in enumerate(unknown)}
    for row, which in lists.items():
        sizes[row] = max(float(total[which].sum()), 1.0)
    for number, row in enumerate(of.tolist()):
        kind.append(lists[row])
        place.append(np.full(lists[row].size, number))
    size = sizes[of]
    told = np.where(np.isfinite(material.people), material.people / size, _share(material))
    share = np.clip(told, 1e-6, 1.0)
    crowd = Crowd(total, np.concatenate(kind), np.concatenate(place), size * share, share)
    notes = () if not unknown else (
        f"Nobody counted the people of {len(unknown)} segments; {usual.people:g} each were taken.",
    )  # fmt: skip
    return crowd, notes


def _share(material: Material) -> Array:
    return np.array(
        [
            float(material.facts.get(channel, {}).get("usual_share", 0.3))
            for channel, _ in material.places
        ]
    )


def _members(model: Model | None, segments: list[str]) -> dict[int, Array]:
    if model is None:
        return {}
    table = {id: row for row, id in enumerate(model.segments.table[f.SEGMENT])}
    parts = model.segments
    known = {
        row: np.asarray(parts.members[parts.offsets[table[id]] : parts.offsets[table[id] + 1]])
        for row, id in enumerate(segments)
        if id in table
    }
    if EVERYBODY in segments:
        known[segments.index(EVERYBODY)] = np.arange(model.users.height)
    return known


def _kinds(known: dict[int, Array], most: int) -> tuple[Array, Array]:
    """People of each kind (k,), and which of the segments hold it (k, segments)."""
    if not known:
        return np.zeros(0), np.zeros((0, 0), bool)
    users, rows = np.unique(np.concatenate(list(known.values())), return_inverse=True)
    inside = np.zeros((users.size, len(known)), bool)
    column = np.repeat(np.arange(len(known)), [part.size for part in known.values()])
    inside[rows, column] = True
    packed = np.packbits(inside, axis=1)
    _, first, counts = np.unique(packed, axis=0, return_index=True, return_counts=True)
    kept = np.argsort(-counts, kind="stable")[:most]
    scale = users.size / counts[kept].sum()
    return counts[kept] * scale, inside[first[kept]]
