"""Word that seldom goes anywhere: intervals that hold, and no doubt where there is none."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from engine.reach.delays import Delay
from engine.reach.graph import Graph, build_graph
from engine.reach.seldom import between, is_rare
from engine.reach.spread import Runs, Spread, Starters, Travel, spread

BOTH = pytest.mark.parametrize("model", ["cascade", "threshold"])


def jackpot(chance: float, fans: int, friends: int = 0) -> Graph:
    """Of `a` the word goes to a hub by a small chance, and of the hub to all its fans for sure."""
    takers = ["hub", *(f"f{n}" for n in range(fans)), *(f"g{n}" for n in range(friends))]
    sources = ["a", *["hub"] * fans, *["a"] * friends]
    chances = [chance, *[1.0] * fans, *[0.5] * friends]
    return build_graph(
        pl.DataFrame({"follower_id": takers, "followee_id": sources, "chance": chances})
    )


def told(graph: Graph, seed: int, travel: Travel | None = None, most: int = 65536) -> Spread:
    who = Starters(graph.rows_of(pl.Series(["a"])))
    return spread(graph, who, travel or Travel(), Runs(1000, most, 0.01, 0.95, seed))


def holds(found: Spread, truth: float) -> bool:
    return found.reach.lower - 1e-6 <= truth <= found.reach.upper + 1e-6


@pytest.mark.parametrize("chance", [0.001, 0.003, 0.01])
def test_intervals_hold_the_truth_as_often_as_they_say(chance: float) -> None:
    graph = jackpot(chance, 300)
    found = [told(graph, seed, most=8192) for seed in range(16)]
    assert sum(holds(one, 1 + 301 * chance) for one in found) >= 14
    assert all(one.reach.upper < 1 + 301 * chance * 3 + 0.3 for one in found)


@BOTH
def test_a_word_that_goes_far_once_in_thousands_of_times_is_told_with_its_doubt(model: str) -> None:
    graph = jackpot(2e-4, 20_000)
    for seed in range(2):
        found = told(graph, seed, Travel(model))
        assert holds(found, 1 + 2e-4 * 20_001)
        assert 0 < found.reach.lower < found.reach.upper < 20
        assert found.earned.lower == pytest.approx(found.reach.lower - 1)


def test_where_nothing_ever_happened_anybody_who_could_hear_still_counts() -> None:
    found = told(jackpot(1e-6, 50), 0)
    assert found.reach.mean == pytest.approx(1, abs=0.01)
    assert 1 + 51e-6 <= found.reach.upper < 1.02


def test_what_is_sure_needs_no_doubt() -> None:
    graph = jackpot(1.0, 30)
    for travel in (Travel(), Travel("threshold"), Travel(delay=Delay(5, 0), hours=(1.0, 20.0))):
        found = told(graph, 0, travel)
        assert (found.reach.lower, found.reach.upper, found.runs) == (32, 32, 1000)
    assert found.curve[0].upper == 1


def test_a_chain_of_one_rare_tie_is_seen_by_hours_too() -> None:
    graph = jackpot(5e-4, 2_000)
    found = told(graph, 1, Travel(delay=Delay(5, 0), hours=(1.0, 7.0, 20.0)), most=16384)
    now, hub, fans = found.curve
    assert (now.lower, now.mean) == (1, 1)
    assert now.upper <= hub.upper <= fans.upper
    assert hub.lower <= 1 + 5e-4 <= hub.upper
    assert fans.lower <= 1 + 5e-4 * 2_001 <= fans.upper


def test_one_in_many_is_rare_and_one_in_two_is_not() -> None:
    values = np.zeros(1000)
    assert is_rare(values)
    values[:5] = 7.0
    assert is_rare(values)
    values[:500] = 7.0
    assert not is_rare(values)


def test_an_exact_interval_ends_where_the_binomial_law_does() -> None:
    assert between(0, 100, 0.95) == (0.0, pytest.approx(1 - 0.025 ** (1 / 100)))
    assert between(100, 100, 0.95) == (pytest.approx(0.025 ** (1 / 100)), 1.0)
