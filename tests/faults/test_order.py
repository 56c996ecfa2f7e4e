"""Late, repeated and shuffled arrivals: the matrix of training stays the same, byte for byte."""

from __future__ import annotations

import hashlib

import numpy as np
import polars as pl
import pytest

from engine.frames import ACTION, AT, EVENT, EVENTS, PRODUCT, USER
from engine.settings import load_rows
from engine.signals.evidence import weigh_events
from engine.store.eventlog import append_events, scan_events
from engine.store.home import Home
from training.matrices import pair_up
from training.simulate import simulate

COPIES = 3
ARRIVALS = 4
"""Deliveries into the log, so that copies of an act also come long after it."""


def world(events):
    """Acts of a planted world; a part of them contradicts another at the same moment."""
    acts = simulate(events // 50, 100, events=events, seed=12).events
    liked = acts.filter(pl.col(ACTION) == "like").gather_every(7)
    against = liked.with_columns(
        pl.format("{}-again", EVENT).alias(EVENT), pl.lit("dislike").alias(ACTION)
    )
    lacking = {
        name: pl.lit(None, kind) for name, kind in EVENTS.columns.items() if name not in acts
    }
    return pl.concat([acts, against]).with_columns(**lacking)


def arrivals(acts, seed):
    """Every act three times in an order of its own, a part of them after days."""
    order = np.random.default_rng(seed).permutation(np.repeat(np.arange(acts.height), COPIES))
    return [acts[part] for part in np.array_split(order, ARRIVALS)]


def matrix_hash(events, *, distinct):
    """Of everything that training reads of a pair."""
    now = events.select(pl.col(AT).max()).collect().item()
    pairs = weigh_events(events, actions=load_rows("actions"), now=now, distinct=distinct)
    products = events.select(PRODUCT).drop_nulls().unique().collect()
    matrix = pair_up(pairs.collect(), products, power=0.5, grading=1.0)
    found = hashlib.sha256()
    for ids in (matrix.users, matrix.products):
        found.update("\n".join(ids).encode())
    for array in (matrix.rows, matrix.columns, matrix.polarity, matrix.weight):
        found.update(array.tobytes())
    return found.hexdigest()


def logged(path, parts):
    """What the log hands out after these deliveries."""
    home = Home(path)
    for part in parts:
        append_events(home, part)
    return scan_events(home)


@pytest.mark.parametrize(
    ("events", "permutations"),
    [(6_000, 2), pytest.param(100_000, 20, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])],
)
def test_no_order_and_no_repetition_changes_a_byte_of_the_matrix(tmp_path, events, permutations):
    acts = world(events)
    assert acts.height > 0.9 * events
    wanted = matrix_hash(acts.lazy(), distinct=True)
    for seed in range(permutations):
        parts = arrivals(acts, seed)
        assert matrix_hash(pl.concat(parts).lazy(), distinct=False) == wanted
        assert matrix_hash(logged(tmp_path / str(seed), parts), distinct=True) == wanted


def test_another_act_changes_the_matrix():
    acts = world(6_000)
    more = acts.filter(pl.col(ACTION) == "like").tail(1)
    other = pl.concat([acts, more.with_columns(pl.lit("e").alias(EVENT), pl.lit("u").alias(USER))])
    assert matrix_hash(other.lazy(), distinct=True) != matrix_hash(acts.lazy(), distinct=True)


def test_of_opinions_at_one_moment_the_greatest_id_wins_however_late_the_other_comes(tmp_path):
    acts = world(6_000)
    torn = acts.filter(pl.col(EVENT).str.ends_with("-again"))
    pairs = weigh_events(
        logged(tmp_path, arrivals(acts, 0)), actions=load_rows("actions"), now=acts[AT].max()
    ).collect()
    # "…-again" is greater than the id of the like at the same moment
    opinions = [name for name, row in load_rows("actions").items() if row["polarity"]]
    last = acts.filter(pl.col(ACTION).is_in(opinions)).sort(AT, EVENT)
    last = last.unique([USER, PRODUCT], keep="last", maintain_order=True)
    decided = torn.join(last, on=EVENT, how="semi").select(USER, PRODUCT)
    assert decided.height > 20
    found = pairs.join(decided, on=[USER, PRODUCT], how="semi")
    assert (found["polarity"] == -1).all()
