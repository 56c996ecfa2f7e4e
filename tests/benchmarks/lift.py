"""Lift: campaigns without an effect, intervals of campaigns with one, looks before the end.

In: nothing; all campaigns are planted. Out: rows (what, unit, figure, command).
Never: an effect that is not known.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine import settings
from engine.measurement.lift import Lift, compare, compare_rates, compare_sides, detectable, side_of
from engine.measurement.sequential import Verdict, always_valid
from tests.engine.measurement.planted import Design, Look, arriving, coming_in, designs, in_world
from training.simulate import World, simulate

Array = NDArray[Any]
Row = tuple[str, str, float, str]
COMMAND = "python -m tests.benchmarks.lift"
TESTS, LOOKS, CAMPAIGNS = 1000, 60, 500
SHIPPED = settings.load("measurement")
LEVEL, FEW, LEAST = SHIPPED["lift"].level, SHIPPED["lift"].few, SHIPPED["sequential"].least


def run() -> list[Row]:
    """Everything below."""
    world = simulate(20_000, 200, events=400_000, seed=3)
    return [*_nothing_there(), *_power(), *_covered(), *_in_world(world)]


def _verdict(lift: Lift, design: Design, *, outcomes: bool) -> Verdict:
    """At one look; what was seen counts people who arrived, or outcomes that came in."""
    both = lift.exposed, lift.held_out
    seen = sum(side.mean * side.people for side in both) if outcomes else None
    planned = design.outcomes if outcomes else design.exposed + design.held_out
    return always_valid(lift, planned=planned, level=LEVEL, seen=seen, least=LEAST)


def watched(design: Design, random: np.random.Generator, *, outcomes: bool) -> list[Verdict]:
    """What the sequence says at each of the looks."""
    draw = coming_in if outcomes else arriving
    return [
        _verdict(compare_rates(*look, level=LEVEL, few=FEW), design, outcomes=outcomes)
        for look in draw(design, LOOKS, random)
    ]


def _nothing_there() -> list[Row]:
    """A/A tests: how often the test at the end rejects, any look of it, and the sequence ever."""
    rows: list[Row] = []
    for outcomes, name in ((False, "people arriving"), (True, "one audience")):
        end, peeking, ever = 0, 0, 0
        for at, design in enumerate(designs(TESTS, 1)):
            draw = coming_in if outcomes else arriving
            lifts = [
                compare_rates(*look, level=LEVEL, few=FEW)
                for look in draw(design, LOOKS, np.random.default_rng(at))
            ]
            end += lifts[-1].proven
            peeking += any(lift.proven for lift in lifts)
            ever += any(
                _verdict(lift, design, outcomes=outcomes).decided != "open" for lift in lifts
            )
        rows += _rejected(f"{TESTS:,} A/A tests, {name}", end, peeking, ever)
    return [*rows, *_amounts()]


def _rejected(name: str, end: int, peeking: int, ever: int) -> list[Row]:
    found = {
        "5 % test at the end": end,
        f"5 % test at any of {LOOKS} looks (do not)": peeking,
        f"sequential test at any of {LOOKS} looks": ever,
    }
    return [(f"{name}: {what} rejects", "%", 100 * n / TESTS, COMMAND) for what, n in found.items()]


def _amounts() -> list[Row]:
    """The same with money that few spend: 3 % of people, amounts log-normal."""
    end = peeking = ever = 0
    for at in range(TESTS):
        lifts = [compare_sides(*look, level=LEVEL) for look in _spending(at)]
        end += lifts[-1].proven
        peeking += any(lift.proven for lift in lifts)
        ever += any(
            always_valid(lift, planned=20_000, level=LEVEL, least=LEAST).decided != "open"
            for lift in lifts
        )
    return _rejected(f"{TESTS:,} A/A tests, amounts", end, peeking, ever)


def _spending(seed: int) -> Iterator[Look]:
    random = np.random.default_rng(seed)
    spent = (random.random(20_000) < 0.03) * random.lognormal(4, 1, 20_000)
    held = random.random(20_000) < 0.2
    for seen in np.linspace(0, 20_000, LOOKS + 1).astype(int)[1:]:
        now, out = spent[:seen], held[:seen]
        yield side_of(now[~out]), side_of(now[out])


def _power() -> list[Row]:
    """Effects as large as `detectable` says: how often they are proven, and how early."""
    proven, decided, at_share = 0, 0, []
    for at, plain in enumerate(designs(TESTS, 4)):
        people = plain.exposed + plain.held_out
        share = plain.held_out / people
        least = detectable(people, share, rate=plain.rate, level=LEVEL, power=0.8)
        if not np.isfinite(least):
            continue
        design = Design(plain.exposed, plain.held_out, plain.rate, least)
        *_, last = arriving(design, 1, np.random.default_rng(at))
        proven += compare_rates(*last, level=LEVEL, few=FEW).lower > 0
        double = Design(plain.exposed, plain.held_out, plain.rate, min(2 * least, 0.9 - plain.rate))
        looks = watched(double, np.random.default_rng(at), outcomes=False)
        first = [v.seen / v.planned for v in looks if v.decided == "up"][:1]
        decided += bool(first)
        at_share += first
    return [
        ("effects at the detectable size: proven at the end", "%", 100 * proven / TESTS, COMMAND),
        ("effects of twice that: proven before the end", "%", 100 * decided / TESTS, COMMAND),
        ("part of the people seen by then, median", "%", 100 * np.median(at_share), COMMAND),
    ]


def _covered() -> list[Row]:
    """Intervals that hold the true effect, of campaigns of all sizes and rates."""
    found = []
    for at, design in enumerate(designs(10 * CAMPAIGNS, 2, effects=True)):
        *_, last = arriving(design, 1, np.random.default_rng(at))
        lifts = (compare_rates(*last, level=LEVEL, few=few) for few in (FEW, 0))
        found.append([lift.includes(design.effect) for lift in lifts])
    ours, welch = 100 * np.array(found)[:CAMPAIGNS].mean(axis=0)
    many, welch_many = 100 * np.array(found).mean(axis=0)
    return [
        (f"{CAMPAIGNS} planted campaigns: intervals that hold the effect", "%", ours, COMMAND),
        (f"{10 * CAMPAIGNS:,} of them", "%", many, COMMAND),
        ("the same by Welch's interval alone: first 500", "%", welch, COMMAND),
        ("the same by Welch's interval alone: all", "%", welch_many, COMMAND),
    ]


def _in_world(world: World) -> list[Row]:
    """Campaigns in the planted world, and CUPED with each person's likes and acts of the past.

    The outcomes are whether people liked the product, and how many acts of theirs followed in a
    month as active as the past ones, of which those addressed do 5 % more.
    """
    known, activity = _past(world), world.truth.activity.astype(float)
    liked, acted = _Kept(), _Kept()
    for seed in range(CAMPAIGNS):
        one = in_world(world, seed=seed)
        usual = activity[one.rows]
        acts = np.random.default_rng(seed).poisson(usual * (1 + 0.05 * ~one.held_out))
        liked.keep(one.outcome, one.held_out, known[one.rows], one.effect)
        acted.keep(acts, one.held_out, known[one.rows], 0.05 * float(usual.mean()))
    what = f"{CAMPAIGNS} campaigns in the planted world"
    return [*liked.told(f"{what}, likes"), *acted.told(f"{what}, acts")]


def _past(world: World) -> Array:
    """(users, 2): logarithms of acts and of likes in the event log."""
    counts = world.events.group_by("user_id").agg(
        pl.len().alias("acts"), (pl.col("action") == "like").sum().alias("likes")
    )
    past = world.users.select("user_id").join(
        counts, on="user_id", how="left", maintain_order="left"
    )
    return past.select(pl.col("acts", "likes").fill_null(0).log1p()).to_numpy()


class _Kept:
    """Intervals of one outcome, with what was known before and without."""

    def __init__(self) -> None:
        self.rows: list[tuple[bool, bool, float]] = []

    def keep(self, outcome: Array, held: Array, known: Array, effect: float) -> None:
        ours = compare(outcome, held, level=LEVEL, few=FEW)
        plain = compare(outcome, held, level=LEVEL)
        narrow = compare(outcome, held, level=LEVEL, baseline=known)
        narrowed = 1 - (narrow.upper - narrow.lower) / (plain.upper - plain.lower)
        self.rows.append((ours.includes(effect), narrow.includes(effect), narrowed))

    def told(self, what: str) -> list[Row]:
        plain, known, narrowed = 100 * np.array(self.rows).mean(axis=0)
        return [
            (f"{what}: intervals that hold the effect", "%", plain, COMMAND),
            (f"{what}, with CUPED: intervals that hold the effect", "%", known, COMMAND),
            (f"{what}: intervals narrowed by CUPED", "%", narrowed, COMMAND),
        ]


if __name__ == "__main__":
    for what, unit, figure, _ in run():
        print(f"{what}: {figure:.4g} {unit}".rstrip(), flush=True)
