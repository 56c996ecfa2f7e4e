"""Which weights and half-lives suit this home: an Optuna study over `configs/actions-search.toml`.

In: a home with events, a number of trials or seconds. Out: a table of actions and settings of
evidence, kept for retrains. Never: a like that was learned from judged by, or a later act known.

The history is cut twice. Trials learn from what came before the first cut and are judged by the
likes between the cuts; finalists, and what the home used before, learn from all before the second
and are judged by what came after it, on which nothing was chosen.
"""

from __future__ import annotations

import time
import tomllib
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import polars as pl
from rich.console import Console

from engine import settings as configs
from engine.errors import NothingToLearn
from engine.frames import ACTION, AT, FIRST_AT, POLARITY, PRODUCT, USER, VALUE
from engine.operations.consent import consented
from engine.operations.integrity import hold_out
from engine.operations.showings import acts_and_showings
from engine.privacy.consent import PROFILE
from engine.settings import Scalar, Section
from engine.signals.evidence import weigh_events
from engine.store.eventlog import scan_events, scan_table
from engine.store.files import replace_durably
from engine.store.home import Home
from engine.store.locks import only_one
from training.evaluate import Judged, judge
from training.learn import learn
from training.matrices import Pairs, pair_up
from training.parts import Features, Part, fit_part_neighbourhood
from training.recipe import Range, Recipe, as_toml, load_recipe
from training.report import steps
from training.tune import ENDLESS, Tuned, margin, open_study, suggest, worth

if TYPE_CHECKING:
    import optuna

Table = dict[str, dict[str, Scalar]]
EVIDENCE = "evidence"


@dataclass(frozen=True)
class Window:
    """Acts to learn from, and what was thought later on pairs that were new then."""

    events: pl.DataFrame
    held: pl.DataFrame  # user_id, product_id, polarity; pairs that `events` do not know
    cut: datetime


@dataclass(frozen=True)
class Bench:
    """The two windows of one history, and how a table of actions is judged in them."""

    windows: tuple[Window, Window]
    products: pl.DataFrame
    actions: Table
    recipe: Recipe
    settings: dict[str, Section]
    seed: int

    def pairs(self, window: Window, changes: dict[str, Scalar]) -> tuple[Pairs, Pairs, Recipe]:
        """Pairs to learn from under changed settings, those to judge by, and the recipe."""
        actions, recipe = changed(self.actions, self.recipe, changes)
        weighing = recipe[EVIDENCE]
        evidence = weigh_events(
            window.events.lazy(),
            actions=actions,
            now=window.cut,
            distinct=True,
            repeats=weighing.repeats,
        ).collect()
        learned = pair_up(evidence, self.products, power=weighing.power, grading=weighing.grading)
        return learned, _held(window.held, learned), recipe

    def judge_quickly(self, changes: dict[str, Scalar]) -> Judged:
        """Figures of the linear neighbourhoods alone, in the first window."""
        learned, held, recipe = self.pairs(self.windows[0], changes)
        kinds = ("likes", "opinion" if (learned.polarity < 0).any() else "likes")
        scores = [
            _scores(fit_part_neighbourhood(learned, recipe, self.seed, kind)) for kind in kinds
        ]
        most = self.settings["compute"].judged_products
        return judge(scores[0], scores[1], held, learned, most=most, seed=self.seed)

    def judge_whole(self, changes: dict[str, Scalar]) -> Judged:
        """Figures of the whole model, in the second window."""
        learned, held, recipe = self.pairs(self.windows[1], changes)
        compute = self.settings["compute"]
        scorer = learn(learned, Features(), recipe, settings=compute, seed=self.seed).scorer
        heads = (scorer.interest, scorer.probability)
        scores = [
            lambda product, head=head: (
                scorer.embeddings @ head.products[product]
                + head.user_terms
                + head.product_terms[product]
            )
            for head in heads
        ]
        return judge(
            scores[0], scores[1], held, learned, most=compute.judged_products, seed=self.seed
        )


def _scores(part: Part) -> Any:
    return lambda product: part.users @ part.products[product]


def _held(later: pl.DataFrame, learned: Pairs) -> Pairs:
    """Later pairs by the numbers of those learned from; strangers are left out."""
    users = learned.users.rename(USER).to_frame().with_row_index("row")
    products = learned.products.rename(PRODUCT).to_frame().with_row_index("column")
    found = later.join(users, on=USER).join(products, on=PRODUCT).sort("row", "column")
    rows, columns = (found[name].to_numpy().astype("int64") for name in ("row", "column"))
    polarity = found[POLARITY].to_numpy()
    weight = learned.weight[:1].repeat(len(rows))
    at = found[FIRST_AT].to_physical().to_numpy()
    return Pairs(learned.users, learned.products, rows, columns, polarity, weight, at)


def changed(actions: Table, recipe: Recipe, changes: dict[str, Scalar]) -> tuple[Table, Recipe]:
    """Actions and recipe with values replaced, given as `like.weight` or `evidence.power`."""
    table = {name: dict(row) for name, row in actions.items()}
    settings: dict[str, Scalar] = {}
    for dotted, value in changes.items():
        name, _, column = dotted.partition(".")
        if name == EVIDENCE:
            settings[dotted] = value
        else:
            table[name][column] = value
    return table, recipe.changed(settings)


def tune_evidence(
    home: Home,
    *,
    trials: int | None = None,
    timeout: float | None = None,
    seed: int = 0,
    console: Console | None = None,
) -> Tuned:
    """Searches for a better table of actions and keeps it in the home, where retrains find it.

    A study belongs to one state of the event log and goes on where it stopped.

    Raises:
        NothingToLearn: the log holds too few likes on either side of a cut.
        Busy: a retrain or another tuning runs in this home.
    """
    started = time.monotonic()
    with only_one(home.lock):
        bench = open_bench(home, seed)
        study = open_study(home, seed, EVIDENCE)
        space = load_space(bench)
        chosen = bench.settings["tune"]
        most = trials or (chosen.trials if timeout is None else ENDLESS)
        # finalists take their share
        patience = None if timeout is None else chosen.evidence_search_time * timeout
        with steps(console, "tune evidence", most) as tick:
            for _ in range(most):
                if patience is not None and time.monotonic() - started >= patience:
                    break
                tick(_try(study, bench, space))
        return _keep(home, study, bench)


def open_bench(home: Home, seed: int) -> Bench:
    """Reads the log and cuts its history at the moments that leave the last parts of the likes.

    Like a retrain it learns nothing of people without a profile or of accounts that are held.
    """
    settings = configs.load("training", home.root)
    actions = configs.load_rows("actions", home.root, over=home.actions)
    known = hold_out(home, consented(home, scan_events(home), PROFILE))[0]
    events = acts_and_showings(home, known)[0].collect()
    opinions = [name for name, row in actions.items() if row["polarity"] or row["rated"]]
    moments = events.filter(pl.col(ACTION).is_in(opinions))[AT]
    share = settings["tune"].later
    if moments.len() < 2:
        raise NothingToLearn("no opinions among the events: nothing tells what acts are worth")
    moments = moments.sort()
    cuts = [moments[int((1 - part * share) * moments.len())] for part in (2, 1)]
    after = [cuts[1], events[AT].to_list()[events[AT].arg_max() or 0]]
    windows = [_cut(events, cut, end, actions) for cut, end in zip(cuts, after, strict=True)]
    return Bench(
        (windows[0], windows[1]),
        scan_table(home, "products").collect(),
        actions,
        load_recipe(home),
        settings,
        seed,
    )


def _cut(events: pl.DataFrame, cut: datetime, end: datetime, actions: Table) -> Window:
    before = events.filter(pl.col(AT) < cut)
    later = events.filter(pl.col(AT).is_between(cut, end))
    if before.is_empty():
        raise NothingToLearn("all opinions are of one moment: there is no later to judge by")
    known = before.select(USER, PRODUCT).unique()
    held = (
        weigh_events(later.lazy(), actions=actions, now=end, distinct=True)
        .select(USER, PRODUCT, POLARITY, FIRST_AT)
        .collect()
        .join(known, on=[USER, PRODUCT], how="anti")
    )
    if not (held[POLARITY] > 0).any():
        raise NothingToLearn("no new likes late in the log: there is nothing to judge by")
    return Window(before, held, cut)


def load_space(bench: Bench) -> list[Range]:
    """What is searched: the opinionated actions that the log holds, and how evidence weighs.

    Grading is searched only where acts have values.
    """
    file = configs.config_folder() / "actions-search.toml"
    bounds = tomllib.loads(file.read_text(encoding="utf-8"))
    events = bench.windows[1].events
    present = set(events[ACTION].unique())
    wanted = [
        f"{name}.{column}"
        for name, row in bench.actions.items()
        if name in present and (row["polarity"] or row["rated"])
        for column in bounds["action"]
    ]
    wanted += [
        f"{EVIDENCE}.{key}" for key in bounds[EVIDENCE] if key != "grading" or events[VALUE].count()
    ]
    ranges = []
    for key in wanted:
        section, _, column = key.partition(".")
        found = bounds[EVIDENCE if section == EVIDENCE else "action"][column]
        ranges.append(Range(key, found["low"], found["high"], found["log"], whole=False))
    return ranges


def _try(study: optuna.Study, bench: Bench, space: list[Range]) -> str:
    trial = study.ask()
    changes: dict[str, Scalar] = {}
    if trial.number > 0:
        changes = {item.key: suggest(trial, item) for item in space}
    trial.set_user_attr("changes", changes)
    value = worth(bench.judge_quickly(changes).figures, bench.settings["tune"])
    study.tell(trial, value)
    return f"best {study.best_value:.4f}, last {value:.4f}"


def _keep(home: Home, study: optuna.Study, bench: Bench) -> Tuned:
    """Lets the best trials and what was used before meet the likes of the second window."""
    done = [trial for trial in study.get_trials(deepcopy=False) if trial.value is not None]
    candidates: list[dict[str, Scalar]] = [{}]
    weights = bench.settings["tune"]
    for trial in sorted(done, key=lambda trial: -(trial.value or 0.0))[: weights.finalists]:
        if trial.user_attrs["changes"] not in candidates:
            candidates.append(dict(trial.user_attrs["changes"]))
    judged = [bench.judge_whole(changes) for changes in candidates]
    values = [worth(found.figures, weights) for found in judged]
    margins = [margin(found, judged[0], weights) for found in judged]
    best = max(range(len(judged)), key=margins.__getitem__)
    best = best if margins[best] > 0 else 0
    changes = candidates[best]
    if changes:
        store_changes(home, changes)
    return Tuned(len(done), 0, values[best], values[0], changes, judged[best].figures)


def store_changes(home: Home, changes: dict[str, Scalar]) -> None:
    """Puts values over what tuning kept before: of actions in one file, of evidence in the recipe.

    Each file is replaced as a whole.
    """
    for path, prefix, chosen in (
        (home.actions, "rows.", {k: v for k, v in changes.items() if not _of_recipe(k)}),
        (home.recipe, "", {k: v for k, v in changes.items() if _of_recipe(k)}),
    ):
        if not chosen:
            continue
        before = tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        tables = before.get("rows", {}) if prefix else before
        flat = {f"{name}.{key}": v for name, keys in tables.items() for key, v in keys.items()}
        path.parent.mkdir(parents=True, exist_ok=True)
        text = as_toml(flat | chosen)
        replace_durably(path, (text.replace("[", f"[{prefix}") if prefix else text).encode())


def _of_recipe(key: str) -> bool:
    return key.startswith(f"{EVIDENCE}.")
