"""Forecasts of cascades beside simple rules: who is next, and how large they grow.

In: a folder with cascades.parquet (cascade_id, user_id, at_seconds) and follows.parquet
(follower_id, followee_id). Out: figures with intervals over cascades, on standard output.
Never: an act of a judged cascade in what is learned, or one after the moment that is looked from.

The first 70 % of the cascades teach, the others are judged: in the order of their first adoption,
of their ids, and of a draw. Judged are cascades of more than five adopters. Who is next is asked
after the fifth adopter, and at up to eight moments of each cascade, evenly; everybody who has
not adopted by then, known or not, is ranked. `--hindsight` lets a forecast know what the learned
cascades came to after the moment, as where cascades are taken for finished things of no time.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import rankdata

from engine import settings
from engine.reach.adopters import Knowing, figures, moment
from engine.reach.cascades import CASCADE, Past, Running, build_past, ordered, running
from engine.reach.forecast import Growth, Learned, Line, forecast, grow, signs
from training.forecast import Asked, learn, learn_growth, learn_who

Array = NDArray[Any]
Statistic = Callable[[Array], float]
WAYS = ("start", "id", "draw")
TEACHING, FIRST, MOMENTS, DRAWS = 0.7, 5, 8, 1000
RULES = ("forecast", "active friends", "followers", "own acts")


@dataclass(frozen=True)
class Split:
    """Cascades that teach, with everybody's ties, and those that are judged."""

    past: Past
    judged: list[Running]


def split(folder: Path, way: str, seed: int = 0) -> Split:
    """The first part of the cascades and the rest, in one of the orders."""
    acts = ordered(pl.read_parquet(folder / "cascades.parquet"))
    begun = acts.group_by(CASCADE).agg(pl.col("moment").min())
    number = pl.col(CASCADE).cast(pl.Int64, strict=False)
    keys = [pl.col("moment"), CASCADE] if way == "start" else [number, pl.col(CASCADE)]
    names = begun.sort(keys)[CASCADE]
    if way == "draw":
        names = names.gather(np.random.default_rng([seed, 73]).permutation(len(names)))
    teaching = names.head(int(TEACHING * len(names))).to_list()
    learned = acts.filter(pl.col(CASCADE).is_in(teaching))
    rest = acts.filter(~pl.col(CASCADE).is_in(teaching))
    ties = folder / "follows.parquet"
    known = pl.read_parquet(ties) if ties.exists() else None
    past = build_past(learned, known, rest["user_id"])
    parts = rest.partition_by(CASCADE, maintain_order=True)
    return Split(past, [running(past, part) for part in parts])


def auc(scores: Array, right: Array) -> float:
    """The chance that one who is right stands above one who is not; ties count half."""
    ranks = rankdata(scores)
    number = int(right.sum())
    above = ranks[right].sum() - number * (number + 1) / 2
    return float(above / (number * (right.size - number)))


def asked(whole: Running) -> list[int]:
    """After how many adopters it is asked who is next."""
    last = whole.who.size - 1
    return sorted({FIRST, *np.linspace(1, last, min(last, MOMENTS)).astype(int).tolist()})


def judge_who(split: Split, knowing: Knowing, line: Line) -> Iterator[list[float]]:
    """Of each moment: the cascade, how many had adopted, AUC of next and of all later by rule."""
    past = split.past
    for place, whole in enumerate(split.judged):
        if whole.who.size <= FIRST:
            continue
        for count in asked(whole):
            begun = whole.first(count)
            found = moment(past, begun, knowing)
            rows = found.candidates(past, begun)
            said = np.full(len(past.people), -np.inf)
            said[rows] = line.of(figures(past, begun, found, rows))
            left = np.ones(len(past.people), bool)
            left[begun.who] = False
            later = np.isin(np.flatnonzero(left), whole.who[count:])
            following = np.flatnonzero(left) == whole.who[count]
            told = [float(place), float(count)]
            for scores in (said, found.friends, past.followers, found.acts):
                told += [auc(scores[left], following), auc(scores[left], later)]
            yield told


def judge_size(
    split: Split, knowing: Knowing, growth: Growth, count: int, level: float
) -> Iterator[list[float]]:
    """Of each cascade that came so far: log errors of forecast and medians, whether held, size."""
    past, sizes = split.past, split.past.sizes
    medians = [np.log(np.median(some)) for some in (sizes, sizes[sizes > count])]
    for whole in split.judged:
        if whole.who.size >= count:
            begun, came = whole.first(count), np.log(whole.who.size)
            found = moment(past, begun, knowing)
            told = signs(past, begun, found, knowing, growth.most)
            size = grow(growth, told, count, level)
            yield [
                abs(np.log(size.middle) - came),
                *(abs(median - came) for median in medians),
                float(size.lower <= whole.who.size <= size.upper),
                np.log(size.upper / size.lower),
                float(whole.who.size),
            ]


def judge_chances(split: Split, learned: Learned, level: float) -> list[list[float]]:
    """Of each cascade after five: what the first twenty were said to bring, and what they did."""
    found = []
    for whole in split.judged:
        if whole.who.size > FIRST:
            told = forecast(split.past, whole.first(FIRST), learned, level)
            came = np.isin(told.rows[:20], whole.who[FIRST:]).sum()
            found.append([float(told.chances[:20].sum()), float(came)])
    return found


def between(groups: Array, statistic: Statistic, seed: int = 0) -> str:
    """A figure with its 95 % interval, over cascades drawn anew."""
    rng = np.random.default_rng([seed, 74])
    drawn = [statistic(groups[rng.integers(0, len(groups), len(groups))]) for _ in range(DRAWS)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return f"{statistic(groups):.3f} ({low:.3f} to {high:.3f})"


def by_cascade(told: Array) -> Array:
    """Means over the moments of each cascade."""
    places = np.unique(told[:, 0])
    return np.array([told[told[:, 0] == place].mean(0) for place in places])


def tell_who(told: Array) -> None:
    """AUC of each rule, and what the forecast is above it; the mean of cascades' means."""
    fifth = told[told[:, 1] == FIRST]
    for name, some in ((f"after {FIRST}", fifth), ("over its course", by_cascade(told))):
        for which, ours in (("next adopter", 2), ("all later adopters", 3)):
            for number, rule in enumerate(RULES):
                theirs = ours + 2 * number
                line = between(some, _mean(theirs))
                if number:
                    line += f"; forecast above by {between(some, _above(ours, theirs))}"
                print(f"  {which}, {name}: AUC of {rule} {line}", flush=True)


def _above(ours: int, theirs: int) -> Statistic:
    return lambda some: float((some[:, ours] - some[:, theirs]).mean())


def tell_size(told: Array, count: int) -> None:
    """Errors beside both medians, how many intervals held, and how wide they were."""
    reached, told = told, told[told[:, 5] > count]
    print(f"  size after {count}, {len(told)} cascades: log error {between(told, _mean(0))}")
    for column, what in ((1, "all"), (2, f"those of more than {count}")):
        less = between(told, _less(column))
        print(f"    the median of {what} {told[:, column].mean():.3f}: less by {less}")
    wide = np.exp(told[:, 4].mean())
    print(
        f"    intervals hold {between(told, _mean(3))}, ends {wide:.1f} times apart; "
        f"with the {len(reached) - len(told)} that grew no further {between(reached, _mean(3))}",
        flush=True,
    )


def _mean(column: int) -> Statistic:
    return lambda some: float(some[:, column].mean())


def _less(column: int) -> Statistic:
    return lambda some: float(1 - some[:, 0].mean() / some[:, column].mean())


def run(folder: Path, way: str, seed: int, hindsight: bool) -> None:
    """All figures of one way of splitting."""
    parts, chosen = split(folder, way, seed), settings.load("forecast")
    knowing = Knowing(float(chosen["next"].window), hindsight)
    more = sum(whole.who.size > FIRST for whole in parts.judged)
    print(
        f"by {way} {seed if way == 'draw' else ''}: {len(parts.past.names)} cascades teach, "
        f"{len(parts.judged)} are left, {more} of them of more than {FIRST}; "
        f"{len(parts.past.people):,} people",
        flush=True,
    )
    line = learn_who(parts.past, knowing, chosen["next"], 0).who
    tell_who(np.array(list(judge_who(parts, knowing, line))))
    ridge, level = float(chosen["size"].ridge), float(chosen["size"].level)
    bounds = int(chosen["cascades"].fewest), int(chosen["size"].moments)
    for count in (FIRST, 2, 20):
        growth = learn_growth(parts.past, Asked(count), knowing, ridge=ridge, bounds=bounds)
        tell_size(np.array(list(judge_size(parts, knowing, growth, count, level))), count)
        if count == FIRST:
            reached = next(whole for whole in parts.judged if whole.who.size > FIRST)
            learned = learn(parts.past, reached.first(FIRST), chosen)
            chances = np.array(judge_chances(parts, learned, level))
            said = between(chances, _mean(0)), between(chances, _mean(1))
            print(f"    of the first 20, {said[0]} said to adopt, {said[1]} did", flush=True)


def main() -> None:
    """`python -m tests.benchmarks.cascades FOLDER [--by start] [--seed N] [--hindsight]`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--by", choices=WAYS, action="append")
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    parser.add_argument("--hindsight", action="store_true")
    words = parser.parse_args()
    for way in words.by or WAYS:
        run(words.folder, way, words.seed, words.hindsight)


if __name__ == "__main__":
    main()
