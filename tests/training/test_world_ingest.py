"""The planted world passes the door that everybody's files pass.

In: a world written to files. Out: what the event log and the evidence make of it.
Never: a row of the world that is refused.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from engine.settings import load_rows
from engine.signals.evidence import weigh_events
from engine.store.home import Home
from tests.worlds import tiny
from training.ingest import ingest
from training.simulate import store_world


def test_every_row_of_the_world_is_good(tmp_path) -> None:
    world = tiny()
    files = store_world(tmp_path / "files", world)
    counts = ingest(Home(tmp_path / "home"), now=world.plan.until, **files)
    assert counts.quarantine is None
    for name, path in files.items():
        assert counts.tables[name].stored == pl.read_parquet(path).height, name


def test_the_evidence_of_a_pair_is_its_planted_outcome() -> None:
    world = tiny()
    actions = load_rows("actions")
    pairs = weigh_events(world.events.lazy(), actions=actions, now=world.plan.until).collect()
    users = pairs["user_id"].str.slice(1).cast(pl.Int64).to_numpy()
    products = pairs["product_id"].str.slice(1).cast(pl.Int64).to_numpy()
    chance = world.truth.like_pairs(users, products)
    liked = (pairs["polarity"] == 1).to_numpy()
    error = np.sqrt((chance * (1 - chance)).sum())
    assert abs(liked.sum() - chance.sum()) < 4.5 * error
    disliked = (pairs["polarity"] == -1).to_numpy()
    rate = world.plan.settings["acts"].dislike
    assert abs(disliked.sum() - rate * (1 - chance).sum()) < 4.5 * error
