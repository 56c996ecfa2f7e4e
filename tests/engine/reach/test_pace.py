"""How often word will be passed on: fresh acts beside old ones, bursts, rates that add up."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from engine.reach.carry import Draws, expected_carry
from engine.reach.graph import Graph, build_graph
from engine.reach.pace import Fading, Heard, expected_pace, lately

FADING = Fading(burst_days=1 / 24, power=0.5, delay_days=0.075, exponent=1.5)


def heard(sources: np.ndarray, ages: np.ndarray) -> Heard:
    return Heard(sources, ages, np.ones(sources.size))


def test_what_is_fresh_counts_more_than_what_is_old() -> None:
    ages = np.array([0.1, 5.0, 5.1, 5.2, 5.3])
    fresh, old = lately(heard(np.array([0, 1, 1, 1, 1]), ages), 2, FADING)
    assert fresh > old > 0


def test_one_burst_is_no_habit() -> None:
    """Nine acts in one hour are less than nine of nine hours, and more than one."""
    sources = np.repeat([0, 1, 2], [9, 9, 1])
    ages = np.concatenate([np.full(9, 4.01), 4.01 + np.arange(9) / 24, [4.01]])
    burst, habit, once = lately(heard(sources, ages), 3, FADING)
    assert habit > burst > once


def test_rates_are_those_of_a_steady_world() -> None:
    rng = np.random.default_rng(4)
    often = rng.gamma(1.0, 3.0, 300)
    number = rng.poisson(often * 30)
    sources = np.repeat(np.arange(300), number)
    ages = rng.random(sources.size) * 30
    found = expected_pace(heard(sources, ages), 300, days=2.0, fading=FADING)
    assert found.sum() == pytest.approx(often.sum(), rel=0.15)
    assert np.corrcoef(found, often)[0, 1] > 0.7


def test_of_whom_nothing_was_passed_on_no_rate_is_told() -> None:
    nothing = np.zeros(0, np.int64)
    assert (
        expected_pace(heard(nothing, nothing.astype(float)), 3, days=1, fading=FADING).tolist()
        == [0] * 3
    )
    found = expected_pace(heard(np.array([1]), np.array([0.2])), 3, days=1.0, fading=FADING)
    assert found.tolist() == [0, 1, 0]


def test_word_is_carried_by_all_who_come_to_hear_of_it() -> None:
    """Along a chain with a known chance: 1/2 + 1/4 + 1/8 others."""
    ties = [("b", "a", 0.5), ("c", "b", 0.5), ("d", "c", 0.5)]
    graph = build_graph(pl.DataFrame(ties, schema=["follower_id", "followee_id", "chance"],
                                     orient="row"))  # fmt: skip
    found = expected_carry(graph, Draws(60_000, 60_000, 10**9, 3))
    assert found.tolist() == pytest.approx([0.875, 0.75, 0.5, 0.0], abs=0.02)
    assert np.array_equal(found, expected_carry(graph, Draws(60_000, 60_000, 10**9, 3)))


def test_drawing_ends_where_word_reaches_everybody() -> None:
    ring = [(str(n), str((n + 1) % 50), 1.0) for n in range(50)]
    graph = build_graph(pl.DataFrame(ring, schema=["follower_id", "followee_id", "chance"],
                                     orient="row"))  # fmt: skip
    assert expected_carry(graph, Draws(10**6, 10**6, 1000, 0)) == pytest.approx(49, abs=0.2)


def each_followed(chances: np.ndarray, seed: int = 0) -> Graph:
    """Each person's word is passed on by four others, with a chance of the person's own."""
    rng = np.random.default_rng(seed)
    people = chances.size
    sources = np.repeat(np.arange(people), 4)
    takers = (sources + rng.integers(1, people, sources.size)) % people
    ties = {"follower_id": takers, "followee_id": sources, "chance": chances[sources]}
    return build_graph(pl.DataFrame(ties))


def test_of_few_sets_nobody_with_a_follower_is_without_carry_and_none_is_far_off() -> None:
    """Of people alike whose word goes to four others, half a set each would say 0 of many."""
    found = expected_carry(each_followed(np.full(8_000, 0.2)), Draws(4_000, 128, 10**9, 1))
    assert found.min() >= 0.75
    assert found == pytest.approx(4.0, rel=0.4)
    assert float(found.mean()) == pytest.approx(4.0, rel=0.1)


def test_whose_word_goes_further_than_that_of_those_alike_stays_apart() -> None:
    """Two in three are heard by people whom nobody hears; the others by whom all hear."""
    people = 1_500
    ties = [(f"f{n}", f"a{n}", 0.5) for n in range(people)]
    ties += [(f"g{n}-{k}", f"f{n}", 0.9) for n in range(0, people, 3) for k in range(4)]
    graph = build_graph(pl.DataFrame(ties, schema=["follower_id", "followee_id", "chance"],
                                     orient="row"))  # fmt: skip
    found = expected_carry(graph, Draws(10**6, 64, 10**9, 2))
    names = graph.users.to_list()
    far = np.array([name[0] == "a" and int(name[1:]) % 3 == 0 for name in names])
    near = np.array([name[0] == "a" for name in names]) & ~far
    assert float(found[far].mean()) == pytest.approx(0.5 * (1 + 3.6), rel=0.1)
    assert float(found[near].mean()) == pytest.approx(0.5, rel=0.1)
    assert float(found[far].min()) > float(np.quantile(found[near], 0.99))


def test_a_chance_that_no_set_ever_met_is_still_a_first_step() -> None:
    graph = each_followed(np.full(500, 1e-6))
    found = expected_carry(graph, Draws(1000, 2, 10**9, 0))
    assert (found > 0).all()
    assert float(np.median(found)) == pytest.approx(4e-6)
