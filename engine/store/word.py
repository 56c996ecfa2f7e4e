"""Who passes on whose word, as a model keeps it: people, their ties, and how far each is heard.

In: arrays and a table of a version. Out: a `Word`, and the same without some of its people.
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
NAMED = "word_"


@dataclass(frozen=True)
class Word:
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


def word_parts(word: Word | None) -> tuple[dict[str, Array], dict[str, pl.DataFrame]]:
    """Arrays and tables by the names that they are kept under; none where nobody passes on word."""
    if word is None:
        return {}, {}
    arrays = {f"{NAMED}{name}": getattr(word, name) for name in ARRAYS}
    return arrays, {f"{NAMED}{name}": getattr(word, name) for name in FRAMES}


def word_from(arrays: Mapping[str, Array], frames: Mapping[str, pl.DataFrame]) -> Word | None:
    """The same from its parts; None for a version that has none.

    Raises:
        KeyError: some parts are there, and others lack.
    """
    if not any(name.startswith(NAMED) for name in (*arrays, *frames)):
        return None
    found: dict[str, Any] = {name: arrays[f"{NAMED}{name}"] for name in ARRAYS}
    found |= {name: frames[f"{NAMED}{name}"] for name in FRAMES}
    return Word(**found)


def refuse_unfit_word(word: Word, users: int) -> None:
    """Checks that rows, places and chances are what a `Word` says of them.

    Raises:
        ArtefactCorrupt: they are not.
    """
    people, ties = word.people.height, word.others.size
    expected = {
        "word_starts": (word.starts.size, people + 1),
        "word_chances": (word.chances.size, ties),
        "word_against": (word.against.size, ties),
        "word_carry": (word.carry.size, people),
        "word_pace": (word.pace.size, people),
        "word_channel_factors": (word.channel_factors.size, word.channel_ties.size),
    }
    for name, (found, wanted) in expected.items():
        if found != wanted:
            raise ArtefactCorrupt(name, f"has {found} rows where {wanted} belong")
    ends = np.concatenate([[0], word.channels[TIES].to_numpy()])
    for name, steps, last in (("word_starts", word.starts, ties),
                              ("word_channels", ends, word.channel_ties.size)):  # fmt: skip
        if steps[0] != 0 or steps[-1] != last or (np.diff(steps) < 0).any():
            raise ArtefactCorrupt(name, "does not lead from the first tie to the last")
    for name, rows, bound in (
        ("word_others", word.others, people),
        ("word_channel_ties", word.channel_ties, ties),
        ("word_people", word.people[ROW].drop_nulls().to_numpy(), users),
    ):
        if rows.size and (int(rows.max()) >= bound or int(rows.min()) < 0):
            raise ArtefactCorrupt(name, "names what is not there")
    for name, values in (("word_chances", word.chances), ("word_against", word.against)):
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


def without_people(word: Word | None, gone: pl.Series, users: pl.Series) -> Word | None:
    """A word without some people and all their ties; None where nobody is left.

    Args:
        word: as it was.
        gone: ids of who goes; some may not be there.
        users: ids of the users that are left in the model, sorted.
    """
    if word is None:
        return None
    stays = ~word.people[USER].is_in(gone.implode())
    left = word.people[USER].filter(stays)
    if left.is_empty():
        return None
    kept_people = stays.to_numpy()
    taker = np.repeat(kept_people, np.diff(word.starts))
    kept = taker & kept_people[word.others]
    before = np.concatenate([[0], np.cumsum(kept, dtype=np.int64)])
    firsts, lasts = word.starts[:-1][kept_people], word.starts[1:][kept_people]
    lengths = before[lasts] - before[firsts]
    entries = kept[word.channel_ties]
    counted = np.concatenate([[0], np.cumsum(entries, dtype=np.int64)])
    ends = pl.Series(TIES, counted[word.channels[TIES].to_numpy()], pl.Int64)
    return Word(
        people=pl.DataFrame([left, among(left, users)]),
        starts=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        others=(np.cumsum(kept_people) - 1)[word.others[kept]].astype(np.int32),
        chances=np.asarray(word.chances)[kept],
        against=np.asarray(word.against)[kept],
        carry=np.asarray(word.carry)[kept_people],
        pace=np.asarray(word.pace)[kept_people],
        channels=word.channels.with_columns(ends),
        channel_ties=(before[:-1])[word.channel_ties[entries]].astype(np.uint32),
        channel_factors=np.asarray(word.channel_factors)[entries],
    )
