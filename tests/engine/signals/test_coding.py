"""Acts as numbers: ranges of users and sizes of batches change nothing."""

import numpy as np
import polars as pl
import pytest
from polars.io.plugins import register_io_source
from polars.testing import assert_frame_equal

from engine.signals import coding
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


@pytest.mark.parametrize(("users", "acts"), [(1, 600), (3, 7), (7, 100)])
def test_ranges_of_users_and_batches_change_no_bit(monkeypatch, users, acts):
    events = many(600)
    whole = weigh(events)
    assert whole["acts"].sum() == 600
    monkeypatch.setattr(coding, "USERS_AT_ONCE", users)
    monkeypatch.setattr(coding, "BATCH", acts)
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


def test_ties_are_settled_by_one_more_reading_of_the_events(monkeypatch):
    at_once = [
        act(f"{kind}{at}", f"u{at}", "p", kind) for at in range(20) for kind in ("like", "dislike")
    ]
    events, readings = table(*at_once), []

    def read(columns, predicate, rows, size):
        readings.append(columns)
        yield from [events if columns is None else events.select(columns)]

    def readings_for(users):
        readings.clear()
        monkeypatch.setattr(coding, "USERS_AT_ONCE", users)
        pairs = weigh(register_io_source(read, schema=events.schema))
        assert pairs["polarity"].to_list() == [1] * 20
        return len(readings)

    assert readings_for(1) == readings_for(100)
