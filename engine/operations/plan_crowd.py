"""Who is in which segments of a plan, as kinds of people, so that nobody is counted twice.

In: placements, and a model, if there is one. Out: people of each, and a crowd.
Never: a person's id; kinds are counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine import frames as f
from engine.operations.audiences import audience
from engine.operations.plan_request import PlanRequest
from engine.planning.history import EVERYBODY
from engine.planning.people import Crowd
from engine.settings import Scalar, Section
from engine.store.artefacts import Model

Array = NDArray[Any]
MOSTLY_APART = 1.05  # people of segments one by one, against people of all of them together


@dataclass(frozen=True)
class Places:
    """Placements (n,): how many people each reaches, by its channel's share of its segment.

    `members` are rows of users of the segments that a model knows.
    """

    places: list[tuple[str, str]]
    people: Array
    members: dict[str, Array]
    shares: Array  # (n,) usual share of a segment's people on the channel


def members_of(
    model: Model | None, segments: set[str], request: PlanRequest, best: dict[str, dict[str, Any]]
) -> dict[str, Array]:
    """Rows of users in each segment that the model knows.

    A best share of a product's audience is no segment of the table; its people are the product's
    best, as many as the segment has.
    """
    if model is None:
        return {}
    parts, found = model.segments, {}
    at = {id: row for row, id in enumerate(parts.table[f.SEGMENT])}
    for segment in sorted(segments):
        if segment in at:
            start, end = parts.offsets[at[segment]], parts.offsets[at[segment] + 1]
            found[segment] = np.asarray(parts.members[start:end])
        elif segment == EVERYBODY:
            found[segment] = np.arange(model.users.height)
        elif segment in best and request.product_id is not None:
            size = max(int(best[segment][f.SIZE]), 1)
            found[segment] = audience(model, request.product_id, size=size, goal=request.goal).rows
    return found


def people_of(
    model: Model | None,
    places: list[tuple[str, str]],
    members: dict[str, Array],
    facts: dict[str, dict[str, Scalar]],
) -> Array:
    """People (n,) of each placement: its segment's who were seen on the channel; nan: not known.

    Where none of them was seen there, the usual share of its segment.
    """
    people = np.full(len(places), np.nan)
    on: dict[str, Array] = {}
    for row, (channel, segment) in enumerate(places):
        if model is None or segment not in members:
            continue
        if channel not in on:
            told = model.users["channels"].list.contains(channel)
            on[channel] = told.fill_null(False).to_numpy()
        seen = int(on[channel][members[segment]].sum())
        usual = members[segment].size * usual_share(channel, facts)
        people[row] = max(seen or usual, 1.0)
    return people


def returning(
    model: Model | None, places: list[tuple[str, str]], members: dict[str, Array], weight: float
) -> Array | None:
    """The share (n,) of each placement's people who come back: who liked more than one product.

    Small segments are drawn towards everybody, who count for `weight` people. Nothing where no
    model tells.
    """
    if model is None or not members:
        return None
    again = (model.users["likes"] > 1).to_numpy()
    usual = float(again.mean())
    each = {
        segment: (again[rows].sum() + weight * usual) / (rows.size + weight)
        for segment, rows in members.items()
    }
    return np.array([float(each.get(segment, usual)) for _, segment in places])


def usual_share(channel: str, facts: dict[str, dict[str, Scalar]]) -> float:
    """The part of people who use a channel; of one without facts the median of the others'."""
    if channel in facts:
        return float(facts[channel]["usual_share"])
    return float(np.median([float(row["usual_share"]) for row in facts.values()]))


def shared_people(members: dict[str, Array]) -> bool:
    """Whether segments hold the same people, more than a few."""
    if len(members) < 2:
        return False
    rows = np.concatenate(list(members.values()))
    return bool(rows.size > MOSTLY_APART * np.unique(rows).size)


def crowd_of(given: Places, usual: Section, most: int) -> tuple[Crowd, tuple[str, ...]]:
    """Kinds of people by the segments they are in; a segment nobody knows is people of its own.

    Where there are more kinds than settings allow, those of most people stand for all.
    """
    segments = sorted({segment for _, segment in given.places})
    at = {segment: row for row, segment in enumerate(segments)}
    of = np.array([at[segment] for _, segment in given.places], np.int64)
    known = {row: given.members[id] for row, id in enumerate(segments) if id in given.members}
    unknown = [row for row in range(len(segments)) if row not in known]
    counts, inside = _kinds(known, most)
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
    told = np.where(np.isfinite(given.people), given.people / size, given.shares)
    share = np.clip(told, 1e-6, 1.0)
    crowd = Crowd(total, np.concatenate(kind), np.concatenate(place), size * share, share)
    notes = () if not unknown else (
        f"Nobody counted the people of {len(unknown)} segments; {usual.people:g} each were taken.",
    )  # fmt: skip
    return crowd, notes


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
