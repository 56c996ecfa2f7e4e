"""Retraining, from the event log to the pointer: this file is the order of things.

In: a home and a seed. Out: a new version in the home, promoted if it passes the gate.
Never: two at once, a half-written version, or a champion lost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl
from rich.console import Console

from engine import settings as configs
from engine.errors import ArtefactCorrupt, NothingToLearn, NotTrained
from engine.frames import (
    ACCOUNT,
    ACTS,
    AT,
    DISLIKES,
    FIRST_AT,
    LAST_AT,
    LIKES,
    PRODUCT,
    SENIORITY,
    USER,
)
from engine.operations.consent import consented
from engine.operations.erasure import without_erased
from engine.operations.intake import compact
from engine.operations.integrity import hold_out
from engine.operations.models import promote_model
from engine.operations.showings import acts_and_showings
from engine.privacy.consent import PROFILE
from engine.signals.evidence import user_activity, weigh_events
from engine.signals.exposures import passed_over
from engine.signals.integrity import cap_weights
from engine.signals.ties import standing_ties
from engine.store.artefacts import Model, open_model, save
from engine.store.eventlog import scan_events, scan_table, scan_ties, version
from engine.store.forgotten import newest_erasure
from engine.store.home import Home
from engine.store.locks import only_one
from engine.store.versions import champion, sweep, versions
from training.accounts import describe_accounts
from training.carriers import Told, learn_carriers
from training.echo import hear_echo
from training.features import feature_matrix, tie_matrix
from training.gate import Verdict, audience_change, judge_challenger
from training.learn import Learned, Tick, learn
from training.matrices import Pairs, beside, pair_up
from training.parts import Features, plan_parts
from training.publish import Source, build_model
from training.recipe import Recipe, load_recipe
from training.report import steps, summary
from training.said import read_said, with_wishes
from training.warm import load_fitted, save_fitted

Part = Callable[[pl.LazyFrame], pl.LazyFrame]
"""Takes events and gives those of them that are learned from."""


@dataclass(frozen=True)
class Outcome:
    """What a retrain came to. `version` is the challenger's, promoted or not."""

    version: str
    promoted: bool
    metrics: dict[str, Any]
    verdicts: list[Verdict] = field(default_factory=list)
    unchanged: float | None = None
    """Mean Jaccard index of the best 1 % of each product, challenger against champion."""
    champion: dict[str, Any] | None = None
    """Figures of the champion that was challenged."""

    @property
    def exit_code(self) -> int:
        return 0 if self.promoted else 3

    def to_dict(self) -> dict[str, Any]:
        """As the command prints it with `--json`."""
        return {
            "version": self.version,
            "promoted": self.promoted,
            "metrics": self.metrics,
            "unchanged": self.unchanged,
            "gate": [vars(verdict) for verdict in self.verdicts],
        }


@dataclass(frozen=True)
class Material:
    """All that a model learns from, numbered."""

    pairs: Pairs
    features: Features
    source: Source
    told: Told
    """Acts of people who agreed and are not held."""


def retrain(
    home: Home, *, seed: int = 0, console: Console | None = None, warm: bool = False
) -> Outcome:
    """Learns a challenger from the event log and promotes it if it passes the gate.

    What waits in the inbox is moved to the log first. The same log, settings and seed give the
    same arrays. `warm` starts LightFM from the champion's, which is faster to a good fit and then
    depends on that champion too.

    Raises:
        Busy: another retrain runs in this home.
        NothingToLearn: the log holds no likes, or too few users or products.
    """
    from training.targeting import retune_when_due  # it gathers and learns as is done here

    with only_one(home.lock):
        recipe = load_recipe(home)
        settings = configs.load("training", home.root)
        sweep(home, keep=settings["models"].keep)
        compact(home)
        retune_when_due(home, seed)
        material = gather(home, recipe, seed)
        start = load_fitted(home, champion(home)) if warm and versions(home) else {}
        total = 2 * len(plan_parts(material.pairs, material.features, recipe, seed)) + 5
        with steps(console, "retrain", total) as tick:
            tick("evidence")
            learned = learn(
                material.pairs,
                material.features,
                recipe,
                settings=settings["compute"],
                seed=seed,
                warm=start,
                tick=tick,
            )
            outcome = _publish(home, learned, material, recipe, settings, tick)
    if console is not None:
        _print(console, outcome)
    return outcome


def gather(home: Home, recipe: Recipe, seed: int, *, only: Part | None = None) -> Material:
    """Reads the log, or `only` a part of it, and the tables and numbers what they hold.

    Of people who did not agree to a profile nothing is learned, nor of accounts that are held.
    Evidence is weighed at the last event, so that a model depends on its data, not on the clock.
    """
    change, erasures = version(home)["events"], newest_erasure(home)
    events, held = hold_out(home, consented(home, scan_events(home), PROFILE))
    acts = events = only(events) if only else events
    as_of = events.select(pl.col(AT).max()).collect().item()
    if as_of is None:
        raise NothingToLearn("no events yet: run `mokhatab ingest EVENTS`")
    actions = configs.load_rows("actions", home.root, over=home.actions)
    weighing = recipe["evidence"]
    products = scan_table(home, "products").collect()
    events, showings = acts_and_showings(home, events)
    events, wishes = read_said(home, events, products, now=as_of)
    evidence = weigh_events(
        events, actions=actions, now=as_of, distinct=True, repeats=weighing.repeats
    ).collect()
    pairs = _capped(
        home, pair_up(evidence, products, power=weighing.power, grading=weighing.grading)
    )
    passed = passed_over(showings, evidence.lazy(), days=weighing.answer_days, now=as_of)
    pairs = beside(pairs, passed, weighing.passed_weight)
    attributes = with_wishes(scan_table(home, "users").collect(), wishes)
    users = _describe_users(events, evidence, attributes, pairs)
    window = {
        "from": events.select(pl.col(AT).min()).collect().item().isoformat(),
        "to": as_of.isoformat(),
        "events": events.select(pl.len()).collect().item(),
        "change": change,
        "erasures": erasures,
        "held_out": held,
        "pairs": len(pairs.rows),
        "passed": len(pairs.passed.rows),
    }
    return Material(
        pairs,
        _features(attributes, products, _follows(home, events), pairs, recipe),
        Source(users, products, window, as_of, seed, _accounts(home, users)),
        Told(acts, events, as_of),
    )


def _accounts(home: Home, users: pl.DataFrame) -> pl.DataFrame | None:
    return describe_accounts(scan_table(home, "accounts").collect(), users)


def _follows(home: Home, events: pl.LazyFrame) -> pl.DataFrame:
    """Ties of the follows table and of acts, without those that acts took back."""
    return standing_ties(events, scan_ties(home), distinct=True)


def _capped(home: Home, pairs: Pairs) -> Pairs:
    """No account weighs more than the settings allow, held or released."""
    rules = configs.load("integrity", home.root)["weights"]
    opinion = pairs.polarity != 0
    capped = cap_weights(pairs.rows, pairs.weight * opinion, rules)
    return replace(pairs, weight=np.where(opinion, capped, pairs.weight))


def _describe_users(
    events: pl.LazyFrame, evidence: pl.DataFrame, attributes: pl.DataFrame, pairs: Pairs
) -> pl.DataFrame:
    activity = user_activity(events, evidence.lazy(), distinct=True).collect()
    ours = {LIKES, DISLIKES, ACTS, FIRST_AT, LAST_AT, "channels"}
    described = attributes.with_columns(pl.col(USER).cast(pl.String))
    described = described.drop(ours & set(described.columns))
    return (
        pairs.users.rename(USER)
        .to_frame()
        .join(activity, on=USER, how="left")
        .join(described, on=USER, how="left")
        .sort(USER)
    )


def _features(
    users: pl.DataFrame,
    products: pl.DataFrame,
    follows: pl.DataFrame,
    pairs: Pairs,
    recipe: Recipe,
) -> Features:
    chosen, ties = recipe["features"], tie_matrix(follows, pairs.users)
    # What is known of an account is asked of its contacts one by one: no contact knows the others'.
    users = users.drop(ACCOUNT, SENIORITY, strict=False)
    if not chosen.use:
        return Features(ties=ties)
    sides = [
        feature_matrix(table, ids, key, chosen) if table.width > 1 else None
        for table, ids, key in ((users, pairs.users, USER), (products, pairs.products, PRODUCT))
    ]
    return Features(users=sides[0], products=sides[1], ties=ties)


def _unchanged(model: Model, before: Model, gate: configs.Section) -> float | None:
    return audience_change(model, before, share=gate.changed_share, most=gate.changed_products)


def _publish(
    home: Home,
    learned: Learned,
    material: Material,
    recipe: Recipe,
    settings: Mapping[str, configs.Section],
    tick: Tick,
) -> Outcome:
    from training.targeting_apply import aim_products

    version = f"{datetime.now(UTC):%Y%m%dT%H%M%S-%fZ}"
    source, seed = material.source, material.source.seed
    carriers = learn_carriers(home, material.told, source.users[USER], seed=seed)
    echo = hear_echo(
        home, material.told.acts, carriers, source.users.height, material.pairs.products
    )
    tick("word of mouth")
    model = build_model(version, learned, material.pairs, replace(source, echo=echo), recipe, home)
    model = replace(model, targeting=aim_products(home, model, seed=seed), carriers=carriers)
    tick("segments")
    before = _champion(home)
    verdicts = judge_challenger(
        model, before, learned.judged.by_product, settings["gate"], seed=seed
    )
    unchanged = _unchanged(model, before, settings["gate"]) if before else None
    held = material.source.window["held_out"]
    metrics = {**model.metrics, "unchanged": unchanged, "held_out": held}
    tick("gate")
    kept = without_erased(home, model)
    save(home, kept)
    if kept is model:
        save_fitted(home, version, learned.stack.parts, material.pairs)
    promoted = all(verdict.passed for verdict in verdicts)
    if promoted:
        promote_model(home, version, actor="retrain", reason="passed the gate")
    tick("saved")
    return Outcome(
        version, promoted, metrics, verdicts, unchanged, before.metrics if before else None
    )


def _champion(home: Home) -> Model | None:
    try:
        return open_model(home)
    except (NotTrained, ArtefactCorrupt):
        return None


def _print(console: Console, outcome: Outcome) -> None:
    console.print(summary(outcome.metrics, outcome.champion, outcome.verdicts, outcome.unchanged))
    if outcome.promoted:
        console.print(f"promoted [bold]{outcome.version}[/]")
    else:
        console.print(f"[yellow]kept the champion[/]; {outcome.version} did not pass the gate")
