"""Off-policy estimates: right on average where the log is right, honest about how sure they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.errors import InvalidValue
from engine.measurement.offpolicy import METHODS, Log, RewardModel, estimate, expected_reward

ACTIONS = 5
CHANCE = np.array([0.05, 0.1, 0.2, 0.3, 0.6])
LOGGED = np.array([0.5, 0.2, 0.15, 0.1, 0.05])
JUDGED = np.array([0.05, 0.05, 0.1, 0.2, 0.6])
TRUTH = float(CHANCE @ JUDGED)


def drawn(size: int, seed: int, wrong: float = 0.0) -> tuple[Log, RewardModel]:
    """A log of a policy that prefers what is liked least, and a model that errs by `wrong`."""
    random = np.random.default_rng(seed)
    action = random.choice(ACTIONS, size, p=LOGGED)
    reward = (random.random(size) < CHANCE[action]).astype(float)
    said = CHANCE + wrong
    expected = expected_reward(np.tile(said, (size, 1)), np.tile(JUDGED, (size, 1)))
    return Log(reward, LOGGED[action], JUDGED[action]), RewardModel(said[action], expected)


def many(
    method: str, *, wrong: float = 0.0, size: int = 1500, times: int = 150
) -> tuple[float, ...]:
    """Mean, standard deviation and coverage over many logs."""
    found = [
        estimate(log, method=method, model=model)
        for log, model in (drawn(size, seed, wrong) for seed in range(times))
    ]
    values = np.array([each.value for each in found])
    covered = np.mean([each.includes(TRUTH) for each in found])
    return float(values.mean()), float(values.std()), float(covered)


@pytest.mark.parametrize("method", ["ips", "snips", "dr"])
def test_estimates_find_the_truth_and_their_intervals_hold_it(method):
    mean, spread, covered = many(method)
    assert mean == pytest.approx(TRUTH, abs=4 * spread / np.sqrt(150) + 0.002)
    assert 0.9 <= covered <= 0.99


def test_a_wrong_model_does_not_mislead_the_doubly_robust_estimate():
    mean, spread, covered = many("dr", wrong=0.3)
    assert mean == pytest.approx(TRUTH, abs=4 * spread / np.sqrt(150))
    assert covered >= 0.9


def test_a_good_model_makes_it_narrower():
    assert many("dr")[1] < 0.9 * many("ips")[1]


def test_clipping_gives_up_the_bias_for_less_variance():
    log, _ = drawn(2000, 0)
    plain, clipped = (estimate(log, method=m, clip=2.0) for m in ("ips", "clipped"))
    harder = estimate(log, method="clipped", clip=0.5)
    assert harder.value < clipped.value <= plain.value
    assert harder.error < clipped.error <= plain.error


def test_the_logged_policy_is_worth_its_mean_reward():
    log, _ = drawn(800, 3)
    own = Log(log.reward, log.propensity, log.propensity)
    for method in ("ips", "clipped", "snips"):
        found = estimate(own, method=method)
        assert found.value == pytest.approx(float(np.mean(log.reward)))
        assert found.effective == pytest.approx(800)


def test_the_bootstrap_agrees_where_there_is_much_to_draw_from():
    log, model = drawn(4000, 5)
    for method in METHODS:
        one, other = (estimate(log, method=method, model=model, draws=d) for d in (0, 800))
        assert other.value == one.value
        assert other.upper - other.lower == pytest.approx(one.upper - one.lower, rel=0.15)
        again = estimate(log, method=method, model=model, draws=800)
        assert (again.lower, again.upper) == (other.lower, other.upper)


def test_impressions_of_the_same_person_do_not_count_as_many():
    log, _ = drawn(500, 6)
    copies = [np.repeat(np.asarray(a), 4) for a in (log.reward, log.propensity, log.target)]
    plain = estimate(log, method="ips")
    known = estimate(Log(*copies, unit=np.repeat(np.arange(500), 4)), method="ips")
    assert known.value == pytest.approx(plain.value)
    assert known.error == pytest.approx(plain.error)
    assert estimate(Log(*copies), method="ips").error < 0.6 * plain.error


def test_a_policy_that_the_log_never_followed_is_not_known():
    log = Log(np.ones(10), np.full(10, 0.5), np.zeros(10))
    assert estimate(log, method="snips").effective == 0
    assert not np.isfinite(estimate(log, method="snips").upper)


@given(
    st.lists(
        st.tuples(st.floats(-5, 5), st.floats(0.01, 1), st.floats(0, 1)), min_size=2, max_size=30
    )
)
@example([(0.0, 1.0, 0.0), (1.5, 1.0, 5e-324)])
def test_the_self_normalised_value_lies_among_the_rewards(rows):
    reward, propensity, target = (np.array(column) for column in zip(*rows, strict=True))
    found = estimate(Log(reward, propensity, target), method="snips")
    if target.sum() > 0:
        assert reward.min() - 1e-9 <= found.value <= reward.max() + 1e-9
    assert found.lower <= found.value <= found.upper
    assert 0 <= found.effective <= len(rows) + 1e-6


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"propensity": np.array([0.0, 0.5])}, "propensity"),
        ({"propensity": np.array([1.5, 0.5])}, "propensity"),
        ({"target": np.array([-0.1, 0.5])}, "target"),
        ({"reward": np.array([np.nan, 1.0])}, "reward"),
        ({"target": np.array([0.5])}, "target"),
        ({"unit": np.array([1])}, "unit"),
    ],
)
def test_logs_that_cannot_be_are_refused(change, field):
    right = {"reward": np.ones(2), "propensity": np.full(2, 0.5), "target": np.full(2, 0.5)}
    with pytest.raises(InvalidValue, match=field):
        Log(**(right | change))


def test_questions_that_cannot_be_answered_are_refused():
    log, model = drawn(10, 0)
    short = RewardModel(model.taken[:3], model.expected[:3])
    for wrong in (
        {"method": "magic"},
        {"method": "dr"},
        {"method": "dr", "model": short},
        {"method": "ips", "clip": 0.0},
        {"method": "ips", "confidence": 1.0},
    ):
        with pytest.raises(InvalidValue):
            estimate(log, **wrong)
    with pytest.raises(InvalidValue):
        Log(np.zeros(0), np.zeros(0), np.zeros(0))
