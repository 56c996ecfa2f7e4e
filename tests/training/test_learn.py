"""From pairs to a scorer: what was held out stays held out, and heads are judged on others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from engine import settings
from engine.audiences.scores import logits, rates
from tests.training.planted import pairs_of, recipe, tasteful
from training import learn as learning
from training.compute import Task
from training.evaluate import auc
from training.learn import Learned, learn, split
from training.matrices import Pairs
from training.parts import Features
from training.publish import tastes

COMPUTE = settings.load("training", Path("nowhere"))["compute"]


def learned_of(pairs: Pairs, *, seed: int = 0, **changes: object) -> Learned:
    return learn(pairs, Features(), recipe(**changes), settings=COMPUTE, seed=seed)


PAIRS = pairs_of(tasteful(500, 30))


@pytest.fixture(scope="module")
def learned() -> Learned:
    return learned_of(PAIRS)


def every_logit(learned: Learned, head: str) -> np.ndarray:
    """(users, products)"""
    scorer = learned.scorer
    chosen = getattr(scorer, head)
    return logits(scorer.embeddings, chosen.user_terms, chosen, slice(None)).T


def test_the_holdout_is_what_was_set_aside(learned):
    _, held = split(PAIRS, recipe(), 0)
    assert learned.holdout["user"].to_list() == held.rows.tolist()
    assert learned.holdout["product"].to_list() == held.columns.tolist()
    assert learned.holdout["liked"].to_list() == held.polarity.tolist()
    assert learned.holdout.schema == {
        "user": pl.UInt32,
        "product": pl.UInt32,
        "liked": pl.Int8,
        "interest": pl.Float32,
        "probability": pl.Float32,
    }


def test_labels_of_the_holdout_do_not_reach_its_own_predictions():
    """Labels without any signal: parts that had seen the pairs they are judged by would shine."""
    random = np.random.default_rng(5)
    opinions = random.choice([0, 1, -1], (400, 30), p=[0.6, 0.2, 0.2])
    found = learned_of(pairs_of(opinions))
    assert found.judged.figures["taste"] == pytest.approx(0.5, abs=0.06)
    assert found.judged.figures["auc"] == pytest.approx(0.5, abs=0.06)
    liked = found.holdout["liked"].to_numpy()
    said = found.holdout["probability"].to_numpy()
    assert auc(said[liked > 0], said[liked < 0]) == pytest.approx(0.5, abs=0.08)


def test_planted_tastes_are_found_and_rates_are_calibrated(learned):
    figures = learned.judged.figures
    assert figures["taste"] > 0.8
    assert figures["auc"] > figures["activity_auc"] + 0.05
    assert figures["ece"] < 0.1
    assert figures["brier_skill"] > 0.3


def test_figures_of_the_summary_are_those_of_the_holdout(learned):
    opinions = learned.holdout.filter(pl.col("liked") != 0)
    rate = opinions["probability"].to_numpy().astype(float)
    liked = (opinions["liked"] > 0).to_numpy().astype(float)
    skill = 1 - np.mean((rate - liked) ** 2) / (liked.mean() * (1 - liked.mean()))
    assert learned.judged.figures["brier_skill"] == pytest.approx(skill, abs=1e-6)


def test_interest_is_a_rate_of_all_people_and_probability_of_those_shown(learned):
    """A liker in four is what the world holds among those who did not act; 0.5 of the shown."""
    scorer = learned.scorer
    opinions = tasteful(500, 30)
    free = opinions == 0
    interest = rates(every_logit(learned, "interest"), scorer.interest.knots)
    liked = learned.holdout["liked"].to_numpy()
    held_likes = (liked == 1).sum()
    among = free.sum() + learned.holdout.height
    assert interest[free].mean() == pytest.approx(held_likes / among, rel=0.4)
    assert learned.holdout["probability"].mean() == pytest.approx((liked == 1).mean(), abs=0.01)
    shown = rates(every_logit(learned, "probability"), scorer.probability.knots)[opinions != 0]
    assert shown.mean() == pytest.approx((opinions[opinions != 0] == 1).mean(), abs=0.08)


@pytest.mark.parametrize("head", ["interest", "probability"])
def test_one_dislike_lowers_the_person_for_that_product_and_those_like_it(head):
    """The whole stack, one act changed in sign: rank among all users, by both heads."""
    ranks = {}
    for sign in (1, -1):
        opinions = tasteful(500, 30)
        opinions[0] = 0
        opinions[0, [2, 4, 6]] = sign
        said = every_logit(learned_of(pairs_of(opinions)), head)
        ranks[sign] = (said < said[0]).mean(0)
    near = [2, 4, 6, 8, 10, 12, 14]
    assert (ranks[-1][near] < ranks[1][near]).all()
    assert (ranks[1] - ranks[-1])[near].mean() > 0.15


@pytest.mark.parametrize("by_activity", [True, False])
def test_with_and_without_weights_by_activity_the_arrays_say_what_the_heads_say(by_activity):
    found = learned_of(PAIRS, head__by_activity=by_activity)
    rows, columns = (each.ravel() for each in np.indices(PAIRS.shape))
    design = found.stack.design(rows, columns)
    for head, name in zip(found.heads, ("interest", "probability"), strict=True):
        said = every_logit(found, name)[rows, columns]
        assert said == pytest.approx(head.logit(design), abs=1e-3)
    width = sum(part.users.shape[1] for part in found.stack.parts)
    assert found.scorer.embeddings.shape[1] == width * (1 + by_activity)


def test_equal_arguments_give_equal_bits_and_another_seed_does_not(learned):
    again = learned_of(PAIRS).scorer
    assert again.embeddings.tobytes() == learned.scorer.embeddings.tobytes()
    assert again.interest.products.tobytes() == learned.scorer.interest.products.tobytes()
    assert again.probability.user_terms.tobytes() == learned.scorer.probability.user_terms.tobytes()
    other = learned_of(PAIRS, seed=1).scorer
    assert other.embeddings.tobytes() != learned.scorer.embeddings.tobytes()


def test_without_dislikes_the_rate_is_a_constant_near_one():
    found = learned_of(pairs_of(np.abs(tasteful(200, 12))))
    probability = rates(every_logit(found, "probability"), found.scorer.probability.knots)
    assert np.ptp(probability) == pytest.approx(0, abs=1e-6)
    assert probability[0, 0] > 0.95
    assert found.judged.figures["taste"] is None


STEPS = ["warp-0", "logistic", "warp-1", "likes", "seen", "opinion", "lookalike"]


def test_every_step_is_heard():
    heard: list[str] = []
    learn(PAIRS, Features(), recipe(), settings=COMPUTE, seed=0, tick=heard.append)
    assert heard == [*STEPS * 2, "heads"]


@pytest.mark.parametrize("lacking", ["whole", "fold"])
def test_a_part_that_one_side_lacks_is_left_out_of_both(monkeypatch, lacking):
    """Of a part of the pairs it may be found that something cannot teach, or of all."""
    planned = learning.plan_parts

    def learned_without(*sides: str) -> Learned:
        def plan(pairs: Pairs, *rest: object, **more: object) -> list[Task]:
            tasks = planned(pairs, *rest, **more)
            side = "whole" if pairs.kept == 1.0 else "fold"
            return [task for task in tasks if side not in sides or task[1].get("kind") != "seen"]

        monkeypatch.setattr(learning, "plan_parts", plan)
        return learned_of(PAIRS)

    one, both = learned_without(lacking), learned_without("whole", "fold")
    assert "seen" not in {part.name for part in one.stack.parts}
    for head in ("interest", "probability"):
        ours, theirs = getattr(one.scorer, head), getattr(both.scorer, head)
        assert ours.products.tobytes() == theirs.products.tobytes()
        assert ours.user_terms.tobytes() == theirs.user_terms.tobytes()


def test_communities_are_told_nothing_of_time():
    """Two worlds of the same acts: all at one moment, and each person on a day of their own."""
    opinions = tasteful(150, 12)
    at = np.repeat(np.arange(150)[:, None], 12, axis=1) * 86_400_000_000
    timeless, timed = learned_of(pairs_of(opinions)), learned_of(pairs_of(opinions, at=at))
    assert len(timed.stack.parts) == len(timeless.stack.parts) + 2
    assert timed.scorer.embeddings.shape[1] > timeless.scorer.embeddings.shape[1]
    assert tastes(timed).shape == tastes(timeless).shape


def test_how_many_work_at_once_does_not_matter(learned):
    from engine.settings import Section

    alone = Section("compute", COMPUTE.values | {"workers": 1})
    found = learn(PAIRS, Features(), recipe(), settings=alone, seed=0)
    assert found.scorer.embeddings.tobytes() == learned.scorer.embeddings.tobytes()


def test_numbers_of_unused_users_stay_in_place():
    """A row without pairs changes nobody's number and is finite."""
    opinions = tasteful(200, 12)
    opinions[5] = 0
    found = learned_of(replace(pairs_of(opinions)))
    assert found.scorer.embeddings.shape[0] == 200
    assert np.isfinite(every_logit(found, "interest")).all()


def test_a_world_where_everybody_acted_on_everything_is_learned():
    """Who has seen what is then the same of all pairs: it must not blow up into an answer."""
    opinions = tasteful(200, 12)
    opinions[opinions == 0] = -1
    scorer = learned_of(pairs_of(opinions)).scorer
    for array in (scorer.embeddings, scorer.interest.products, scorer.probability.products):
        assert np.abs(array).max() < 1e4
