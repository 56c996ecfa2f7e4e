from __future__ import annotations

import numpy as np
import pytest

from engine.audiences.lifts import lift_intervals, model_error, scatter
from engine.audiences.reasons import reason


def planted(error: float, likes: float, seed: int) -> tuple[np.ndarray, ...]:
    """Parts of 12 segments of 200 products; the model is off by `error`, likes are Poisson."""
    random = np.random.default_rng(seed)
    people = random.uniform(0.01, 0.3, 12)
    model = people * random.lognormal(0, 0.5, (200, 12))
    model = np.clip(model, 0, 0.9)
    spread = np.sqrt(np.log1p(error**2 * (1 - model)))
    true = np.clip(model * random.lognormal(-(spread**2) / 2, spread), 0, 0.999)
    total = random.poisson(random.gamma(0.7, likes / 0.7, 200))
    return people, model, true, total, random.binomial(total[:, None], true)


@pytest.mark.parametrize("error", [0.1, 0.4])
@pytest.mark.parametrize("likes", [3, 60, 2000])
def test_the_interval_holds_the_true_lift_as_often_as_it_says(error, likes):
    people, model, true, total, observed = planted(error, likes, int(likes))
    found = model_error(observed, total, model, default=0.4)
    _, lower, upper = lift_intervals(
        (observed, total[:, None]), model, model / people, people, error=found, confidence=0.95
    )
    inside = ((lower <= true / people) & (true / people <= upper)).mean()
    assert inside >= 0.90
    if likes >= 60:  # fewer cannot tell so small an error, and the interval stays on the safe side
        assert inside <= 0.99


@pytest.mark.parametrize("error", [0.1, 0.4, 0.8])
def test_the_error_of_the_model_is_found(error):
    _, model, _, total, observed = planted(error, 400, 7)
    assert model_error(observed, total, model, default=0.4) == pytest.approx(error, rel=0.25)


@pytest.mark.parametrize("error", [0.15, 0.3])
def test_an_error_is_found_behind_the_even_likes_of_people_who_like_almost_surely(error):
    """Of rates of 0.6 to 0.9 chance scatters likes so little that it would hide the error."""
    random = np.random.default_rng(5)
    people, products = 120, 1500
    inside = np.arange(people) < 40
    rates = np.where(inside, 0.6, random.uniform(0.05, 0.9, (products, 1)) * np.ones(people))
    spread = np.sqrt(np.log1p(error**2))
    true = np.where(
        inside, rates * random.lognormal(-(spread**2) / 2, spread, (products, 1)), rates
    )
    likes = random.random(true.shape) < true.clip(0, 1)
    sums, squares = ((part[:, inside].sum(1)[:, None], part.sum(1)) for part in (rates, rates**2))
    observed, total = likes[:, inside].sum(1)[:, None], likes.sum(1)
    part = sums[0] / sums[1][:, None]
    chance = scatter((sums[0], squares[0]), (sums[1], squares[1]), 1.0)
    assert chance.mean() < 0.7
    # The segment's own error moves everybody's sum too: of the part's error that much is left.
    left = error * float(np.sqrt(1 - part).mean())
    found = model_error(observed, total, part, default=0.4, chance=chance)
    assert found == pytest.approx(left, rel=0.15)
    assert model_error(observed, total, part, default=0.4) < 0.8 * found


def test_of_small_rates_chance_is_that_of_a_multinomial():
    rates = np.full((3, 50), 1e-4)
    sums = [(each[:, :10].sum(1)[:, None], each.sum(1)) for each in (rates, rates**2)]
    (inside, everybody), (squares, all_squares) = sums
    found = scatter((inside, squares), (everybody, all_squares), 1.0)
    np.testing.assert_allclose(found, 1, rtol=1e-3)


def test_without_likes_the_default_speaks():
    nothing = np.zeros((3, 4))
    assert model_error(nothing, np.zeros(3), np.full((3, 4), 0.1), default=0.4) == 0.4
    value, lower, upper = lift_intervals(
        (0.0, 0.0), np.array([0.2]), 2.0, np.array([0.1]), error=0.4, confidence=0.95
    )
    assert value == pytest.approx(2.0)
    assert lower[0] < 2 < upper[0]


def test_more_likes_narrow_the_interval_and_move_the_value():
    widths, values = [], []
    for factor in (1, 10, 100):
        value, lower, upper = lift_intervals(
            (30.0 * factor, 100.0 * factor), 0.1, 1.0, 0.1, error=0.4, confidence=0.95
        )
        widths.append(upper - lower)
        values.append(float(value))
    assert widths[0] > widths[1] > widths[2]
    assert 1 < values[0] < values[1] < values[2] < 3


def test_everybody_has_a_lift_of_one():
    value, lower, upper = lift_intervals((50.0, 50.0), 1.0, 1.0, 1.0, error=0.4, confidence=0.95)
    assert value == pytest.approx(1)
    assert lower == pytest.approx(1, abs=1e-3)
    assert upper == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("expected", [0.0, 1e-12, 0.5, 1.0])
@pytest.mark.parametrize(("observed", "total"), [(0.0, 0.0), (0.0, 1e6), (5.0, 5.0)])
@pytest.mark.parametrize("error", [0.05, 1.0])
def test_extremes_stay_finite_and_ordered(expected, observed, total, error):
    value, lower, upper = lift_intervals(
        (observed, total), expected, expected / 0.1, 0.1, error=error, confidence=0.95
    )
    assert np.isfinite([value, lower, upper]).all()
    assert 0 <= lower <= value <= upper


def test_a_reason_claims_no_more_than_the_interval():
    assert reason(3.21, 2.0, 4.0, "they like Drama") == (
        "3.2 × as many likers as everybody; they like Drama"
    )
    assert reason(1.4, 0.8, 2.0, "x").startswith("perhaps 1.4 ×")
    assert reason(1.01, 0.8, 1.2, "x") == "about as many likers as everybody; x"
    assert reason(0.5, 0.3, 0.8, "x") == "0.5 × the likers of everybody; x"
    assert reason(14.3, 12, 16, "x").startswith("14 ×")
