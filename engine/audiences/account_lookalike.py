"""Accounts like some that are given: by what their contacts like, and by what they are.

In: the mean taste of each account's contacts, its attributes, and the seeds. Out: for every other
account how much more like the seeds it is than like all. Never: a seed among the answers.

Each source speaks in nats: the logarithm of how much more probable what is seen is among the seeds
than among all accounts. They are summed as if independent, given the account's kind (naive Bayes).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.frames import ACCOUNT, SCORE
from engine.settings import Section

Array = NDArray[Any]
TASTE = "taste"
_MOST, _FLAT = 1e3, 1e-12


def account_tastes(embeddings: Array, account: Array, count: int, *, prior: float) -> Array:
    """(accounts, width) float64: the mean of the contacts' embeddings, shrunk to everybody's.

    Args:
        embeddings: (contacts, width).
        account: (contacts,) the row of the account of each.
        prior: contacts that everybody's mean counts for.
    """
    width = embeddings.shape[1]
    if not account.size:
        return np.zeros((count, width))
    everybody = embeddings.mean(axis=0, dtype=np.float64)
    order = np.argsort(account, kind="stable")
    rows = account[order]
    starts = np.flatnonzero(np.concatenate([[True], rows[1:] != rows[:-1]]))
    sums = np.zeros((count, width))
    sums[rows[starts]] = np.add.reduceat(embeddings[order].astype(np.float64), starts, axis=0)
    people = np.bincount(account, minlength=count)[:, None]
    found: Array = (sums + prior * everybody) / np.maximum(people + prior, _FLAT)
    return found


def lookalike_accounts(
    tastes: Array, attributes: pl.DataFrame, seeds: Array, *, rules: Section
) -> pl.DataFrame:
    """Every account that is no seed, those most like the seeds first.

    Args:
        tastes: (accounts, width) as `account_tastes` makes them.
        attributes: account_id and attributes, a row for each account; nulls say nothing.
        seeds: row numbers, at least one, each once.
        rules: section `lookalike` of the settings of accounts.

    Returns:
        account_id, score (nats; above 0 is more like the seeds than like all), taste and one
        column for each attribute: the parts that the score is the sum of. Ties by row.
    """
    parts = {TASTE: _by_taste(tastes, seeds)}
    for column in attributes.drop(ACCOUNT).iter_columns():
        codes = _coded(column, rules)
        if codes is not None:
            parts[column.name] = _by_value(codes, seeds, rules.attributes)
    others = np.ones(attributes.height, bool)
    others[seeds] = False
    frame = pl.DataFrame(
        {ACCOUNT: attributes[ACCOUNT], SCORE: np.sum(list(parts.values()), axis=0), **parts}
    )
    return frame.filter(pl.Series(others)).sort(SCORE, descending=True, maintain_order=True)


def _by_taste(tastes: Array, seeds: Array) -> Array:
    """Along the line from all accounts to the seeds: two normal laws of the same spread.

    How far out the seeds lie is measured with each left out of the line it is laid upon;
    otherwise their own noise would count as their kind. A single seed lies one spread out.
    """
    centred = tastes - tastes.mean(axis=0)
    direction = centred[seeds].mean(axis=0)
    along = centred @ direction
    spread = float(along.std())
    if spread < _FLAT:
        return np.zeros(len(tastes))
    middle = 1.0
    if seeds.size > 1:
        own = np.einsum("ij,ij->i", centred[seeds], centred[seeds])
        left_out = (seeds.size * along[seeds] - own) / (seeds.size - 1)
        middle = max(float(left_out.mean()) / spread, 0.0)
    found: Array = np.clip(along / spread * middle - middle**2 / 2, -_MOST, _MOST) + 0.0
    return found


def _coded(column: pl.Series, rules: Section) -> Array | None:
    """The attribute as whole numbers from 0, -1 where it is missing; None where it says nothing.

    Numbers fall into bins of as many accounts each; rare values are one.
    """
    if column.dtype.is_nested() or column.dtype.is_temporal() or column.n_unique() < 2:
        return None
    if column.dtype.is_numeric():
        values = column.cast(pl.Float64).to_numpy()
        finite = np.isfinite(values)
        if not finite.any():
            return None
        edges = np.unique(np.quantile(values[finite], np.linspace(0, 1, rules.bins + 1)[1:-1]))
        return np.asarray(np.where(finite, np.searchsorted(edges, values, side="right"), -1))
    texts = column.cast(pl.String).alias("value")
    counts = texts.drop_nulls().value_counts(name="n")
    kept = counts.sort("n", "value", descending=[True, False]).head(rules.frequent)
    places = {value: place for place, value in enumerate(kept["value"])}
    coded = texts.replace_strict(places, default=len(places), return_dtype=pl.Int64)
    found: Array = coded.set(texts.is_null(), -1).to_numpy()
    return found


def _by_value(codes: Array, seeds: Array, prior: float) -> Array:
    """The logarithm of each value's share among the seeds, shrunk to all, over that of all."""
    known = codes >= 0
    shares = np.bincount(codes[known]) / max(int(known.sum()), 1)
    told = codes[seeds][codes[seeds] >= 0]
    among = np.bincount(told, minlength=shares.size) + prior * shares
    ratio = among / ((told.size + prior) * np.where(shares > 0, shares, 1))
    speaks = np.log(np.where(shares > 0, ratio, 1))
    found: Array = np.where(known, speaks[np.maximum(codes, 0)], 0.0)
    return found
