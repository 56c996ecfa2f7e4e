"""Who is in which segments of a plan, as kinds of people, so that nobody is counted twice.

In: placements, and a model, if there is one. Out: people of each, and a crowd.
Never: a person's id; kinds are counts.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine import frames as f
from engine.operations.audiences import audience
from engine.operations.plan_request import PlanRequest
from engine.planning.history import EVERYBODY
from engine.planning.people import Kinds
from engine.planning.touch import Reached
from engine.settings import Scalar, Section
from engine.store.artefacts import Model

Array = NDArray[Any]
FEWEST, MOST_ENTRIES = 500, 60_000  # people, and kinds of them x placements
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


def reached(given: Places, settings: dict[str, Section]) -> tuple[Reached, tuple[str, ...]]:
    """Who may see something: a person is counted once, whichever channel and segment it was."""
    usual = settings["usual"]
    kinds, unknown = _kinds_of(given.places, given.members, settings, by_channel=False)
    size = kinds.size
    told = np.where(np.isfinite(given.people), given.people / size, given.shares)
    share = np.clip(told, 1e-6, 1.0)
    notes = () if not unknown else (
        f"Nobody counted the people of {unknown} segments; {usual.people:g} each were taken.",
    )  # fmt: skip
    return Reached(kinds, size * share, share), notes


def shared_kinds(
    places: list[tuple[str, str]], members: dict[str, Array], settings: dict[str, Section]
) -> tuple[Kinds | None, tuple[str, ...]]:
    """Who is in several segments of a channel, and a note; nobody where segments are apart.

    Channels add up, as results tell of each beside the others. Where too many placements share
    people they are not told apart.
    """
    on: dict[str, set[str]] = {}
    for channel, segment in places:
        on.setdefault(channel, set()).add(segment)
    together = {frozenset(segments & set(members)) for segments in on.values()}
    if not any(_shared({id: members[id] for id in each}) for each in together):
        return None, ()
    if len(places) > settings["plan"].most_shared:
        text = "Segments share people: together they may bring less than the sum that is told."
        return None, (text,)
    text = "Segments share people: who is in several counts once, so that placements add to more."
    return _kinds_of(places, members, settings, by_channel=True)[0], (text,)


def _shared(members: dict[str, Array]) -> bool:
    """Whether segments hold the same people, more than a few."""
    if len(members) < 2:
        return False
    rows = np.concatenate(list(members.values()))
    return bool(rows.size > MOSTLY_APART * np.unique(rows).size)


def _kinds_of(
    places: list[tuple[str, str]],
    members: dict[str, Array],
    settings: dict[str, Section],
    *,
    by_channel: bool,
) -> tuple[Kinds, int]:
    """Kinds of people by the segments they are in, and how many segments nobody knows.

    Those are people of their own, as many as usual. Where there are more people than settings
    allow, or more than can be looked at in seconds, some drawn at random stand for all.
    """
    usual, most = float(settings["usual"].people), int(settings["plan"].most_people)
    segments = sorted({segment for _, segment in places})
    known = [row for row, id in enumerate(segments) if id in members]
    rows = [members[segments[row]] for row in known]
    named = Counter(segment for _, segment in places)
    times = np.array([named[segments[row]] for row in known], np.int64)
    counts, kind, held = _kinds(rows, most)
    entries = int(times[held].sum())
    if entries > MOST_ENTRIES:
        counts, kind, held = _kinds(rows, max(FEWEST, int(counts.sum() * MOST_ENTRIES / entries)))
    lists = {row: kind[held == column] for column, row in enumerate(known)}
    lost = [row for row in range(len(segments)) if row not in lists or not lists[row].size]
    own = [float(len(members.get(segments[row], ())) or usual) for row in lost]
    lists |= {row: np.array([counts.size + at]) for at, row in enumerate(lost)}
    people = np.concatenate([counts, own])
    at = {segment: row for row, segment in enumerate(segments)}
    channels = {name: number for number, name in enumerate(sorted({c for c, _ in places}))}
    parts, sizes = [], []
    for channel, segment in places:
        part = lists[at[segment]]
        parts.append(part + channels[channel] * people.size * by_channel)
        sizes.append(people[part])
    place = np.repeat(np.arange(len(parts)), [part.size for part in parts])
    kinds = Kinds(np.concatenate(parts), place, np.concatenate(sizes), len(parts))
    return kinds, len(segments) - len(known)


def _kinds(members: list[Array], most: int) -> tuple[Array, Array, Array]:
    """People of each kind (k,); and for each kind and segment that holds it, their numbers (e,).

    People are of one kind if random numbers of their segments have the same sum.
    """
    if not members:
        return np.zeros(0), np.zeros(0, np.int64), np.zeros(0, np.int64)
    rows = np.concatenate(members)
    column = np.repeat(np.arange(len(members)), [part.size for part in members])
    users = np.unique(rows)
    scale = max(1.0, users.size / most)
    if users.size > most:
        drawn = np.random.default_rng(0).choice(users, most, replace=False)
        kept = np.isin(rows, drawn)
        rows, column = rows[kept], column[kept]
    order = np.argsort(rows, kind="stable")
    rows, column = rows[order], column[order]
    starts = np.flatnonzero(np.diff(rows, prepend=-1))
    code = np.random.default_rng(0).integers(0, 1 << 63, len(members), np.uint64)
    sums = np.add.reduceat(code[column], starts)
    _, first, counts = np.unique(sums, return_index=True, return_counts=True)
    begin, length = starts[first], np.diff(starts, append=rows.size)[first]
    kind = np.repeat(np.arange(first.size), length)
    within = np.arange(kind.size) - np.repeat(np.cumsum(length) - length, length)
    return counts * scale, kind, column[np.repeat(begin, length) + within]
