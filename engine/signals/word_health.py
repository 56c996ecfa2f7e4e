"""How the word about products stands: who speaks well and ill of them, of what, and since when.

In: what was said, one row for each act. Out: people by product and window, shares with intervals, a
series, aspects. Never: an act that counts as a person, or an id of somebody who spoke.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from statistics import NormalDist
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import betaincinv

from engine.frames import ACTS, AT, EVENT, PRODUCT, USER
from engine.settings import Section
from engine.signals.readings import OPINION
from engine.signals.text import ASPECT, PHRASE
from engine.signals.word import BEFORE, NOW, READ, SIGN, WINDOW, Word

Array = NDArray[Any]
Settings = dict[str, Section]

PEOPLE, POSITIVE, NEGATIVE, NEUTRAL, UNREAD = "people", "positive", "negative", "neutral", "unread"
FIGURES = (PEOPLE, POSITIVE, NEGATIVE, NEUTRAL, ACTS, UNREAD)
EARLIER = "_before"
"""Ends the names of columns that tell of the window before."""


def people_of(said: pl.DataFrame, *, by: str = WINDOW) -> pl.DataFrame:
    """Each person who spoke, once for each product and window: product_id, `by`, user_id, opinion.

    The last act that is for or against decides, as it does of evidence; who said neither is 0. Of
    acts at one moment the greatest event id decides. What could not be read says nothing.
    """
    key = [PRODUCT, by, USER]
    heard = said.filter(READ)
    decided = (
        heard.filter(pl.col(OPINION) != 0)
        .sort(AT, EVENT, OPINION)
        .unique(key, keep="last", maintain_order=True)
        .select(*key, OPINION)
    )
    return (
        heard.select(key)
        .unique()
        .join(decided, on=key, how="left")
        .with_columns(pl.col(OPINION).fill_null(0))
        .sort(key)
    )


def tally(word: Word) -> pl.DataFrame:
    """One row for each product, by id: how many people spoke, and how, in both windows.

    Columns: product_id; people, positive, negative, neutral (people: the last three add up to the
    first); acts, all that were said; unread, those of them that could not be read. Then the same
    of the window before, named `..._before`. All Int64.
    """
    key = [PRODUCT, WINDOW]
    each = people_of(word.said)
    sides = {POSITIVE: 1, NEGATIVE: -1, NEUTRAL: 0}
    people = each.group_by(key).agg(
        pl.len().alias(PEOPLE),
        *((pl.col(OPINION) == sign).sum().alias(name) for name, sign in sides.items()),
    )
    acts = word.said.group_by(key).agg(pl.col(ACTS).sum(), (~pl.col(READ)).sum().alias(UNREAD))
    both = acts.join(people, on=key, how="left").with_columns(pl.col(FIGURES).fill_null(0))
    now, before = (
        both.filter(pl.col(WINDOW) == window).select(PRODUCT, pl.col(FIGURES).cast(pl.Int64))
        for window in (NOW, BEFORE)
    )
    earlier = before.rename({name: name + EARLIER for name in FIGURES})
    return (
        now.join(earlier, on=PRODUCT, how="full", coalesce=True)
        .with_columns(pl.exclude(PRODUCT).fill_null(0))
        .sort(PRODUCT)
    )


def share_of(some: Array, everybody: Array, prior: tuple[float, float], level: float) -> Array:
    """(3, n): the share of people, and the ends of its interval; shrunk towards what is usual.

    The share has a beta law: what is believed before counts as so many people of each kind, so
    that few people move it little. Where nobody spoke, it is what was believed.

    Args:
        some: (n,) people of one kind.
        everybody: (n,) people who spoke.
        prior: people of this kind, and of the others, who are believed in before; each above 0.
        level: of the interval.
    """
    a, b = some + prior[0], everybody - some + prior[1]
    tail = (1 - level) / 2
    return np.stack([a / (a + b), betaincinv(a, b, tail), betaincinv(a, b, 1 - tail)])


def change_of(now: Array, before: Array) -> Array:
    """(3, n): the difference of two shares, and the ends of its interval.

    The interval is made of those of both shares (Newcombe 1998, method 10). People who spoke in
    both windows make it wider than it need be, never narrower.

    Args:
        now: (3, n) of `share_of`.
        before: the same of the window before.
    """
    (p, low, high), (q, lower, upper) = now, before
    change = p - q
    down = np.sqrt((p - low) ** 2 + (upper - q) ** 2)
    up = np.sqrt((high - p) ** 2 + (q - lower) ** 2)
    return np.stack([change, change - down, change + up])


def net_of(positive: Array, negative: Array, everybody: Array, settings: Settings) -> Array:
    """(3, n): people for less people against, as a part of all who spoke, -1 to 1, shrunk.

    Shares of three kinds have a Dirichlet law; the interval is the normal one of its variance.
    """
    prior = settings["prior"]
    weight = float(prior.people)
    total = everybody + weight
    good, bad = (
        (positive + weight * prior.positive) / total,
        (negative + weight * _ill(prior)) / total,
    )
    net = good - bad
    spread = np.sqrt((good + bad - net**2) / (total + 1))
    z = NormalDist().inv_cdf(0.5 + float(settings["interval"].level) / 2)
    return np.stack([net, np.maximum(net - z * spread, -1.0), np.minimum(net + z * spread, 1.0)])


def _ill(prior: Section) -> float:
    """The share believed to speak ill: both shares together leave room for who does neither."""
    return min(float(prior.negative), 0.99 - float(prior.positive))


def negative_prior(settings: Settings) -> tuple[float, float]:
    """People who speak ill, and others, who are believed in before anybody spoke."""
    prior = settings["prior"]
    ill, weight = _ill(prior), float(prior.people)
    return weight * ill, weight * (1 - ill)


def shares(tallied: pl.DataFrame, settings: Settings, *, end: str = "") -> Array:
    """(3, products): the negative share of a window; `end` names it, as columns of `tally` do."""
    ill, everybody = (tallied[name + end].to_numpy().astype(float) for name in (NEGATIVE, PEOPLE))
    return share_of(ill, everybody, negative_prior(settings), float(settings["interval"].level))


def series(
    said: pl.DataFrame, settings: Settings, *, until: datetime, days: int
) -> list[dict[str, Any]]:
    """The word of one product over both windows, day by day or week by week, the oldest first.

    Each part is judged by itself: who spoke in two of them counts in both. Parts are counted back
    from `until`; the first may lie partly before the windows, and is left out then. A part in
    which nobody spoke has null shares.

    Returns:
        Rows of since, until (ISO 8601), people, positive, negative, neutral, negative_share,
        lower, upper.
    """
    step = 1 if days <= int(settings["window"].daily) else 7
    parts = max(1, 2 * days // step)
    ago = (pl.lit(until) - pl.col(AT)).dt.total_microseconds() - 1
    number = ago // (step * 86_400_000_000)
    placed = said.with_columns(number.cast(pl.Int64).alias("part")).filter(pl.col("part") < parts)
    opinions = people_of(placed, by="part")
    rows = []
    for part in range(parts - 1, -1, -1):
        here = opinions.filter(pl.col("part") == part)[OPINION]
        rows.append(
            {
                "since": (until - timedelta(days=step * (part + 1))).isoformat(),
                "until": (until - timedelta(days=step * part)).isoformat(),
                **_point(here, settings),
            }
        )
    return rows


def _point(opinions: pl.Series, settings: Settings) -> dict[str, Any]:
    sides = {POSITIVE: 1, NEGATIVE: -1, NEUTRAL: 0}
    counts = {name: int((opinions == sign).sum()) for name, sign in sides.items()}
    people = opinions.len()
    told: dict[str, Any] = {PEOPLE: people, **counts}
    level, prior = float(settings["interval"].level), negative_prior(settings)
    found = share_of(np.array(float(counts[NEGATIVE])), np.array(float(people)), prior, level)
    names = ("negative_share", "lower", "upper")
    return told | {
        name: float(one) if people else None for name, one in zip(names, found, strict=True)
    }


def blame_of(word: Word) -> pl.DataFrame:
    """product_id, aspect, people who blame it, and before, those of the window before; Int64.

    Of every product, the aspects that anybody blames in either window, most people first.
    """
    window = pl.col(WINDOW)
    people = [pl.col(USER).filter(window == one).n_unique() for one in (NOW, BEFORE)]
    return (
        word.spoken.filter(pl.col(SIGN) < 0)
        .group_by(PRODUCT, ASPECT)
        .agg(people[0].cast(pl.Int64).alias(PEOPLE), people[1].cast(pl.Int64).alias("before"))
        .sort(PRODUCT, PEOPLE, ASPECT, descending=[False, True, False])
    )


def aspects(word: Word, tallied: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """What the bad and the good word about one product is about, most people first.

    `blamed` and `praised` hold rows of aspect; people; share, of those who blamed (praised)
    anything; before, people of the window before; rise, of the part of all speakers, with lower
    and upper, null where nobody spoke before; and phrase, the one of the lists that most used,
    null where too few did. `blamers` and `praisers` tell how many blamed or praised anything: who
    spoke ill, and who blamed an aspect in word that was not ill as a whole.

    Args:
        word: of one product.
        tallied: its row of `tally`.
        settings: sections aspects, interval and prior.
    """
    told: dict[str, Any] = {}
    for sign, name, who in ((-1, "blamed", "blamers"), (1, "praised", "praisers")):
        spoken = word.spoken.filter(pl.col(SIGN) == sign)
        spoke = word.said.filter((pl.col(OPINION) == sign) & READ)
        anybody = pl.concat([one.select(WINDOW, USER) for one in (spoke, spoken)]).unique()
        told[who] = anybody.filter(pl.col(WINDOW) == NOW).height
        told[name] = _aspect_rows(spoken, told[who], tallied, settings)
    return told


def _aspect_rows(
    spoken: pl.DataFrame, everybody: int, tallied: dict[str, Any], settings: Settings
) -> list[dict[str, Any]]:
    window = pl.col(WINDOW)
    people = [pl.col(USER).filter(window == one).n_unique() for one in (NOW, BEFORE)]
    found = (
        spoken.group_by(ASPECT)
        .agg(people[0].alias(PEOPLE), people[1].alias("before"))
        .filter(pl.col(PEOPLE) > 0)
        .sort(PEOPLE, ASPECT, descending=[True, False])
        .head(int(settings["aspects"].most))
    )
    level = float(settings["interval"].level)
    now, before = (
        share_of(found[name].to_numpy().astype(float), np.array(float(of)), (0.5, 0.5), level)
        for name, of in ((PEOPLE, tallied[PEOPLE]), ("before", tallied[PEOPLE + EARLIER]))
    )
    rise, phrases = change_of(now, before), _phrases(spoken, int(settings["aspects"].people))
    known = tallied[PEOPLE + EARLIER] > 0
    return [
        {
            **row,
            "share": row[PEOPLE] / everybody,
            **{
                name: float(rise[at, place]) if known else None
                for at, name in enumerate(("rise", "lower", "upper"))
            },
            PHRASE: phrases.get(row[ASPECT]),
        }
        for place, row in enumerate(found.iter_rows(named=True))
    ]


def _phrases(spoken: pl.DataFrame, least: int) -> dict[str, str]:
    """The phrase of each aspect that most people used, of those that enough used."""
    used = (
        spoken.filter(pl.col(WINDOW) == NOW)
        .group_by(ASPECT, PHRASE)
        .agg(pl.col(USER).n_unique().alias(PEOPLE))
        .filter(pl.col(PEOPLE) >= least)
        .sort(PEOPLE, PHRASE, descending=[True, False])
        .unique(ASPECT, keep="first", maintain_order=True)
    )
    return dict(used.select(ASPECT, PHRASE).iter_rows())
