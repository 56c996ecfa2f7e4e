"""Spread beside what can be told exactly: paths, stars, all ways of small networks, delays."""

from __future__ import annotations

import itertools
import tracemalloc
from statistics import NormalDist

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import InvalidValue
from engine.reach import worlds as worlds_of
from engine.reach.delays import Delay
from engine.reach.graph import Graph, Rows, build_graph
from engine.reach.sets import draw_sets
from engine.reach.spread import Runs, Spread, Starters, Travel, spread

RUNS = Runs(first=2500, most=2500, precision=0.0, level=0.999, seed=3)
FEW = Runs(first=64, most=64, precision=0.0, level=0.95)
BOTH = pytest.mark.parametrize("model", ["cascade", "threshold"])


def network(*ties: tuple[str, str, float]) -> Graph:
    """(follower, followee, chance) for each tie."""
    names = ["follower_id", "followee_id", "chance"]
    return build_graph(pl.DataFrame(ties, schema=names, orient="row"))


def crowd(people: int = 60, ties: int = 240, seed: int = 0, most: float = 0.5) -> Graph:
    rng = np.random.default_rng(seed)
    pairs = rng.integers(0, people, (ties, 2)).astype(str)
    chances = rng.uniform(0, most, ties)
    table = pl.DataFrame(
        {"follower_id": pairs[:, 0], "followee_id": pairs[:, 1], "chance": chances}
    )
    return build_graph(table)


def start(*rows: int) -> Starters:
    return Starters(np.array(rows))


def worlds(graph: Graph, model: str) -> list[tuple[float, np.ndarray]]:
    """Every way in which ties may be live, with its chance: one by one, or one for each taker."""
    takes = graph.takes
    taker = np.repeat(np.arange(len(graph)), takes.lengths)
    if model == "cascade":
        ways = np.array(list(itertools.product((False, True), repeat=taker.size)), bool)
        chances = np.where(ways, takes.chances, 1 - takes.chances).prod(axis=1)
        return list(zip(chances, ways, strict=True))
    found = []
    of = [[-1, *np.flatnonzero(taker == one)] for one in range(len(graph))]
    scale = [max(1.0, takes.chances[taker == one].sum()) for one in range(len(graph))]
    for kept in itertools.product(*of):
        chance, way = 1.0, np.zeros(taker.size, bool)
        for one, tie in enumerate(kept):
            weights = takes.chances[taker == one].astype(float) / scale[one]
            chance *= 1 - weights.sum() if tie < 0 else takes.chances[tie] / scale[one]
            if tie >= 0:
                way[tie] = True
        found.append((chance, way))
    return found


def exact(graph: Graph, has: np.ndarray, model: str) -> np.ndarray:
    """(people,) the chance that each gets the word from those who have it."""
    takes = graph.takes
    taker = np.repeat(np.arange(len(graph)), takes.lengths)
    total = np.zeros(len(graph))
    for chance, way in worlds(graph, model):
        heard = has.copy()
        for _ in range(len(graph)):
            heard[taker[way & heard[takes.others]]] = True
        total += chance * heard
    return total


def hold(found: Spread, truth: float) -> bool:
    return found.reach.lower - 1e-9 <= truth <= found.reach.upper + 1e-9


@BOTH
def test_a_path_loses_the_word_by_powers(model: str) -> None:
    graph = network(("b", "a", 0.6), ("c", "b", 0.6), ("d", "c", 0.6))
    assert hold(spread(graph, start(0), Travel(model), RUNS), 1 + 0.6 + 0.6**2 + 0.6**3)


@BOTH
def test_a_star_is_reached_as_a_binomial(model: str) -> None:
    graph = network(*((f"f{n:02d}", "a", 0.3) for n in range(40)))
    found = spread(graph, start(0), Travel(model), RUNS)
    assert hold(found, 1 + 40 * 0.3)
    assert found.deviation == pytest.approx((40 * 0.3 * 0.7) ** 0.5, rel=0.1)
    law = NormalDist(13, (40 * 0.3 * 0.7) ** 0.5)
    assert found.low == pytest.approx(law.inv_cdf(0.0005), abs=2.5)
    assert found.high == pytest.approx(law.inv_cdf(0.9995), abs=2.5)


def test_two_ways_to_one_person_count_once_and_weights_add_up() -> None:
    graph = network(("c", "a", 0.5), ("c", "b", 0.4), ("x", "y", 0.1))
    assert hold(spread(graph, start(0, 1), Travel(), RUNS), 2 + 1 - 0.5 * 0.6)
    assert hold(spread(graph, start(0, 1), Travel("threshold"), RUNS), 2 + 0.9)


def test_weights_above_one_are_scaled_down() -> None:
    graph = network(("c", "a", 0.9), ("c", "b", 0.6))
    assert hold(spread(graph, start(0), Travel("threshold"), RUNS), 1 + 0.9 / 1.5)
    assert spread(graph, start(0, 1), Travel("threshold"), FEW).reach.lower == 3


PEOPLE = "abcde"
TIES = st.lists(
    st.tuples(st.sampled_from(PEOPLE), st.sampled_from(PEOPLE), st.floats(0.05, 1.0)),
    min_size=1,
    max_size=6,
    unique_by=lambda tie: tie[:2],
).filter(lambda ties: any(taker != source for taker, source, _ in ties))


@BOTH
@settings(max_examples=8, derandomize=True)
@given(ties=TIES, number=st.integers(1, 2))
def test_reach_is_that_of_all_ways(model: str, ties: list, number: int) -> None:
    graph = network(*ties)
    rows = np.arange(min(number, len(graph)))
    found = spread(graph, Starters(rows), Travel(model), RUNS)
    has = np.isin(np.arange(len(graph)), rows)
    assert found.reach.mean == pytest.approx(exact(graph, has, model).sum(), abs=0.15)


@BOTH
def test_who_is_touched_is_reached_and_passes_it_on_only_once_they_take_it_up(model: str) -> None:
    graph = network(("b", "a", 0.5), ("c", "b", 0.8), ("a", "c", 0.7))
    touched, takes = np.array([0.5, 0.3, 0.0]), np.array([0.4, 0.9, 1.0])
    truth = 0.0
    for way in itertools.product((0, 1, 2), repeat=3):  # not touched, touched only, taking it up
        state = np.array(way)
        odds = [1 - touched, touched * (1 - takes), touched * takes]
        chance = np.prod([odds[one][at] for at, one in enumerate(way)])
        reached = np.where(state > 0, 1.0, exact(graph, state == 2, model))
        truth += chance * reached.sum()
    starters = Starters(np.arange(3), touched, takes)
    found = spread(graph, starters, Travel(model), RUNS)
    assert hold(found, truth)
    assert found.earned.lower <= truth - touched.sum() <= found.earned.upper
    slow = Travel(model, Delay(5, 0), (1.0, 20.0))
    found = spread(graph, starters, slow, RUNS)
    assert found.curve[0].lower <= touched.sum() <= found.curve[0].upper
    assert hold(found, truth)


def test_people_without_ties_are_reached_themselves() -> None:
    graph = network(("b", "a", 1.0))
    found = spread(graph, start(0, 2, 7), Travel(), FEW)
    assert (found.reach.lower, found.reach.mean, found.reach.upper) == (4, 4, 4)
    assert found.earned.mean == 1


def test_word_arrives_by_the_hour_that_its_steps_take() -> None:
    graph = network(("b", "a", 1.0), ("c", "b", 1.0), ("d", "c", 1.0))
    steps = Travel(delay=Delay(2, 0), hours=(1.0, 2.0, 3.9, 4.0, 9.0))
    assert [one.mean for one in spread(graph, start(0), steps, FEW).curve] == [1, 2, 2, 3, 4]
    ended = Travel(delay=Delay(2, 0), hours=(1.0, 4.5), whole=False)
    found = spread(graph, start(0), ended, FEW)
    assert [one.mean for one in found.curve] == [1, 3] == [1, found.reach.mean]


@BOTH
def test_of_several_ways_the_quickest_counts_though_it_has_more_steps(model: str) -> None:
    """A direct tie, and one over somebody else: the earlier of d and e + f."""
    ties = [("b", "a", 1.0), ("c", "b", 0.5), ("c", "a", 0.5)]
    law = Delay(3, 1.5)
    found = spread(network(*ties), start(0), Travel(model, law, (4.0,)), RUNS)
    rng = np.random.default_rng(0)
    straight, first, second = (law.draw(200_000, rng) for _ in range(3))
    direct, around = straight <= 4, first + second <= 4
    both = 0.25 if model == "cascade" else 0.0
    alone = 0.5 - both
    in_time = alone * direct.mean() + alone * around.mean() + both * (direct | around).mean()
    truth = 1 + NormalDist().cdf(np.log(4 / 3) / 1.5) + in_time
    assert found.curve[0].mean == pytest.approx(truth, abs=0.04)


def test_more_starters_and_later_hours_never_reach_fewer() -> None:
    sure = build_graph(
        pl.DataFrame(crowd().users.alias("user_id").to_frame())
        .select(follower_id="user_id", followee_id=pl.col("user_id").shift(-7))
        .with_columns(chance=1.0)
    )
    rows = np.random.default_rng(1).permutation(len(sure))
    reach = [spread(sure, Starters(rows[:n]), Travel(), FEW).reach.mean for n in range(1, 30, 4)]
    assert reach == sorted(reach)
    timed = Travel(delay=Delay(1, 2), hours=(0.1, 1.0, 3.0, 10.0, 100.0))
    found = spread(crowd(), start(1, 2), timed, FEW)
    by = [*(one.mean for one in found.curve), found.reach.mean]
    assert by == sorted(by)
    assert by[0] < by[-1]
    near, far = (
        spread(crowd(), start(1, 2), Travel(delay=Delay(1, 2), hours=(end,), whole=False), RUNS)
        for end in (1.0, 10.0)
    )
    assert near.reach.upper < far.reach.lower


def test_reach_agrees_with_reverse_reachable_sets() -> None:
    graph = crowd(200, 900, most=0.4)
    found = spread(graph, start(3, 5, 8), Travel(), RUNS)
    roots = np.random.default_rng(1).integers(0, len(graph), 40_000)
    sets = draw_sets(graph, roots, np.random.default_rng(2))
    met = np.add.reduceat(np.isin(sets.members, [3, 5, 8]), sets.starts[:-1]) > 0
    assert found.reach.mean == pytest.approx(met.mean() * len(graph), rel=0.03)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    graph = network(("b", "a", 0.5), ("c", "b", 0.4), ("d", "a", 0.3), ("d", "c", 0.6))
    truth = exact(graph, np.arange(4) == 0, "cascade").sum()
    trials = [spread(graph, start(0), Travel(), Runs(400, 400, 0, 0.9, at)) for at in range(60)]
    held = sum(one.reach.lower <= truth <= one.reach.upper for one in trials)
    assert 46 <= held <= 59


def test_runs_are_added_until_the_interval_is_as_narrow_as_wished() -> None:
    graph, told = crowd(), []
    wished = Runs(100, 1 << 16, 0.02, 0.95)
    found = spread(graph, start(1, 2), Travel(), wished, lambda runs, width: told.append(runs))
    assert found.reach.half_width <= 0.02 * found.reach.mean
    assert 100 < found.runs < 1 << 16
    assert told == sorted(told)
    assert told[-1] == found.runs
    assert spread(graph, start(1, 2), Travel(), Runs(100, 300, 0.01, 0.95)).runs == 300


@BOTH
def test_the_same_seed_finds_the_same(model: str) -> None:
    for travel in (Travel(model), Travel(model, Delay(1, 1), (1.0, 5.0))):
        one, again, other = (
            spread(crowd(), start(1, 2), travel, Runs(200, 200, 0, 0.95, seed))
            for seed in (1, 1, 2)
        )
        assert one == again != other


@BOTH
def test_a_million_followers_take_bounded_memory(model: str) -> None:
    fans = 1_000_000  # each world of theirs is looked at alone
    starts = np.append(0, np.arange(fans + 1))
    chances = np.where(np.arange(fans) % 2, 0.002, 0.003).astype(np.float32)
    graph = Graph(
        pl.int_range(fans + 1, eager=True).cast(pl.String),
        Rows(starts, np.zeros(fans, np.int32), chances),
    )
    assert graph.gives.lengths[0] == fans
    tracemalloc.start()
    found = spread(graph, start(0), Travel(model), Runs(5, 5, 0, 0.95))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.reach.mean == pytest.approx(2501, rel=0.1)
    assert most < 180 * 2**20


@BOTH
def test_looking_at_few_ties_together_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    graph = network(("b", "a", 0.6), ("c", "a", 0.3), ("c", "b", 0.5), ("d", "c", 0.8))
    rows = np.arange(len(graph))
    truth = exact(graph, rows == 0, model).sum()
    monkeypatch.setattr(worlds_of, "TIES_AT_ONCE", 2)
    found = spread(graph, start(0), Travel(model), Runs(600, 600, 0.0, 0.999))
    assert hold(found, truth)
    pair = spread(graph, start(0, 3), Travel(model), Runs(600, 600, 0.0, 0.999))
    assert hold(pair, exact(graph, rows % 3 == 0, model).sum())


@pytest.mark.parametrize(
    ("starters", "told"),
    [
        (Starters(np.array([], int)), "starters: are nobody"),
        (Starters(np.array([1, 1])), "twice"),
        (Starters(np.array([-1])), "not there"),
        (Starters(np.array([1]), np.array([1.5])), "touched: 1 chance of 1 is not from 0 to 1"),
        (Starters(np.array([1]), None, np.array([np.nan])), "takes: 1 chance"),
        (Starters(np.array([1, 2]), np.array([0.5])), "1 chances for 2 people"),
    ],
)
def test_who_cannot_start_is_refused(starters: Starters, told: str) -> None:
    with pytest.raises(InvalidValue, match=told):
        spread(crowd(), starters, Travel(), FEW)


@pytest.mark.parametrize("hour", [0.0, -1.0, float("nan"), float("inf")])
def test_what_is_no_horizon_is_refused(hour: float) -> None:
    with pytest.raises(InvalidValue, match="hours is not above 0"):
        Travel(delay=Delay(1, 1), hours=(hour,))


def test_what_cannot_be_meant_is_refused() -> None:
    with pytest.raises(InvalidValue, match="must rise"):
        Travel(delay=Delay(1, 1), hours=(2.0, 1.0))
    with pytest.raises(InvalidValue, match="need a delay"):
        Travel(hours=(1.0,))
    with pytest.raises(InvalidValue, match="'rumour' is not known; known: cascade, threshold"):
        spread(crowd(), start(1), Travel("rumour"), FEW)
