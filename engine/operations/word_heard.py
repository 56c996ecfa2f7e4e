"""What was said of products, as far as it may be heard, and by how many who hear of it.

In: a home, the days to look at. Out: acts that are word and what they say; who follows those who
spoke, who did nothing else. Never: a text longer than is read, or word of somebody who is held.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from engine import frames as f
from engine import settings
from engine.errors import InvalidValue
from engine.operations.consent import consented
from engine.operations.integrity import without_held
from engine.operations.readers import reading_of
from engine.privacy.consent import PROFILE
from engine.settings import Section
from engine.signals.readings import OPINION
from engine.signals.ties import BLOCK, standing_ties
from engine.signals.undo import FOLLOW, UNDO, live_events
from engine.signals.word import (
    NOW,
    WINDOW,
    Word,
    carry_texts,
    heard_by,
    in_windows,
    keep_readable,
    read_word,
    word_actions,
)
from engine.signals.word_health import NEGATIVE, NEUTRAL, POSITIVE, people_of
from engine.store.eventlog import scan_events, scan_ties
from engine.store.home import Home

SIDES = {POSITIVE: 1, NEGATIVE: -1, NEUTRAL: 0}
"""What people who spoke are, and their opinion."""
OTHERS = "others"
ACTS = (f.EVENT, f.USER, f.PRODUCT, f.ACTION, f.AT, f.TEXT, f.VALUE, f.OBJECT)


@dataclass(frozen=True)
class Span:
    """Which word is looked at: `days` before `until`, and as many before them."""

    until: datetime
    days: int


@dataclass(frozen=True)
class Ground:
    """What one question is answered from."""

    home: Home
    span: Span
    chosen: dict[str, Section]
    actions: dict[str, dict[str, Any]]

    @property
    def word(self) -> pl.Expr:
        """Whether an act is word about a product."""
        meant = word_actions(self.chosen["read"], self.actions)
        return pl.col(f.ACTION).is_in(meant) & pl.col(f.PRODUCT).is_not_null()

    def live(self) -> pl.LazyFrame:
        """Acts of both windows that stand, of people who agreed and are not held."""
        since = self.span.until - timedelta(days=2 * self.span.days)
        return self._permitted(scan_events(self.home, since, self.span.until).select(ACTS))

    def ever(self) -> pl.LazyFrame:
        """The same of all time before the end of the span."""
        return self._permitted(scan_events(self.home, until=self.span.until).select(ACTS))

    def _permitted(self, events: pl.LazyFrame) -> pl.LazyFrame:
        acts = live_events(events, distinct=True)
        return consented(self.home, without_held(self.home, acts), PROFILE)


def span_of(
    home: Home, *, now: datetime, days: int | None = None, as_of: datetime | None = None
) -> Span:
    """The days that are asked for: those of the settings up to now, where nothing is said.

    Raises:
        InvalidValue: days out of the range of the settings, or a moment ahead of the clock; only
            one later the same day, by UTC, is taken for now.
    """
    usual = settings.load("word", home.root)["window"]
    allowed = settings.specs("word")["window"]["days"]
    wanted = int(usual.days) if days is None else days
    if not (allowed.low or 1) <= wanted <= (allowed.high or wanted):
        raise InvalidValue("days", f"{wanted} is not within {allowed.allowed}")
    until = (as_of or now).astimezone(UTC)
    if until > now and until.date() == now.astimezone(UTC).date():
        until = now.astimezone(UTC)
    if until > now:
        raise InvalidValue(
            "as_of", f"{until.isoformat(timespec='seconds')} lies ahead of the clock"
        )
    return Span(until, wanted)


def gathered(ground: Ground, about: pl.Expr | None = None) -> pl.DataFrame:
    """Word of both windows about some products, with the texts that it carries on."""
    word = ground.live().filter(ground.word if about is None else ground.word & about)
    longest = int(settings.load("text", ground.home.root)["reading"].longest)
    read = word.with_columns(pl.col(f.TEXT).str.head(longest))
    acts = in_windows(read.collect(), until=ground.span.until, days=ground.span.days)
    bare = pl.col(f.TEXT).fill_null("").str.strip_chars() == ""
    named = acts.filter(bare & pl.col(f.OBJECT).is_not_null())[f.OBJECT].unique()
    if named.is_empty():
        return acts
    texts = pl.col(f.EVENT).is_in(named.to_list()) & pl.col(f.TEXT).is_not_null()
    cut = pl.col(f.TEXT).str.head(longest)
    return carry_texts(acts, ground.ever().filter(texts).select(f.EVENT, cut).collect())


def read_all(ground: Ground, acts: pl.DataFrame, *, most: int) -> Word:
    """What these acts say, by the home's lists and readers; of a sample where texts are many."""
    each = int(ground.chosen["read"].acts_each)
    kept, share = keep_readable(acts, each=each, most=most)
    reading = heard_by(reading_of(ground.home), ground.chosen["read"])
    word = read_word(kept, ground.actions, reading)
    return Word(word.said, word.spoken, share)


def strangers(ground: Ground, word: Word, product_id: str) -> dict[str, int]:
    """Of those who spoke ill, and of the others who spoke: how many did nothing else of late.

    That is nothing in both windows but speak of this product.
    """
    spoke = people_of(word.said).filter(pl.col(WINDOW) == NOW)
    if spoke.is_empty():
        return {NEGATIVE: 0, OTHERS: 0}
    here = ground.word & (pl.col(f.PRODUCT) == product_id)
    theirs = ground.live().filter(pl.col(f.USER).is_in(spoke[f.USER].to_list()))
    busy = theirs.filter(~here.fill_null(value=False)).select(f.USER).unique().collect()
    idle = spoke.join(busy, on=f.USER, how="anti")[OPINION]
    return {NEGATIVE: int((idle < 0).sum()), OTHERS: int((idle >= 0).sum())}


def last_word(ground: Ground, product_id: str) -> str | None:
    """When somebody last spoke of a product, in ISO 8601; None where nobody ever did."""
    about = ground.word & (pl.col(f.PRODUCT) == product_id)
    last = ground.ever().filter(about).select(pl.col(f.AT).max()).collect().item()
    return None if last is None else last.isoformat(timespec="seconds")


def followers(ground: Ground, word: Word) -> dict[str, int]:
    """How many people follow any of those who spoke well, ill, or neither in the days judged."""
    spoke = people_of(word.said).filter(pl.col(WINDOW) == NOW).select(f.USER, OPINION)
    if spoke.is_empty():
        return dict.fromkeys(SIDES, 0)
    people = spoke[f.USER].to_list()
    until = ground.span.until
    acts = scan_events(ground.home, until=until).filter(
        (pl.col(f.ACTION) == UNDO)
        | (pl.col(f.ACTION).is_in([FOLLOW, BLOCK]) & pl.col(f.TARGET).is_in(people))
    )
    came = pl.col(f.RECORDED).is_null() | (pl.col(f.RECORDED) < until)
    ties = standing_ties(
        acts, scan_ties(ground.home).filter(came & pl.col(f.FOLLOWEE).is_in(people)), distinct=True
    )
    heard = ties.join(spoke.rename({f.USER: f.FOLLOWEE}), on=f.FOLLOWEE)
    counts = dict(heard.group_by(OPINION).agg(pl.col(f.FOLLOWER).n_unique()).iter_rows())
    return {name: int(counts.get(sign, 0)) for name, sign in SIDES.items()}
