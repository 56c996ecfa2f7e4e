"""Learns from cascades of the past who adopts next, and how far they grow.

In: cascades, ties, settings. Out: two linear rules with what their errors were.
Never: an answer about a cascade by a rule that was learned from it.

Who is next is learned at moments of past cascades, from some who adopted after them and some who
did not; the odds of the draw enter as an offset (King & Zeng 2001). How far a cascade grows is
learned from those that had about as many adopters, and had waited as long for another, as the one
that is asked about: a landmark (van Houwelingen 2007, "Dynamic prediction by landmarking").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import NothingToLearn, counted
from engine.reach.adopters import Knowing, figures, moment
from engine.reach.cascades import Past, Running
from engine.reach.forecast import FURTHEST, TIMES, Growth, Learned, Line, signs
from engine.settings import Section
from training.forecast_odds import Stood, learn_odds
from training.heads import Drawn, fit_head

Array = NDArray[Any]

FOLDS = 20
THIRDS = 3
"""Folds of the rule on people, which takes longer to learn."""
SETTLED = 0.8
AROUND = (0.5, 0.7, 1.0, 1.4, 2.0)
"""Cascades are looked at when they were so many times as large as the one asked about."""
SMALL = 0.1
"""A miss by less is as good as none, where it is learned how far the rule is wrong."""
SHARES = 20.0
"""So many adopters are added that were known, where it is told how many of them are."""


def learn(
    past: Past,
    begun: Running,
    settings: dict[str, Section],
    *,
    ended: bool = True,
    seed: int = 0,
) -> Learned:
    """What is needed for a forecast of a cascade that has begun.

    Args:
        past: cascades; the one that has begun may be among them.
        begun: the cascade, as far as it is known.
        settings: of configs/forecast.toml.
        ended: whether the cascades of the past have come to their end; else those teach growth
            that are older than four in five took from their first adopter to their last.
        seed: of the draws.

    Raises:
        NothingToLearn: there are too few cascades, or nobody who was known passed any on.
    """
    knowing = Knowing(float(settings["next"].window))
    lasted = [whole.now - whole.at[0] for whole in past.each() if whole.own != begun.own]
    settled = 0.0 if ended or not lasted else float(np.quantile(lasted, SETTLED))
    silence = begun.now - float(begun.at[-1])
    asked = Asked(begun.who.size, silence, begun.own, settled)
    size = settings["size"]
    taught = _taught(
        past,
        asked,
        knowing,
        ridge=float(size.ridge),
        bounds=(int(settings["cascades"].fewest), int(size.moments)),
    )
    chosen = settings["next"]
    rule = learn_who(past, knowing, chosen, seed)
    stood = _stood_at(past, taught, rule.share)
    odds = learn_odds(past, stood, knowing, rule.folds, chosen)
    return Learned(knowing, rule.who, rule.share, taught.growth, odds, rule.longest)


@dataclass(frozen=True)
class Rule:
    """The rule on people, and how many of the later adopters were known.

    `folds` are the same, each learned from cascades of the other folds, `longest` as `Learned`.
    """

    who: Line
    share: float
    folds: list[Line]
    longest: Array


def learn_who(past: Past, knowing: Knowing, chosen: Section, seed: int) -> Rule:
    """The rule on the figures of `adopters`, and how many of the later adopters were known.

    Args:
        past: cascades; none is left out.
        knowing: as it is to be applied with.
        chosen: `next` of configs/forecast.toml.
        seed: of the draws.

    Raises:
        NothingToLearn: nobody who was known adopted anything after somebody else.
    """
    random = np.random.default_rng([seed, 71])
    tables, labels, offsets, owns = [], [], [], []
    later, met = 0, 0
    for whole, count in _moments(past, chosen, random):
        begun = whole.first(count)
        found = moment(past, begun, knowing)
        rows = found.candidates(past, begun)
        comes = np.isin(rows, whole.who[count:])
        later, met = later + whole.who.size - count, met + int(comes.sum())
        if not comes.any() or comes.all():
            continue
        yes = _some(rows[comes], int(chosen.adopters), random)
        no = _some(rows[~comes], int(chosen.others), random)
        odds = np.log(yes.size / comes.sum()) - np.log(no.size / (~comes).sum())
        tables.append(figures(past, begun, found, np.concatenate([yes, no])))
        labels.append(np.repeat([1.0, 0.0], [yes.size, no.size]))
        offsets.append(np.full(yes.size + no.size, odds))
        owns.append(np.full(yes.size + no.size, whole.own))
    if not tables:
        raise NothingToLearn(
            "no cascade of the past was passed on by anybody who was known by then"
        )
    table, label, offset = np.vstack(tables), np.concatenate(labels), np.concatenate(offsets)
    ridge, folds = float(chosen.ridge), _folds(past, THIRDS)[np.concatenate(owns)]
    rest = [folds != fold for fold in range(THIRDS)]
    lines = [_line(table[some], label[some], offset[some], ridge) for some in rest]
    share = (met + SHARES) / (later + SHARES)
    return Rule(_line(table, label, offset, ridge), share, lines, table[:, TIMES].max(0))


def _line(table: Array, label: Array, offset: Array, ridge: float) -> Line:
    if label.size == 0:  # all cascades are of one fold
        return Line(np.zeros(table.shape[1]), 0.0)
    head = fit_head(table, Drawn(label, label, label, offset), ridge=ridge)
    return Line(head.coefficients, head.constant)


def _folds(past: Past, number: int) -> Array:
    """(cascades,) in which of so many folds each is."""
    return np.random.default_rng(72).permutation(len(past.names)) % number


def _moments(past: Past, chosen: Section, random: np.random.Generator) -> list[tuple[Running, int]]:
    """Cascades, and after how many adopters each is looked at; few of each, and few in all."""
    found = []
    for whole in past.each():
        if whole.who.size > 1:
            counts = np.unique(random.integers(1, whole.who.size, int(chosen.moments_each)))
            found += [(whole, int(count)) for count in counts]
    if len(found) > int(chosen.moments):
        kept = np.sort(random.choice(len(found), int(chosen.moments), replace=False))
        found = [found[place] for place in kept]
    return found


def _some(rows: Array, most: int, random: np.random.Generator) -> Array:
    return rows if rows.size <= most else random.choice(rows, most, replace=False)


@dataclass(frozen=True)
class Asked:
    """The cascade that is asked about: how many adopted, and seconds since the last did.

    `own` is its place among those of the past, -1 where it is none of them: it teaches nothing.
    `settled` are seconds that a cascade is to have had for growing: what a younger one will come
    to is not known yet.
    """

    count: int
    silence: float = 0.0
    own: int = -1
    settled: float = 0.0


def learn_growth(
    past: Past, asked: Asked, knowing: Knowing, *, ridge: float, bounds: tuple[int, int]
) -> Growth:
    """The rule on `signs`, from cascades that stood where the one that is asked about stands.

    Where too few had waited so long they need to have waited half as long, and so on; where too
    few came so far, it is learned from those of the largest size that enough have reached. How far
    it is wrong is learned by the same signs.

    Args:
        past: cascades.
        asked: where the one that is asked about stands.
        knowing: as it is to be applied with.
        ridge: on the weights; ten times as much on those of how far it is wrong.
        bounds: with fewer cascades nothing is learned; so many moments of theirs, the last, are
            looked at.

    Raises:
        NothingToLearn: there are too few cascades.
    """
    return _taught(past, asked, knowing, ridge=ridge, bounds=bounds).growth


@dataclass(frozen=True)
class Taught:
    """The rule of growth, and what rules of the other folds say of where it was learned from.

    `landmarks` are cascades and sizes, `waited` seconds of silence after each, `means` the final
    sizes that are said; those of the size that is asked about come first.
    """

    growth: Growth
    landmarks: list[tuple[Running, int]]
    waited: float
    means: Array


def _taught(
    past: Past, asked: Asked, knowing: Knowing, *, ridge: float, bounds: tuple[int, int]
) -> Taught:
    """As `learn_growth`, with what is needed to check chances of people."""
    fewest, most = bounds
    wholes = _teachers(past, asked, fewest)
    if len(wholes) < fewest:
        raise NothingToLearn(
            f"{counted(len(wholes), 'cascade')} of the past can be learned from, {fewest} are "
            "needed (cascades.fewest of configs/forecast.toml); ingest more, or name --cascades"
        )
    sizes = np.sort([whole.who.size for whole in wholes])[::-1]
    count = int(min(asked.count, sizes[fewest - 1]))
    waited = asked.silence
    landmarks = _landmarks(past, wholes, count, waited)[-most:]
    while sum(length == count for _, length in landmarks) < fewest:
        if waited == 0:  # those of the size are too far apart in time
            most = len(wholes) * len(AROUND)
        waited = waited / 2 if waited > 1 else 0.0
        landmarks = _landmarks(past, wholes, count, waited)[-most:]
    table, target, cascade, length = _stood(past, landmarks, knowing, waited)
    folds = _folds(past, FOLDS)[cascade]
    missed = _unseen(table, target, folds, ridge)
    wide = np.log(np.abs(missed) + SMALL)
    unsaid = _unseen(table, wide, folds, 10 * ridge)
    exact = length == count
    spread = np.exp(wide - unsaid)
    misses = np.sort((missed / spread)[exact])
    growth = Growth(
        _ridge(table, target, ridge),
        _ridge(table, wide, 10 * ridge),
        misses,
        int(length.max()),
        np.array([table.min(0), table.max(0)]),
    )
    order = np.argsort(~exact, kind="stable")
    order[: exact.sum()] = np.random.default_rng(76).permutation(order[: exact.sum()])
    said = np.clip((target - missed)[:, None] + misses * spread[:, None], 0, FURTHEST)
    means = length * np.exp(said).mean(1)
    return Taught(growth, [landmarks[place] for place in order], waited, means[order])


def _stood_at(past: Past, taught: Taught, share: float) -> list[Stood]:
    """Where cascades of the past stood, how many of the known were said to come and who came."""
    folds = _folds(past, THIRDS)
    return [
        Stood(
            _waiting(whole.first(length), taught.waited),
            (mean - length) * share,
            whole.who[length:],
            int(folds[whole.own]),
        )
        for (whole, length), mean in zip(taught.landmarks, taught.means.tolist(), strict=True)
    ]


def _unseen(table: Array, target: Array, folds: Array, ridge: float) -> Array:
    """What came over what is said by a rule that was learned from the other folds."""
    missed = np.empty(target.size)
    for fold in range(FOLDS):
        there = folds == fold
        if there.any():
            missed[there] = target[there] - _ridge(table[~there], target[~there], ridge).of(
                table[there]
            )
    return missed


def _teachers(past: Past, asked: Asked, fewest: int) -> list[Running]:
    """Cascades that have had the time to grow, or half of it where those are too few, and so on."""
    others = [whole for whole in past.each() if whole.own != asked.own]
    end, settled = past.at[-1] if past.at.size else 0.0, asked.settled
    while True:
        found = [whole for whole in others if end - whole.at[0] >= settled]
        if len(found) >= fewest or settled == 0:
            return found
        settled = settled / 2 if settled > 1 else 0.0


def _landmarks(
    past: Past, wholes: list[Running], count: int, waited: float
) -> list[tuple[Running, int]]:
    """Cascades and sizes at which they stood for longer than `waited` seconds."""
    lengths = sorted({max(1, round(count * part)) for part in AROUND})
    end = past.at[-1]
    found = []
    for whole in wholes:
        nexts = np.append(whole.at[1:], max(end, whole.at[-1]) + waited + 1)
        found += [
            (whole, length)
            for length in lengths
            if length <= whole.who.size
            and (waited == 0 or nexts[length - 1] - whole.at[length - 1] > waited)
        ]
    return found


def _stood(
    past: Past, landmarks: list[tuple[Running, int]], knowing: Knowing, waited: float
) -> tuple[Array, Array, Array, Array]:
    """Signs, the logarithm of the growth to come, the cascade, and the size then."""
    table = []
    for whole, length in landmarks:
        begun = _waiting(whole.first(length), waited)
        table.append(signs(past, begun, moment(past, begun, knowing), knowing, length))
    sizes = np.array([whole.who.size for whole, _ in landmarks], np.float64)
    lengths = np.array([length for _, length in landmarks])
    owns = np.array([whole.own for whole, _ in landmarks])
    return np.array(table), np.log(sizes / lengths), owns, lengths


def _waiting(begun: Running, waited: float) -> Running:
    """The same, seen so many seconds later."""
    return Running(begun.who, begun.at, begun.now + waited, begun.own)


def _ridge(table: Array, target: Array, ridge: float) -> Line:
    """Least squares with a penalty on weights in units of their columns' deviation."""
    mean, deviation = table.mean(0), table.std(0)
    scale = np.where(deviation > 1e-9, deviation, np.inf)
    standard = (table - mean) / scale
    bend = standard.T @ standard / target.size + ridge * np.eye(mean.size)
    weights = np.linalg.solve(bend, standard.T @ (target - target.mean()) / target.size) / scale
    return Line(weights, float(target.mean() - mean @ weights))
