"""Off-policy estimates on impressions that were logged at random, where the truth is known.

In: a folder of data sets. Out: rows (what, unit, figure, command).
Never: a reward model or a policy judged on impressions it was learned from.

The truth is the click rate of the whole random log: what the random policy is worth among these
impressions. Logs of another policy are made from it by rejection: an impression, drawn with
replacement, is kept with a chance that depends on its item alone, so that the items shown follow
a policy with preferences, whose chances are known. From such a log each estimator tells what the
random policy is worth, and is held against the truth.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import optuna
import polars as pl

from engine.measurement.offpolicy import METHODS, Estimate, Log, RewardModel, estimate

COMMAND = "python -m tests.benchmarks.offpolicy $DATA"
NAME, TIMES, DRAWS, TRIALS = "open-bandit-random", 400, 200, 40
Row = tuple[str, str, float, str]
Array = np.ndarray


def run() -> list[Row]:
    """Nothing: the data set lies beside the project."""
    return []


def judge(folder: Path) -> list[Row]:
    """Bias and coverage of the estimators, then a tuned policy beside the random one."""
    log = pl.read_parquet(folder / NAME / "impressions.parquet").sort("timestamp", "position")
    return [*_estimators(log), *_tuned(log)]


def _estimators(log: pl.DataFrame) -> list[Row]:
    clicks, items = log["click"].to_numpy().astype(float), log["item_id"].to_numpy()
    truth, count = clicks.mean(), log["item_id"].n_unique()
    random = np.random.default_rng(0)
    taste = np.exp(0.5 * random.normal(size=count))
    policy = taste / taste.sum()
    kept = policy / policy.max()
    found: dict[str, list[tuple[float, bool]]] = {}
    for time in range(TIMES):
        drawn = random.integers(0, clicks.size, clicks.size)
        drawn = drawn[random.random(drawn.size) < kept[items[drawn]]]
        shown, reward = items[drawn], clicks[drawn]
        biased = Log(reward, policy[shown], np.full(drawn.size, 1 / count))
        model = _item_model(reward, shown, count, random)
        for method in METHODS:
            for draws in (0, DRAWS) if method in ("ips", "dr") else (0,):
                one = estimate(biased, method=method, model=model, draws=draws, seed=time)
                name = f"{method}, bootstrap" if draws else method
                found.setdefault(name, []).append((one.value, one.includes(truth)))
    rows: list[Row] = []
    for name, each in found.items():
        values = np.array([value for value, _ in each])
        covered = float(np.mean([inside for _, inside in each]))
        rows += [
            (f"{name}: bias over the truth", "", float(values.mean() / truth - 1), COMMAND),
            (
                f"{name}: standard deviation over the truth",
                "",
                float(values.std() / truth),
                COMMAND,
            ),
            (f"{name}: 95 % intervals that hold the truth", "", covered, COMMAND),
        ]
    return rows


def _item_model(
    reward: Array, shown: Array, count: int, random: np.random.Generator
) -> RewardModel:
    """Click rates of items, smoothed, each half of the impressions told by the other."""
    half = random.random(reward.size) < 0.5
    taken, expected = np.zeros(reward.size), np.zeros(reward.size)
    for side in (False, True):
        rates = _rates(reward[half != side], shown[half != side], count, 100.0)
        taken[half == side], expected[half == side] = rates[shown[half == side]], rates.mean()
    return RewardModel(taken, expected)


def _rates(reward: Array, shown: Array, count: int, pool: float) -> Array:
    clicks, times = (np.bincount(shown, w, count) for w in (reward, np.ones(reward.size)))
    rates: Array = (clicks + pool * reward.mean()) / (times + pool)
    return rates


def _tuned(log: pl.DataFrame) -> list[Row]:
    """A policy by smoothed click rates of items at positions: two quarters learn, one chooses.

    The impressions are dealt at random: learned from are two quarters, Optuna chooses smoothing
    and sharpness by the lower bound of the doubly robust value on the third, the fourth judges.
    """
    quarter = np.random.default_rng(1).permutation(log.height) % 4
    learn, choose, judged = (
        log.filter(pl.Series(part)) for part in (quarter < 2, quarter == 2, quarter == 3)
    )
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=0))

    def worth(trial: optuna.Trial) -> float:
        pool = trial.suggest_float("pool", 1.0, 1000.0, log=True)
        sharpness = trial.suggest_float("sharpness", 1.0, 3000.0, log=True)
        return _value(learn, choose, pool, sharpness).lower

    study.optimize(worth, n_trials=TRIALS)
    found = _value(learn, judged, **study.best_params)
    plain = _value(learn, judged, pool=1000.0, sharpness=0.0)
    rows: list[Row] = []
    for name, one in (("tuned policy", found), ("random policy", plain)):
        rows += [
            (f"{name}, doubly robust clicks per impression: {what}", "", figure, COMMAND)
            for what, figure in (("value", one.value), ("lower", one.lower), ("upper", one.upper))
        ]
    rows.append(
        ("impressions that the judging quarter is worth to it", "", found.effective, COMMAND)
    )
    says = "1: the tuned policy's interval includes the random policy's value; 0: it does not"
    return [*rows, (says, "", float(found.includes(plain.value)), COMMAND)]


def _value(learn: pl.DataFrame, judged: pl.DataFrame, pool: float, sharpness: float) -> Estimate:
    count = int(max(learn["item_id"].max(), judged["item_id"].max())) + 1  # type: ignore[arg-type, type-var]
    rates = np.zeros((4, count))
    every = _rates(learn["click"].to_numpy(), learn["item_id"].to_numpy(), count, pool)
    for position in (1, 2, 3):
        here = learn.filter(pl.col("position") == position)
        clicks = np.bincount(here["item_id"], here["click"].to_numpy().astype(float), count)
        times = np.bincount(here["item_id"], minlength=count)
        rates[position] = (clicks + pool * every) / (times + pool)
    odds = np.exp(sharpness * (rates - rates.max(axis=1, keepdims=True)))
    policy = odds / odds.sum(axis=1, keepdims=True)
    at, item = judged["position"].to_numpy(), judged["item_id"].to_numpy()
    logged = judged["propensity_score"].to_numpy()
    log = Log(judged["click"].to_numpy().astype(float), logged, policy[at, item])
    expected = (policy * rates).sum(axis=1)[at]
    return estimate(log, method="dr", model=RewardModel(rates[at, item], expected))


if __name__ == "__main__":
    for what, unit, figure, _ in judge(Path(sys.argv[1])) if sys.argv[1:] else run():
        print(f"{what}: {figure:.4g} {unit}".rstrip())
