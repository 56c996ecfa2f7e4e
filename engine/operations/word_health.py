"""Word of mouth as a verb: what people say of a product, how it changes, and whether to look.

In: a home, a product or all, the days to look at. Out: people for and against with intervals, a
series, what the word is about, a state with reasons. Never: who spoke, or what somebody wrote.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from engine import frames as f
from engine import settings
from engine.errors import InvalidValue, UnknownEntity
from engine.operations.consent import consented
from engine.operations.integrity import without_held
from engine.operations.lookup import near_ids
from engine.operations.readers import reading_of
from engine.operations.word_reasons import SIDES, rank, reasons, standing
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
from engine.signals.word_alert import ALERT, WATCH, judge_word
from engine.signals.word_health import EARLIER, FIGURES, aspects, people_of, series, tally
from engine.store.eventlog import scan_events, scan_table, scan_ties
from engine.store.home import Home

ACTS = (f.EVENT, f.USER, f.PRODUCT, f.ACTION, f.AT, f.TEXT, f.VALUE, f.OBJECT)


@dataclass(frozen=True)
class Span:
    """Which word is looked at: `days` before `until`, and as many before them.

    `days` is that of the settings where it is None. `until` lies not ahead of the clock.
    """

    until: datetime
    days: int


@dataclass(frozen=True)
class _Ground:
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


def word_of(
    home: Home, product_id: str, span: Span, *, also: Collection[str] = ()
) -> dict[str, Any]:
    """How the word about a product stands.

    People are counted, not acts. Held accounts and people who did not agree to a profile say
    nothing here. Where nobody spoke, shares are null and `last_word_at` tells when somebody did.

    Args:
        home: whose log is read.
        product_id: of the product.
        span: of `span_of`.
        also: ids that are known beside those of the log and of its table of products.

    Returns:
        product_id, name, since, until, days, state (alert, watch, calm or silent), reasons (rule,
        says), chance; word and before (people, positive, negative, neutral, acts, unread);
        negative_share, earlier_share, net and change (value, lower, upper; null where unknown);
        series, blamed, blamers, praised, praisers as in `signals.word_health`; followers (of those
        who spoke well, ill, neither: people who follow any of them); strangers (who spoke ill and
        did nothing else in both windows); last_word_at; read_share (part of the people who were
        read); level.

    Raises:
        UnknownEntity: the product is not known.
        ArtefactCorrupt: a trained reader of texts is damaged.
    """
    ground = _ground(home, span)
    acts = _gathered(ground, pl.col(f.PRODUCT) == product_id)
    names = _names(home)
    if acts.is_empty() and product_id not in also:
        _check_known(home, product_id, names)
    word = _read(ground, acts, most=int(ground.chosen["read"].texts))
    tallied = tally(word) if acts.height else _nothing(product_id)
    judged = judge_word(tallied, ground.chosen).row(0, named=True)
    row = tallied.row(0, named=True)
    about = aspects(word, row, ground.chosen)
    told = standing(tallied, ground.chosen)[0] | {
        "strangers": _strangers(ground, word, product_id),
        "last_word_at": None if acts.height else _last_word(ground, product_id),
    }
    return {
        f.PRODUCT: product_id,
        f.NAME: names.get(product_id, product_id),
        **_frame_of(span, ground),
        "state": judged["state"],
        "reasons": reasons(
            judged["why"], judged["state"], row | told | about, ground.chosen, span.days
        ),
        "chance": judged["chance"],
        "word": {name: row[name] for name in FIGURES},
        "before": {name: row[name + EARLIER] for name in FIGURES},
        **told,
        "series": series(word.said, ground.chosen, until=span.until, days=span.days),
        **about,
        "followers": _followers(ground, word),
        "read_share": word.share,
    }


def word_of_all(home: Home, span: Span) -> dict[str, Any]:
    """How the word about every product stands of which anybody spoke, the worst first.

    Alerts are bounded over all of them together, see `judge_word`; so a product that alerts when
    it is asked for alone may only be watched here.

    Returns:
        since, until, days, level; products: rows of product_id, name, state, reasons, chance,
        word, before, negative_share, earlier_share, net and change as in `word_of`, and about, the
        aspect that most people blame; alerts and watched, how many; read_share.
    """
    ground = _ground(home, span)
    word = _read(ground, _gathered(ground), most=int(ground.chosen["read"].texts_of_all))
    tallied = tally(word)
    judged, told = judge_word(tallied, ground.chosen), standing(tallied, ground.chosen)
    names, about = _names(home), _most_blamed(word)
    rows = [
        {
            f.PRODUCT: row[f.PRODUCT],
            f.NAME: names.get(row[f.PRODUCT], row[f.PRODUCT]),
            "state": found["state"],
            "reasons": reasons(found["why"], found["state"], row | shown, ground.chosen, span.days),
            "chance": found["chance"],
            "word": {name: row[name] for name in FIGURES},
            "before": {name: row[name + EARLIER] for name in FIGURES},
            **shown,
            "about": about.get(row[f.PRODUCT]),
        }
        for row, found, shown in zip(
            tallied.iter_rows(named=True), judged.iter_rows(named=True), told, strict=True
        )
    ]
    return {
        **_frame_of(span, ground),
        "products": sorted(rows, key=rank),
        "alerts": judged.filter(pl.col("state") == ALERT).height,
        "watched": judged.filter(pl.col("state") == WATCH).height,
        "read_share": word.share,
    }


def word_alert(home: Home, product_id: str, *, now: datetime) -> dict[str, Any] | None:
    """Rules and sentences of a product that alerts now; None of any other, known or not.

    Returns:
        reasons as in `word_of`, without what else is to be known; negative_share, earlier_share.

    Raises:
        ArtefactCorrupt: a trained reader of texts is damaged.
    """
    ground = _ground(home, span_of(home, now=now))
    acts = _gathered(ground, pl.col(f.PRODUCT) == product_id)
    if acts.is_empty():
        return None
    tallied = tally(_read(ground, acts, most=int(ground.chosen["read"].texts)))
    judged = judge_word(tallied, ground.chosen).row(0, named=True)
    if judged["state"] != ALERT:
        return None
    told = standing(tallied, ground.chosen)[0]
    row = tallied.row(0, named=True) | told
    said = reasons(judged["why"], ALERT, row, ground.chosen, ground.span.days)
    return {"reasons": said, **told}


def _ground(home: Home, span: Span) -> _Ground:
    actions = settings.load_rows("actions", home.root, over=home.actions)
    return _Ground(home, span, settings.load("word", home.root), actions)


def _frame_of(span: Span, ground: _Ground) -> dict[str, Any]:
    return {
        "since": (span.until - timedelta(days=span.days)).isoformat(timespec="seconds"),
        "until": span.until.isoformat(timespec="seconds"),
        "days": span.days,
        "level": float(ground.chosen["interval"].level),
    }


def _gathered(ground: _Ground, about: pl.Expr | None = None) -> pl.DataFrame:
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
    return carry_texts(acts, ground.ever().filter(texts).select(f.EVENT, f.TEXT).collect())


def _read(ground: _Ground, acts: pl.DataFrame, *, most: int) -> Word:
    each = int(ground.chosen["read"].acts_each)
    kept, share = keep_readable(acts, each=each, most=most)
    reading = heard_by(reading_of(ground.home), ground.chosen["read"])
    word = read_word(kept, ground.actions, reading)
    return Word(word.said, word.spoken, share)


def _nothing(product_id: str) -> pl.DataFrame:
    columns = [name + end for end in ("", EARLIER) for name in FIGURES]
    row = {f.PRODUCT: [product_id]} | {name: [0] for name in columns}
    return pl.DataFrame(row, schema={name: pl.Int64 for name in row} | {f.PRODUCT: pl.String})


def _names(home: Home) -> dict[str, str]:
    table = scan_table(home, f.PRODUCTS.name)
    if f.NAME not in table.collect_schema().names():
        return dict(table.select(f.PRODUCT, pl.col(f.PRODUCT).alias(f.NAME)).collect().iter_rows())
    return dict(table.select(f.PRODUCT, pl.coalesce(f.NAME, f.PRODUCT)).collect().iter_rows())


def _check_known(home: Home, product_id: str, names: dict[str, str]) -> None:
    if product_id in names:
        return
    acted = scan_events(home).select(f.PRODUCT)
    if not acted.filter(pl.col(f.PRODUCT) == product_id).head(1).collect().is_empty():
        return
    seen = acted.drop_nulls().unique().collect()[f.PRODUCT]
    ids = pl.concat([seen, pl.Series(f.PRODUCT, list(names), pl.String)]).unique().sort()
    called = pl.Series(f.NAME, [names.get(id, id) for id in ids], pl.String)
    raise UnknownEntity("product", product_id, near_ids(product_id, ids, called))


def _strangers(ground: _Ground, word: Word, product_id: str) -> int:
    """How many of those who spoke ill did nothing in both windows but speak of this product."""
    people = people_of(word.said).filter((pl.col(OPINION) < 0) & (pl.col(WINDOW) == NOW))[f.USER]
    if people.is_empty():
        return 0
    here = ground.word & (pl.col(f.PRODUCT) == product_id)
    theirs = ground.live().filter(pl.col(f.USER).is_in(people.to_list()))
    busy = theirs.filter(~here.fill_null(value=False)).select(f.USER).unique().collect()
    return people.len() - busy.height


def _last_word(ground: _Ground, product_id: str) -> str | None:
    about = ground.word & (pl.col(f.PRODUCT) == product_id)
    last = ground.ever().filter(about).select(pl.col(f.AT).max()).collect().item()
    return None if last is None else last.isoformat(timespec="seconds")


def _followers(ground: _Ground, word: Word) -> dict[str, int]:
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


def _most_blamed(word: Word) -> dict[str, str]:
    """The aspect that most people blame, by product."""
    blamed = (
        word.spoken.filter((pl.col("sign") < 0) & (pl.col(WINDOW) == NOW))
        .group_by(f.PRODUCT, "aspect")
        .agg(pl.col(f.USER).n_unique().alias("people"))
        .sort("people", "aspect", descending=[True, False])
        .unique(f.PRODUCT, keep="first", maintain_order=True)
    )
    return dict(blamed.select(f.PRODUCT, "aspect").iter_rows())
