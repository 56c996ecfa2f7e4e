"""Bounds of what any choice covers, beside all choices of small collections; proofs and traps."""

from __future__ import annotations

import itertools

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, binom

from engine.reach.advocates import Chosen, Effort, choose
from engine.reach.bounds import Met, Optimum, at_most
from engine.reach.cover import Cover, Wanted
from engine.reach.graph import build_graph
from engine.reach.sets import Sets, draw_sets, live

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


@settings(max_examples=60, derandomize=True)
@given(sets=COLLECTIONS, count=st.integers(1, 3), foes=st.integers(0, 6), data=st.data())
def test_bounds_hold_with_detractors_and_costs(sets, count, foes, data) -> None:
    """The best net cover of any affordable choice lies below both bounds."""
    starts = np.concatenate([[0], np.cumsum([len(one) for one in sets])])
    members = np.array([person for one in sets for person in one], np.int32)
    worth = np.where(np.arange(len(sets)) < min(foes, len(sets) - 1), -1.0, 1.0)
    costs = np.array(data.draw(st.lists(st.floats(0.5, 4), min_size=PEOPLE, max_size=PEOPLE)))
    cover = Cover(Sets(starts, members, np.arange(len(sets))), worth, max(PEOPLE, len(sets)))
    more = max(PEOPLE, len(sets)) - PEOPLE
    costs, allowed = np.append(costs, np.ones(more)), np.arange(PEOPLE + more) < PEOPLE
    for money in (None, 4.0):
        wanted = Wanted(worth, allowed, count, costs if money else None, money)
        rows, gains, bound = cover.greedy(wanted)
        tight = cover.tightened(wanted, rows, bound, None)
        ways = [
            way
            for size in range(count + 1)
            for way in itertools.combinations(range(PEOPLE), size)
            if money is None or costs[list(way)].sum() <= money
        ]
        net = [
            sum(value for one, value in zip(sets, worth, strict=True) if set(way) & set(one))
            for way in ways
        ]
        assert gains.sum() <= max(net) + 1e-9 <= tight + 2e-9 <= bound + 3e-9
        assert money is None or costs[rows].sum() <= money


@settings(max_examples=40, derandomize=True)
@given(number=st.integers(5, 5000), share=st.floats(0, 1), error=st.floats(1e-6, 0.2))
def test_a_chance_is_bounded_as_exactly_as_by_clopper_and_pearson(number, share, error) -> None:
    count = int(share * (number - 1))
    exact = beta.ppf(1 - error, count + 1, number - count)
    assert exact - 1e-9 <= at_most(count, number, error) <= exact + 0.1 * (1 - count / number)
    assert binom.cdf(count, number, at_most(count, number, error)) <= error * (1 + 1e-6)
    assert at_most(number, number, error) == 1.0


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


def test_detractors_who_cannot_be_avoided_lower_reach_and_bound() -> None:
    """The best possible is charged for them as well: looking away, 31 / 61 would be proven."""
    found = asked({"star": crowd("fan", 60) + crowd("foe", 30)}, 1, foes="foe")
    assert found.reach == pytest.approx(31, abs=3)
    assert found.lower < 31 < found.upper
    assert 0.65 < found.proof < 1


@pytest.mark.parametrize(("good", "bad"), [(0.5, 0.49), (0.1, 0.099), (0.02, 0.0), (0.3, 0.05)])
def test_bounds_hold_where_detractors_nearly_cancel_who_is_to_hear(good: float, bad: float) -> None:
    """Of a thousand draws of sets hardly any bound lies on the wrong side of the truth."""
    number, error = 4000, 0.02
    drawn = np.random.default_rng(1).multinomial(number, [good, bad, 1 - good - bad], 1000)
    wrong = sum(
        Optimum(number, error, bright=float(met))(float(met - foes)) < good - bad
        for met, foes, _ in drawn.tolist()
    )
    assert wrong <= 30
    found = [Met(met, foes, number, bad > 0) for met, foes, _ in drawn.tolist()]
    assert sum(one.least(error) > good - bad for one in found) <= 30
    assert sum(one.most(error) < good - bad for one in found) <= 30


def test_no_more_is_proven_than_is_true_where_the_best_is_heard_by_almost_as_many_foes() -> None:
    ties = {"s": crowd("fan", 100), "o": crowd("more", 1000) + crowd("foe", 885)}
    truth = 101 / 116
    proofs = [
        found.proof for seed in range(20) if (found := asked(ties, 1, "foe", seed=seed)).reach
    ]
    assert sum(proof > truth for proof in proofs) <= 2


def test_live_ties_are_drawn_without_replacement() -> None:
    ties = {f"s{at:02d}": ["z"] for at in range(25)}
    pairs = [(fan, source, 0.15) for source, fans in ties.items() for fan in fans]
    names = ["follower_id", "followee_id", "chance"]
    graph = build_graph(pl.DataFrame(pairs, schema=names, orient="row"))
    sets = draw_sets(graph, np.full(20_000, len(graph) - 1), np.random.default_rng(2))
    spread = np.sqrt(25 * 0.15 * 0.85 / 20_000)
    assert np.diff(sets.starts).mean() - 1 == pytest.approx(25 * 0.15, abs=4.5 * spread)


def test_a_sure_tie_among_rare_ones_is_always_live_and_none_is_told_twice() -> None:
    pairs = [("z", f"s{at:03d}", 1.0 if at == 7 else 0.02 + 0.01 * (at % 2)) for at in range(300)]
    names = ["follower_id", "followee_id", "chance"]
    graph = build_graph(pl.DataFrame(pairs, schema=names, orient="row"))
    assert np.isfinite(graph.takes.hits[-1]), "its ties are drawn at once"
    entry, others = live(graph.takes, np.full(4000, len(graph) - 1), np.random.default_rng(3))
    assert np.unique(entry * 300 + others).size == entry.size
    met = np.bincount(others, minlength=300) / 4000
    assert met[7] == 1.0
    truth = np.array([chance for _, _, chance in pairs])
    assert np.abs(met - truth).max() < 5 * np.sqrt(0.03 * 0.97 / 4000)


@pytest.mark.parametrize(
    ("number", "chance", "sets"),
    [(200_000, None, 4096), (4_000, 0.9, 128)],
    ids=["one voice", "nearly sure"],
)
def test_who_is_followed_by_or_follows_very_many_is_drawn_as_others(number, chance, sets) -> None:
    """All follow the star, and one follows them all; that one alone is the second audience."""
    fans = np.arange(number)
    star, listener = np.full(number, number), np.full(number, number + 1)
    ties = pl.DataFrame(
        {
            "follower_id": np.concatenate([fans, listener]),
            "followee_id": np.concatenate([star, fans]),
        }
    )
    graph = build_graph(ties if chance is None else ties.with_columns(chance=pl.lit(chance)))
    rows = graph.rows_of(pl.Series([number, number + 1]))
    ones = np.ones(len(graph))
    found = choose(graph, Wanted(ones, ones > 0, 1), Effort(sets, sets, 0.5, 0.95))
    assert found.rows.tolist() == [rows[0]]
    assert found.reach == pytest.approx((chance or 1.0) * number, rel=0.1)
    alone = np.zeros(len(graph))
    alone[rows[1]] = 1
    found = choose(graph, Wanted(alone, alone == 0, 1), Effort(sets, sets, 0.5, 0.95))
    assert found.rows.tolist() == [rows[0]]
    assert found.lower <= (1.0 if chance else 1 - np.exp(-1)) <= found.upper + 1e-9
