"""Tables of people who spoke, as `tally` gives them.

In: counts. Out: the frame. Never: a count that does not add up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import polars as pl

Row = tuple[int, int, int, int]


def table(rows: Iterable[Row], acts: Sequence[int] | None = None) -> pl.DataFrame:
    """Rows of people, ill, people before, ill before; nobody is neutral. Ids are p0000, p0001..."""
    told = []
    for at, row in enumerate(rows):
        people, ill, before, ill_before = map(int, row)
        said = people if acts is None else acts[at]
        told.append(
            {
                "product_id": f"p{at:04}",
                "people": people,
                "positive": people - ill,
                "negative": ill,
                "neutral": 0,
                "acts": said,
                "unread": said - people,
                "people_before": before,
                "positive_before": before - ill_before,
                "negative_before": ill_before,
                "neutral_before": 0,
                "acts_before": before,
                "unread_before": 0,
            }
        )
    return pl.DataFrame(told)
