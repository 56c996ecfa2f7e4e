"""Uplift by person and by segment: planted effects are found, on people nobody learned from."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from engine import settings
from engine.errors import InvalidValue
from engine.measurement.persuadables import persuadable, uplift_by_segment
from engine.measurement.qini import Resampling, judge
from engine.measurement.traits import encode
from engine.measurement.uplift import Crowd, cross_fit, deal, fit
from engine.settings import Section

ROOT = Path(__file__).parents[3]
SHIPPED = settings.load("measurement")["uplift"]
LEVEL = 0.95


def crowd(size: int, seed: int, *, share: float = 0.5, amounts: bool = False) -> Crowd:
    """The first trait moves people: above 0 by 0.4, else not at all; the second only foretells."""
    random = np.random.default_rng(seed)
    traits = random.normal(size=(size, 3))
    held = random.random(size) < share
    chance = 0.2 + 0.2 * (traits[:, 1] > 0) + 0.4 * (traits[:, 0] > 0) * ~held
    outcome = (random.random(size) < chance) * (random.lognormal(2, 0.3, size) if amounts else 1.0)
    return Crowd(traits, outcome, held)


def chosen(**changes: object) -> Section:
    return Section("uplift", SHIPPED.values | changes)  # type: ignore[dict-item]


@pytest.mark.parametrize("learner", ["t", "x"])
@pytest.mark.parametrize("amounts", [False, True])
def test_a_planted_effect_is_found_in_people_who_were_not_learned_from(learner, amounts):
    one, other = crowd(3_000, 0, amounts=amounts), crowd(2_000, 1)
    score = fit(one, learner=learner, settings=SHIPPED, seed=0).predict(other.traits)
    moved = other.traits[:, 0] > 0
    assert score[moved].mean() > 3 * abs(score[~moved].mean())
    unit = np.exp(2 + 0.3**2 / 2) if amounts else 1.0
    assert score.mean() == pytest.approx(0.2 * unit, abs=0.05 * unit)


def test_boosted_effects_find_what_a_sum_cannot_say():
    """The effect lies in the middle of a trait: no straight line tells it."""
    random = np.random.default_rng(2)
    traits, held = random.normal(size=(5_000, 2)), random.random(5_000) < 0.5
    inside = np.abs(traits[:, 0]) < 0.7
    outcome = (random.random(5_000) < 0.2 + 0.4 * inside * ~held).astype(float)
    whole, fold = Crowd(traits, outcome, held), deal(held, 2, seed=0)
    found = {
        shape: cross_fit(whole, fold, learner="x", settings=chosen(effect=shape), seed=0)
        for shape in ("boosted", "linear")
    }
    gap = {shape: s[inside].mean() - s[~inside].mean() for shape, s in found.items()}
    assert gap["boosted"] == pytest.approx(0.4, abs=0.1)
    assert gap["linear"] < 0.1


def test_a_small_holdout_is_learned_from_by_crossing():
    """What people do is intricate, what moves them is not, and few are held out."""
    random = np.random.default_rng(10)
    traits, held = random.normal(size=(2_000, 3)), random.random(2_000) < 0.07
    effect = 0.3 * traits[:, 2]
    noise = random.normal(0, 0.5, 2_000)
    outcome = 2 * np.sin(3 * traits[:, 0]) + traits[:, 1] ** 2 + effect * ~held + noise
    whole = Crowd(traits, outcome, held)
    models = {learner: fit(whole, learner=learner, settings=SHIPPED, seed=0) for learner in "tx"}
    error = {learner: (m.predict(traits) - effect).std() for learner, m in models.items()}
    assert error["x"] < 0.7 * error["t"]
    weights = [weight for weight, _ in models["x"].models]  # of those held out, of the exposed
    assert weights == pytest.approx([1 - held.mean(), held.mean()])


def test_scores_of_others_folds_have_a_qini_above_chance():
    whole = crowd(3_000, 5)
    fold = deal(whole.held_out, 2, seed=0)
    score = cross_fit(whole, fold, learner="x", settings=SHIPPED, seed=0)
    sampling = Resampling(60, LEVEL)
    found = judge({"x": score}, whole.outcome, whole.held_out, sampling=sampling)
    assert found["qini_lower"][0] > 0


def test_a_model_never_sees_the_people_it_scores():
    """Outcomes that only a person's own row could tell must not show in the score."""
    random = np.random.default_rng(6)
    traits, held = random.normal(size=(600, 4)), random.random(600) < 0.5
    outcome = random.normal(size=600)
    whole, fold = Crowd(traits, outcome, held), deal(held, 3, seed=0)
    grown = chosen(effect="boosted", smallest_leaf=1, leaves=16, rounds=15, rate=0.5)
    score = cross_fit(whole, fold, learner="x", settings=grown, seed=0)
    signed = np.where(held, -outcome, outcome)
    assert abs(np.corrcoef(score, signed)[0, 1]) < 0.15
    seen = fit(whole, learner="x", settings=grown, seed=0).predict(traits)
    assert np.corrcoef(seen, signed)[0, 1] > 0.5


def test_unknown_traits_are_no_obstacle():
    whole = crowd(800, 7)
    traits = whole.traits.copy()
    traits[::3, 0], traits[:, 2] = np.nan, np.nan
    found = fit(Crowd(traits, whole.outcome, whole.held_out), learner="x", settings=SHIPPED, seed=0)
    assert np.isfinite(found.predict(traits)).all()


def test_the_same_seed_learns_the_same():
    whole = crowd(500, 8)
    one, other = (fit(whole, learner="x", settings=SHIPPED, seed=3) for _ in range(2))
    assert (one.predict(whole.traits) == other.predict(whole.traits)).all()


def test_folds_hold_the_same_share_of_both_sides():
    held = np.arange(1_000) < 103
    fold = deal(held, 5, seed=0)
    assert np.bincount(fold[held]).tolist() == [21, 21, 21, 20, 20]
    assert np.ptp(np.bincount(fold[~held])) <= 1


def test_scikit_learn_is_not_loaded_before_something_is_fitted():
    asked = (
        "import sys, engine.measurement.uplift, engine.measurement.persuadables;"
        "print('sklearn' in sys.modules)"
    )
    found = subprocess.run(
        [sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "False"


def test_persuadables_are_those_who_are_moved():
    whole = crowd(6_000, 9)
    fold = deal(whole.held_out, 2, seed=0)
    score = cross_fit(whole, fold, learner="x", settings=SHIPPED, seed=0)
    found = persuadable(score, whole, fold, level=LEVEL, least=0.2)
    moved = whole.traits[:, 0] > 0
    assert moved[found.mask].mean() > 0.85
    assert found.mask[moved].mean() > 0.75
    assert found.lift is not None
    assert found.rest is not None
    assert found.lift.lower > found.rest.upper
    ids = pl.Series("user_id", [f"u{each}" for each in range(6_000)])
    assert found.users(ids).to_list() == [f"u{each}" for each in np.flatnonzero(found.mask)]


def test_the_effect_among_persuadables_is_not_flattered_by_their_choice():
    """Scores are noise and nobody is moved: the intervals of those chosen still hold 0."""
    outside, tested = 0, 0
    for seed in range(120):
        random = np.random.default_rng(seed)
        held = random.random(600) < 0.5
        one = Crowd(random.normal(size=(600, 1)), random.normal(size=600), held)
        found = persuadable(random.random(600), one, deal(held, 4, seed=seed), level=LEVEL)
        for lift in (found.lift, found.rest):
            if lift is not None:
                tested += 1
                outside += lift.proven
    assert tested > 120
    assert outside / tested < 0.10


def test_nobody_is_worth_it_where_addressing_costs_more_than_it_brings():
    whole = crowd(2_000, 11)
    fold = deal(whole.held_out, 4, seed=0)
    dear = persuadable(whole.traits[:, 0], whole, fold, level=LEVEL, least=5.0)
    assert dear.share == 0
    assert dear.lift is None
    assert dear.rest is not None
    cheap = persuadable(whole.traits[:, 0], whole, fold, level=LEVEL, least=-5.0)
    assert cheap.share == 1
    assert cheap.rest is None


def test_the_effect_in_each_segment_is_told_and_shrunk_towards_the_common_one():
    random = np.random.default_rng(12)
    segment = random.choice(["a", "b", "c", "d"], 8_000)
    held = random.random(8_000) < 0.3
    outcome = (random.random(8_000) < 0.1 + 0.2 * (segment == "a") * ~held).astype(float)
    found = uplift_by_segment(outcome, held, segment, level=LEVEL, few=40)
    assert found["segment_id"].to_list() == ["a", "b", "c", "d"]
    assert found["proven"].to_list() == [True, False, False, False]
    assert found["lower"][0] < 0.2 < found["upper"][0]
    middle = float(found["shrunk"].mean())
    pulled = (found["shrunk"] - middle).abs() <= (found["effect"] - middle).abs() + 0.01
    assert pulled.all()
    assert found["exposed"].sum() + found["held_out"].sum() == 8_000


def test_segments_without_an_effect_are_seldom_proven_all_together():
    wrong = 0
    for seed in range(80):
        random = np.random.default_rng(seed)
        found = uplift_by_segment(
            random.normal(size=800),
            random.random(800) < 0.5,
            random.integers(0, 8, 800),
            level=LEVEL,
        )
        wrong += bool(found["proven"].any())
    assert wrong / 80 <= 0.09


def test_segments_that_differ_only_by_chance_are_shrunk_to_one():
    random = np.random.default_rng(3)
    held, segment = random.random(4_000) < 0.5, random.integers(0, 6, 4_000)
    found = uplift_by_segment(random.normal(size=4_000), held, segment, level=LEVEL)
    assert found["shrunk"].std() < 0.5 * found["effect"].std()


def test_a_segment_with_nobody_on_a_side_has_no_effect():
    held = np.array([True, True, True, False, False, False, False])
    segment = np.array(["a", "a", "b", "a", "a", "b", "b"])
    found = uplift_by_segment(np.arange(7.0), held, segment, level=LEVEL)
    assert found.row(1) == ("b", 2, 1, None, None, None, None, None)
    assert found["effect"][0] == pytest.approx(3.5 - 0.5)


def test_traits_become_numbers_that_can_be_told_apart():
    frame = pl.DataFrame(
        {
            "age": [30, None, 50],
            "member": [True, False, None],
            "city": ["Tehran", "Berlin", "Tehran"],
            "since": [date(1970, 1, 2), None, date(1970, 1, 11)],
            "seen": [datetime(1970, 1, 1, 12, tzinfo=UTC)] * 3,
        }
    )
    found, names = encode(frame, most=1)
    assert names == ("age", "member", "city=Tehran", "since", "seen")
    assert found[0].tolist() == [30, 1, 1, 1, 0.5]
    assert found[1, 2] == 0
    assert np.isnan(found[1, [0, 3]]).all()
    assert encode(frame.select("city"), most=5)[1] == ("city=Tehran", "city=Berlin")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (lambda c: fit(c, learner="s", settings=SHIPPED, seed=0), "learner"),
        (lambda c: Crowd(c.traits[:3], c.outcome, c.held_out), "traits"),
        (lambda c: Crowd(c.traits * np.inf, c.outcome, c.held_out), "traits"),
        (lambda c: Crowd(c.traits, c.outcome, np.zeros(40, bool)), "held_out"),
        (lambda c: deal(c.held_out, 1, seed=0), "folds"),
        (lambda c: deal(c.held_out, 30, seed=0), "folds"),
        (lambda c: persuadable(c.outcome, c, np.zeros(40), level=LEVEL), "fold"),
        (lambda c: persuadable(c.outcome[:5], c, np.arange(40) % 2, level=LEVEL), "score"),
        (lambda c: uplift_by_segment(c.outcome, c.held_out, [1], level=LEVEL), "segment"),
        (lambda c: encode(pl.DataFrame({"tags": [["a"]]}), most=2), "tags"),
        (lambda c: encode(pl.DataFrame(), most=2), "traits"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(wrong, field):
    with pytest.raises(InvalidValue) as caught, np.errstate(invalid="ignore"):
        wrong(crowd(40, 0))
    assert caught.value.field == field
