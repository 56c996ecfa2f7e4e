"""How wide to address each product and what to rank by: Optuna studies over later opinions.

In: a home with events, a number of trials or seconds. Out: targeting of every goal, kept in the
home for retrains, with pages of each study. Never: people who judge among those who chose.

One model learns from all but each person's last opinions. The people are parted in three: two
thirds choose and judge in turns in every trial; the last third, whom no trial has seen, judges
what was found beside what holds where nothing is tuned.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2s
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from rich.console import Console

from engine import settings as configs
from engine.errors import NothingToLearn
from engine.frames import AT, PRODUCT
from engine.settings import Scalar
from engine.store.eventlog import scan_events
from engine.store.files import replace_durably
from engine.store.home import Home
from engine.store.locks import only_one
from training.compute import run
from training.report import steps
from training.targeting_apply import is_due, read_kept
from training.targeting_bench import Bench, open_bench, problems_of
from training.targeting_choice import Pools, choose_arms, judge_fold, taken
from training.targeting_pages import study_page
from training.targeting_problems import CHOOSING, UNSEEN, Problem, Values, Width
from training.targeting_space import load_space
from training.tune import open_study, suggest

if TYPE_CHECKING:
    import optuna

    from training.recipe import Range

Array = NDArray[Any]


@dataclass(frozen=True)
class Found:
    """What one study came to; worth is a mean over products, on people unseen by all trials."""

    goal: str
    what: str
    trials: int
    pruned: int
    kept: bool
    values: Values
    worth: dict[str, float]
    """`tuned`, `default`, perhaps `fixed`; `gain` over the default and its standard `error`."""


@dataclass(frozen=True)
class Aimed:
    """What tuning of targeting came to, study by study."""

    found: list[Found]
    split: str

    def to_dict(self) -> dict[str, Any]:
        """As the command prints it with `--json`."""
        return {"split": self.split, "studies": [vars(each) for each in self.found]}


def tune_targeting(
    home: Home,
    *,
    trials: int | None = None,
    timeout: float | None = None,
    seed: int = 0,
    console: Console | None = None,
) -> Aimed:
    """Searches for better targeting of every goal and keeps it in the home, where retrains find it.

    `trials` are those of each study. A study belongs to one state of the event log and goes on
    where it stopped.

    Raises:
        NothingToLearn: the log holds too few likes to learn from or to judge by.
        Busy: a retrain or another tuning runs in this home.
    """
    with only_one(home.lock):
        return retune(home, trials=trials, timeout=timeout, seed=seed, console=console)


def retune(
    home: Home,
    *,
    trials: int | None = None,
    timeout: float | None = None,
    seed: int = 0,
    console: Console | None = None,
) -> Aimed:
    """As `tune_targeting`, for who holds the lock of the home."""
    started = time.monotonic()
    bench = open_bench(home, seed)
    most = trials or (bench.compute["tune"].trials if timeout is None else 100_000)
    goals = configs.load_rows("goals", home.root)
    left = 2 * len(goals)
    found: list[Found] = []
    kept: dict[str, dict[str, Any]] = {}
    with steps(console, "tune targeting", most * left) as tick:
        for name, goal in goals.items():
            for problem in problems_of(bench, name, goal):
                spent = time.monotonic() - started
                patience = None if timeout is None else max(timeout - spent, 0) / left
                study = open_study(home, seed, f"{problem.name}-{name}-{_question(bench, goal)}")
                search = Search(study, problem, load_space(problem.name), bench)
                search.run(most, patience, lambda said: tick(said))
                one, content = search.result(name)
                found.append(one)
                kept.setdefault(name, {})[problem.name] = content
                page = study_page(study, f"{problem.name}, {name}", one.worth)
                replace_durably(home.studies / f"{problem.name}-{name}.html", page.encode())
                left -= 1
    store_targeting(home, bench, kept)
    return Aimed(found, bench.split)


def _question(bench: Bench, goal: dict[str, Scalar]) -> str:
    """Names what trials are judged by: with other prices or settings it is another study."""
    rules = {name: section.values for name, section in bench.settings.items()}
    asked = json.dumps([goal, rules, bench.model.recipe], sort_keys=True, default=str)
    return blake2s(asked.encode(), digest_size=4).hexdigest()


def store_targeting(home: Home, bench: Bench, kept: dict[str, dict[str, Any]]) -> None:
    """Replaces what the home keeps of targeting as a whole."""
    content = {
        "as_of": bench.as_of.isoformat(),
        "split": bench.split,
        "edges": [float(edge) for edge in bench.edges],
        "goals": kept,
    }
    home.studies.mkdir(parents=True, exist_ok=True)
    text = json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True)
    replace_durably(home.targeting, text.encode())


@dataclass
class Search:
    """A study of one problem; trials are tried side by side and told in order."""

    study: optuna.Study
    problem: Problem
    space: list[Range]
    bench: Bench

    def run(self, most: int, patience: float | None, tick: Any) -> None:
        """Tries `most` more, or as many as fit into the seconds; at least one of what holds now."""
        started, done = time.monotonic(), 0
        if not self.study.get_trials(deepcopy=False):
            for values in self.problem.usual():
                self.study.enqueue_trial({item.key: within(values, item) for item in self.space})
        workers = self.bench.compute["compute"].workers
        while done < most:
            if patience is not None and done and time.monotonic() - started >= patience:
                break
            self._round(min(workers, most - done))
            done += workers
            tick(f"{self.study.study_name}: {done} of {most}")

    def _round(self, count: int) -> None:
        trials = [self.study.ask() for _ in range(count)]
        values = [{item.key: suggest(trial, item) for item in self.space} for trial in trials]
        for place, fold in enumerate(CHOOSING):
            tried = self._try(values, fold)
            for trial, (worth, limits) in zip(trials, tried, strict=True):
                self._tell(trial, place, worth, limits)
            going = [not trial.user_attrs.get("ended") for trial in trials]
            trials = [trial for trial, on in zip(trials, going, strict=True) if on]
            values = [each for each, on in zip(values, going, strict=True) if on]

    def _try(self, values: list[Values], fold: int) -> list[tuple[float, dict[str, float]]]:
        compute, limits = self.bench.compute["compute"], self.bench.settings["limits"]
        tasks = [
            (
                try_values,
                {
                    "problem": self.problem,
                    "values": each,
                    "fold": fold,
                    "dislikers": limits.dislikers,
                },
            )
            for each in values
        ]
        return list(run(tasks, backend=compute.backend, workers=compute.workers))

    def _tell(
        self, trial: optuna.Trial, place: int, worth: float, limits: dict[str, float]
    ) -> None:
        from optuna.trial import TrialState

        before = float(trial.user_attrs.get("worth", 0.0))
        if place == len(CHOOSING) - 1:
            self.study.tell(trial, before + worth)
            return
        trial.set_user_attr("worth", worth)
        for name, value in limits.items():
            trial.set_constraint(name, value)
        trial.report(worth, step=place)
        if trial.should_prune():
            trial.set_user_attr("ended", True)
            self.study.tell(trial, state=TrialState.PRUNED)

    def best(self) -> list[tuple[Values, float]]:
        """Values and worth of the trials within the limits, best first."""
        done = [
            trial
            for trial in self.study.get_trials(deepcopy=False)
            if trial.state.name == "COMPLETE"
            and all(value <= 0 for value in trial.constraints.values())
        ]
        done = sorted(done, key=lambda trial: (-(trial.value or 0.0), trial.number))
        return [(dict(trial.params), float(trial.value or 0.0)) for trial in done]

    def result(self, goal: str) -> tuple[Found, dict[str, Any]]:
        """What was found, as the people unseen judge it, and what is kept of it."""
        done = self.best()
        values = done[0][0] if done else self.problem.usual()[0]
        worth = self._judge(values)
        errors = float(self.bench.settings["keep"].standard_errors)
        kept = bool(done) and worth["gain"] - errors * worth["error"] > 0
        values = self._settled([found for found, _ in done]) if kept else values
        trials = self.study.get_trials(deepcopy=False)
        pruned = sum(trial.state.name == "PRUNED" for trial in trials)
        found = Found(goal, self.problem.name, len(trials), pruned, kept, values, worth)
        content = self._choices(values) if kept else {}
        return found, {"worth": worth, "kept": kept, **content}

    def _judge(self, values: Values) -> dict[str, float]:
        """The mean worth over products for the people unseen, tuned beside the default."""
        problem, by = self.problem, list(CHOOSING)
        pools = pools_of(values)
        tuned = judge_fold(problem.arms(values), problem.known, pools, by=by, on=UNSEEN)
        usual = problem.arms(problem.usual()[0])
        default = usual.worth[UNSEEN, :, usual.usual]
        worth = {"tuned": float(tuned.mean()), "default": float(default.mean())}
        if isinstance(problem, Width):
            fixed = problem.fixed(by)[1][UNSEEN]
            worth["fixed"] = float(fixed.mean())
        gain = tuned - default
        error = float(gain.std(ddof=1) / np.sqrt(gain.size)) if gain.size > 1 else float("inf")
        return worth | {"gain": float(gain.mean()), "error": error}

    def _settled(self, finalists: list[Values]) -> Values:
        """The finalist that is worth most once all people choose and judge in turns.

        The people unseen have said by then whether tuning pays; what is used is found with all.
        """
        problem = self.problem
        finalists = finalists[: self.bench.settings["keep"].finalists]
        if isinstance(problem, Width):
            finalists = [*finalists, problem.usual()[1] | problem.fixed([*CHOOSING, UNSEEN])[0]]
        return max(finalists, key=lambda values: whole_worth(problem, values))

    def _choices(self, values: Values) -> dict[str, Any]:
        """Pooled values, and what groups and products choose now that all people are heard."""
        problem, known = self.problem, self.problem.known
        arms = problem.arms(values)
        groups, products = choose_arms(arms.worth.sum(axis=0), arms.usual, known, pools_of(values))
        own = np.flatnonzero(products != groups[known.group])
        ids = self.bench.model.products[PRODUCT].gather(self.bench.products[own])
        return {
            "values": values,
            "usual": problem.meaning(values, arms.usual),
            "groups": {
                name: problem.meaning(values, int(arm))
                for name, arm in zip(self.bench.groups, groups, strict=True)
            },
            "products": {
                id: problem.meaning(values, int(arm))
                for id, arm in zip(ids, products[own], strict=True)
            },
        }


def try_values(
    *, problem: Problem, values: Values, fold: int, dislikers: float
) -> tuple[float, dict[str, float]]:
    """Worth for the people of a fold of what the other chooses, by product, and its limits.

    Limits are kept where they are zero or less: people that the smallest audience lacks, and the
    part of dislikes among opinions above what is allowed.
    """
    arms, pools = problem.arms(values), pools_of(values)
    by = [each for each in CHOOSING if each != fold]
    worth = judge_fold(arms, problem.known, pools, by=by, on=fold)
    chosen = choose_arms(arms.worth[by].sum(axis=0), arms.usual, problem.known, pools)[1]
    likes, dislikes = (float(taken(each, chosen).sum()) for each in (arms.likes, arms.dislikes))
    against = dislikes / (likes + dislikes) if likes + dislikes else 0.0
    lacking = problem.lacking(arms.people.min(axis=1))  # any arm may be chosen in the end
    return float(worth.mean()), {"people": lacking, "dislikers": against - dislikers}


def whole_worth(problem: Problem, values: Values) -> float:
    """The worth for each fold of what the other folds choose, by product."""
    arms, folds = problem.arms(values), range(UNSEEN + 1)
    pools = pools_of(values)
    return sum(
        float(
            judge_fold(
                arms, problem.known, pools, by=[one for one in folds if one != fold], on=fold
            ).mean()
        )
        for fold in folds
    )


def pools_of(values: Values) -> Pools:
    """The pools that values speak of."""
    return Pools(float(values["group_pool"]), float(values["product_pool"]))


def within(values: Values, item: Range) -> Scalar:
    """A value within its range: where a study begins may lie outside of what it searches."""
    value = min(max(float(values[item.key]), item.low), item.high)
    return round(value) if item.whole else value


def retune_when_due(home: Home, seed: int) -> None:
    """Tunes again, for who holds the lock, what was tuned too long before the last event.

    Where the log has become too small to tune by, what was found stays.
    """
    kept, rules = read_kept(home), configs.load("targeting", home.root)["retune"]
    if kept is None:
        return
    newest = scan_events(home).select(pl.col(AT).max()).collect().item()
    if newest is not None and is_due(kept, newest, rules):
        with suppress(NothingToLearn):
            retune(home, seed=seed)
