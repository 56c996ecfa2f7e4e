"""What the parts of a score learn of planted tastes, and what they must not make up."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy import sparse

from tests.training.planted import pairs_of, recipe, tasteful
from training import parts
from training.evaluate import auc
from training.features import tie_matrix
from training.matrices import Pairs, set_aside
from training.parts import (
    Features,
    Part,
    count_copies,
    fit_logistic,
    fit_part_neighbourhood,
    fit_ties,
    fit_warp,
    merge_copies,
    plan_parts,
)

LONG = {"warp__epochs": 20, "logistic__epochs": 30, "evidence__power": 0.0}


def scores(part: Part) -> np.ndarray:
    return part.users @ part.products.T


def fit(kind: str, pairs: Pairs, features: Features | None = None) -> Part:
    chosen = recipe(**LONG)
    if kind in ("warp", "logistic"):
        work = {"warp": fit_warp, "logistic": fit_logistic}[kind]
        return work(pairs, features or Features(), chosen, 0)
    return fit_part_neighbourhood(pairs, chosen, 0, kind)


def rank_of(part: Part, user: int, product: int) -> float:
    """Share of users below this one in the product's ranking."""
    said = scores(part)[:, product]
    return float((said < said[user]).mean())


@pytest.mark.parametrize("kind", ["logistic", "opinion"])
def test_a_dislike_lowers_the_rank_of_the_user(kind):
    """Of one person's acts only the sign changes; products 0, 2, 4 ... are of one taste."""
    opinions = tasteful()
    opinions[0] = 0
    ranks = {}
    for sign in (1, -1):
        opinions[0, [2, 4, 6]] = sign
        part = fit(kind, pairs_of(opinions))
        ranks[sign] = [rank_of(part, 0, product) for product in (2, 8, 10, 12)]
    fell = np.array(ranks[1]) - np.array(ranks[-1])
    assert fell[0] > 0.4  # the product itself
    assert (fell[1:] > 0.03).all()  # its neighbours


@pytest.mark.parametrize("kind", ["warp", "likes"])
def test_parts_of_likes_do_not_read_a_dislike_as_a_like(kind):
    opinions = tasteful()
    opinions[0] = 0
    opinions[0, [2, 4, 6]] = -1
    disliked = fit(kind, pairs_of(opinions))
    opinions[0, [2, 4, 6]] = 1
    liked = fit(kind, pairs_of(opinions))
    for product in (8, 10, 12):
        assert rank_of(disliked, 0, product) < rank_of(liked, 0, product)


def test_logistic_tells_held_out_likers_from_dislikers():
    pairs = pairs_of(tasteful())
    learned, held = set_aside(pairs, 0.2, 0)
    said = scores(fit("logistic", learned))[held.rows, held.columns]
    assert auc(said[held.polarity > 0], said[held.polarity < 0]) > 0.85


def test_logistic_learns_nothing_of_pairs_that_were_only_seen():
    opinions = tasteful()
    seen = np.where(opinions == 0, 2, opinions)
    first, second = (scores(fit("logistic", pairs_of(each))) for each in (opinions, seen))
    assert (first == second).all()


def per_user_warp(pairs: Pairs) -> np.ndarray:
    """What LightFM says in its ordinary use: users × products, `predict`, user biases and all."""
    from lightfm import LightFM

    settings = recipe(**LONG)["warp"]
    model = LightFM(settings.factors, loss="warp", random_state=0)
    likes = sparse.csr_matrix((pairs.likes > 0).astype(np.float32)).tocoo()
    model.fit(likes, epochs=settings.epochs, num_threads=1)
    users, products = np.indices(pairs.shape).astype(np.int32)
    return model.predict(users.ravel(), products.ravel()).reshape(pairs.shape)


def test_by_product_users_are_ranked_better_than_by_ordinary_use():
    """People differ in how much they like at all: LightFM's user biases turn that around."""
    random = np.random.default_rng(0)
    opinions = tasteful(400, 40)
    opinions[random.random(opinions.shape) < np.linspace(0, 0.9, 400)[:, None]] = 0
    pairs = pairs_of(opinions)
    learned, held = set_aside(pairs, 0.2, 0)

    def mean_auc(said: np.ndarray) -> float:
        found = []
        for product in range(40):
            likers = np.zeros(400, bool)
            likers[held.rows[(held.columns == product) & (held.polarity > 0)]] = True
            others = ~likers
            others[learned.rows[learned.columns == product]] = False
            if likers.sum() >= 5:
                found.append(auc(said[likers, product], said[others, product]))
        return float(np.mean(found))

    ours, theirs = mean_auc(scores(fit("warp", learned))), mean_auc(per_user_warp(learned))
    assert ours > 0.75
    assert ours > theirs + 0.1


@pytest.mark.parametrize("kind", ["warp", "logistic", "likes", "seen", "opinion"])
def test_who_never_acted_has_no_row_of_their_own(kind):
    opinions = tasteful(100, 12)
    opinions[7] = 0
    opinions[:, 5] = 0
    opinions[3, 3] = 2
    part = fit(kind, pairs_of(opinions))
    ones = {"warp": 1, "logistic": 2}.get(kind, 0)  # columns of biases and of ones
    width = part.users.shape[1] - ones
    assert part.users[7, :width] == pytest.approx(np.zeros(width), abs=1e-12)
    assert part.products[5, :width] == pytest.approx(np.zeros(width), abs=1e-12)


def test_a_product_without_a_like_ranks_nobody_by_chance():
    """WARP never learned of it; a random start must not pass for a ranking."""
    opinions = tasteful(100, 12)
    opinions[:, 5] = np.where(opinions[:, 5] != 0, -1, 0)
    part = fit("warp", pairs_of(opinions))
    assert not part.products[5, :-1].any()


def test_who_has_no_opinion_is_not_given_one():
    opinions = tasteful(100, 12)
    opinions[7] = np.where(opinions[7] != 0, 2, 0)
    opinions[:, 5] = np.where(opinions[:, 5] != 0, 2, 0)
    part = fit("logistic", pairs_of(opinions))
    assert not part.users[7, :-1].any()
    assert not part.products[5, :-2].any()


def features_of_taste(opinions: np.ndarray) -> Features:
    """For each product half of itself, half of its taste; users only themselves."""
    products = opinions.shape[1]
    taste = np.eye(2)[np.arange(products) % 2]
    return Features(products=sparse.csr_array(np.hstack([np.eye(products), taste]) / 2))


@pytest.mark.parametrize("kind", ["warp", "logistic"])
def test_a_product_that_nobody_acted_on_is_known_by_its_features(kind):
    opinions = tasteful()
    truth = scores(fit(kind, pairs_of(opinions)))[:, [8, 9]]
    opinions[:, [8, 9]] = 0
    part = fit(kind, pairs_of(opinions), features_of_taste(opinions))
    found = scores(part)[:, [8, 9]]
    assert np.isfinite(found).all()
    for column in (0, 1):
        assert np.corrcoef(found[:, column], truth[:, column])[0, 1] > 0.6


@pytest.mark.parametrize(
    ("opinions", "names"),
    [
        (
            [[1, -1], [2, 1]],
            ["warp-0", "logistic", "warp-1", "likes", "seen", "opinion", "lookalike"],
        ),
        ([[1, 2], [2, 1]], ["warp-0", "warp-1", "likes", "seen", "lookalike"]),
        ([[1, 1], [0, 1]], ["warp-0", "warp-1", "likes", "lookalike"]),
    ],
)
def test_what_cannot_teach_is_left_out(opinions, names):
    tasks = plan_parts(pairs_of(np.array(opinions)), Features(), recipe(), 0)
    assert [work(**arguments).name for work, arguments in tasks] == names


def test_one_copy_alone_pays_for_attributes():
    opinions = tasteful(60, 10)
    tasks = plan_parts(pairs_of(opinions), features_of_taste(opinions), recipe(), 0)
    learned = {
        part.name: next(iter(part.fitted.values())).user_embeddings.shape[0]
        for part in (work(**arguments) for work, arguments in tasks)
        if "warp" in part.name
    }
    assert learned == {"warp-0": 12, "warp-1": 10}


@pytest.mark.parametrize("kind", ["warp", "logistic"])
def test_a_fit_is_seeded(kind):
    pairs = pairs_of(tasteful(100, 12))
    assert fit(kind, pairs).users.tobytes() == fit(kind, pairs).users.tobytes()
    work = {"warp": fit_warp, "logistic": fit_logistic}[kind]
    other = work(pairs, Features(), recipe(**LONG), 1)
    assert other.users.tobytes() != fit(kind, pairs).users.tobytes()


def test_the_product_of_the_arrays_is_what_lightfm_says():
    """Every bias and every sign that LightFM has is in the arrays, but for the product's own."""
    part = fit("warp", pairs_of(tasteful(60, 10)))
    users = np.arange(60, dtype=np.int32)
    for product in range(10):
        said = part.fitted["warp-0"].predict(np.full(60, product, np.int32), users)
        ours = scores(part)[:, product]
        assert ours - ours[0] == pytest.approx(said - said[0], abs=1e-4)
    logistic = fit("logistic", pairs_of(tasteful(60, 10)))
    rows, columns = (each.ravel().astype(np.int32) for each in np.indices((60, 10)))
    said = logistic.fitted["logistic"].predict(rows, columns)
    assert scores(logistic)[rows, columns] == pytest.approx(said, abs=1e-4)


@pytest.mark.parametrize(
    ("most", "affordable", "number"), [(8, 20, 8), (8, 5, 5), (8, 1, 3), (2, 20, 2), (2, 1, 2)]
)
def test_few_likes_get_more_copies(most, affordable, number):
    """Out of three at least and `most`; as many as are affordable, of a part as of all."""
    pairs = pairs_of(tasteful(60, 10))
    likes = int((pairs.polarity > 0).sum())
    made = recipe(warp__copies=most, warp__copied_likes=affordable * likes)
    learned, _ = set_aside(pairs, 0.5, 0)
    assert count_copies(pairs, made) == count_copies(learned, made) == number


def test_copies_of_warp_differ_and_are_joined_into_their_mean():
    pairs = pairs_of(tasteful(60, 10))
    copies = [fit_warp(pairs, Features(), recipe(), 0, copy=copy) for copy in (0, 1)]
    assert copies[0].users.tobytes() != copies[1].users.tobytes()
    likes = fit("likes", pairs)
    merged, other = merge_copies([*copies, likes])
    assert (merged.name, other) == ("warp", likes)
    assert scores(merged) == pytest.approx((scores(copies[0]) + scores(copies[1])) / 2, abs=1e-5)
    assert set(merged.fitted) == {"warp-0", "warp-1"}


def test_friends_of_likers_rank_above_friends_of_nobody():
    """Two people who did the same; one follows the likers of product 0."""
    opinions = tasteful(120, 12)
    opinions[:2] = 0
    opinions[:2, 11] = 1
    pairs = pairs_of(opinions)
    likers = np.flatnonzero(opinions[:, 0] > 0)
    follows = pl.DataFrame(
        {
            "follower_id": ["u00000"] * len(likers) + ["u00001"] * 5 + ["stranger"],
            "followee_id": [f"u{row:05d}" for row in likers]
            + [f"u{row:05d}" for row in np.flatnonzero(opinions[:, 0] < 0)[:5]]
            + ["u00001"],
        }
    )
    ties = tie_matrix(follows, pairs.users)
    part = fit_ties(pairs, recipe(), 0, ties)
    scores = part.users @ part.products[0]
    assert scores[0] > scores[1]
    assert not part.users[np.asarray(ties.sum(1)).ravel() == 0].any()


def test_what_friends_like_is_smoothed_by_its_ridge():
    """The stronger the ridge, the less is left beside what all circles like."""
    pairs = pairs_of(tasteful(60, 12))
    rng = np.random.default_rng(4)
    circle = pairs.users.to_list()
    followed = [circle[at] for at in rng.integers(0, 60, 300)]
    follows = pl.DataFrame({"follower_id": circle * 5, "followee_id": followed})
    ties = tie_matrix(follows, pairs.users)
    left = []
    for ridge in (0.01, 10.0, 1000.0):
        part = fit_ties(pairs, recipe(neighbourhood__ties_ridge=ridge), 0, ties)
        values = np.linalg.svd(part.users, compute_uv=False)
        left.append(values[1] / values[0])
    assert left[0] > left[1] > left[2]


def test_friends_who_like_nothing_say_nothing():
    opinions = tasteful(40, 6)
    opinions[:2] = -1
    pairs = pairs_of(opinions)
    follows = pl.DataFrame({"follower_id": ["u00000"], "followee_id": ["u00001"]})
    part = fit_ties(pairs, recipe(), 0, tie_matrix(follows, pairs.users))
    assert part.users.shape == (40, 1)
    assert not part.users.any()
    assert not part.products.any()


def test_of_very_many_ties_some_are_drawn(monkeypatch):
    pairs = pairs_of(tasteful(120, 12))
    circle = pairs.users.to_list()
    follows = pl.DataFrame(
        {"follower_id": circle * 20, "followee_id": [circle[(n * 7 + n // 120 + 1) % 120]
                                                     for n in range(120 * 20)]}
    )  # fmt: skip
    ties = tie_matrix(follows, pairs.users)
    whole = fit_ties(pairs, recipe(), 0, ties)
    monkeypatch.setattr(parts, "MOST_FRIENDS_LIKES", 500)
    some, again = (fit_ties(pairs, recipe(), 0, ties) for _ in range(2))
    assert some.users.tobytes() == again.users.tobytes()
    assert np.count_nonzero(some.users.any(1)) < np.count_nonzero(whole.users.any(1))


def test_a_tie_counts_once_and_nobody_follows_themselves():
    users = pl.Series(["a", "b", "c"])
    follows = pl.DataFrame(
        {"follower_id": ["a", "b", "c", "a"], "followee_id": ["b", "a", "c", "elsewhere"]}
    )
    assert tie_matrix(follows, users).toarray().tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 0]]
    assert tie_matrix(follows.filter(pl.col("follower_id") == "c"), users) is None
