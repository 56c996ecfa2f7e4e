"""Attributes of users and products as features for LightFM.

In: a table with one row for each id. Out: a sparse matrix, rows summing to 1.
Never: an empty row, which would make LightFM's representations vanish.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from engine.frames import FOLLOWEE, FOLLOWER
from engine.settings import Section

Array = NDArray[Any]


def feature_matrix(
    table: pl.DataFrame, ids: pl.Series, key: str, chosen: Section
) -> sparse.csr_array:
    """One row for each id: 1 − weight on itself, weight spread over its attributes.

    `chosen` is the recipe's section `features`: the weight, and which values count.

    Text and lists are taken by value, numbers by quantile; a null is no feature. An id without
    any attribute keeps all on itself. Names of people or products (columns `name`) do not count.
    """
    count = len(ids)
    blocks = [
        _values(table.select(key, column), ids, key, chosen)
        for column in table.columns
        if column not in (key, "name")
    ]
    attributes = [block for block in blocks if block is not None]
    own = sparse.identity(count, dtype=np.float32, format="csr")
    if not attributes or chosen.weight == 0:
        return sparse.csr_array(own)
    found = sparse.hstack(attributes, format="csr")
    carried = np.asarray(found.sum(1)).ravel()
    shared = np.where(carried > 0, chosen.weight, 0.0)
    spread = sparse.diags_array(shared / np.maximum(carried, 1)) @ found
    stacked = sparse.hstack([sparse.diags_array(1 - shared) @ own, spread], format="csr")
    return sparse.csr_array(stacked, dtype=np.float32)


def _values(
    table: pl.DataFrame, ids: pl.Series, key: str, chosen: Section
) -> sparse.csr_array | None:
    """The values of the column beside the key, those that enough rows carry."""
    frame = table.select(pl.col(key).cast(pl.String), pl.exclude(key).alias("value"))
    dtype = frame["value"].dtype
    if dtype.is_numeric():
        edges = _edges(frame, chosen.bins)
        if edges.size == 0:
            return None
        above = pl.sum_horizontal(pl.col("value") > edge for edge in edges.tolist())
        frame = frame.with_columns(
            pl.when(pl.col("value").is_not_null()).then(above).alias("value")
        )
    elif isinstance(dtype, pl.List):
        frame = frame.explode("value").with_columns(pl.col("value").cast(pl.String))
    elif dtype not in (pl.String, pl.Boolean, pl.Categorical):
        return None
    frame = frame.with_columns(pl.col("value").cast(pl.String)).drop_nulls()
    rows = ids.to_frame("id").with_row_index("row").join(frame, left_on="id", right_on=key)
    kept = (
        rows.group_by("value")
        .len()
        .filter(pl.col("len") >= chosen.least_rows)
        .sort("len", "value", descending=[True, False])
        .head(chosen.most_values)
        .sort("value")
        .with_row_index("column")
    )
    entries = rows.join(kept, on="value").unique(["row", "column"]).sort("row", "column")
    if entries.is_empty():
        return None
    content = np.ones(entries.height, np.float32)
    where = (entries["row"].to_numpy(), entries["column"].to_numpy())
    return sparse.csr_array((content, where), shape=(len(ids), kept.height))


def _edges(frame: pl.DataFrame, bins: int) -> Array:
    values = frame["value"].drop_nulls().cast(pl.Float64).to_numpy()
    values = values[np.isfinite(values)]
    if values.size == 0:
        return np.array([])
    return np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1]))


def tie_matrix(follows: pl.DataFrame, users: pl.Series) -> sparse.csr_array | None:
    """(users, users) float32: 1 where either follows the other; None where no two users do.

    Ties to people outside `users`, and to oneself, do not count.
    """
    numbered = users.rename("id").to_frame().with_row_index("row")
    found = follows.select(FOLLOWER, FOLLOWEE).unique()
    for column in (FOLLOWER, FOLLOWEE):
        named = numbered.rename({"id": column, "row": f"{column}_row"})
        found = found.join(named, on=column)
    one, other = (found[f"{column}_row"].to_numpy() for column in (FOLLOWER, FOLLOWEE))
    apart = one != other
    if not apart.any():
        return None
    rows, columns = np.concatenate([one, other]), np.concatenate([other, one])
    both = np.concatenate([apart, apart])
    ties = sparse.csr_array(
        (np.ones(both.sum(), np.float32), (rows[both], columns[both])),
        shape=(len(users), len(users)),
    )
    ties.sum_duplicates()
    ties.data[:] = 1
    return ties
