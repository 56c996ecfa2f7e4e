"""Chances learned from what was passed on: planted networks, credit that adds up, odd logs."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.reach.credit import Done, divided
from engine.reach.graph import Graph, Rows, build_graph
from engine.reach.passing import NOWHERE, Passed, learn_chances
from engine.reach.shrinkage import Usual, shrunk
from tests.engine.reach.cascading import PLANTED, Words, planted

NONE = np.zeros(0, np.int64)
NOBODY = Passed(NONE, NONE, NONE.astype(float), NONE > 0, NONE.astype(np.int16))
NOTHING = Done(NONE, NONE, NONE.astype(float), NONE > 0, NONE.astype(float), NONE > 0)


def network(*ties: tuple[str, str]) -> Graph:
    return build_graph(pl.DataFrame(ties, schema=["follower_id", "followee_id"], orient="row"))


def done_of(*acts: tuple[int, int, float], good: bool = True) -> Done:
    """(person, object, day) of each act, in any order."""
    people, objects, at = (np.array(column) for column in zip(*sorted(acts), strict=True))
    ones = np.ones(people.size, np.float32)
    return Done(
        people.astype(np.int32), objects.astype(np.int32), at.astype(float),
        np.full(people.size, good), ones, ones < 0,
    )  # fmt: skip


def passed_of(*acts: tuple[int, int], channel: int = NOWHERE, good: bool = True) -> Passed:
    takers, sources = (np.array(column) for column in zip(*acts, strict=True))
    return Passed(
        takers, sources, np.ones(takers.size), np.full(takers.size, good),
        np.full(takers.size, channel, np.int16),
    )  # fmt: skip


@pytest.fixture(scope="module")
def world() -> tuple[Rows, np.ndarray, Words]:
    """A network whose chances are known, and what was said and passed on in it."""
    return planted(PLANTED, seed=5)


@pytest.mark.parametrize("known", [True, False], ids=["with moments", "without moments"])
def test_chances_come_nearer_the_truth_than_usual_ones_and_than_ratios(world, known) -> None:
    takes, truth, words = world
    done = words.done(known=known)
    found = learn_chances(takes, NOBODY, done, delays=30.0)
    assert found is not None
    credit = divided(takes, done, delays=30.0)
    ratio = credit.good / np.maximum(credit.trials, 1)

    def off(chances: np.ndarray) -> float:
        return float(np.square(chances - truth).mean())

    def alike(chances: np.ndarray) -> float:
        ranks = [np.argsort(np.argsort(one)) for one in (chances, truth)]
        return float(np.corrcoef(*ranks)[0, 1])

    assert off(found.good) < min(off(ratio), off(takes.chances))
    assert alike(found.good) > max(alike(ratio), alike(takes.chances)) + 0.05
    assert found.good.mean() == pytest.approx(truth.mean(), rel=0.15)


def test_chances_say_how_often_word_that_is_yet_to_come_is_passed_on(world) -> None:
    takes, truth, words = world
    found = learn_chances(takes, NOBODY, words.done(known=True), delays=30.0)
    assert found is not None
    parts = np.array_split(np.argsort(found.good), 5)
    told = np.array([found.good[part].mean() for part in parts])
    came = np.array([truth[part].mean() for part in parts])
    assert told == pytest.approx(came, rel=0.15, abs=0.012)


def test_acts_that_name_their_source_teach_as_well() -> None:
    graph = network(("b", "a"), ("c", "a"), ("d", "a"), ("d", "c"))
    acts = [(1, 0)] * 8 + [(2, 0)] * 2
    found = learn_chances(graph.takes, passed_of(*acts), NOTHING, delays=30.0)
    assert found is not None
    b, c, d = found.good[:3]
    assert b > c > d > 0


def test_a_channel_has_chances_of_its_own() -> None:
    """Everybody follows two people; one is passed on on the first channel, one on the second."""
    takers = np.arange(2, 40)
    graph = network(*[(f"{n:02d}", source) for n in takers for source in ("00", "01")])
    first = [(n, 0) for n in takers for _ in range(4)]
    second = [(n, 1) for n in takers[:19] for _ in range(4)]
    codes = np.repeat(np.array([0, 1], np.int16), [len(first), len(second)])
    acts = passed_of(*first, *second)
    acts = Passed(acts.takers, acts.sources, acts.weights, acts.good, codes)
    found = learn_chances(graph.takes, acts, NOTHING, delays=30.0)
    assert found is not None
    assert set(found.channels) == {0, 1}
    for channel, (ties, factors) in found.channels.items():
        assert (graph.takes.others[ties] == channel).all()
        assert factors == pytest.approx(1, abs=0.2), "it is all that they are passed on of"


def test_bad_word_is_told_from_good_word() -> None:
    graph = network(*[(f"{n:02d}", "00") for n in range(1, 20)])
    good = passed_of(*[(n, 0) for n in range(1, 10) for _ in range(6)])
    bad = passed_of(*[(n, 0) for n in range(10, 20) for _ in range(6)], good=False)
    both = Passed(*(np.concatenate(pair) for pair in zip(
        vars(good).values(), vars(bad).values(), strict=True)))  # fmt: skip
    found = learn_chances(graph.takes, both, NOTHING, delays=30.0)
    assert found is not None
    assert found.good[:9].min() > 4 * found.bad[:9].max()
    assert found.bad[9:].min() > 4 * found.good[9:].max()


def test_what_came_first_was_not_passed_on() -> None:
    takes = network(("b", "a"), ("a", "b")).takes
    found = divided(takes, done_of((0, 0, 1.0), (1, 0, 2.0)), delays=1.0)
    assert found.good.tolist() == [0.0, 0.5], "b follows a, who did it a day before"
    assert found.trials.tolist() == [0.0, 1.0], "a could not have it from b"


def test_bad_word_is_passed_on_from_bad_word_only() -> None:
    takes = network(("b", "a")).takes
    same = done_of((0, 0, 1.0), (1, 0, 1.0), good=False)
    assert divided(takes, same, delays=1.0).bad.sum() == 1
    mixed = Done(same.people, same.objects, same.at, np.array([True, False]), same.weights,
                 same.named)  # fmt: skip
    found = divided(takes, mixed, delays=1.0)
    assert found.good.sum() + found.bad.sum() == 0


ACTS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 3), st.sampled_from([0.0, 1.0, 2.5, np.nan])),
    min_size=1,
    max_size=20,
    unique_by=lambda act: act[:2],
)
TIES = st.lists(
    st.tuples(st.sampled_from("012345"), st.sampled_from("012345")), min_size=3, max_size=20
).filter(lambda ties: any(one != other for one, other in ties))


def everybody(ties: list[tuple[str, str]]) -> Graph:
    """A network in which each has a tie, so that rows are names."""
    ring = [(str(n), str((n + 1) % 6)) for n in range(6)]
    return network(*ties, *ring)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(acts=ACTS, ties=TIES, order=st.randoms(use_true_random=False))
def test_each_act_is_credited_once_at_most_whatever_the_order_of_rows(acts, ties, order) -> None:
    takes = everybody(ties).takes
    found = divided(takes, done_of(*acts), delays=3.0)
    credit = found.good + found.bad
    assert (credit <= found.trials + 1e-9).all()
    taker = np.repeat(np.arange(6), takes.lengths)
    by_taker = np.bincount(taker, credit, 6)
    number = np.bincount([act[0] for act in acts], minlength=6)
    assert (by_taker <= number + 1e-9).all()
    order.shuffle(acts)
    order.shuffle(ties)
    again = divided(everybody(ties).takes, done_of(*acts), delays=3.0)
    assert np.array_equal(again.good, found.good)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(
    acts=ACTS,
    ties=TIES,
    passed=st.lists(st.tuples(st.integers(-1, 5), st.integers(-1, 5)), min_size=1, max_size=9),
)
def test_chances_are_chances(acts, ties, passed) -> None:
    takes = everybody(ties).takes
    found = learn_chances(takes, passed_of((0, 1), *passed), done_of(*acts), delays=3.0)
    assert found is not None
    for chances in (found.good, found.bad, found.good + found.bad):
        assert np.isfinite(chances).all()
        assert ((chances >= 0) & (chances <= 1 + 1e-6)).all()
    assert found.good.max() > 0


@settings(max_examples=50, deadline=None, derandomize=True)
@given(
    credit=st.floats(0, 50),
    more=st.floats(0, 50),
    trials=st.floats(0, 50),
    mean=st.floats(1e-9, 0.999),
    strength=st.floats(0.01, 1000),
)
def test_more_credit_never_makes_a_chance_smaller(credit, more, trials, mean, strength) -> None:
    """Neither of as many trials, nor where each further credit is a further trial too."""
    usual = Usual(np.array([mean]), strength)
    trials = credit + more + trials
    before = shrunk(np.array([credit]), np.array([trials]), usual)
    assert shrunk(np.array([credit + more]), np.array([trials]), usual) >= before - 1e-12
    grown = shrunk(np.array([credit + more]), np.array([trials + more]), usual)
    assert grown >= before - 1e-12


def test_where_nothing_was_passed_on_nothing_is_learned() -> None:
    takes = network(("b", "a"), ("c", "a")).takes
    assert learn_chances(takes, NOBODY, done_of((0, 0, 1.0)), delays=30.0) is None
    assert learn_chances(takes, NOBODY, NOTHING, delays=30.0) is None
    strangers = passed_of((-1, 0), (0, -1), (1, 2))
    assert learn_chances(takes, strangers, NOTHING, delays=30.0) is None


@pytest.mark.slow
def test_a_person_whom_everybody_follows_and_who_follows_everybody_is_learned_like_others() -> None:
    people, acts = 300_000, 30_000
    lengths = np.ones(people, np.int64)
    lengths[0] = people - 1
    others = np.concatenate([np.arange(1, people), np.zeros(people - 1)]).astype(np.int32)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    takes = Rows(starts, others, np.ones(others.size, np.float32))
    rng = np.random.default_rng(0)
    who = np.concatenate([np.zeros(acts, np.int64), np.repeat(np.arange(1, people), 2)])
    what = np.concatenate([np.arange(acts), rng.integers(0, acts, 2 * (people - 1))])
    keys = np.unique(who * acts + what)
    ones = np.ones(keys.size, np.float32)
    done = Done(
        (keys // acts).astype(np.int32), (keys % acts).astype(np.int32),
        100 * rng.random(keys.size), ones > 0, ones, ones < 0,
    )  # fmt: skip
    found = learn_chances(takes, NOBODY, done, delays=30.0)
    assert found is not None
    of_hub, by_hub = found.good[people - 1 :], found.good[: people - 1]
    assert 0 < of_hub.max() < 0.01 < by_hub.mean() < 1
