"""Advocates beside what can be told exactly: small networks, islands, stars, detractors, costs."""

from __future__ import annotations

import itertools

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import InvalidValue
from engine.reach.advocates import Chosen, Effort, choose
from engine.reach.cover import Wanted
from engine.reach.graph import Graph, build_graph
from engine.reach.sets import draw_sets

EFFORT = Effort(first=4096, most=65_536, proof=0.9, level=0.95, seed=3)


def network(*ties: tuple[str, str, float]) -> Graph:
    """(follower, followee, chance) for each tie."""
    names = ["follower_id", "followee_id", "chance"]
    return build_graph(pl.DataFrame(ties, schema=names, orient="row"))


def everybody(graph: Graph, count: int, **more: object) -> Wanted:
    ones = np.ones(len(graph))
    return Wanted(**({"weights": ones, "allowed": ones > 0, "count": count} | more))


def ids(graph: Graph, found: Chosen) -> list[str]:
    return graph.users.gather(found.rows).to_list()


def exact_reach(graph: Graph, seeds: list[int]) -> float:
    """Over all ways in which ties may be live."""
    takes = graph.takes
    taker = np.repeat(np.arange(len(graph)), takes.lengths)
    total = 0.0
    for way in itertools.product((False, True), repeat=taker.size):
        live = np.array(way, bool)
        chance = float(np.where(live, takes.chances, 1 - takes.chances).prod())
        heard = np.zeros(len(graph), bool)
        heard[seeds] = True
        for _ in range(len(graph)):
            heard[taker[live & heard[takes.others]]] = True
        total += chance * heard.sum()
    return total


PEOPLE = "abcde"
TIES = st.lists(
    st.tuples(st.sampled_from(PEOPLE), st.sampled_from(PEOPLE), st.floats(0.05, 1.0)),
    min_size=1,
    max_size=7,
    unique_by=lambda tie: tie[:2],
).filter(lambda ties: any(taker != source for taker, source, _ in ties))


@settings(max_examples=15, deadline=None, derandomize=True)
@given(ties=TIES, count=st.integers(1, 3))
def test_reach_is_that_of_all_ways_and_the_proof_holds(ties, count) -> None:
    graph = network(*ties)
    found = choose(graph, everybody(graph, count), EFFORT)
    truth = exact_reach(graph, found.rows.tolist())
    assert found.reach == pytest.approx(truth, abs=0.25)
    ways = itertools.combinations(range(len(graph)), min(count, len(graph)))
    best = max(exact_reach(graph, list(way)) for way in ways)
    assert truth >= found.proof * best - 1e-9
    assert found.proof > 0.6


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    ties = [("b", "a", 0.5), ("c", "b", 0.4), ("d", "a", 0.3), ("d", "c", 0.6), ("e", "d", 0.9)]
    graph = network(*ties)
    exact = [exact_reach(graph, [row]) for row in range(len(graph))]
    held = 0
    for seed in range(120):
        found = choose(graph, everybody(graph, 1), Effort(512, 512, 0.0, 0.9, seed))
        held += found.lower <= exact[found.rows[0]] <= found.upper
    assert 99 <= held <= 119


def test_who_is_followed_by_all_is_first_and_who_adds_nobody_is_not_asked() -> None:
    graph = network(*((f"fan-{n:03d}", "star", 1.0) for n in range(50)))
    found = choose(graph, everybody(graph, 1), EFFORT)
    assert (ids(graph, found), found.reach, found.proof > 0.9) == (["star"], 51.0, True)
    found = choose(graph, everybody(graph, 10), EFFORT)
    assert ids(graph, found) == ["star"], "the others have heard of it already"


def test_an_island_has_an_advocate_of_its_own() -> None:
    lands = [(f"{land}-{n}", f"{land}-king", 1.0) for land in ("x", "y") for n in range(30)]
    graph = network(*lands)
    found = choose(graph, everybody(graph, 2), EFFORT)
    assert set(ids(graph, found)) == {"x-king", "y-king"}
    weights = np.array([id.startswith("y") for id in graph.users], float)
    found = choose(graph, everybody(graph, 2, weights=weights), EFFORT)
    assert (ids(graph, found), found.reach) == (["y-king"], 31.0)


def test_an_audience_nobody_carries_to_still_hears_from_its_own() -> None:
    graph = network(("b", "a", 1.0), ("c", "a", 1.0))
    found = choose(graph, everybody(graph, 1, weights=np.array([1.0, 0, 0])), EFFORT)
    assert (ids(graph, found), found.reach) == (["a"], 1.0)


def test_who_may_not_be_asked_is_not_but_hears_of_it() -> None:
    graph = network(*((f"fan-{n}", "star", 1.0) for n in range(9)), ("star", "friend", 1.0))
    allowed = np.array([id != "star" for id in graph.users])
    found = choose(graph, everybody(graph, 1, allowed=allowed), EFFORT)
    assert (ids(graph, found), found.reach) == (["friend"], 11.0)
    with pytest.raises(InvalidValue, match="nobody of the graph may be asked"):
        choose(graph, everybody(graph, 1, allowed=allowed & False), EFFORT)
    with pytest.raises(InvalidValue, match="nobody who hears"):
        choose(graph, everybody(graph, 1, weights=-np.ones(len(graph))), EFFORT)


def test_detractors_take_away_what_they_hear() -> None:
    loud = [(f"foe-{n}", "loud", 1.0) for n in range(8)] + [(f"l-{n}", "loud", 1.0) for n in (1, 2)]
    quiet = [(f"q-{n}", "quiet", 1.0) for n in range(5)]
    graph = network(*loud, *quiet)
    weights = np.array([-1.0 if id.startswith("foe") else 1.0 for id in graph.users])
    found = choose(graph, everybody(graph, 1, weights=weights), EFFORT)
    assert ids(graph, found) == ["quiet"]
    assert found.reach == pytest.approx(6, abs=0.5)
    assert ids(graph, choose(graph, everybody(graph, 1), EFFORT)) == ["loud"]


def test_money_buys_whoever_reaches_most_for_it() -> None:
    dear = [(f"d-{n}", "dear", 1.0) for n in range(30)]
    cheap = [(f"{name}-{n}", name, 1.0) for name in ("cheap1", "cheap2") for n in range(20)]
    graph = network(*dear, *cheap)
    costs = np.array(
        [{"dear": 10.0, "cheap1": 5.0, "cheap2": 5.0}.get(id, 1e9) for id in graph.users]
    )
    found = choose(graph, everybody(graph, 9, costs=costs, budget=10.0), EFFORT)
    assert set(ids(graph, found)) == {"cheap1", "cheap2"}
    assert found.reach == pytest.approx(42, abs=1)
    assert found.proof > 0.85
    found = choose(graph, everybody(graph, 9, costs=costs, budget=4.0), EFFORT)
    assert (found.rows.size, found.reach) == (0, 0.0)


def test_the_same_seed_finds_the_same_and_more_is_proven_where_more_is_asked() -> None:
    rng = np.random.default_rng(5)
    pairs = rng.integers(0, 300, (1500, 2))
    ties = pl.DataFrame({"follower_id": pairs[:, 0], "followee_id": pairs[:, 1]})
    graph = build_graph(ties)
    some, again = (choose(graph, everybody(graph, 10), EFFORT) for _ in range(2))
    assert (some.rows == again.rows).all()
    assert (some.reach, some.proof) == (again.reach, again.proof)
    low = choose(graph, everybody(graph, 10), Effort(256, 256, 0.99, 0.95))
    high = choose(graph, everybody(graph, 10), Effort(256, 32_768, 0.9, 0.95))
    assert low.proof < 0.85 < 0.9 <= high.proof
    assert high.lower < high.reach < high.upper


def test_more_advocates_than_people_are_everybody_who_adds_anybody() -> None:
    graph = network(("b", "a", 0.5), ("c", "b", 0.5))
    found = choose(graph, everybody(graph, 99), EFFORT)
    assert set(ids(graph, found)) == {"a", "b", "c"}
    assert (found.reach, found.proof > 0.9) == (3.0, True)


@pytest.mark.parametrize("chance", [0.02, 0.2, 0.7])
@pytest.mark.parametrize("apart", [0.0, 1e-3])
def test_live_ties_are_drawn_by_their_chance_whatever_the_way(chance: float, apart: float) -> None:
    """Followers of 60 hear of each with the same chance: drawn at once; else tie by tie."""
    ties = [("z", f"s{n:02d}", chance + apart * (n % 2)) for n in range(60)]
    graph = network(*ties)
    listener = np.full(20_000, len(graph) - 1)
    sets = draw_sets(graph, listener, np.random.default_rng(1))
    met = np.bincount(sets.members, minlength=61)[:60] / 20_000
    truth = np.array([tie[2] for tie in ties])
    spread = np.sqrt(truth * (1 - truth) / 20_000)
    assert np.abs(met - truth).max() < 4.5 * spread.max()
    assert np.diff(sets.starts).std() == pytest.approx(
        np.sqrt((truth * (1 - truth)).sum()), rel=0.05
    )
