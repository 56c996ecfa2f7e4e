"""Acts that share an id: the first stands, what says the same repeats it, what does not is refused.

In: acts in the order they came. Out: which of them come later under an id, and what they are.
Never: an act changed, or a look at anything but ids and what acts say.

This is the one rule for two acts under one `event_id`, on every way in: within a file or a
request, among what waits, and beside the log. An act that says the same in every column is a
repeat: it counts once, whoever sends it, however often, in whatever order. An act that says
something else is not stored: it is told by its row, and names the one that stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import xor

import polars as pl

from engine.frames import EVENT, EVENTS

SAID = "\x1fsaid"
PLACE, FIRST, AGREES = "place", "first", "agrees"
KNOWN = f"{EVENT} is that of a known act, which says something else"


def said() -> pl.Expr:
    """All that an act says besides its id, as 64 bits: equal acts have equal ones, anywhere."""
    columns = (name for name in EVENTS.columns if name != EVENT)
    return reduce(xor, (pl.col(name).hash(seed) for seed, name in enumerate(columns))).alias(SAID)


def later_acts(acts: pl.DataFrame) -> pl.DataFrame:
    """Acts whose id an act before them has: place, first (the place of that act), agrees.

    Args:
        acts: event_id and `SAID`, in the order they came; places are counted from 0.

    Returns:
        place and first (UInt32), agrees (whether both say the same), sorted by place.
    """
    shared = acts.with_row_index(PLACE).filter(acts[EVENT].is_duplicated())
    return shared.select(
        PLACE,
        pl.col(PLACE).min().over(EVENT).alias(FIRST),
        (pl.col(SAID) == pl.col(SAID).sort_by(PLACE).first().over(EVENT)).alias(AGREES),
    ).filter(pl.col(PLACE) != pl.col(FIRST))


def names_first(first: int) -> str:
    """Why an act is refused that says something else than the row `first`, which has its id."""
    return f"{EVENT} is that of row {first}, which says something else"


def without_rows(reasons: Sequence[str]) -> list[str]:
    """Reasons to be counted: all acts that are refused for their ids have one."""
    return [
        f"{EVENT} is that of an earlier row, which says something else"
        if reason.startswith(f"{EVENT} is that of row ")
        else reason
        for reason in reasons
    ]
