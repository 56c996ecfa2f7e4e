"""What is known of people, as numbers that a model of uplift can read.

In: a frame of people. Out: a matrix, and the names of its columns.
Never: an outcome, or an id.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.errors import InvalidValue

Array = NDArray[Any]


def encode(people: pl.DataFrame, *, most: int) -> tuple[Array, tuple[str, ...]]:
    """(n, k) float64 and k names: a column of numbers stays one, a column of words becomes several.

    Truths become 0 and 1, moments days since 1970, unknown numbers NaN. Of words the `most`
    frequent, ties by the alphabet, become a column of 0 and 1 each, named `column=word`; others,
    and unknown ones, are 0 in all of them. A word becomes many columns, so all people who are to
    be compared are encoded together.

    Raises:
        InvalidValue: no column that can be read, or a column of lists.
    """
    parts: list[pl.Expr] = []
    for name, dtype in people.schema.items():
        column = pl.col(name)
        if dtype.is_numeric() or dtype == pl.Boolean:
            parts.append(column.cast(pl.Float64))
        elif dtype == pl.Date or dtype == pl.Datetime:
            micros = column.cast(pl.Datetime("us")).dt.epoch("us")
            parts.append((micros / 86_400_000_000).cast(pl.Float64))
        elif dtype in (pl.String, pl.Categorical, pl.Enum):
            words = people[name].cast(pl.String)
            parts += [
                (column.cast(pl.String) == word)
                .fill_null(False)
                .cast(pl.Float64)
                .alias(f"{name}={word}")
                for word in _frequent(words, most)
            ]
        else:
            raise InvalidValue(name, f"a column of {dtype} is no trait; leave it out")
    if not parts:
        raise InvalidValue("traits", "there is no column to learn from")
    found = people.select(parts)
    return found.fill_null(np.nan).to_numpy(), tuple(found.columns)


def _frequent(words: pl.Series, most: int) -> list[str]:
    counts = (
        words.drop_nulls()
        .value_counts(name="count")
        .sort(["count", words.name], descending=[True, False])
    )
    return counts[words.name].head(most).to_list()
