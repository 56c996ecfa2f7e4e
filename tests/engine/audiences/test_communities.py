from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy import sparse

from engine import settings
from engine.audiences.communities import assign_communities, find_communities
from engine.audiences.tastes import standing_out
from tests.engine.audiences.planted import plant

CHOSEN = settings.load("audiences")["communities"]


@pytest.fixture(scope="module")
def world():
    return plant(users=2000, products=24, tastes=4, seed=1)


def test_the_planted_communities_are_found(world):
    labels = assign_communities(world.learned.embeddings, settings=CHOSEN, least=25, seed=0)
    assert labels.max() == 3
    for label in range(4):
        own = np.bincount(world.taste[labels == label], minlength=4)
        assert own.max() / own.sum() > 0.99


def test_communities_are_numbered_from_the_largest(world):
    labels = assign_communities(world.learned.embeddings, settings=CHOSEN, least=25, seed=0)
    assert (np.diff(np.bincount(labels)) <= 0).all()


def test_the_same_seed_gives_the_same_communities(world):
    runs = [
        assign_communities(world.learned.embeddings, settings=CHOSEN, least=25, seed=9)
        for _ in range(2)
    ]
    np.testing.assert_array_equal(*runs)


def test_what_all_embeddings_share_hides_no_community(world):
    shifted = world.learned.embeddings + np.float32(20)
    labels = assign_communities(shifted, settings=CHOSEN, least=25, seed=0)
    assert labels.max() == 3


def test_a_community_is_named_by_its_own_taste(world):
    found = find_communities(
        world.learned.embeddings,
        world.learned.likes,
        world.learned.products,
        settings=CHOSEN,
        least=25,
        seed=0,
    )
    tags = world.learned.products["tags"].to_list()
    assert len({each.name for each in found}) == len(found) == 4
    for each in found:
        taste = np.bincount(world.taste[each.members]).argmax()
        tag, film = each.name.split(" · ")
        assert tag == tags[taste][0]
        assert world.theme[int(film.removeprefix("Film "))] == taste
        assert each.trait == f"they like {tag} and '{film}'"


def test_a_product_liked_by_all_names_nobody():
    counts = np.array([[500.0, 60, 1], [500, 1, 60]])
    scores = standing_out(counts, 500)
    assert abs(scores[0, 0]) < 1
    assert scores[0, 1] > 2
    assert scores[1, 2] > 2


def test_nobody_liking_anything_sets_nobody_apart():
    assert (standing_out(np.zeros((3, 4)), 500) == 0).all()


def test_a_small_community_is_dissolved():
    random = np.random.default_rng(0)
    embeddings = np.zeros((500, 3), np.float32)
    embeddings[:240, 0], embeddings[240:490, 1], embeddings[490:, 2] = 1, 1, 1
    embeddings += 0.02 * random.normal(size=embeddings.shape).astype(np.float32)
    labels = assign_communities(embeddings, settings=CHOSEN, least=25, seed=0)
    assert sorted(np.bincount(labels).tolist())[0] >= 240


@pytest.mark.parametrize("users", [1, 2, 30])
def test_too_few_users_make_no_community(users):
    embeddings = np.eye(30, dtype=np.float32)[:users]
    products = pl.DataFrame(
        {"product_id": ["a"], "name": ["A"], "tags": [None]},
        schema={"product_id": pl.String, "name": pl.String, "tags": pl.List(pl.String)},
    )
    likes = sparse.csr_array((users, 1), dtype=np.float32)
    assert find_communities(embeddings, likes, products, settings=CHOSEN, least=25, seed=0) == []


def test_a_zero_embedding_belongs_to_no_community(world):
    embeddings = world.learned.embeddings.copy()
    embeddings[:50] = 0
    labels = assign_communities(embeddings, settings=CHOSEN, least=25, seed=0)
    assert (labels[:50] == -1).all()
    assert (labels[50:] >= 0).all()


def test_equal_embeddings_make_no_communities():
    labels = assign_communities(np.ones((400, 4), np.float32), settings=CHOSEN, least=25, seed=0)
    assert (labels == -1).all()
