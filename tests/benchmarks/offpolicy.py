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
CLIP = 1.25
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
                clip = CLIP if method == "clipped" else np.inf
                one = estimate(
                    biased, method=method, model=model, clip=clip, draws=draws, seed=time
                )
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
    """A policy by smoothed click rates of items at positions, beside the random policy.

    The impressions are dealt at random into four quarters, each of which judges once: two of the
    others learn the rates, and on the third Optuna chooses smoothing and sharpness by the lower
    bound of the doubly robust value, among policies to which it is worth a tenth of its
    impressions. What the four say is put together.
    """
    quarter = np.random.default_rng(1).permutation(log.height) % 4
    tuned, plain = [], []
    for turn in range(4):
        judged, choose = quarter == turn, quarter == (turn + 1) % 4
        learn = log.filter(pl.Series(~judged & ~choose))
        found = _choose(learn, log.filter(pl.Series(choose)))
        tuned.append(_terms(learn, log.filter(pl.Series(judged)), **found))
        plain.append(_terms(learn, log.filter(pl.Series(judged)), pool=1000.0, sharpness=0.0))
    ours, random = _together(tuned), _together(plain)
    rows: list[Row] = []
    for name, one in (("tuned policy", ours), ("random policy", random)):
        figures = {"value": one.value, "lower": one.lower, "upper": one.upper}
        rows += [
            (f"{name}, doubly robust clicks per impression: {what}", "", figure, COMMAND)
            for what, figure in figures.items()
        ]
    rows.append(("impressions the log is worth to the tuned policy", "", ours.effective, COMMAND))
    says = "the tuned policy's interval includes the random policy's value (1) or not (0)"
    return [*rows, (says, "", float(ours.includes(random.value)), COMMAND)]


def _choose(learn: pl.DataFrame, choose: pl.DataFrame) -> dict[str, float]:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=0))

    def worth(trial: optuna.Trial) -> float:
        pool = trial.suggest_float("pool", 1.0, 1000.0, log=True)
        sharpness = trial.suggest_float("sharpness", 1.0, 3000.0, log=True)
        found = _together([_terms(learn, choose, pool, sharpness)])
        trial.set_constraint("effective", choose.height / 10 - found.effective)
        return found.lower

    study.optimize(worth, n_trials=TRIALS)
    return dict(study.best_trial.params)


def _terms(
    learn: pl.DataFrame, judged: pl.DataFrame, pool: float, sharpness: float
) -> tuple[Log, RewardModel]:
    """The judged impressions under the policy that rates learned elsewhere make."""
    items = 1 + max(int(part["item_id"].to_numpy().max()) for part in (learn, judged))
    rates = np.zeros((4, items))
    every = _rates(learn["click"].to_numpy(), learn["item_id"].to_numpy(), items, pool)
    for position in (1, 2, 3):
        here = learn.filter(pl.col("position") == position)
        clicks = np.bincount(here["item_id"], here["click"].to_numpy().astype(float), items)
        times = np.bincount(here["item_id"], minlength=items)
        rates[position] = (clicks + pool * every) / (times + pool)
    odds = np.exp(sharpness * (rates - rates.max(axis=1, keepdims=True)))
    policy = odds / odds.sum(axis=1, keepdims=True)
    at, item = judged["position"].to_numpy(), judged["item_id"].to_numpy()
    clicks = judged["click"].to_numpy().astype(float)
    log = Log(clicks, judged["propensity_score"].to_numpy(), policy[at, item])
    return log, RewardModel(rates[at, item], (policy * rates).sum(axis=1)[at])


def _together(parts: list[tuple[Log, RewardModel]]) -> Estimate:
    log = Log(
        *(
            np.concatenate([getattr(one, name) for one, _ in parts])
            for name in ("reward", "propensity", "target")
        )
    )
    said = (
        np.concatenate([getattr(one, name) for _, one in parts]) for name in ("taken", "expected")
    )
    return estimate(log, method="dr", model=RewardModel(*said))


if __name__ == "__main__":
    for what, unit, figure, _ in judge(Path(sys.argv[1])) if sys.argv[1:] else run():
        print(f"{what}: {figure:.4g} {unit}".rstrip())
