"""Who passes on whose word, as a model keeps it: people, their ties, and how far each is heard.

In: arrays and a table of a version. Out: a `Carriers`, and the same without some of its people.
Never: a tie to somebody who is not in the table, or a chance outside [0, 1].
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.errors import ArtefactCorrupt
from engine.frames import CHANNEL, USER

Array = NDArray[Any]
ROW, TIES = "row", "ties"
ARRAYS = (
    "starts",
    "others",
    "chances",
    "against",
    "carry",
    "pace",
    "channel_ties",
    "channel_factors",
)
FRAMES = ("people", "channels")
NAMED = "carriers_"


@dataclass(frozen=True)
class Carriers:
    """Ties in compressed rows: whose word person i may pass on, and how likely each time.

    Those of person i are `others[starts[i]:starts[i + 1]]`, rising rows of `people`, with what is
    said of each tie at the same places. A channel's ties are some of all, rising: of the channel
    in row c of `channels`, the entries from the end of row c - 1 to its own `ties`.

    Attributes:
        people: user_id, sorted, and `row` (UInt32) among the model's users; null for who acted on
            no product, and is known by ties alone.
        starts: (people + 1,) int64.
        others: (ties,) int32.
        chances: (ties,) float32, that person i passes on, as good word, one thing the other says.
        against: (ties,) float32, that they pass it on as bad word.
        carry: (people,) float32, how many others are expected to come to pass on what this person
            says once, whoever of them had it from whom.
        pace: (people,) float32, how often a day this person's word is passed on, lately.
        channels: channel, and `ties` (Int64), where its entries end; no row where acts name none.
        channel_ties: (entries,) uint32, places among all ties.
        channel_factors: (entries,) float32, by which the chance of that tie is to be multiplied
            for what is said on that channel.
    """

    people: pl.DataFrame
    starts: Array
    others: Array
    chances: Array
    against: Array
    carry: Array
    pace: Array
    channels: pl.DataFrame
    channel_ties: Array
    channel_factors: Array

    def entries(self, channel: str) -> tuple[Array, Array]:
        """Places among all ties of those of one channel, rising, and by what they are multiplied.

        Raises:
            KeyError: no act that passes on word names such a channel.
        """
        row = self.channels[CHANNEL].index_of(channel)
        if row is None:
            raise KeyError(channel)
        ends = self.channels[TIES]
        part = slice(int(ends[row - 1]) if row else 0, int(ends[row]))
        return self.channel_ties[part], self.channel_factors[part]


def carrier_parts(carriers: Carriers | None) -> tuple[dict[str, Array], dict[str, pl.DataFrame]]:
    """Arrays and tables by the names that they are kept under; none where nobody passes on word."""
    if carriers is None:
        return {}, {}
    arrays = {f"{NAMED}{name}": getattr(carriers, name) for name in ARRAYS}
    return arrays, {f"{NAMED}{name}": getattr(carriers, name) for name in FRAMES}


def carriers_from(
    arrays: Mapping[str, Array], frames: Mapping[str, pl.DataFrame]
) -> Carriers | None:
    """The same from its parts; None for a version that has none.

    Raises:
        KeyError: some parts are there, and others lack.
    """
    if not any(name.startswith(NAMED) for name in (*arrays, *frames)):
        return None
    found: dict[str, Any] = {name: arrays[f"{NAMED}{name}"] for name in ARRAYS}
    found |= {name: frames[f"{NAMED}{name}"] for name in FRAMES}
    return Carriers(**found)


def refuse_unfit_carriers(carriers: Carriers, users: int) -> None:
    """Checks that rows, places and chances are what a `Carriers` says of them.

    Raises:
        ArtefactCorrupt: they are not.
    """
    people, ties = carriers.people.height, carriers.others.size
    expected = {
        "carriers_starts": (carriers.starts.size, people + 1),
        "carriers_chances": (carriers.chances.size, ties),
        "carriers_against": (carriers.against.size, ties),
        "carriers_carry": (carriers.carry.size, people),
        "carriers_pace": (carriers.pace.size, people),
        "carriers_channel_factors": (carriers.channel_factors.size, carriers.channel_ties.size),
    }
    for name, (found, wanted) in expected.items():
        if found != wanted:
            raise ArtefactCorrupt(name, f"has {found} rows where {wanted} belong")
    ends = np.concatenate([[0], carriers.channels[TIES].to_numpy()])
    for name, steps, last in (("carriers_starts", carriers.starts, ties),
                              ("carriers_channels", ends, carriers.channel_ties.size)):  # fmt: skip
        if steps[0] != 0 or steps[-1] != last or (np.diff(steps) < 0).any():
            raise ArtefactCorrupt(name, "does not lead from the first tie to the last")
    for name, rows, bound in (
        ("carriers_others", carriers.others, people),
        ("carriers_channel_ties", carriers.channel_ties, ties),
        ("carriers_people", carriers.people[ROW].drop_nulls().to_numpy(), users),
    ):
        if rows.size and (int(rows.max()) >= bound or int(rows.min()) < 0):
            raise ArtefactCorrupt(name, "names what is not there")
    for name, values in (
        ("carriers_chances", carriers.chances),
        ("carriers_against", carriers.against),
    ):
        if values.size and not (float(values.min()) >= 0 and float(values.max()) <= 1):
            raise ArtefactCorrupt(name, "is outside of 0 to 1")


def among(people: pl.Series, users: pl.Series) -> pl.Series:
    """`row` of these people among users, null for who is none of them.

    Args:
        people: ids.
        users: ids, sorted, each once.
    """
    known = users.alias(USER).to_frame().with_row_index(ROW)
    asked = people.alias(USER).to_frame()
    return asked.join(known, on=USER, how="left", maintain_order="left")[ROW].cast(pl.UInt32)


def without_people(carriers: Carriers | None, gone: pl.Series, users: pl.Series) -> Carriers | None:
    """Carriers without some people and all their ties; None where nobody is left.

    Args:
        carriers: as they were.
        gone: ids of who goes; some may not be there.
        users: ids of the users that are left in the model, sorted.
    """
    if carriers is None:
        return None
    stays = ~carriers.people[USER].is_in(gone.implode())
    left = carriers.people[USER].filter(stays)
    if left.is_empty():
        return None
    kept_people = stays.to_numpy()
    taker = np.repeat(kept_people, np.diff(carriers.starts))
    kept = taker & kept_people[carriers.others]
    before = np.concatenate([[0], np.cumsum(kept, dtype=np.int64)])
    firsts, lasts = carriers.starts[:-1][kept_people], carriers.starts[1:][kept_people]
    lengths = before[lasts] - before[firsts]
    entries = kept[carriers.channel_ties]
    counted = np.concatenate([[0], np.cumsum(entries, dtype=np.int64)])
    ends = pl.Series(TIES, counted[carriers.channels[TIES].to_numpy()], pl.Int64)
    return Carriers(
        people=pl.DataFrame([left, among(left, users)]),
        starts=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        others=(np.cumsum(kept_people) - 1)[carriers.others[kept]].astype(np.int32),
        chances=np.asarray(carriers.chances)[kept],
        against=np.asarray(carriers.against)[kept],
        carry=np.asarray(carriers.carry)[kept_people],
        pace=np.asarray(carriers.pace)[kept_people],
        channels=carriers.channels.with_columns(ends),
        channel_ties=(before[:-1])[carriers.channel_ties[entries]].astype(np.uint32),
        channel_factors=np.asarray(carriers.channel_factors)[entries],
    )
