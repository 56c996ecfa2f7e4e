"""Bounds of what any choice covers, beside all choices of small collections; proofs and traps."""

from __future__ import annotations

import itertools

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.reach.advocates import Chosen, Effort, choose
from engine.reach.cover import Cover, Wanted
from engine.reach.graph import build_graph
from engine.reach.sets import Sets, draw_sets

PEOPLE = 7
COLLECTIONS = st.lists(
    st.lists(st.integers(0, PEOPLE - 1), min_size=1, max_size=4, unique=True),
    min_size=3,
    max_size=30,
)


@settings(max_examples=60, derandomize=True)
@given(sets=COLLECTIONS, count=st.integers(1, 3))
def test_no_choice_covers_more_than_the_bounds(sets: list[list[int]], count: int) -> None:
    starts = np.concatenate([[0], np.cumsum([len(one) for one in sets])])
    members = np.array([person for one in sets for person in one], np.int32)
    cover = Cover(Sets(starts, members, np.zeros(len(sets), int)), np.ones(PEOPLE), PEOPLE)
    wanted = Wanted(np.ones(PEOPLE), np.ones(PEOPLE, bool), count)
    rows, gains, bound = cover.greedy(wanted)
    tight = cover.tightened(wanted, rows, bound, None)
    ways = itertools.combinations(range(PEOPLE), count)
    best = max(sum(bool(set(way) & set(one)) for one in sets) for way in ways)
    assert gains.sum() <= best <= tight + 1e-9 <= bound + 2e-9
    assert tight < best + 1.001, "a dual of so small a programme lies near its optimum"


def crowd(name: str, number: int) -> list[str]:
    return [f"{name}-{at:03d}" for at in range(number)]


def asked(ties: dict[str, list[str]], count: int, foes: str = "-", seed: int = 0) -> Chosen:
    """Those who are followed, with their followers; who is named like foes takes away."""
    pairs = [(fan, source) for source, fans in ties.items() for fan in fans]
    names = ["follower_id", "followee_id"]
    table = pl.DataFrame(pairs, schema=names, orient="row").with_columns(chance=pl.lit(1.0))
    graph = build_graph(table)
    weights = np.array([-1.0 if id.startswith(foes) else 1.0 for id in graph.users])
    effort = Effort(2048, 2048, 0.99, 0.95, seed)
    return choose(graph, Wanted(weights, np.ones(len(graph), bool), count), effort)


def test_where_greed_falls_into_a_trap_no_more_is_proven_than_is_true() -> None:
    left, right = crowd("l", 120), crowd("r", 120)
    ties = {"x": left, "y": right, "trap": left[:65] + right[:65]}
    for seed in range(5):
        found = asked(ties, 2, seed=seed)
        truth = found.reach / 242  # x and y reach 120 each and themselves
        assert truth == pytest.approx(187 / 242, abs=0.05), "the trap and one side"
        assert 0.5 < found.proof < truth


def test_detractors_who_cannot_be_avoided_lower_reach_and_proof() -> None:
    found = asked({"star": crowd("fan", 60) + crowd("foe", 30)}, 1, foes="foe")
    assert found.reach == pytest.approx(31, abs=3)
    assert found.lower < 31 < found.upper
    assert 0.3 < found.proof < 31 / 61


def test_live_ties_are_drawn_without_replacement() -> None:
    ties = {f"s{at:02d}": ["z"] for at in range(25)}
    pairs = [(fan, source, 0.15) for source, fans in ties.items() for fan in fans]
    names = ["follower_id", "followee_id", "chance"]
    graph = build_graph(pl.DataFrame(pairs, schema=names, orient="row"))
    sets = draw_sets(graph, np.full(20_000, len(graph) - 1), np.random.default_rng(2))
    spread = np.sqrt(25 * 0.15 * 0.85 / 20_000)
    assert np.diff(sets.starts).mean() - 1 == pytest.approx(25 * 0.15, abs=4.5 * spread)
