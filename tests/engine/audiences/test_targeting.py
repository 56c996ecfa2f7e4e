"""Widths: what is expected of the best people, and the share at which it pays most."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import settings
from engine.audiences.build import find_segments
from engine.audiences.scores import logits, rates
from engine.audiences.standing import draw_panel
from engine.audiences.targeting import (
    Pooled,
    Prices,
    choose_places,
    expected_gain,
    order_people,
    place_of,
    share_at,
    share_grid,
    up_to,
)
from tests.engine.audiences.planted import AS_OF, plant

PRICES = Prices(1.0, 0.5, 0.1)
SHARES = share_grid(1000, 31)


def test_the_grid_reaches_from_one_person_to_all():
    assert share_grid(200, 10)[0] == pytest.approx(0.005)
    assert share_grid(10**7, 10)[0] == pytest.approx(0.001)
    assert share_grid(200, 10)[-1] == pytest.approx(1.0)
    assert share_grid(1, 5).tolist() == [1.0] * 5


def test_a_sure_liker_brings_a_like_and_a_sure_disliker_costs():
    gain = expected_gain(np.array([0.2, 0.2, 0.2]), np.array([1.0, 0.5, 0.0]), PRICES)
    assert gain[0] == pytest.approx(0.2)
    assert gain[1] == pytest.approx(0.2 - 0.5 * 0.2)
    assert gain[2] == pytest.approx(0.2 - 0.5 * 0.8)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_who_likes_rather_brings_no_less(interest, chance, more):
    one, other = expected_gain(
        np.array([interest]), np.array([[chance], [min(chance + more, 1.0)]]), PRICES
    )
    assert other >= one - 1e-12


def test_audiences_end_where_the_next_person_costs_more_than_they_bring():
    people = np.rint(SHARES * 1000).astype(int)
    rate = np.linspace(0.5, 0.0, 1000)
    gains = np.concatenate([[0], np.cumsum(rate)])[people][None, :]
    whole = Pooled(share=0.01, adapt=1.0, margin=1.0, floor=0.001)
    place = choose_places(whole, gains, people[None, :], price=0.1, shares=SHARES)
    assert people[share_at(place, SHARES, 0.001)][0] == pytest.approx(800, rel=0.13)
    careful = Pooled(0.01, 1.0, 3.0, 0.001)
    place = choose_places(careful, gains, people[None, :], price=0.1, shares=SHARES)
    assert people[share_at(place, SHARES, 0.001)][0] == pytest.approx(400, rel=0.13)
    still = Pooled(0.05, 0.0, 1.0, 0.001)
    place = choose_places(still, gains, people[None, :], price=0.1, shares=SHARES)
    assert SHARES[share_at(place, SHARES, 0.001)][0] == pytest.approx(0.05, rel=0.13)


@given(st.floats(-50, 80), st.floats(0.001, 1))
def test_no_audience_is_smaller_than_the_floor(place, floor):
    found = SHARES[share_at(np.array([place]), SHARES, floor)][0]
    assert floor * (1 - 1e-6) <= found <= 1.0


@given(st.integers(0, 30))
def test_a_share_of_the_grid_has_its_own_place(at):
    assert place_of(SHARES[at], SHARES) == pytest.approx(at, abs=1e-9)


def test_people_stand_in_order_and_sums_are_of_the_first():
    world = plant(users=300, seed=2).learned
    goal = settings.load_rows("goals")["loyalty"]
    chosen = settings.load("audiences")
    segments = find_segments(world, as_of=AS_OF, settings=chosen, seed=0)
    faith = np.random.default_rng(0).uniform(0.2, 3, 300).astype(np.float32)
    heads = (world.interest, world.probability)
    panel = draw_panel(
        np.arange(300), heads, embeddings=world.embeddings, segments=segments, loyalty=faith,
        seen=world.seen, most=1000, least=1, seed=0,
    )  # fmt: skip
    products = np.array([1, 4, 2])
    blend, shares = np.array([0.0, 0.3, 1.0], np.float32), share_grid(300, 12)
    blocks = list(
        order_people(panel, heads, products, blend=blend, shares=shares, goal=goal, block=2)
    )
    assert [block.products.tolist() for block in blocks] == [[1, 4], [2]]
    first = logits(world.embeddings, world.interest.user_terms, world.interest, products)
    other = logits(world.embeddings, world.probability.user_terms, world.probability, products)
    gain = expected_gain(
        rates(first, world.interest.knots), rates(other, world.probability.knots), Prices.of(goal)
    )
    order = np.vstack([block.order for block in blocks])
    people, gains = (np.vstack([getattr(b, n) for b in blocks]) for n in ("people", "gains"))
    for row, product in enumerate(products):
        open_ = np.ones(300, bool)
        open_[world.seen[:, [product]].indices] = False
        score = blend[row] * first[row] + (1 - blend[row]) * other[row]
        score = score + float(goal["loyalty"]) * np.log1p(faith)
        best = np.flatnonzero(open_)[np.argsort(-score[open_], kind="stable")]
        assert order[row, : best.size].tolist() == best.tolist()
        for at in range(shares.size):
            assert people[row, at] <= best.size
            assert gains[row, at] == pytest.approx(
                gain[row, best[: people[row, at]]].sum(), rel=1e-4
            )


def test_sums_over_nobody_are_zero():
    found = up_to(np.ones((1, 3)), np.array([[2, 0, 1]]), np.array([[0, 2, 3]]))
    assert found.tolist() == [[0.0, 2.0, 3.0]]
