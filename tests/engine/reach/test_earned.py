"""Paid and earned reach beside all ways of small networks and beside the simulation."""

from __future__ import annotations

import itertools

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import InvalidValue
from engine.reach.delays import Delay
from engine.reach.earned import Touch, by_word, drawn, earned, earned_by_group, earned_per_touch
from engine.reach.graph import Graph, build_graph
from engine.reach.sets import Sets, draw_sets
from engine.reach.spread import Runs, Starters, Travel, spread

SETS = Runs(first=4096, most=1 << 14, precision=0.02, level=0.999, seed=2)
BOTH = pytest.mark.parametrize("model", ["cascade", "threshold"])


def network(*ties: tuple[str, str, float]) -> Graph:
    """(follower, followee, chance) for each tie."""
    names = ["follower_id", "followee_id", "chance"]
    return build_graph(pl.DataFrame(ties, schema=names, orient="row"))


def crowd(people: int = 80, ties: int = 320, seed: int = 0) -> Graph:
    rng = np.random.default_rng(seed)
    pairs = rng.integers(0, people, (ties, 2)).astype(str)
    table = {"follower_id": pairs[:, 0], "followee_id": pairs[:, 1], "chance": rng.random(ties) / 2}
    return build_graph(pl.DataFrame(table))


def exact_sets(graph: Graph) -> tuple[np.ndarray, list[tuple[float, list[list[int]]]]]:
    """Of every way in which ties may be live, its chance and the set of each person."""
    takes, found = graph.takes, []
    taker = np.repeat(np.arange(len(graph)), takes.lengths)
    for way in itertools.product((False, True), repeat=taker.size):
        live = np.array(way, bool)
        chance = float(np.where(live, takes.chances, 1 - takes.chances).prod())
        near = np.eye(len(graph), dtype=int)
        near[taker[live], takes.others[live]] = 1
        far = np.linalg.matrix_power(near, len(graph)) > 0
        found.append((chance, [np.flatnonzero(row).tolist() for row in far]))
    return taker, found


def brute(graph: Graph, touch: Touch) -> tuple[float, float]:
    """People reached in all, and by word alone: over ties, touches and takings-up."""
    _, ways = exact_sets(graph)
    people, total, alone = range(len(graph)), 0.0, 0.0
    odds = [1 - touch.touched, touch.touched * (1 - touch.takes), touch.starts]
    for chance, sets in ways:
        for state in itertools.product((0, 1, 2), repeat=len(graph)):
            part = chance * float(np.prod([odds[at][one] for one, at in enumerate(state)]))
            word = [any(state[other] == 2 for other in sets[one]) for one in people]
            total += part * sum(state[one] > 0 or word[one] for one in people)
            alone += part * sum(state[one] == 0 and word[one] for one in people)
    return total, alone


def every_way(graph: Graph, touch: Touch) -> float:
    """What is earned, by the formula over each way's sets, without chance."""
    found = 0.0
    for chance, sets in exact_sets(graph)[1]:
        drawn = gathered(sets)
        found += chance * float(((1 - touch.touched) * by_word(drawn, touch)).sum())
    return found


def gathered(sets: list[list[int]]) -> Sets:
    starts = np.concatenate([[0], np.cumsum([len(one) for one in sets])])
    return Sets(starts, np.concatenate(sets).astype(np.int32), np.arange(len(sets)))


PEOPLE = "abcd"
TIES = st.lists(
    st.tuples(st.sampled_from(PEOPLE), st.sampled_from(PEOPLE), st.floats(0.05, 1.0)),
    min_size=1,
    max_size=4,
    unique_by=lambda tie: tie[:2],
).filter(lambda ties: any(taker != source for taker, source, _ in ties))
CHANCES = st.lists(st.sampled_from([0.0, 0.2, 0.5, 0.9, 1.0]), min_size=4, max_size=4)


@settings(max_examples=8, derandomize=True)
@given(ties=TIES, touched=CHANCES, takes=CHANCES)
def test_the_formula_is_what_all_ways_come_to(ties: list, touched: list, takes: list) -> None:
    graph = network(*ties)
    size = len(graph)
    touch = Touch(np.array(touched[:size]), np.array(takes[:size]))
    total, alone = brute(graph, touch)
    assert every_way(graph, touch) == pytest.approx(alone)
    assert touch.touched.sum() + alone == pytest.approx(total)


@settings(max_examples=8, derandomize=True)
@given(ties=TIES, touched=CHANCES, takes=CHANCES)
def test_one_more_touch_earns_what_the_others_gain(ties: list, touched: list, takes: list) -> None:
    graph = network(*ties)
    size = len(graph)
    touch = Touch(np.array(touched[:size]), np.array(takes[:size]))
    each = np.zeros(size)
    for chance, sets in exact_sets(graph)[1]:
        each += chance * earned_per_touch(gathered(sets), touch)
    for person in range(size):
        gained = []
        for sure in (0.0, 1.0):
            changed = touch.touched.copy()
            changed[person] = sure
            others = [
                chance * (1 - changed) * by_word(gathered(sets), Touch(changed, touch.takes))
                for chance, sets in exact_sets(graph)[1]
            ]
            gained.append(np.delete(np.sum(others, axis=0), person).sum())
        assert each[person] == pytest.approx(gained[1] - gained[0])


@BOTH
def test_sets_and_simulation_tell_the_same(model: str) -> None:
    graph = crowd()
    rng = np.random.default_rng(4)
    touch = Touch(rng.random(len(graph)) / 3, rng.random(len(graph)) / 2, beyond=7.5)
    travel = Travel(model, Delay(1, 1), (0.5, 2.0, 8.0))
    found = earned(graph, touch, travel, SETS)
    starters = Starters(np.arange(len(graph)), touch.touched, touch.takes)
    tried = spread(graph, starters, travel, Runs(1000, 1000, 0, 0.999))
    assert found.paid == pytest.approx(touch.touched.sum() + 7.5)
    plain = earned(graph, touch, Travel(model), SETS)
    assert found.together.mean == pytest.approx(found.paid + found.earned.mean)
    pairs = [(found.earned, tried.earned), (plain.earned, tried.earned)]
    told = [one.moved(-7.5) for one in found.curve]
    for one, other in [*pairs, *zip(told, tried.curve, strict=True)]:
        apart = abs(one.mean - other.mean)
        assert apart <= one.half_width + other.half_width
        assert apart < 0.08 * tried.earned.mean


def test_an_end_leaves_out_what_comes_later() -> None:
    graph = network(("b", "a", 1.0), ("c", "b", 1.0), ("d", "c", 1.0))
    touch = Touch(np.array([1.0, 0, 0, 0]), np.ones(4))
    ended = Travel(delay=Delay(2, 0), hours=(1.0, 4.5), whole=False)
    found = earned(graph, touch, ended, SETS)
    assert (found.paid, round(found.together.mean, 6)) == (1, pytest.approx(3, abs=0.1))
    assert found.curve[0].mean == 1
    assert found.curve[1].mean == found.together.mean
    whole = earned(graph, touch, Travel(delay=Delay(2, 0), hours=(1.0, 4.5)), SETS)
    assert whole.together.mean == pytest.approx(4, abs=0.1)
    assert whole.curve[1].mean == pytest.approx(3, abs=0.1)


@BOTH
def test_one_more_touch_earns_what_comes_in_time(model: str) -> None:
    graph = network(("b", "a", 1.0), ("c", "b", 1.0), ("d", "c", 1.0))
    nobody = Touch(np.zeros(4), np.ones(4))
    for travel, truth in (
        (Travel(model), 3),
        (Travel(model, Delay(2, 0), (1.0, 4.5), whole=False), 2),
    ):
        sets = drawn(graph, travel, 4000, np.random.default_rng(1))
        told = earned_by_group(sets, nobody, np.array([0]), 0.999)
        assert told.lower <= truth <= told.upper
        assert told.half_width < 0.3


def test_no_set_that_met_a_starter_is_no_proof_that_nobody_hears() -> None:
    graph = network(*((f"b{n:03d}", f"a{n:03d}", 1.0) for n in range(300)))
    touch = Touch((np.arange(600) == 0).astype(float), np.ones(600))
    found = earned(graph, touch, Travel(), Runs(4, 1 << 15, 0.2, 0.95))
    assert found.earned.lower <= 1 <= found.earned.upper
    assert found.earned.mean > 0


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    graph = network(("b", "a", 0.5), ("c", "b", 0.8), ("d", "a", 0.3), ("d", "c", 0.6))
    touch = Touch(np.array([0.5, 0.1, 0.0, 0.2]), np.array([0.9, 0.5, 1.0, 0.3]))
    total, alone = brute(graph, touch)
    trials = [earned(graph, touch, Travel(), Runs(512, 512, 0, 0.9, at)) for at in range(60)]
    held = sum(one.earned.lower <= alone <= one.earned.upper for one in trials)
    assert 46 <= held <= 59
    assert np.mean([one.together.mean for one in trials]) == pytest.approx(total, rel=0.04)


def test_sets_are_drawn_until_the_interval_is_as_narrow_as_wished() -> None:
    graph = crowd()
    touch = Touch(np.full(len(graph), 0.1), np.full(len(graph), 0.2))
    found = earned(graph, touch, Travel(), Runs(256, 1 << 16, 0.04, 0.95))
    assert found.earned.half_width <= 0.04 * found.earned.mean
    assert 256 < found.sets < 1 << 16
    again = earned(graph, touch, Travel(), Runs(256, 1 << 16, 0.04, 0.95))
    assert again == found
    assert earned(graph, touch, Travel(), Runs(256, 512, 0.001, 0.95)).sets == 512


def test_a_group_earns_the_mean_of_its_people_who_are_still_open() -> None:
    graph = crowd()
    rng = np.random.default_rng(4)
    touch = Touch(rng.random(len(graph)) / 3, rng.random(len(graph)))
    sets = draw_sets(graph, rng.integers(0, len(graph), 20_000), rng)
    each, rows = earned_per_touch(sets, touch), np.arange(5, 40)
    told = earned_by_group(sets, touch, rows, 0.95)
    assert told.mean == pytest.approx(np.average(each[rows], weights=1 - touch.touched[rows]))
    assert 0 < told.lower < told.mean < told.upper < 1.1 * told.mean
    sure = Touch(np.ones(len(graph)), touch.takes)
    assert earned_by_group(sets, sure, rows, 0.95).upper == 0


def test_who_has_no_followers_earns_nothing_and_nobody_waits_for_it() -> None:
    graph = network(*((f"f{n}", "a", 0.5) for n in range(9)))
    touch = Touch(np.append(0, np.ones(9)), np.ones(10))
    found = earned(graph, touch, Travel(), SETS)
    assert (found.paid, found.earned.mean, found.earned.upper, found.sets) == (9, 0, 0, SETS.first)
    everybody = earned(graph, Touch(np.ones(10), np.ones(10)), Travel(), SETS)
    assert (everybody.together.mean, everybody.together.upper) == (10, 10)


@pytest.mark.parametrize(
    ("touched", "takes", "told"),
    [
        ([0.0, 0.0], [1.0, 1.0], "paid: touches nobody"),
        ([1.2, 0.0], [1.0, 1.0], "touched: 1 chance of 2 is not from 0 to 1"),
        ([0.5, 0.5], [np.nan, 1.0], "takes: 1 chance of 2 is not from 0 to 1"),
        ([0.5], [1.0], "1 chances for 2 people"),
    ],
)
def test_what_is_no_chance_is_refused(touched: list, takes: list, told: str) -> None:
    graph = network(("b", "a", 1.0))
    with pytest.raises(InvalidValue, match=told):
        earned(graph, Touch(np.array(touched), np.array(takes)), Travel(), SETS)
