"""Choices of groups and products: shrunk towards each other, and judged by who did not choose."""

from __future__ import annotations

import numpy as np
import pytest

from training.targeting_choice import (
    Arms,
    Known,
    Pools,
    choose_arms,
    group_names,
    judge_fold,
    tier_edges,
)

USUAL = 1
SURE, MIXED, HELD = Pools(1.0, 1.0), Pools(1.0, 20.0), Pools(1e9, 1e9)


def planted(
    products: int = 400, noise: float = 3.0, seed: int = 0
) -> tuple[Arms, Known, np.ndarray]:
    """Products of four groups; arm g is the best of group g but for a few large products."""
    random = np.random.default_rng(seed)
    group = np.arange(products) % 4
    large = np.arange(products) % 21 == 0
    best = np.where(large, (group + 1) % 4, group)
    likes = np.where(large, 100.0, 8.0)
    gain = (best[:, None] == np.arange(4)) * likes[:, None] * 0.25
    worth = gain + random.normal(0, noise, (3, products, 4)) * np.sqrt(likes)[:, None] / 4
    arms = Arms(worth, USUAL, *(np.ones((products, 4)) for _ in range(3)))
    return arms, Known(likes, group), best


def test_products_of_much_data_choose_for_themselves_and_others_with_their_group():
    arms, known, best = planted()
    products = choose_arms(arms.worth.sum(axis=0), USUAL, known, MIXED)[1]
    large = known.likes > 8
    assert (products[large] == best[large]).mean() > 0.95
    assert (products[~large] == best[~large]).mean() > 0.8
    alone = choose_arms(arms.worth.sum(axis=0), USUAL, known, Pools(1.0, 1e-6))[1]
    assert (products[~large] == best[~large]).mean() > (alone[~large] == best[~large]).mean() + 0.1


def test_shrinking_pays_for_people_who_did_not_choose():
    arms, known, _ = planted(noise=6.0)
    some, none, all_ = (
        judge_fold(arms, known, pools, by=[0, 1], on=2).mean()
        for pools in (MIXED, Pools(1.0, 1e-6), HELD)
    )
    assert some > none
    assert some > all_


def test_where_pools_are_endless_all_do_as_everybody_does():
    arms, known, _ = planted()
    groups, products = choose_arms(arms.worth.sum(axis=0), USUAL, known, HELD)
    assert len(set(groups)) == len(set(products)) == 1


def test_without_any_gain_nobody_deviates():
    known = Known(np.array([0.0, 5.0, 50.0]), np.array([0, 0, 1]))
    groups, products = choose_arms(np.ones((3, 4)), 2, known, SURE)
    assert groups.tolist() == [2, 2]
    assert products.tolist() == [2, 2, 2]


def test_a_product_without_likes_does_as_its_group():
    worth = np.array([[0.0, 0.0], [9.0, 0.0], [9.0, 0.0]])
    known = Known(np.array([0.0, 10.0, 10.0]), np.array([0, 0, 0]))
    assert choose_arms(worth, 1, known, SURE)[1].tolist() == [0, 0, 0]


def test_groups_are_tiers_of_likes_and_the_first_tag():
    likes = np.array([0.0, 1.0, 5.0, 9.0, 20.0, 100.0])
    edges = tier_edges(likes, 3)
    tags = [[], ["war"], ["war", "sad"], [], ["sad"], []]
    assert group_names(tags, likes, edges) == ["0", "0 war", "1 war", "1", "2 sad", "2"]
    assert group_names([[]], np.array([7.0]), tier_edges(likes, 1)) == ["0"]


@pytest.mark.parametrize("tiers", [1, 2, 5])
def test_edges_are_rising_and_each_once(tiers):
    edges = tier_edges(np.zeros(10), tiers)
    assert edges.size <= 1
    assert (np.diff(tier_edges(np.arange(100.0), tiers)) > 0).all()
