"""Cascades of a home or of files: what one is, which are of the past, and which is asked about.

In: a home's log, or tables in files. Out: cascades of the past with their people's ties, and one
that is running. Never: an act of somebody who did not agree to a profile, or of a held account.

A cascade of a home are acts by which something passes from one to the next, `share` first of all,
by different people on one object or one product; who posted the object stands at its beginning.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from engine import frames as f
from engine.errors import FrameError, InvalidValue, UnknownEntity
from engine.operations.consent import consented
from engine.operations.integrity import without_held
from engine.operations.lookup import near_ids
from engine.privacy.consent import PROFILE
from engine.reach.cascades import (
    CASCADE,
    SECONDS,
    Past,
    Running,
    build_past,
    ordered,
    running,
    without_moments,
)
from engine.settings import Section, load_rows
from engine.signals.ties import standing_ties
from engine.signals.undo import live_events
from engine.store.eventlog import scan_events, scan_ties
from engine.store.files import read_table
from engine.store.home import Home

ACTS = (f.EVENT, f.USER, f.PRODUCT, f.ACTION, f.AT, f.TARGET, f.OBJECT)
SECOND = 1_000_000
NOBODY = pl.Series(f.USER, [], pl.String)


@dataclass(frozen=True)
class Question:
    """Which cascade is asked about: that of an object, of a product, or one in a file.

    `cascades` and `follows` are files of the past and of ties; without them those of the home are
    taken. `actions` are names of acts; of the settings where there are none.
    """

    object: str | None = None
    product: str | None = None
    cascade: Path | None = None
    cascades: Path | None = None
    follows: Path | None = None
    actions: tuple[str, ...] = ()

    @property
    def column(self) -> str:
        """By what acts of a home belong together."""
        return f.PRODUCT if self.product is not None else f.OBJECT


@dataclass(frozen=True)
class Ground:
    """Cascades of the past, the running one, and whether those of the past have ended.

    `notices` say what is odd about how they stand to each other.
    """

    past: Past
    begun: Running
    ended: bool
    notices: tuple[str, ...] = ()


def gather(home: Home, question: Question, chosen: Section) -> Ground:
    """What a forecast is made from.

    Args:
        home: whose log, ties and records of consent hold.
        question: exactly one of object, product and cascade is there.
        chosen: `cascades` of configs/forecast.toml.

    Raises:
        UnknownEntity: nothing of the log is about this object or product, or no act has this name.
        UnreadableFile, FrameError: a file cannot be read, or lacks a column.
        InvalidValue: not exactly one cascade is asked about, or its file holds none or several.
    """
    asked = (question.object, question.product, question.cascade)
    if sum(one is not None for one in asked) != 1:
        raise InvalidValue("cascade", "name one of --object, --product and --cascade")
    _check_actions(home, question)
    now: float | None = None
    if question.cascades is not None:
        acts = ordered(_read(question.cascades))
    else:
        acts, now = _of_home(home, question, chosen)
    if question.cascade is not None:
        mine, now = _one(question.cascade), None
    else:
        mine = acts.filter(pl.col(CASCADE) == (question.object or question.product))
        if mine.is_empty():
            kind = "product" if question.product is not None else "object"
            wanted = str(question.object or question.product)
            known = acts[CASCADE].unique().sort()
            raise UnknownEntity(f"cascade of {kind}", wanted, near_ids(wanted, known))
    acts = _newest(acts, mine[CASCADE][0], int(chosen.most))
    if not (mine["timed"].all() and acts["timed"].all()):  # moments of one side tell nothing
        acts, mine, now = without_moments(acts), without_moments(mine), None
    past = build_past(acts, _ties(home, question), mine[f.USER])
    begun = running(past, mine, now)
    notices = _clocks(past, begun) if question.cascade is not None else ()
    return Ground(past, begun, question.cascades is not None, notices)


def _check_actions(home: Home, question: Question) -> None:
    """Acts are asked for by names that are known, and only where there are acts of a home."""
    known = load_rows("actions", home.root, over=home.actions)
    for name in question.actions:
        if name not in known:
            names = sorted(known)
            raise UnknownEntity("action", name, near_ids(name, pl.Series(names)) or tuple(names))
    if question.actions and question.cascades is not None:
        raise InvalidValue("action", "files of cascades hold no acts; leave --action")


def _clocks(past: Past, begun: Running) -> tuple[str, ...]:
    """What is odd where the cascade lies before or long after all others, as by another clock."""
    others = past.at[past.cascade != begun.own]
    if not past.timed or others.size == 0:
        return ()
    if begun.at[0] < others[0]:
        return ("the cascade began before all others: both files need one clock",)
    if begun.at[0] > others[-1] + max(float(others[-1] - others[0]), 1.0):
        return ("the cascade began long after all others: both files need one clock",)
    return ()


def _read(path: Path) -> pl.DataFrame:
    """A table of cascades; where it has `occurred_at` in place of `at_seconds`, that is read."""
    table = read_table(path)
    if SECONDS in table.columns or f.AT not in table.columns:
        return table
    moment = pl.col(f.AT)
    try:
        if table[f.AT].dtype == pl.String:
            moment = moment.str.to_datetime(time_zone="UTC", time_unit="us")
        return table.with_columns((moment.dt.timestamp("us") / SECOND).alias(SECONDS))
    except pl.exceptions.PolarsError:
        raise FrameError("cascades", f.AT, "holds what is no moment") from None


def _one(path: Path) -> pl.DataFrame:
    found = ordered(_read(path), "cascade")
    number = found[CASCADE].n_unique()
    if number != 1:
        told = "nobody" if number == 0 else f"{number:,} cascades; leave one of them"
        raise InvalidValue("cascade", f"{path} holds {told}")
    return found


def _newest(acts: pl.DataFrame, own: str, most: int) -> pl.DataFrame:
    """The cascades that began last, and the one that is asked about."""
    begun = acts.group_by(CASCADE).agg(pl.col("moment").min()).sort("moment", CASCADE)
    kept = begun.tail(most)[CASCADE].to_list()
    return acts.filter(pl.col(CASCADE).is_in([*kept, own]))


def _of_home(home: Home, question: Question, chosen: Section) -> tuple[pl.DataFrame, float | None]:
    """Cascades of the log, and the moment of its last act."""
    names = question.actions or tuple(str(chosen.actions).replace(",", " ").split())
    key = question.column
    acts = live_events(_agreed(home, scan_events(home).select(ACTS)), distinct=True)
    passed = acts.filter(pl.col(f.ACTION).is_in(names) & pl.col(key).is_not_null())
    rows = passed.select(pl.col(key).alias(CASCADE), f.USER, f.AT)
    if key == f.OBJECT:
        posted = acts.select(pl.col(f.EVENT).alias(CASCADE), f.USER, f.AT)
        rows = pl.concat([rows, posted.join(rows.select(CASCADE).unique(), on=CASCADE, how="semi")])
    seconds = (pl.col(f.AT).dt.timestamp("us") / SECOND).alias(SECONDS)
    found = rows.select(CASCADE, f.USER, seconds).collect()
    last = acts.select(seconds.max()).collect().item()
    return ordered(found), last


def _agreed(home: Home, events: pl.LazyFrame) -> pl.LazyFrame:
    return consented(home, without_held(home, events), PROFILE)


def _ties(home: Home, question: Question) -> pl.DataFrame | None:
    """Who follows whom; None where nobody is known to, or the past came without it."""
    if question.follows is not None:
        table = read_table(question.follows)
        for column in (f.FOLLOWER, f.FOLLOWEE):
            if column not in table.columns:
                raise FrameError("follows", column, f"missing; found {', '.join(table.columns)}")
        found = table.select(pl.col(f.FOLLOWER, f.FOLLOWEE).cast(pl.String))
    elif question.cascades is not None:
        return None
    else:
        found = standing_ties(
            _agreed(home, scan_events(home).select(ACTS)), scan_ties(home), distinct=True
        )
        for column in (f.FOLLOWER, f.FOLLOWEE):
            by_side = found.lazy().with_columns(pl.col(column).alias(f.USER))
            found = consented(home, by_side, PROFILE).drop(f.USER).collect()
    return None if found.is_empty() else found
