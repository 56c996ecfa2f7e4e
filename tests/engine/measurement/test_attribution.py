"""Attribution: credits sum to what was brought, and Shapley's axioms hold."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import FrameError, InvalidValue
from engine.measurement.attribution import last_touch, linear, shapley, shapley_values, spread
from tests.benchmarks.attribution import draw_paths

START = datetime(2026, 3, 1, tzinfo=UTC)
Path = tuple[list[str], float]
many = st.lists(
    st.tuples(
        st.lists(st.sampled_from("abcd"), min_size=1, max_size=5),
        st.sampled_from([0.0, 1.0, 2.5, 40.0]),
    ),
    min_size=1,
    max_size=25,
)


def frame(paths: list[Path]) -> pl.DataFrame:
    """One touch in each row, an hour after the other."""
    rows = [
        (f"p{number}", channel, START + timedelta(hours=hour), value)
        for number, (channels, value) in enumerate(paths)
        for hour, channel in enumerate(channels)
    ]
    return pl.DataFrame(
        rows,
        schema={
            "path_id": pl.String,
            "channel": pl.String,
            "occurred_at": pl.Datetime("us", "UTC"),
            "value": pl.Float64,
        },
        orient="row",
    )


def credits(found: pl.DataFrame) -> dict[str, float]:
    return dict(zip(found["channel"], found["credit"], strict=True))


def by_orders(worth: np.ndarray, size: int) -> np.ndarray:
    """Shapley's own definition: what each adds, averaged over all orders of joining."""
    found, orders = np.zeros(size), list(itertools.permutations(range(size)))
    for order in orders:
        inside = 0
        for channel in order:
            found[channel] += worth[inside | 1 << channel] - worth[inside]
            inside |= 1 << channel
    return found / len(orders)


@settings(max_examples=25, deadline=None)
@given(many, st.sampled_from([0.0, 1.0, 50.0]))
def test_credits_sum_to_what_all_paths_brought(paths, prior):
    table, brought = frame(paths), sum(value for _, value in paths)
    for found in (last_touch(table), linear(table), shapley(table, prior=prior)):
        assert found["credit"].sum() == pytest.approx(brought, abs=1e-8)
        assert set(found["channel"]) == {channel for channels, _ in paths for channel in channels}
        assert found["channel"].is_sorted()
        if brought:
            assert found["share"].sum() == pytest.approx(1)
        else:
            assert found["share"].null_count() == found.height


@settings(max_examples=25, deadline=None)
@given(many)
def test_simple_rules_are_what_counting_gives(paths):
    last: dict[str, float] = {}
    even: dict[str, float] = {}
    for channels, value in paths:
        for place, channel in enumerate(channels):
            ends = value if place == len(channels) - 1 else 0.0
            last[channel] = last.get(channel, 0) + ends
            even[channel] = even.get(channel, 0) + value / len(channels)
    assert credits(last_touch(frame(paths))) == pytest.approx(last)
    assert credits(linear(frame(paths))) == pytest.approx(even)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 5))
def test_credits_are_the_mean_over_all_orders_of_joining(seed, size):
    """All sets seen, nothing drawn towards anything: the game is known, and so its value."""
    random = np.random.default_rng(seed)
    count = random.integers(1, 20, 1 << size).astype(float)
    brought = random.normal(1, 2, 1 << size)
    count[0] = brought[0] = 0
    means = np.divide(brought, count, out=np.zeros_like(count), where=count > 0)
    sets = np.arange(1 << size)
    worth = np.array([(count * means[sets & coalition]).sum() for coalition in sets])
    assert shapley_values(count, brought, 0.0) == pytest.approx(by_orders(worth, size))


@settings(max_examples=25, deadline=None)
@given(many, st.permutations("abcd"), st.sampled_from([0.0, 10.0]))
def test_names_of_channels_do_not_count(paths, names, prior):
    renamed = [([names["abcd".index(c)] for c in channels], v) for channels, v in paths]
    one, other = shapley(frame(paths), prior=prior), shapley(frame(renamed), prior=prior)
    assert {names["abcd".index(c)]: v for c, v in credits(one).items()} == pytest.approx(
        credits(other), abs=1e-6
    )


def test_a_channel_that_adds_nothing_gets_nothing():
    """Paths with `b` bring what they would bring without it, and `b` alone nothing."""
    paths = [(["a"], 1.0)] * 3 + [(["a"], 0.0)] + [(["b"], 0.0)] * 5
    paths += [(["b", "a"], 1.0)] * 6 + [(["a", "b"], 0.0)] * 2
    found = credits(shapley(frame(paths), prior=0.0))
    assert found == pytest.approx({"a": 9.0, "b": 0.0})
    assert credits(last_touch(frame(paths)))["a"] == 9
    assert credits(linear(frame(paths)))["b"] == 3


def test_what_two_bring_only_together_they_share():
    paths = [(["a"], 0.0)] * 9 + [(["b"], 0.0)] * 9 + [(["a", "b"], 1.0)] * 4
    assert credits(shapley(frame(paths), prior=0.0)) == pytest.approx({"a": 2.0, "b": 2.0})


def test_a_channel_that_drives_people_away_is_charged():
    paths = [(["a"], 1.0)] * 8 + [(["a", "b"], 1.0), (["a", "b"], 0.0)] * 4 + [(["b"], 0.0)] * 4
    found = credits(shapley(frame(paths), prior=0.0))
    assert found["b"] < 0
    assert found["a"] + found["b"] == pytest.approx(12)


def test_who_brought_it_is_found_where_the_last_touch_misleads():
    """In these paths only the first channel brings anything, alone or before the second."""
    found = shapley(draw_paths(40_000, 1), prior=20.0)
    last = last_touch(draw_paths(40_000, 1))
    assert found["share"][0] > 0.5 > 0.4 > last["share"][0]
    assert found["share"][2:].max() < 0.09


def test_sets_never_seen_are_filled_and_do_not_disturb():
    paths = [(["a", "b", "c"], 3.0), (["a", "b", "c"], 0.0)]
    assert credits(shapley(frame(paths), prior=0.0)) == pytest.approx(dict.fromkeys("abc", 1.0))


def test_the_order_of_rows_does_not_count_but_the_lower_of_two_at_once_is_last():
    table = draw_paths(500, 2)
    for rule in (last_touch, linear, lambda paths: shapley(paths, prior=5.0)):
        mixed = rule(table.sample(fraction=1.0, shuffle=True, seed=1))
        assert mixed["credit"].to_list() == pytest.approx(rule(table)["credit"].to_list())
    once = frame([(["a", "b"], 1.0)]).with_columns(occurred_at=pl.lit(START))
    assert credits(last_touch(once)) == {"a": 0.0, "b": 1.0}


def test_placements_get_credit_too():
    table = frame([(["a", "b", "a"], 3.0)]).with_columns(segment_id=pl.Series(["s1", "s1", "s2"]))
    by = ("channel", "segment_id")
    assert last_touch(table, by=by)["credit"].to_list() == [0.0, 3.0, 0.0]
    assert linear(table, by=by).rows() == [
        ("a", "s1", 1.0, pytest.approx(1 / 3)),
        ("a", "s2", 1.0, pytest.approx(1 / 3)),
        ("b", "s1", 1.0, pytest.approx(1 / 3)),
    ]


@pytest.mark.slow
def test_twenty_channels_are_still_exact():
    random = np.random.default_rng(0)
    count, brought = np.zeros(1 << 20), np.zeros(1 << 20)
    seen = random.integers(1, 1 << 20, 50_000)
    np.add.at(count, seen, 1)
    np.add.at(brought, seen, random.random(50_000) < 0.1)
    found = shapley_values(count, brought, 20.0)
    assert found.sum() == pytest.approx(brought.sum())


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (lambda t: t.drop("value"), FrameError),
        (lambda t: t.with_columns(value=pl.lit("1")), FrameError),
        (lambda t: t.with_columns(channel=pl.lit(None, pl.String)), FrameError),
        (lambda t: t.with_columns(value=pl.lit(float("nan"))), InvalidValue),
        (lambda t: t.with_columns(value=pl.int_range(pl.len()).cast(pl.Float64)), InvalidValue),
        (lambda t: t.clear(), InvalidValue),
    ],
)
def test_paths_that_cannot_be_read_are_refused(spoil, error):
    table = spoil(frame([(["a", "b"], 1.0), (["b", "c"], 0.0)]))
    for rule in (last_touch, linear, lambda paths: shapley(paths, prior=1.0)):
        with pytest.raises(error):
            rule(table)


def test_too_many_channels_and_a_prior_below_nothing_are_refused():
    crowded = frame([([f"c{each}"], 1.0) for each in range(21)])
    with pytest.raises(InvalidValue, match="21 have too many coalitions"):
        shapley(crowded, prior=1.0)
    with pytest.raises(InvalidValue, match="prior"):
        shapley(frame([(["a"], 1.0)]), prior=-1.0)
    with pytest.raises(FrameError, match="segment_id"):
        linear(frame([(["a"], 1.0)]), by=("segment_id",))


def test_credits_of_channels_are_spread_over_placements_as_theirs():
    credit = pl.DataFrame({"channel": ["a", "b"], "credit": [6.0, -2.0]})
    placements = pl.DataFrame(
        {
            "channel": ["a", "b", "a", "b"],
            "segment_id": ["s1", "s1", "s2", "s2"],
            "credit": [1.0, 0.0, 2.0, 0.0],
            "share": [0.25, 0.0, 0.5, 0.0],
        }
    )
    found = spread(credit, placements)
    assert found["credit"].to_list() == pytest.approx([2.0, -1.0, 4.0, -1.0])
    assert found["share"].to_list() == pytest.approx([0.5, -0.25, 1.0, -0.25])
    assert found["segment_id"].to_list() == ["s1", "s1", "s2", "s2"]


def test_what_came_without_any_channel_is_nobodys_credit():
    count, brought = np.array([0.0, 4.0, 2.0, 3.0]), np.array([0.0, 1.0, 1.0, 2.0])
    alone = shapley_values(count, brought, 5.0)
    count[0], brought[0] = 50.0, 30.0
    assert shapley_values(count, brought, 5.0) == pytest.approx(alone)
    assert alone.sum() == pytest.approx(4)
