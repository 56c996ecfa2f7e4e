"""People who came later: folded in, they are known nearly as well as those trained in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy import sparse

from engine.audiences.scores import logits
from engine.frames import EVENTS
from engine.interests.folding import PARTS, PRESENCE, Folded, bridge_inputs, fit_bridge, fold_in
from engine.settings import load_rows
from engine.signals.evidence import weigh_events
from engine.store.artefacts import Model, open_model
from tests.training.planted import NOW, events_like, quick_home, tasteful
from tests.worlds import small
from training.evaluate import auc
from training.flow import retrain


def acts_of(opinions: np.ndarray) -> dict[str, sparse.csr_array]:
    masks = {"likes": opinions == 1, "dislikes": opinions == -1, "seen": opinions != 0}
    return {name: sparse.csr_array(mask.astype(np.float32)) for name, mask in masks.items()}


def trained(folder: Path, opinions: np.ndarray) -> Model:
    home = quick_home(folder, events_like(opinions))
    retrain(home)
    return open_model(home)


def said(folded: Folded, model: Model, head: str = "interest") -> np.ndarray:
    """(people, products): logits of folded people."""
    terms = getattr(folded, f"{head}_terms")
    return logits(folded.embeddings, terms, getattr(model, head), slice(None)).T


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    ranks = [np.argsort(np.argsort(each)) for each in (first, second)]
    return float(np.corrcoef(*ranks)[0, 1])


OPINIONS = tasteful(400, 24, seed=3)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return trained(tmp_path_factory.mktemp("folding") / "home", OPINIONS)


@pytest.fixture(scope="module")
def folded(model: Model) -> Folded:
    return fold_in(model.folding, **acts_of(OPINIONS))


@pytest.mark.parametrize("head", ["interest", "probability"])
def test_a_users_own_acts_give_back_their_ranking(model, folded, head):
    """Of products by a person, and of people by a product."""
    chosen = getattr(model, head)
    ours = said(folded, model, head)
    theirs = logits(model.embeddings, chosen.user_terms, chosen, slice(None)).T
    by_user = [rank_correlation(a, b) for a, b in zip(ours, theirs, strict=True)]
    by_product = [rank_correlation(a, b) for a, b in zip(ours.T, theirs.T, strict=True)]
    assert np.mean(by_user) >= 0.9
    assert np.mean(by_product) >= 0.9


def test_neighbourhoods_fold_in_exactly_where_all_acts_weigh_alike(model, folded):
    """Likes and dislikes weigh one each here; columns of `likes`, `seen`, `opinion` are exact."""
    for name, (start, stop) in zip(PARTS, model.folding["columns"], strict=True):
        if start >= 0 and name in ("likes", "seen", "opinion"):
            ours, theirs = folded.embeddings[:, start:stop], model.embeddings[:, start:stop]
            assert np.abs(ours - theirs).max() < 0.01 * np.abs(theirs).max(), name


def test_who_comes_later_counts_as_present_at_the_end(model):
    """Their acts, however many, lie where the last acts of the training lie."""
    start, stop = model.folding["columns"][PARTS.index(PRESENCE)]
    opinions = np.zeros((2, OPINIONS.shape[1]), int)
    opinions[0, 0], opinions[1, [0, 1, 2, 3]] = 1, 1
    found = fold_in(model.folding, **acts_of(opinions)).embeddings[:, start:stop]
    assert found[1] == pytest.approx(2 * found[0], rel=1e-4)
    last = np.sqrt((OPINIONS[-1] != 0).sum()) * found[0]  # acts come a minute apart, user by user
    assert last == pytest.approx(model.embeddings[-1, start:stop], rel=1e-3, abs=1e-3)


def test_a_model_from_before_parts_of_time_folds_in_as_it_did(tmp_path):
    """Without moments there are no such parts; models of old have no columns for them either."""
    events = events_like(OPINIONS).with_columns(pl.lit(NOW).alias("occurred_at"))
    home = quick_home(
        tmp_path / "home", events.cast({"occurred_at": EVENTS.columns["occurred_at"]})
    )
    retrain(home)
    now = open_model(home).folding
    since = PARTS.index(PRESENCE)
    assert (now["columns"][since:] == -1).all()
    before = {**now, "columns": now["columns"][:since]}
    ours, theirs = (fold_in(each, **acts_of(OPINIONS)).embeddings for each in (before, now))
    assert (ours == theirs).all()


def test_terms_of_a_folded_user_are_those_of_the_model(model, folded):
    for name in ("interest", "probability"):
        ours, theirs = getattr(folded, f"{name}_terms"), getattr(model, name).user_terms
        assert ours == pytest.approx(theirs, abs=1e-3)


def test_who_did_nothing_is_finite_and_like_others_who_did_nothing(model):
    found = fold_in(model.folding, **acts_of(np.zeros((2, OPINIONS.shape[1]), int)))
    assert np.isfinite(said(found, model)).all()
    assert (found.embeddings[0] == found.embeddings[1]).all()


def test_a_dislike_lowers_and_a_like_raises_what_is_said(model):
    opinions = np.zeros((2, OPINIONS.shape[1]), int)
    opinions[0, [0, 2, 4]] = 1
    opinions[1, [0, 2, 4]] = -1
    found = said(fold_in(model.folding, **acts_of(opinions)), model, "probability")
    assert (found[0, 6::2] > found[1, 6::2]).all()


def test_rows_do_not_depend_on_who_is_folded_in_beside_them(model, folded):
    alone = fold_in(model.folding, **acts_of(OPINIONS[7:8]))
    assert alone.embeddings[0] == pytest.approx(folded.embeddings[7], abs=1e-5)


def test_the_bridge_is_ridge_regression():
    random = np.random.default_rng(0)
    products, users = random.normal(size=(9, 3)), random.normal(size=(50, 4))
    acts = acts_of(random.choice([0, 1, -1], (50, 9)))
    inputs = bridge_inputs(products, acts["likes"], acts["dislikes"])
    assert inputs.shape == (50, 2 * 3 + 3)
    first = acts["likes"].toarray()[0] > 0
    assert inputs[0, :3] == pytest.approx(products[first].mean(0))
    assert inputs[0, 3] == pytest.approx(np.log1p(first.sum()))
    found = fit_bridge(products, users, likes=acts["likes"], dislikes=acts["dislikes"], ridge=2.0)
    stacked = np.vstack([inputs, np.sqrt(2.0) * np.eye(9)])
    oracle = np.linalg.lstsq(stacked, np.vstack([users, np.zeros((9, 4))]), rcond=None)[0]
    assert found == pytest.approx(oracle, abs=1e-4)


def auc_of(scores: np.ndarray, hidden: np.ndarray, known: np.ndarray) -> float:
    """Mean over products: hidden likers above others of these people who had not acted."""
    found = []
    for product in range(hidden.shape[1]):
        likers = hidden[:, product] == 1
        others = ~likers & (known[:, product] == 0)
        if likers.sum() >= 3 and others.any():
            found.append(auc(scores[likers, product], scores[others, product]))
    return float(np.mean(found))


def compare(folder: Path, opinions: np.ndarray) -> tuple[float, float]:
    """AUC of a tenth of the people, folded in and trained in, by a fifth of their acts."""
    random = np.random.default_rng(1)
    late = np.arange(len(opinions)) % 10 == 0
    hide = (random.random(opinions.shape) < 0.2) & late[:, None]
    known = np.where(hide, 0, opinions)
    hidden = np.where(hide, opinions, 0)[late]
    without = trained(folder / "without", np.where(late[:, None], 0, known))
    folded = fold_in(without.folding, **acts_of(known[late]))
    both = trained(folder / "both", known)
    rows = [int(id[1:]) for id in both.users["user_id"]]
    theirs = np.full(len(opinions), -1)
    theirs[rows] = np.arange(len(rows))
    everybody = logits(both.embeddings, both.interest.user_terms, both.interest, slice(None)).T
    ours = auc_of(said(folded, without), hidden, known[late])
    return ours, auc_of(everybody[theirs[late]], hidden, known[late])


def test_people_folded_in_are_known_as_well_as_people_trained_in(tmp_path):
    folded, inside = compare(tmp_path, tasteful(1000, 24, seed=4))
    assert inside > 0.75
    assert folded >= 0.98 * inside


def small_opinions() -> np.ndarray:
    """What the small world's events say, densely."""
    events = small().events
    lacking = [name for name in EVENTS.columns if name not in events.columns]
    events = events.with_columns(
        pl.lit(None, EVENTS.columns[name]).alias(name) for name in lacking
    ).select(list(EVENTS.columns))
    last = events["occurred_at"].max()
    pairs = weigh_events(
        events.lazy(), actions=load_rows("actions", Path("nowhere")), now=last
    ).collect()
    found = np.zeros((small().users.height, small().products.height), int)
    rows, columns = (
        pairs[name].str.slice(1).cast(int).to_numpy() for name in ("user_id", "product_id")
    )
    polarity = pairs["polarity"].to_numpy()
    found[rows, columns] = np.where(polarity == 0, 2, polarity)
    return found


@pytest.mark.slow
def test_in_a_world_of_many_tastes_too(tmp_path):
    folded, inside = compare(tmp_path, small_opinions())
    assert inside > 0.75
    assert folded >= 0.98 * inside
