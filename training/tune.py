"""Which recipe suits this home: an Optuna study over `configs/models/stack-search.toml`.

In: a home with events, a number of trials or seconds. Out: the best recipe, kept for retrains.
Never: a look at pairs the heads are judged by twice for free; finalists meet pairs unseen so far.

A trial changes one section of the best recipe so far, so that parts whose section stays are taken
from the trials before. Two trials run at a time and are told in order, so that a number of trials
with a seed gives the same study again.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rich.console import Console

from engine import settings as configs
from engine.frames import PRODUCT
from engine.settings import Scalar, Section
from engine.store.eventlog import version
from engine.store.files import replace_durably
from engine.store.home import Home
from engine.store.locks import only_one
from training.compute import run
from training.evaluate import Judged, judge
from training.flow import Material, gather
from training.heads import Units
from training.learn import learn_heads, make_fold, split
from training.matrices import Pairs
from training.parts import Part, merge_copies, plan_parts
from training.recipe import Range, Recipe, as_toml, load_recipe, load_search
from training.report import steps

if TYPE_CHECKING:
    import optuna

SECTION_OF = {
    "warp": "warp",
    "logistic": "logistic",
    "likes": "neighbourhood",
    "seen": "neighbourhood",
    "opinion": "neighbourhood",
    "lookalike": "neighbourhood",
    "sessions": "neighbourhood",
    "ties": "neighbourhood",
    "presence": "presence",
}
ENDLESS = 100_000
"""Trials, where only time ends a study."""


@dataclass(frozen=True)
class Tuned:
    """What a study came to; `changes` are the values that differ from the recipe before."""

    trials: int
    pruned: int
    value: float
    before: float
    changes: dict[str, Scalar]
    figures: dict[str, float | None]

    def to_dict(self) -> dict[str, Any]:
        """As the command prints it with `--json`."""
        return vars(self)


@dataclass
class Bench:
    """One split of the pairs on which recipes are tried; parts are fitted once for each setting."""

    material: Material
    seed: int
    settings: dict[str, Section]
    learned: Pairs = field(init=False)
    held: Pairs = field(init=False)
    _parts: dict[str, Part] = field(default_factory=dict)

    def prepare(self, recipe: Recipe) -> Bench:
        """Splits the pairs by the recipe's holdout."""
        self.learned, self.held = split(self.material.pairs, recipe, self.seed)
        return self

    def tasks(self, recipe: Recipe) -> list[tuple[str, Any]]:
        """The fits a recipe needs that were not made before, by key."""
        planned = plan_parts(self.learned, self.material.features, recipe, self.seed)
        named = [(_key(task, recipe), task) for task in planned]
        return [(key, task) for key, task in named if key not in self._parts]

    def parts(self, recipe: Recipe) -> list[Part]:
        """The parts of a recipe, all fitted by now."""
        planned = plan_parts(self.learned, self.material.features, recipe, self.seed)
        return merge_copies([self._parts[_key(task, recipe)] for task in planned])

    def fit(self, recipes: list[Recipe]) -> None:
        """Fits what the recipes need, at the same time where there are workers."""
        wanted = {key: task for recipe in recipes for key, task in self.tasks(recipe)}
        compute = self.settings["compute"]
        fitted = run(list(wanted.values()), backend=compute.backend, workers=compute.workers)
        for key, part in zip(wanted, fitted, strict=True):
            self._parts[key] = part

    def judge(self, recipe: Recipe) -> Judged:
        """Figures of the stacked recipe, heads judged across halves of products."""
        units = Units.of(self.learned)
        fold = make_fold(self.learned, self.held, self.parts(recipe), units, recipe, self.seed)
        most = self.settings["compute"].judged_products
        return learn_heads(fold, recipe, most=most, seed=self.seed)[1]

    def judge_alone(self, recipe: Recipe, section: str) -> float:
        """What the parts of one section are worth alone, on some products."""
        values, chosen = [], self.settings["tune"]
        most = chosen.probed_products
        for part in self.parts(recipe):
            if SECTION_OF[part.name] == section:
                scores = _scores_of(part)
                found = judge(scores, scores, self.held, self.learned, most=most, seed=self.seed)
                values.append(worth(found.figures, chosen))
        return sum(values)


def _scores_of(part: Part) -> Callable[[int], Any]:
    return lambda product: part.users @ part.products[product]


def _key(task: Any, recipe: Recipe) -> str:
    work, arguments = task
    name = arguments.get("kind", work.__name__.removeprefix("fit_").removeprefix("part_"))
    values = dict(recipe[SECTION_OF[name]].values)
    if SECTION_OF[name] == "neighbourhood":
        own = f"{name}_ridge"
        values = {key: value for key, value in values.items() if key == own or "ridge" not in key}
    return f"{name} {arguments.get('copy')} {sorted(values.items())}"


def worth(figures: dict[str, float | None], weights: Section) -> float:
    """One number to choose by: AUC, plus lift and taste at their weights; what is None counts 0."""
    known = {name: figures.get(name) or 0.0 for name in ("auc", "lift5", "taste")}
    lift, taste = weights.lift_weight * known["lift5"], weights.taste_weight * known["taste"]
    return float(known["auc"] + lift + taste)


def tune(
    home: Home,
    *,
    trials: int | None = None,
    timeout: float | None = None,
    seed: int = 0,
    console: Console | None = None,
) -> Tuned:
    """Searches for a better recipe and keeps it in the home, where retrains find it.

    A study belongs to one state of the event log and goes on where it stopped. Ends after
    `trials` more, or when `timeout` seconds have passed and the trials under way have ended.

    Raises:
        NothingToLearn: the log holds no likes, or too few users or products.
        Busy: a retrain or another tuning runs in this home.
    """
    started = time.monotonic()
    with only_one(home.lock):
        recipe = load_recipe(home)
        settings = configs.load("training", home.root)
        chosen = settings["tune"]
        # nearly all pairs are learned from, or tuning would find what suits sparser data
        recipe = recipe.changed({"head.holdout": chosen.holdout})
        bench = Bench(gather(home, recipe, seed), seed, settings).prepare(recipe)
        study = open_study(home, seed)
        most = trials or (chosen.trials if timeout is None else ENDLESS)
        # trials fit one copy of WARP to be quick; finalists are judged as they would be used
        tried = recipe.changed({"warp.copies": 1})
        search = _Search(bench, study, tried, list(load_search().items()))
        # finalists are fitted once more at the end, which takes its share of the time
        patience = None if timeout is None else chosen.search_time * timeout
        with steps(console, "tune", most) as tick:
            done = 0
            while done < most and (patience is None or time.monotonic() - started < patience):
                count = min(chosen.together, most - done)
                for value in search.round(count):
                    tick(f"best {search.best_value():.4f}, last {value}")
                done += count
        return _keep(home, search, recipe, seed)


def open_study(home: Home, seed: int, name: str = "stack") -> optuna.Study:
    """The study of this state of the event log, new or as it was left."""
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warm_up = configs.load("training", home.root)["tune"].warm_up
    home.studies.mkdir(parents=True, exist_ok=True)
    storage = JournalStorage(JournalFileBackend(str(home.studies / "journal.log")))
    log = "-".join(str(number) for number in version(home).values())
    with warnings.catch_warnings():
        # sections are searched in turn, which is what groups are for
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True, group=True)
    return optuna.create_study(
        study_name=f"{name}-{log}-{seed}",
        storage=storage,
        direction="maximize",
        load_if_exists=True,
        sampler=sampler,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=warm_up),
    )


@dataclass
class _Search:
    """The running study: which section comes next, and the best values so far."""

    bench: Bench
    study: optuna.Study
    recipe: Recipe
    space: list[tuple[str, list[Range]]]

    def best_value(self) -> float:
        done = self.finished()
        return done[0].value or 0.0 if done else 0.0

    def finished(self) -> list[optuna.trial.FrozenTrial]:
        """Completed trials, best first."""
        done = [trial for trial in self.study.get_trials(deepcopy=False) if trial.value is not None]
        done = [trial for trial in done if trial.state.name == "COMPLETE"]
        return sorted(done, key=lambda trial: -(trial.value or 0.0))

    def best_changes(self) -> dict[str, Scalar]:
        done = self.finished()
        return dict(done[0].user_attrs["changes"]) if done else {}

    def round(self, count: int) -> list[str]:
        """Asks for trials, fits them together, and tells them in order."""
        asked = [self._ask(place) for place in range(count)]
        self.bench.fit([recipe for _, _, recipe in asked])
        return [self._tell(*each) for each in asked]

    def _ask(self, place: int) -> tuple[optuna.Trial, str, Recipe]:
        trial = self.study.ask()
        changes = self.best_changes()
        section = ""
        if trial.number > 0:
            section, ranges = self.space[trial.number % len(self.space)]
            changes |= {item.key: suggest(trial, item) for item in ranges}
        trial.set_user_attr("changes", changes)
        return trial, section, self.recipe.changed(changes)

    def _tell(self, trial: optuna.Trial, section: str, recipe: Recipe) -> str:
        from optuna.trial import TrialState

        if section in set(SECTION_OF.values()):
            place = [name for name, _ in self.space].index(section)
            trial.report(self.bench.judge_alone(recipe, section), step=place)
            if trial.should_prune():
                self.study.tell(trial, state=TrialState.PRUNED)
                return f"{section} pruned"
        figures = self.bench.judge(recipe).figures
        trial.set_user_attr("figures", figures)
        value = worth(figures, self.bench.settings["tune"])
        self.study.tell(trial, value)
        return f"{section or 'start'} {value:.4f}"


def suggest(trial: optuna.Trial, item: Range) -> Scalar:
    """A value for the trial within its range."""
    if item.whole:
        return trial.suggest_int(item.key, int(item.low), int(item.high), log=item.log)
    return trial.suggest_float(item.key, item.low, item.high, log=item.log)


def _keep(home: Home, search: _Search, recipe: Recipe, seed: int) -> Tuned:
    """Lets the best trials and the recipe before meet pairs on which nobody was chosen.

    The best of many trials looks better than it is. So a finalist replaces the recipe before only
    if it is better on a second split by more standard errors over products than
    `tune.standard_errors` says (after the rule of Breiman et al. 1984, section 3.4.3).
    """
    candidates = _finalists(search)
    second = Bench(search.bench.material, seed + 1, search.bench.settings).prepare(recipe)
    recipes = [recipe.changed(changes) for changes in candidates]
    second.fit(recipes)
    judged = [second.judge(each) for each in recipes]
    weights = search.bench.settings["tune"]
    values = [worth(found.figures, weights) for found in judged]
    margins = [margin(found, judged[0], weights) for found in judged]
    best = max(range(len(judged)), key=margins.__getitem__)
    best = best if margins[best] > 0 else 0
    changes = candidates[best]
    if changes:
        before = _flat(load_recipe(home)) if home.recipe.is_file() else {}
        shipped = _flat(Recipe(configs.load("models/stack", home.root)))
        kept = {key: value for key, value in (before | changes).items() if shipped[key] != value}
        replace_durably(home.recipe, as_toml(kept).encode())
    trials = search.study.get_trials(deepcopy=False)
    pruned = sum(trial.state.name == "PRUNED" for trial in trials)
    return Tuned(len(trials), pruned, values[best], values[0], changes, judged[best].figures)


def _finalists(search: _Search) -> list[dict[str, Scalar]]:
    """No changes at all, then the best trials, each set of changes once."""
    found: list[dict[str, Scalar]] = [{}]
    for trial in search.finished()[: search.bench.settings["tune"].finalists]:
        changes = dict(trial.user_attrs["changes"])
        if changes not in found:
            found.append(changes)
    return found


def margin(ours: Judged, theirs: Judged, weights: Section) -> float:
    """How much better on products judged in both, less the standard errors that may be chance."""
    both = ours.by_product.join(theirs.by_product, on=PRODUCT, suffix="_theirs")
    total = variance = 0.0
    for name, weight in (
        ("auc", 1.0),
        ("lift5", weights.lift_weight),
        ("taste", weights.taste_weight),
    ):
        difference = (both[name] - both[f"{name}_theirs"]).drop_nulls().to_numpy() * weight
        if difference.size > 1:
            total += float(difference.mean())
            variance += float(difference.var(ddof=1) / difference.size)
    return total - float(weights.standard_errors) * math.sqrt(variance)


def _flat(recipe: Recipe) -> dict[str, Scalar]:
    return {
        f"{section}.{key}": value
        for section, keys in recipe.plain().items()
        for key, value in keys.items()
    }
