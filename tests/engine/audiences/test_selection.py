from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.audiences.selection import Limits, pick, values
from engine.audiences.standing import Measured, best_mask


def jaccard(some: np.ndarray, others: np.ndarray) -> float:
    return (some & others).sum() / max((some | others).sum(), 1)


NO_TOPS = np.zeros((0, 1, 0), bool)


def members(rows: list[list[int]], people: int) -> np.ndarray:
    found = np.zeros((len(rows), people), np.float32)
    for at, row in enumerate(rows):
        found[at, row] = 1
    return found


def worth_of(values: list[float]) -> np.ndarray:
    found = np.array([values], np.float32)
    return found / found.mean()


def measured_of(
    interest: np.ndarray, probability: np.ndarray, open_: np.ndarray | None = None
) -> Measured:
    open_ = np.ones(interest.shape, bool) if open_ is None else open_
    people = open_.sum(axis=1)
    tops = np.zeros((0, *interest.shape), bool)
    return Measured(open_, people, people, interest, probability, interest, interest, tops)


def test_ten_segments_are_not_one_segment_ten_times():
    people = 100
    alike = [list(range(at, 20 + at)) for at in range(10)]
    other = list(range(60, 80))
    worth = worth_of([9.0] * 30 + [1.0] * 30 + [6.0] * 20 + [1.0] * 20)
    picks = pick(
        members([*alike, other], people),
        np.zeros((0, 1, people), bool),
        worth,
        open_=np.ones(worth.shape, bool),
        size_power=0.0,
        limits=Limits(10, 0.5, 1.0),
    )
    chosen = [at for at in picks.segments[0] if at >= 0]
    assert chosen[1] == 10
    assert sum(at < 10 for at in chosen) <= 2
    assert picks.overlaps[0, 1] == 0


@settings(deadline=None, max_examples=60)
@given(
    people=st.integers(1, 40),
    segments=st.integers(1, 8),
    shares=st.integers(0, 2),
    power=st.sampled_from([0.0, 0.3, 1.0]),
    seed=st.integers(0, 999),
)
def test_each_pick_is_the_best_of_what_is_uncovered(people, segments, shares, power, seed):
    random = np.random.default_rng(seed)
    inside = (random.random((segments, people)) < 0.3).astype(np.float32)
    worth = random.gamma(1.0, 1.0, (3, people)).astype(np.float32) + np.float32(0.01)
    worth /= worth.mean(axis=1, keepdims=True)
    scores = random.normal(size=(3, people))
    open_ = random.random((3, people)) < random.choice([0.0, 0.3, 1.0], (3, 1))
    worth, scores = worth * open_, np.where(open_, scores, -np.inf)
    ranked = -np.sort(-scores, axis=1)
    most = open_.sum(axis=1)
    tops = np.array(
        [
            best_mask(scores, ranked, np.minimum(max(1, people // (2 + at)), most))
            for at in range(shares)
        ]
    ).reshape(shares, 3, people)
    limits = Limits(6, 0.8, 1.05, alike=0.4)
    named = np.arange(0, segments, 2)
    picks = pick(inside, tops, worth, open_=open_, size_power=power, limits=limits, named=named)
    for product in range(3):
        sets = [(inside[at] > 0) & open_[product] for at in range(segments)] + [
            tops[at, product] for at in range(shares)
        ]
        means = np.array([worth[product, s].mean() if s.any() else 0 for s in sets])
        least = 1.05 if (means >= 1.05).any() else 1 - 1e-4
        free = np.ones(people, bool)
        chosen = [at for at in picks.segments[product] if at >= 0]
        assert len(set(chosen)) == len(chosen)
        left = {at for at, s in enumerate(sets) if s.any() and means[at] >= least}
        for place, at in enumerate(chosen):
            overlaps = np.array([1 - (s & free).sum() / max(s.sum(), 1) for s in sets])
            gains = np.array([worth[product, s & free].sum() / max(s.sum(), 1) for s in sets])
            scores = gains * np.array([s.sum() / people for s in sets]) ** power
            assert abs(picks.overlaps[product, place] - overlaps[at]) < 1e-5
            assert overlaps[at] <= limits.overlap
            fresh = [i for i in left if overlaps[i] <= 0.8]
            best = [i for i in fresh if scores[i] >= max(scores[fresh]) - 1e-4]
            names = {
                i: [n for n in fresh if n in named and jaccard(sets[i], sets[n]) >= 0.4]
                for i in best
                if i >= segments
            }
            assert (at in best and not names.get(at)) or any(
                at in each and scores[at] >= max(scores[each]) - 1e-4 for each in names.values()
            )
            left.discard(at)
            free &= ~sets[at]


def test_a_name_stands_in_the_place_of_a_best_share_of_about_the_same_people():
    """The best fifth are nine of the ten of a community and one more: the community is listed."""
    people, worth = 50, worth_of([9.0] * 9 + [1.0] * 40 + [9.5])
    community, other = list(range(10)), list(range(20, 50))
    top = np.zeros((1, 1, people), bool)
    top[0, 0, [*range(9), 49]] = True
    found = {
        alike: pick(
            members([community, other], people),
            top,
            worth,
            open_=np.ones(worth.shape, bool),
            size_power=0.0,
            limits=Limits(3, 0.8, 1.05, alike=alike),
            named=np.array(named),
        )
        .segments[0]
        .tolist()
        for alike, named in ((0.8, [0, 1]), (0.9, [0, 1]), (0.7, [1]))
    }
    assert found == {0.8: [0, -1, -1], 0.9: [2, -1, -1], 0.7: [2, -1, -1]}


def test_size_is_rewarded_where_the_goal_asks_for_it():
    worth = worth_of([5.0] * 5 + [4.0] * 45 + [0.1] * 50)
    inside = members([list(range(5)), list(range(50))], 100)
    tops = np.zeros((0, 1, 100), bool)
    for power, best in ((0.0, 0), (0.3, 1)):
        picks = pick(
            inside,
            tops,
            worth,
            open_=np.ones((1, 100), bool),
            size_power=power,
            limits=Limits(1, 1.0, 1.0),
        )
        assert picks.segments[0, 0] == best


def test_a_segment_with_too_few_open_people_is_not_listed():
    """The last of ten likes it most, but nine of them acted already: too few are left."""
    open_ = np.ones((1, 30), bool)
    open_[0, :9] = False
    worth = open_ * worth_of([9.0] * 10 + [2.0] * 10 + [1.0] * 10)
    inside = members([list(range(10)), list(range(10, 20))], 30)
    tops = np.zeros((0, 1, 30), bool)
    for least, listed in ((1, [0, 1]), (2, [1, -1])):
        picks = pick(
            inside,
            tops,
            worth,
            open_=open_,
            size_power=0.0,
            limits=Limits(2, 1.0, 0.5, people=least),
        )
        assert picks.segments[0].tolist() == listed


def test_people_worth_less_than_everybody_are_not_listed():
    worth = worth_of([3.0] * 10 + [0.5] * 10)
    picks = pick(
        members([list(range(10, 20))], 20),
        np.zeros((0, 1, 20), bool),
        worth,
        open_=np.ones(worth.shape, bool),
        size_power=0.0,
        limits=Limits(3, 1.0, 1.05),
    )
    assert (picks.segments == -1).all()


def test_no_segments_are_an_empty_answer():
    picks = pick(
        np.zeros((0, 9), np.float32),
        np.zeros((0, 2, 9), bool),
        np.ones((2, 9), np.float32),
        open_=np.ones((2, 9), bool),
        size_power=0.0,
        limits=Limits(4, 1.0, 1.0),
    )
    assert picks.segments.tolist() == [[-1] * 4] * 2


def test_the_goal_decides_whom_it_values():
    interest = np.array([[0.9, 0.1]], np.float32)
    measured = measured_of(interest, 1 - interest)
    even = np.ones(2, np.float32)
    base = {"loyalty": 0.0, "earned": 0.0, "size": 0.0, "about": ""}
    finds = values(measured, even, {**base, "interest": 1.0, "probability": 0.0})
    shown = values(measured, even, {**base, "interest": 0.0, "probability": 1.0})
    assert finds[0, 0] > 1 > finds[0, 1]
    assert shown[0, 0] < 1 < shown[0, 1]
    faithful = values(
        measured,
        np.array([0.0, 2.0], np.float32),
        {**base, "interest": 1.0, "probability": 0.0, "loyalty": 1.0},
    )
    assert faithful[0].tolist() == [0.0, 2.0]


def test_those_who_acted_are_worth_nothing_and_the_others_one_on_average():
    open_ = np.array([[True, True, False], [False, False, False]])
    interest = np.array([[0.3, 0.1, 0.0], [0.0, 0.0, 0.0]], np.float32)
    goal = {
        "interest": 1.0,
        "probability": 0.0,
        "loyalty": 0.5,
        "earned": 0.0,
        "size": 0.0,
        "about": "",
    }
    found = values(measured_of(interest, interest, open_), np.ones(3, np.float32), goal)
    np.testing.assert_allclose(found, [[1.5, 0.5, 0], [0, 0, 0]], rtol=1e-6)


def test_rates_of_zero_are_worth_the_same_for_all():
    nothing = np.zeros((1, 3), np.float32)
    measured = measured_of(nothing, nothing)
    goal = {
        "interest": 0.5,
        "probability": 0.5,
        "loyalty": 0.0,
        "earned": 0.0,
        "size": 0.0,
        "about": "",
    }
    assert values(measured, np.ones(3, np.float32), goal).tolist() == [[1.0, 1.0, 1.0]]


def test_who_passes_the_word_on_is_worth_more_where_earned_reach_counts():
    """Both like it alike; the first one's word reaches two more whenever they like it."""
    chances = np.full((1, 2), 0.5, np.float32)
    measured, even = measured_of(chances, chances), np.ones(2, np.float32)
    goal = {"interest": 0.5, "probability": 0.5, "loyalty": 0.0, "size": 0.0, "about": ""}
    carried = np.array([[2.0, 0.0]], np.float32)
    paid = values(measured, even, {**goal, "earned": 0.0}, carried)
    assert paid.tolist() == [[1.0, 1.0]]
    both = values(measured, even, {**goal, "earned": 1.0}, carried)
    np.testing.assert_allclose(both, [[2 / 1.5, 1 / 1.5]], rtol=1e-6)
    unknown = values(measured, even, {**goal, "earned": 1.0})
    assert unknown.tolist() == [[1.0, 1.0]]
