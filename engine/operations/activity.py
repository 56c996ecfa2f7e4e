"""When people act: the log by channel and hour of the week, for everybody and for audiences.

In: a home, the moment of the question, ids of audiences. Out: hours as timing learns from them.
Never: acts of people who did not agree to a profile or are held, or hours of too few people.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial

import polars as pl

from engine import frames as f
from engine import settings
from engine.audiences.membership import least_people
from engine.operations.consent import consented
from engine.operations.integrity import without_held
from engine.planning.hours import Window, count_acts, no_hours
from engine.planning.weeks import Ground
from engine.privacy.consent import PROFILE
from engine.settings import Section
from engine.store.consents import last_announcement
from engine.store.eventlog import scan_events, version
from engine.store.home import Home

_QUARTER = "15m"  # clocks all over the world differ by whole quarters of an hour
_SHARP, _MANY = "sharp", 20  # fewer acts on one second of the day are chance


def count_activity(
    home: Home, ground: Ground, now: datetime, *, audiences: Mapping[str, pl.Series] | None = None
) -> pl.DataFrame:
    """Acts by channel and hour of the week, as `count_acts` counts them.

    Acts against a product and what takes acts back are left out, and acts that were dated without
    an hour. The log is looked back on from its last act, or from `now` where that is later; what
    everybody did is kept in memory until the log or somebody's consent changes.

    Args:
        home: whose log is read.
        ground: calendar and settings.
        now: nothing later counts.
        audiences: user ids by name, each a series; they stand as segments of that name. Those of
            fewer people than may be told of are left out.
    """
    learning = ground.settings["learning"]
    stamp = (version(home)["events"], last_announcement(home), *learning.values.values())
    kept = _kept(home, "", (stamp, now.date()))
    everybody, window = kept(lambda: _everybody(home, learning, now))
    if window is None:
        return no_hours()
    parts = [count_acts(everybody, ground.calendar, window)]
    for name, ids in (audiences or {}).items():
        if ids.len() < _fewest(home):
            continue
        kept = _kept(home, name, (stamp, window, ids.len(), int(ids.hash().sum())))
        own, _ = kept(partial(_of_audience, home, ids, window, float(learning.undated)))
        parts.append(
            count_acts(own.with_columns(pl.lit(name).alias(f.SEGMENT)), ground.calendar, window)
        )
    return pl.concat(parts)


_Counted = tuple[pl.DataFrame, Window | None]
_KEPT: OrderedDict[tuple[str, str], tuple[object, _Counted]] = OrderedDict()
_MOST_KEPT = 256  # of audiences and homes; a year of one is about a megabyte at most
_AT_WORK = threading.Lock()


def _kept(home: Home, name: str, stamp: object) -> Callable[[Callable[[], _Counted]], _Counted]:
    """What was counted under this name, counted anew where the stamp is another."""
    key = (str(home.root.absolute()), name)

    def counted(count: Callable[[], _Counted]) -> _Counted:
        with _AT_WORK:
            known = _KEPT.get(key)
            if known is None or known[0] != stamp:
                known = (stamp, count())
            _KEPT[key] = known
            _KEPT.move_to_end(key)
            while len(_KEPT) > _MOST_KEPT:
                _KEPT.popitem(last=False)
        return known[1]

    return counted


def _fewest(home: Home) -> int:
    rules = settings.load("audiences", home.root)["segments"]
    return int(least_people(0, rules.minimum_people, rules.minimum_share))


def _everybody(home: Home, learning: Section, now: datetime) -> tuple[pl.DataFrame, Window | None]:
    at = pl.col(f.AT)
    ends = scan_events(home, until=now).select(at.min(), at.max().alias("last"), pl.len())
    first, last, acts = ends.collect().row(0)
    if last is None:
        return pl.DataFrame(), None
    until, whole = _whole_hour(last) + timedelta(hours=1), (last - first).total_seconds() / 86_400
    days = max(int(learning.fewest_days), whole * int(learning.acts) / acts)
    since = until - timedelta(days=int(min(days, learning.days, whole + 1)))
    since = max(_whole_hour(first), since)
    window = Window(since, until, float(learning.half_life_days))
    return _dated(_by_quarter(_acts(home, since, until)), float(learning.undated)), window


def _of_audience(home: Home, ids: pl.Series, window: Window, undated: float) -> _Counted:
    own = ids.alias(f.USER).to_frame().lazy()
    events = _acts(home, window.since, window.until).join(own, on=f.USER, how="semi")
    return _dated(_by_quarter(events), undated), window


def _whole_hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def _acts(home: Home, since: datetime, until: datetime) -> pl.LazyFrame:
    """Acts of people who agreed and are not held, on a channel, that do not speak against."""
    actions = settings.load_rows("actions", home.root, over=home.actions)
    meant = [name for name, row in actions.items() if int(row["polarity"]) >= 0 and name != "undo"]
    events = scan_events(home, since, until).filter(
        pl.col(f.CHANNEL).is_not_null() & pl.col(f.ACTION).is_in(meant)
    )
    return consented(home, without_held(home, events), PROFILE)


def _by_quarter(events: pl.LazyFrame) -> pl.DataFrame:
    at = pl.col(f.AT)
    quarter = at.dt.truncate(_QUARTER)
    return (
        events.group_by(f.CHANNEL, quarter)
        .agg(pl.len().alias(f.ACTS), (at == at.dt.truncate(_QUARTER)).sum().alias(_SHARP))
        .sort(f.CHANNEL, f.AT)
        .collect()
    )


def _dated(acts: pl.DataFrame, undated: float) -> pl.DataFrame:
    """Without acts whose moment says only the day: on the second at which too many others lie."""
    of_day = pl.col(f.AT).dt.time()
    sharp = pl.col(_SHARP).sum().over(of_day)
    too_many = (sharp > undated * pl.col(f.ACTS).sum()) & (sharp >= _MANY)
    left = pl.when(too_many).then(pl.col(f.ACTS) - pl.col(_SHARP)).otherwise(pl.col(f.ACTS))
    return acts.select(f.CHANNEL, f.AT, left.alias(f.ACTS)).filter(pl.col(f.ACTS) > 0)
