"""Acts as numbers: every id is found, ranges of users change nothing."""

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from engine.signals import coding
from engine.signals.coding import Named
from tests.engine.signals.test_evidence import act, table, weigh


def many(count):
    random = np.random.default_rng(4)
    kinds = ["like", "dislike", "view", "purchase", "review"]
    return table(
        *(
            act(
                f"e{at}",
                f"u{random.integers(40)}",
                f"p{random.integers(6)}",
                kinds[random.integers(5)],
                int(random.integers(3)),
                value=float(random.integers(1, 6)) if at % 3 else None,
            )
            for at in range(count)
        )
    )


@pytest.mark.parametrize("count", [1, 2, 3, 100, 5_000])
def test_every_id_is_found_at_its_place_in_the_order(count):
    ids = pl.Series("user_id", [f"user {at * 7919 % 10_007}" for at in range(count)])
    named = Named.of(ids.to_frame().lazy(), "user_id")
    assert named.ids.to_list() == sorted(ids)
    hashes = ids.hash(named.seed).to_numpy()
    assert named.ids.gather(named.find(hashes)).to_list() == ids.to_list()


@pytest.mark.parametrize("users", [1, 3, 7])
def test_ranges_of_users_change_no_bit(monkeypatch, users):
    events = many(600)
    whole = weigh(events)
    assert whole["acts"].sum() == 600
    monkeypatch.setattr(coding, "USERS_AT_ONCE", users)
    assert_frame_equal(weigh(events), whole, check_exact=True)


def test_a_sink_and_a_query_read_the_same_pairs(monkeypatch, tmp_path):
    from engine.signals.evidence import weigh_events
    from tests.engine.signals.test_evidence import ACTIONS, NOW

    monkeypatch.setattr(coding, "USERS_AT_ONCE", 5)
    pairs = weigh_events(many(600).lazy(), actions=ACTIONS, now=NOW)
    pairs.sink_parquet(tmp_path / "pairs.parquet")
    whole = pairs.collect()
    assert_frame_equal(pl.read_parquet(tmp_path / "pairs.parquet"), whole, check_exact=True)
    liked = pairs.filter(pl.col("polarity") == 1).select("user_id", "evidence").collect()
    assert_frame_equal(liked, whole.filter(pl.col("polarity") == 1).select("user_id", "evidence"))
    assert pairs.head(7).collect().equals(whole.head(7))
