"""A real randomised e-mail campaign: lift, what was known before, and whom it moved.

In: a folder of data sets. Out: rows (what, unit, figure, command).
Never: a model judged on people it was learned from.

64,000 customers were sent an e-mail on men's goods, one on women's, or none, at random. Peers of
the uplift learners, all on the same folds: class transformation (Jaskowski & Jaroszewicz 2012)
and two models, each by logistic regression and by boosted trees at scikit-learn's defaults, and
chance.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine import settings
from engine.measurement.lift import Lift, compare
from engine.measurement.persuadables import persuadable
from engine.measurement.qini import Resampling, judge, rank_within
from engine.measurement.traits import encode
from engine.measurement.uplift import Crowd, cross_fit, deal

Array = NDArray[Any]
Row = tuple[str, str, float, str]
COMMAND = "python -m tests.benchmarks.hillstrom $DATA"
NAME, NOBODY = "hillstrom", "No E-Mail"
EMAILS, OUTCOMES = ("Mens E-Mail", "Womens E-Mail"), ("visit", "conversion", "spend")
TRAITS = ("recency", "history", "mens", "womens", "zip_code", "newbie", "channel")
FOLDS, DEALS, DRAWS, LEVEL = 5, 4, 200, 0.95
PEERS_START = 2  # ours come first


def run() -> list[Row]:
    """Nothing: the data set lies beside the project."""
    return []


def judge_all(folder: Path) -> list[Row]:
    """Lifts, CUPED, and uplift, of each e-mail beside no e-mail."""
    people = pl.read_parquet(folder / NAME / "customers.parquet")
    rows: list[Row] = []
    for email in EMAILS:
        both = people.filter(pl.col("segment").is_in([email, NOBODY]))
        for outcome in OUTCOMES:
            rows += _lifts(both, email, outcome)
    for email in EMAILS:
        both = people.filter(pl.col("segment").is_in([email, NOBODY]))
        rows += _uplift(both, email, "visit")
    return rows


def _lifts(both: pl.DataFrame, email: str, outcome: str) -> list[Row]:
    """The interval beside scipy's own, and how much what was known before narrows it."""
    did, held = _read(both, outcome)
    plain = compare(did, held, level=LEVEL)
    traits = both.select(*TRAITS)
    known = {"spend of the year before": traits["history"].to_numpy()}
    known["all that was known"] = encode(traits, most=20)[0]
    name = f"{email}, {outcome}"
    rows = [
        (f"{name}: effect", "", plain.effect, COMMAND),
        (f"{name}: lower", "", plain.lower, COMMAND),
        (f"{name}: upper", "", plain.upper, COMMAND),
        (f"{name}: farthest from scipy's Welch", "", _apart(plain, did, held), COMMAND),
    ]
    for what, baseline in known.items():
        narrow = compare(did, held, level=LEVEL, baseline=baseline)
        shrunk = 100 * (1 - (narrow.upper - narrow.lower) / (plain.upper - plain.lower))
        rows.append((f"{name}: interval narrowed by {what}", "%", shrunk, COMMAND))
    return rows


def _read(both: pl.DataFrame, outcome: str) -> tuple[Array, Array]:
    held = both["segment"].to_numpy() == NOBODY
    return both[outcome].to_numpy().astype(float), held


def _apart(plain: Lift, did: Array, held: Array) -> float:
    from scipy.stats import ttest_ind

    theirs = ttest_ind(did[~held], did[held], equal_var=False).confidence_interval(LEVEL)
    return max(abs(plain.lower - theirs.low), abs(plain.upper - theirs.high))


def _uplift(both: pl.DataFrame, email: str, outcome: str) -> list[Row]:
    """Qini coefficients: with intervals on one deal of folds, and their means over several."""
    did, held = _read(both, outcome)
    section = settings.load("measurement")["uplift"]
    crowd = Crowd(encode(both.select(*TRAITS), most=section.words)[0], did, held)
    deals = [_ranks(crowd, deal(held, FOLDS, seed=seed)) for seed in range(DEALS)]
    every = [judge(ranks, did, held, sampling=Resampling(0, LEVEL)) for ranks in deals]
    means = np.mean([found["qini"].to_numpy() for found in every], axis=0)
    names = every[0]["model"].to_list()
    peer = PEERS_START + int(np.argmax(means[PEERS_START:]))
    found = judge(deals[0], did, held, sampling=Resampling(DRAWS, LEVEL), beside=names[peer])
    rows: list[Row] = []
    for row, mean in zip(found.iter_rows(named=True), means, strict=True):
        what = f"{email}, {outcome}, {row['model']}"
        for column in ("qini", "qini_lower", "qini_upper", "auuc"):
            rows.append((f"{what}: {column}", "", row[column], COMMAND))
        rows.append((f"{what}: qini, mean of {DEALS} deals", "", mean, COMMAND))
    ours = found.row(0, named=True)
    for column in ("qini_ahead", "qini_ahead_lower", "qini_ahead_upper"):
        what = f"{email}, {outcome}: X-learner less the best peer ({names[peer]}): {column}"
        rows.append((what, "", ours[column], COMMAND))
    fold = deal(held, FOLDS, seed=0)
    return rows + _persuadable(deals[0]["X-learner (ours)"], crowd, fold, email)


def _ranks(crowd: Crowd, fold: Array) -> dict[str, Array]:
    """Ours, then the peers: what models of the other folds say, as ranks within each fold."""
    section = settings.load("measurement")["uplift"]
    scores = {
        "X-learner (ours)": cross_fit(crowd, fold, learner="x", settings=section, seed=0),
        "T-learner (ours)": cross_fit(crowd, fold, learner="t", settings=section, seed=0),
    }
    scores |= {name: _of_folds(crowd, fold, *how) for name, how in _peers().items()}
    scores["chance"] = np.random.default_rng(0).random(len(crowd))
    return {name: rank_within(each, fold) for name, each in scores.items()}


def _persuadable(score: Array, crowd: Crowd, fold: Array, email: str) -> list[Row]:
    """Who is worth an e-mail where one costs half of the average effect."""
    least = compare(crowd.outcome, crowd.held_out, level=LEVEL).effect / 2
    chosen = persuadable(score, crowd, fold, level=LEVEL, least=least)
    rows = [(f"{email}: persuadable share", "", chosen.share, COMMAND)]
    for name, lift in (("persuadable", chosen.lift), ("the rest", chosen.rest)):
        for column in ("effect", "lower", "upper") if lift is not None else ():
            rows.append((f"{email}, {name}: {column}", "", getattr(lift, column), COMMAND))
    return rows


def _peers() -> dict[str, tuple[Any, Any]]:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    def linear() -> Any:
        return make_pipeline(StandardScaler(), LogisticRegression())

    def boosted() -> Any:
        return HistGradientBoostingClassifier(random_state=0)

    return {
        "class transformation, logistic": (_class_transformation, linear),
        "class transformation, boosted": (_class_transformation, boosted),
        "two models, logistic": (_two_models, linear),
        "two models, boosted": (_two_models, boosted),
    }


def _of_folds(crowd: Crowd, fold: Array, method: Any, make: Any) -> Array:
    found = np.empty(len(crowd))
    for each in np.unique(fold):
        inside = fold == each
        found[inside] = method(crowd.part(~inside), crowd.traits[inside], make)
    return found


def _class_transformation(crowd: Crowd, traits: Array, make: Any) -> Array:
    target = (crowd.outcome > 0) != crowd.held_out
    return make().fit(crowd.traits, target).predict_proba(traits)[:, 1]


def _two_models(crowd: Crowd, traits: Array, make: Any) -> Array:
    exposed, held = (
        make().fit(crowd.traits[side], crowd.outcome[side] > 0).predict_proba(traits)[:, 1]
        for side in (~crowd.held_out, crowd.held_out)
    )
    return exposed - held


if __name__ == "__main__":
    for what, unit, figure, _ in judge_all(Path(sys.argv[1])) if sys.argv[1:] else run():
        print(f"{what}: {figure:.4g} {unit}".rstrip())
