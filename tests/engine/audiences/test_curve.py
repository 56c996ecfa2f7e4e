from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.audiences.curve import rate_errors, rate_intervals, read_points
from engine.audiences.outcomes import inside_shares
from engine.audiences.standing import best_mask, share_size

SHARES = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5]


@settings(deadline=None, max_examples=50)
@given(people=st.integers(1, 300), levels=st.integers(1, 50), seed=st.integers(0, 99))
def test_a_wider_audience_never_has_a_higher_rate(people, levels, seed):
    """Of four products one is open to all, one to half of the people, one to few, one to none."""
    random = np.random.default_rng(seed)
    open_ = random.random((4, people)) < np.array([[1.0], [0.5], [0.05], [0.0]])
    logits = random.integers(0, levels, (4, people)).astype(np.float32)
    interest = np.where(open_, logits / 50, 0).astype(np.float32)
    logits[~open_] = -np.inf
    ranked, left = -np.sort(-logits, axis=1), open_.sum(axis=1)
    points = read_points(interest, ranked, left, SHARES)
    assert (np.diff(points.expected, axis=1) <= 0).all()
    means = interest.sum(axis=1) / np.maximum(left, 1)
    np.testing.assert_allclose(points.everybody, means, rtol=1e-5, atol=1e-7)
    for at, share in enumerate(SHARES):
        counts = np.minimum(share_size(share, people), left)
        inside = best_mask(logits, ranked, counts)
        assert (inside.sum(axis=1) == counts).all()
        assert not (inside & ~open_).any()
        mean = (interest * inside).sum(axis=1) / np.maximum(counts, 1)
        np.testing.assert_allclose(points.expected[:, at], mean, rtol=1e-4, atol=1e-6)
        lowest = np.where(inside, logits, np.inf).min(axis=1)
        assert (lowest[counts > 0] == points.thresholds[counts > 0, at]).all()
    assert np.isfinite(points.thresholds).all()
    assert (points.thresholds[left == 0] > 1e30).all()


@pytest.mark.parametrize("error", [0.05, 0.3])
@pytest.mark.parametrize("people", [2000, 100_000])
def test_the_interval_holds_the_rate_that_comes_as_often_as_it_says(error, people):
    random = np.random.default_rng(people)
    products = 400
    sizes = np.array([share_size(share, people) for share in SHARES])
    base = random.gamma(1.0, 0.02, (products, 1))
    expected = np.clip(base * np.array([8, 7, 6, 4, 3, 2, 1.6, 1.2]), 0, 0.9)
    spread = np.sqrt(np.log1p(error**2))
    off = random.lognormal(-(spread**2) / 2, spread, (products, 1))
    true = np.clip(expected * off, 0, 1)
    held = random.poisson(true * sizes * 0.2)
    errors = rate_errors(held, expected * sizes, 0 * held, scale=0.2, default=0.3)
    lower, upper = rate_intervals(expected, np.tile(sizes, (products, 1)), errors, confidence=0.95)
    came = random.poisson(true * sizes) / sizes
    inside = ((lower <= came) & (came <= upper)).mean()
    assert 0.90 <= inside <= 0.995
    assert (lower <= expected).all()
    assert (expected <= upper).all()


def test_likes_are_counted_inside_each_share():
    thresholds = np.array([[2.0, 1.0], [0.5, 0.0]], np.float32)
    product = np.array([0, 0, 0, 1])
    logit = np.array([2.5, 1.5, 0.1, 0.2], np.float32)
    weights = np.array([1.0, 0.5, 1.0, 2.0])
    assert inside_shares(product, logit, weights, thresholds).tolist() == [[1, 1.5], [0, 2]]


def test_without_likes_the_default_speaks():
    errors = rate_errors(
        np.zeros((3, 2)), np.ones((3, 2)), np.zeros((3, 2)), scale=0.0, default=0.3
    )
    assert errors.tolist() == pytest.approx([0.3, 0.3])


def test_a_rate_of_zero_has_a_finite_interval():
    lower, upper = rate_intervals(
        np.zeros((1, 2)), np.array([[10, 1000]]), np.array([0.3, 0.3]), confidence=0.95
    )
    assert lower.tolist() == [[0.0, 0.0]]
    assert np.isfinite(upper).all()
    assert upper.max() < 1


def test_nobody_is_promised_nothing():
    lower, upper = rate_intervals(
        np.zeros((1, 2)), np.array([[0, 0]]), np.array([0.3, 0.3]), confidence=0.95
    )
    assert lower.tolist() == upper.tolist() == [[0.0, 0.0]]
