"""What a grade must be, whatever the scale of the values and the order of the acts."""

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.signals.grading import grade_acts
from tests.engine.signals.test_evidence import act, pair, table, weigh

LIKE, DISLIKE, VIEW = 0, 1, 2
SIGN = np.array([1, -1, 0])
acts = st.lists(
    st.tuples(
        st.integers(0, 3), st.sampled_from([LIKE, DISLIKE, VIEW]), st.none() | st.integers(-5, 5)
    ),
    max_size=40,
)


def grade(rows):
    users, actions = (np.array([row[at] for row in rows], np.int64) for at in (0, 1))
    values = np.array([np.nan if row[2] is None else row[2] for row in rows], np.float64)
    return grade_acts(users, actions, values, SIGN[actions])


@settings(max_examples=100, deadline=None)
@given(acts, st.randoms(use_true_random=False))
def test_grades_are_ranks_among_the_users_own_acts_of_the_kind(rows, random):
    found = grade(rows)
    for row, got in zip(rows, found, strict=True):
        user, action, value = row
        if value is None or action == VIEW:
            assert got == 1
            continue
        own = np.array([v for u, a, v in rows if (u, a) == (user, action) and v is not None])
        weaker = (own < value) if action == LIKE else (own > value)
        assert got == 0.5 + (weaker.sum() + (own == value).sum() / 2) / own.size
    order = list(range(len(rows)))
    random.shuffle(order)
    np.testing.assert_array_equal(grade([rows[at] for at in order]), found[order])


@settings(max_examples=50, deadline=None)
@given(acts)
def test_stretching_the_scale_changes_no_grade(rows):
    stretched = [(u, a, None if v is None else 7.0 * v + 100) for u, a, v in rows]
    np.testing.assert_array_equal(grade(rows), grade(stretched))


def test_infinite_values_grade_nothing():
    found = grade([(0, LIKE, np.inf), (0, LIKE, 1.0), (0, LIKE, -np.inf)])
    assert found.tolist() == [1, 1, 1]


def test_the_best_rated_of_a_user_is_graded_highest_in_the_evidence():
    rated = [act(f"e{at}", "a", f"p{at}", "like", value=float(at)) for at in range(4)]
    pairs = weigh(
        table(*rated, act("d", "a", "q", "dislike", value=1.0), act("b", "b", "q", "like"))
    )
    assert pairs["grade"].to_list() == [0.625, 0.875, 1.125, 1.375, 1.0, 1.0]


def test_a_pair_has_the_mean_grade_of_the_acts_that_agree():
    found = weigh(
        table(
            act("e1", "a", "x", "like", 3, value=1.0),
            act("e2", "a", "x", "like", 2, value=5.0),
            act("e3", "a", "y", "like", 2, value=3.0),
            act("e4", "a", "y", "dislike", 1, value=3.0),
        )
    )
    assert dict(zip(found["product_id"], found["grade"], strict=True)) == {"x": 1.0, "y": 1.0}


def test_events_without_a_value_column_are_graded_one():
    events = table(act("e", "a", "x", "like")).drop("value")
    assert weigh(events)["grade"].to_list() == [1.0]
    assert pair(act("e", "a", "x", "view", value=4.0))["grade"] == 1.0
    assert weigh(events).schema["grade"] == pl.Float64
