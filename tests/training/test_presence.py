"""What presence learns of who was there when a product was, and what it must not depend on."""

from __future__ import annotations

import numpy as np
import pytest

from engine.interests.folding import PRESENCE
from tests.training.planted import pairs_of, recipe, tasteful
from training.evaluate import auc
from training.matrices import Pairs, set_aside
from training.parts import Features, plan_parts
from training.presence import Presence, fit_presence

SECOND = 1_000_000


def come_and_gone(seed: int = 0) -> tuple[Pairs, np.ndarray, np.ndarray]:
    """300 people and 40 products without tastes, each around for a fifth of the time.

    Who acts meets products of that moment only. Also (users, products): whether they could meet.
    """
    random = np.random.default_rng(seed)
    person, product = random.random((300, 1)), random.random((1, 40))
    could = np.abs(person - product) < 0.1
    opinions = np.where(could & (random.random(could.shape) < 0.5), 1, 0)
    met = (person + product) / 2 + random.uniform(-0.02, 0.02, could.shape)
    return pairs_of(opinions, at=(met * 1e6 * SECOND).astype(np.int64)), could, opinions


def fit(pairs: Pairs, *, bins: int = 50, smoothing: float = 1.0, rank: int = 32) -> Presence:
    return fit_presence(pairs, bins=bins, smoothing=smoothing, rank=rank)


def scores(found: Presence) -> np.ndarray:
    return found.users @ found.products.T


def test_who_was_there_with_a_product_is_told_from_who_was_not():
    pairs, could, opinions = come_and_gone()
    said = scores(fit(set_aside(pairs, 0.2, 0)[0]))
    open_pairs = opinions == 0
    assert auc(said[could & open_pairs], said[~could]) > 0.9


def test_without_time_there_is_nothing_to_tell():
    """The same people and products, each act at a moment drawn for itself."""
    _, could, opinions = come_and_gone()
    random = np.random.default_rng(1).random(could.shape)
    said = scores(fit(pairs_of(opinions, at=(random * 1e6 * SECOND).astype(np.int64))))
    told = [
        auc(said[could[:, p] & (opinions[:, p] == 0), p], said[~could[:, p], p]) for p in range(40)
    ]
    assert np.mean(told) == pytest.approx(0.5, abs=0.1)


def test_at_full_rank_it_is_the_formula():
    pairs, _, _ = come_and_gone()
    found = fit(pairs, bins=12, rank=1000, smoothing=0.01)
    edges = np.unique(np.quantile(pairs.at, np.linspace(0, 1, 13)[1:-1], method="lower"))
    bin = np.searchsorted(edges, pairs.at)
    acted, shown = np.zeros((300, 12)), np.zeros((40, 12))
    np.add.at(acted, (pairs.rows, bin), 1)
    np.add.at(shown, (pairs.columns, bin), 1)
    number = np.maximum(acted.sum(1, keepdims=True), 1)
    expected = acted / np.sqrt(number) @ np.sqrt(shown / shown.sum(0)).T
    assert scores(found) == pytest.approx(expected, abs=1e-5)
    assert found.latest @ found.products.T == pytest.approx(
        np.sqrt(shown[:, -1] / shown[:, -1].sum()), abs=1e-5
    )


@pytest.mark.parametrize("unit", [1, 3600])
def test_only_the_order_of_moments_counts(unit):
    pairs, _, opinions = come_and_gone()
    at = np.zeros(opinions.shape, np.int64)
    at[pairs.rows, pairs.columns] = pairs.at
    moved = fit(pairs_of(opinions, at=at * unit - 5 * SECOND))
    assert (scores(moved) == scores(fit(pairs))).all()


def test_acts_of_one_moment_share_a_bin():
    """Three moments for hundreds of acts: whoever acted at the first is alike."""
    pairs, _, opinions = come_and_gone()
    at = np.repeat(np.arange(300)[:, None] * 3 // 300, 40, axis=1)
    found = fit(pairs_of(opinions, at=at))
    assert found.users.shape[1] <= 3
    acts = np.bincount(pairs.rows, minlength=300)
    rows = found.users[:100][acts[:100] > 0] / np.sqrt(acts[:100][acts[:100] > 0])[:, None]
    assert rows == pytest.approx(np.broadcast_to(rows[0], rows.shape), abs=1e-4)


@pytest.mark.parametrize("extreme", [-(2**55), 2**57])
def test_one_act_ages_away_does_not_flatten_the_others(extreme):
    """A clock that was wrong once, in 1970 or 9999: bins hold equally many acts."""
    pairs, could, opinions = come_and_gone()
    at = np.zeros(opinions.shape, np.int64)
    at[pairs.rows, pairs.columns] = pairs.at
    at[pairs.rows[0], pairs.columns[0]] = extreme
    said = scores(fit(pairs_of(opinions, at=at)))
    assert auc(said[could & (opinions == 0)], said[~could]) > 0.85


@pytest.mark.parametrize("days", [2, 3, 20])
@pytest.mark.parametrize("bins", [2, 3, 200])
def test_dates_without_hours_end_where_the_last_act_lies(days, bins):
    """However many acts the last day holds: whoever acts then alone is where `latest` is."""
    opinions = np.where(np.random.default_rng(2).random((30, 6)) < 0.6, 1, 0)
    opinions[-1] = 1
    at = np.minimum(np.arange(30) * days // 12, days - 1)[:, None] * np.ones((1, 6), int)
    found = fit(pairs_of(opinions, at=at * 86400 * SECOND), bins=bins, smoothing=0.5)
    assert found.latest.any()
    assert np.sqrt(6) * found.latest == pytest.approx(found.users[-1], rel=1e-4)
    apart = found.users[0] / np.sqrt(opinions[0].sum()) - found.latest
    assert np.abs(apart).max() > 0.01 * np.abs(found.latest).max()


def test_acts_of_one_moment_alone_give_no_part():
    def names(pairs: Pairs) -> list[str]:
        tasks = plan_parts(pairs, Features(), recipe(), 0)
        return [work(**arguments).name for work, arguments in tasks]

    opinions = tasteful(40, 8)
    assert PRESENCE not in names(pairs_of(opinions))
    at = np.arange(opinions.size).reshape(opinions.shape)
    assert PRESENCE in names(pairs_of(opinions, at=at))
