"""Word of mouth as a verb: what people say of a product, how it changes, and whether to look.

In: a home, a product or all, the days to look at. Out: people for and against with intervals, a
series, what the word is about, a state with reasons. Never: who spoke, or what somebody wrote.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from engine import frames as f
from engine import settings
from engine.errors import UnknownEntity
from engine.operations.lookup import near_ids
from engine.operations.word_heard import (
    Ground,
    Span,
    followers,
    gathered,
    last_word,
    read_all,
    span_of,
    strangers,
)
from engine.operations.word_reasons import rank, reasons, risen, standing
from engine.signals.text import ASPECT
from engine.signals.word_alert import ALERT, WATCH, judge_word
from engine.signals.word_health import (
    EARLIER,
    FIGURES,
    PEOPLE,
    aspects,
    blame_of,
    series,
    tally,
)
from engine.store.eventlog import scan_events, scan_table
from engine.store.home import Home


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
        who spoke well, ill, neither: people who follow any of them); strangers (who did nothing
        else in both windows, negative and others); last_word_at; read_share (part of the people
        who were read); level.

    Raises:
        UnknownEntity: the product is not known.
        ArtefactCorrupt: a trained reader of texts is damaged.
    """
    ground = _ground(home, span)
    acts = gathered(ground, pl.col(f.PRODUCT) == product_id)
    names = _names(home)
    if acts.is_empty() and product_id not in also:
        _check_known(home, product_id, names)
    word = read_all(ground, acts, most=int(ground.chosen["read"].texts))
    tallied = tally(word) if acts.height else _nothing(product_id)
    blame = blame_of(word)
    judged = judge_word(tallied, ground.chosen, blame).row(0, named=True)
    row = tallied.row(0, named=True) | risen(judged, blame)
    about = aspects(word, row, ground.chosen)
    told = standing(tallied, ground.chosen)[0] | {
        "strangers": strangers(ground, word, product_id),
        "last_word_at": None if acts.height else last_word(ground, product_id),
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
        "followers": followers(ground, word),
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
    word = read_all(ground, gathered(ground), most=int(ground.chosen["read"].texts_of_all))
    tallied = tally(word)
    blame = blame_of(word)
    judged = judge_word(tallied, ground.chosen, blame)
    told, names = standing(tallied, ground.chosen), _names(home)
    first = blame.filter(pl.col(PEOPLE) > 0).unique(f.PRODUCT, keep="first", maintain_order=True)
    about = dict(first.select(f.PRODUCT, ASPECT).iter_rows())
    rows = [
        {
            f.PRODUCT: row[f.PRODUCT],
            f.NAME: names.get(row[f.PRODUCT], row[f.PRODUCT]),
            "state": found["state"],
            "reasons": reasons(
                found["why"],
                found["state"],
                row | risen(found, blame) | shown,
                ground.chosen,
                span.days,
            ),
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
        reasons as in `word_of`, without what else is to be known; negative_share, earlier_share,
        and limit, the share that is bad by itself.

    Raises:
        ArtefactCorrupt: a trained reader of texts is damaged.
    """
    ground = _ground(home, span_of(home, now=now))
    acts = gathered(ground, pl.col(f.PRODUCT) == product_id)
    if acts.is_empty():
        return None
    word = read_all(ground, acts, most=int(ground.chosen["read"].texts))
    tallied, blame = tally(word), blame_of(word)
    judged = judge_word(tallied, ground.chosen, blame).row(0, named=True)
    if judged["state"] != ALERT:
        return None
    told = standing(tallied, ground.chosen)[0]
    row = tallied.row(0, named=True) | risen(judged, blame) | told
    said = reasons(judged["why"], ALERT, row, ground.chosen, ground.span.days)
    return {"reasons": said, "limit": float(ground.chosen["alert"].share), **told}


def _ground(home: Home, span: Span) -> Ground:
    actions = settings.load_rows("actions", home.root, over=home.actions)
    return Ground(home, span, settings.load("word", home.root), actions)


def _frame_of(span: Span, ground: Ground) -> dict[str, Any]:
    return {
        "since": (span.until - timedelta(days=span.days)).isoformat(timespec="seconds"),
        "until": span.until.isoformat(timespec="seconds"),
        "days": span.days,
        "level": float(ground.chosen["interval"].level),
    }


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
