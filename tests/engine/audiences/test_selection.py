from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.audiences.selection import Limits, pick, values
from engine.audiences.standing import Measured, best_mask

NO_TOPS = np.zeros((0, 1, 0), bool)


def members(rows: list[list[int]], people: int) -> np.ndarray:
    found = np.zeros((len(rows), people), np.float32)
    for at, row in enumerate(rows):
        found[at, row] = 1
    return found


def worth_of(values: list[float]) -> np.ndarray:
    found = np.array([values], np.float32)
    return found / found.mean()


def test_ten_segments_are_not_one_segment_ten_times():
    people = 100
    alike = [list(range(at, 20 + at)) for at in range(10)]
    other = list(range(60, 80))
    worth = worth_of([9.0] * 30 + [1.0] * 30 + [6.0] * 20 + [1.0] * 20)
    picks = pick(
        members([*alike, other], people),
        np.zeros((0, 1, people), bool),
        worth,
        0.0,
        Limits(10, 0.5, 1.0),
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
    ranked = -np.sort(-scores, axis=1)
    tops = np.array(
        [best_mask(scores, ranked, max(1, people // (2 + at))) for at in range(shares)]
    ).reshape(shares, 3, people)
    limits = Limits(6, 0.8, 1.05)
    picks = pick(inside, tops, worth, power, limits)
    for product in range(3):
        sets = [inside[at] > 0 for at in range(segments)] + [
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
            assert scores[at] >= max(scores[i] for i in left if overlaps[i] <= 0.8) - 1e-4
            left.discard(at)
            free &= ~sets[at]


def test_size_is_rewarded_where_the_goal_asks_for_it():
    worth = worth_of([5.0] * 5 + [4.0] * 45 + [0.1] * 50)
    inside = members([list(range(5)), list(range(50))], 100)
    tops = np.zeros((0, 1, 100), bool)
    assert pick(inside, tops, worth, 0.0, Limits(1, 1.0, 1.0)).segments[0, 0] == 0
    assert pick(inside, tops, worth, 0.3, Limits(1, 1.0, 1.0)).segments[0, 0] == 1


def test_people_worth_less_than_everybody_are_not_listed():
    worth = worth_of([3.0] * 10 + [0.5] * 10)
    picks = pick(
        members([list(range(10, 20))], 20),
        np.zeros((0, 1, 20), bool),
        worth,
        0.0,
        Limits(3, 1.0, 1.05),
    )
    assert (picks.segments == -1).all()


def test_no_segments_are_an_empty_answer():
    picks = pick(
        np.zeros((0, 9), np.float32),
        np.zeros((0, 2, 9), bool),
        np.ones((2, 9), np.float32),
        0.0,
        Limits(4, 1.0, 1.0),
    )
    assert picks.segments.tolist() == [[-1] * 4] * 2


def test_the_goal_decides_whom_it_values():
    interest = np.array([[0.9, 0.1]], np.float32)
    measured = Measured(interest, 1 - interest, interest, interest, np.zeros((0, 1, 2), bool))
    even = np.ones(2, np.float32)
    base = {"loyalty": 0.0, "size": 0.0, "about": ""}
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


def test_rates_of_zero_are_worth_the_same_for_all():
    nothing = np.zeros((1, 3), np.float32)
    measured = Measured(nothing, nothing, nothing, nothing, np.zeros((0, 1, 3), bool))
    goal = {"interest": 0.5, "probability": 0.5, "loyalty": 0.0, "size": 0.0, "about": ""}
    assert values(measured, np.ones(3, np.float32), goal).tolist() == [[1.0, 1.0, 1.0]]
