"""What texts of events say, as evidence: praise a like, a complaint a dislike, a wish to buy.

In: events, and how texts are read. Out: events whose action says what their text says, and who is
in market for what. Never: a rating overruled, or a text that is kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import polars as pl

from engine import frames
from engine.frames import (
    ACTION,
    AT,
    EVENT,
    LANGUAGE,
    NAME,
    PROBABILITY,
    PRODUCT,
    TAGS,
    TEXT,
    USER,
    VALUE,
)
from engine.settings import Section
from engine.signals.text import INTENT, SENTIMENT, read_texts
from engine.signals.text_lexicon import Lexicon, phrases_of
from engine.signals.text_matching import Phrases
from engine.signals.text_tokens import NUMBER, tokenise
from engine.signals.text_trained import PREDICTION, Reader, predict
from engine.signals.undo import live_events

OPINION, WANTS, CATEGORY, SINCE, UNTIL = "opinion", "wants", "category", "since", "until"
PRAISING = frozenset({"positive", "pos", "praise", "good", "like", "1", "مثبت"})
BLAMING = frozenset({"negative", "neg", "complaint", "bad", "dislike", "-1", "منفی"})
WANTING = frozenset({"intent", "yes", "buy", "purchase", "1", "true"})
"""Names that labels of trained readers may have."""

MARKET: dict[str, pl.DataType | type[pl.DataType]] = {
    USER: pl.String,
    PRODUCT: pl.String,
    CATEGORY: pl.String,
    SINCE: frames.UTC,
    UNTIL: frames.UTC,
}


@dataclass(frozen=True)
class Reading:
    """How texts are read: lists of words, settings, and trained readers by task."""

    lexicon: Lexicon
    settings: dict[str, Section]
    readers: Mapping[str, Reader] = field(default_factory=dict)


def judge_texts(texts: pl.Series, reading: Reading) -> pl.DataFrame:
    """(texts,) opinion (Int8: 1 praise, -1 complaint, 0 neither) and wants (to buy).

    What `judge_known` says, without the language.
    """
    return judge_known(texts, reading).select(OPINION, WANTS)


def judge_known(texts: pl.Series, reading: Reading) -> pl.DataFrame:
    """(texts,) language, null where it is not read, then opinion and wants as `judge_texts`.

    A trained reader judges texts in the languages that it was trained on, where it is sure
    enough and its labels have names that are known; the lists judge the others. What is not
    read is neither. Who complains loudly of a product does not wish to buy it, whoever judged.
    """
    chosen = reading.settings["evidence"]
    read = read_texts(texts, reading.lexicon, reading.settings)
    felt = pl.col(SENTIMENT).fill_null(0)
    opinion = (felt >= chosen.praise).cast(pl.Int8) - (felt <= chosen.complaint).cast(pl.Int8)
    wants = pl.col(INTENT).fill_null(0) >= chosen.sure
    judged = read.select(LANGUAGE, opinion.alias(OPINION), wants.alias(WANTS))
    calm = read.select(felt > chosen.outcry).to_series()
    for task, column in ((SENTIMENT, OPINION), (INTENT, WANTS)):
        reader = reading.readers.get(task)
        if reader is not None and _speaks(reader, task):
            judged = _overrule(judged, texts, reader, column, reading)
    return judged.select(LANGUAGE, OPINION, pl.col(WANTS) & calm)


def _speaks(reader: Reader, task: str) -> bool:
    names = {label.lower() for label in reader.labels}
    return bool(names & WANTING) if task == INTENT else bool(names & (PRAISING | BLAMING))


def _overrule(
    judged: pl.DataFrame, texts: pl.Series, reader: Reader, column: str, reading: Reading
) -> pl.DataFrame:
    rows = judged[LANGUAGE].is_in(list(reader.languages)).fill_null(False).arg_true()
    found = predict(texts.gather(rows), reader, reading.lexicon, reading.settings)
    sure = pl.col(PROBABILITY) >= reading.settings["evidence"].sure
    label = pl.col(PREDICTION).str.to_lowercase()
    if column == WANTS:
        said = found.select(sure & label.is_in(list(WANTING))).to_series()
    else:
        sign = label.is_in(list(PRAISING)).cast(pl.Int8) - label.is_in(list(BLAMING)).cast(pl.Int8)
        said = found.select(sign * sure.cast(pl.Int8)).to_series()
    return judged.with_columns(judged[column].scatter(rows, said))


def read_evidence(
    events: pl.LazyFrame, *, now: datetime, reading: Reading
) -> tuple[pl.LazyFrame, pl.DataFrame]:
    """Events whose texts have become acts, and who is in market at `now`.

    Of the actions that settings name, those with a text and without a value: praise becomes a
    `like` of its product, a complaint a `dislike`, and a wish to buy a `save` for as long as it
    lasts. Other events stay as they are, and so does the frame where no event has such a text.
    Event ids stay, so that an `undo` takes back the act that the text became; texts do not.

    Returns:
        Events; and user_id, product_id, category (null here), since, until of every wish to buy
        that lasts, by user, then the latest first. An act that was taken back is no wish.
    """
    chosen = reading.settings["evidence"]
    if not has_texts(events, chosen):
        return events, pl.DataFrame(schema=MARKET)
    said = _spoken(events, chosen.actions.split())
    texts = said[TEXT].unique(maintain_order=True)
    judged = judge_texts(texts, reading).with_columns(texts)
    said = said.join(judged, on=TEXT, how="left", maintain_order="left")
    lasting = pl.col(AT) + timedelta(days=chosen.in_market_days) > now
    became = (
        pl.when(pl.col(WANTS) & lasting).then(pl.lit("save"))
        .when(pl.col(OPINION) == 1).then(pl.lit("like"))
        .when(pl.col(OPINION) == -1).then(pl.lit("dislike"))
    )  # fmt: skip
    changed = said.filter(pl.col(PRODUCT).is_not_null()).select(EVENT, became.alias("became"))
    changed = changed.drop_nulls().unique(EVENT, keep="first", maintain_order=True)
    acts = _with_actions(events, chosen.actions.split(), changed)
    return acts, _market(said.filter(pl.col(WANTS) & lasting), chosen.in_market_days)


def has_texts(events: pl.LazyFrame, chosen: Section) -> bool:
    """Whether any event has a text that evidence may come from; `chosen`: section `evidence`."""
    names = events.collect_schema().names()
    if not chosen.use or not {TEXT, EVENT} <= set(names):
        return False
    told = _told(chosen.actions.split(), rated=VALUE in names)
    return not events.filter(told).select(EVENT).head(1).collect().is_empty()


def _told(actions: list[str], *, rated: bool) -> pl.Expr:
    bare = pl.col(VALUE).is_null() if rated else pl.lit(True)
    return pl.col(ACTION).is_in(actions) & pl.col(TEXT).is_not_null() & bare


def _spoken(events: pl.LazyFrame, actions: list[str]) -> pl.DataFrame:
    names = events.collect_schema().names()
    if PRODUCT not in names:
        events = events.with_columns(pl.lit(None, pl.String).alias(PRODUCT))
    columns = [EVENT, USER, PRODUCT, AT, TEXT]
    told = _told(actions, rated=VALUE in names)
    return live_events(events, distinct=True).filter(told).select(columns).collect().sort(columns)


def _with_actions(events: pl.LazyFrame, actions: list[str], changed: pl.DataFrame) -> pl.LazyFrame:
    """Events in which some have become other acts; those that could have are held in memory.

    The source is read several times by whoever weighs it, and a join each time would cost more.
    """
    names = events.collect_schema().names()
    speaking = pl.col(ACTION).is_in(actions)
    held = (
        events.filter(speaking)
        .with_columns(pl.lit(None, pl.String).alias(TEXT))
        .collect()
        .join(changed, on=EVENT, how="left")
        .with_columns(pl.coalesce("became", ACTION).alias(ACTION))
        .select(names)
    )
    return pl.concat([events.filter(~speaking), held.lazy()])


def _market(wishes: pl.DataFrame, days: float) -> pl.DataFrame:
    return wishes.select(
        USER,
        PRODUCT,
        pl.col(TEXT).alias(CATEGORY),
        pl.col(AT).alias(SINCE),
        (pl.col(AT) + timedelta(days=days)).alias(UNTIL),
    ).sort(USER, SINCE, PRODUCT, descending=[False, True, False], nulls_last=True)


def categorise(market: pl.DataFrame, products: pl.DataFrame, *, longest: int) -> pl.DataFrame:
    """Names what people are in market for, in place of what they wrote.

    The first tag of the product is its category. Without a product, the text tells: by the name of
    a product, if that has several words and no other product bears it, else by the first tag of
    any product that it speaks of. Wishes that name neither are left out.
    """
    missing: dict[str, pl.DataType] = {NAME: pl.String(), TAGS: pl.List(pl.String())}
    absent = [pl.lit(None, kind).alias(n) for n, kind in missing.items() if n not in products]
    about = products.with_columns(absent).select(PRODUCT, *missing)
    first = about.select(PRODUCT, pl.col(TAGS).list.first().alias("own"))
    named = about.select(PRODUCT, NAME).drop_nulls().sort(NAME, PRODUCT)
    tags = about[TAGS].explode().drop_nulls().unique().sort()
    numbered = market.with_row_index("row")
    texts = numbered.filter(pl.col(PRODUCT).is_null()).select("row", CATEGORY)
    spoken = _spoken_of(texts, named[NAME], named[PRODUCT], longest=longest, least=2)
    tagged = _spoken_of(texts, tags, tags, longest=longest, least=1)
    return (
        numbered.join(spoken, on="row", how="left", maintain_order="left")
        .with_columns(pl.coalesce(PRODUCT, "said").alias(PRODUCT))
        .join(tagged, on="row", how="left", maintain_order="left", suffix="_tag")
        .join(first, on=PRODUCT, how="left", maintain_order="left")
        .with_columns(pl.coalesce("own", "said_tag").alias(CATEGORY))
        .filter(pl.col(PRODUCT).is_not_null() | pl.col(CATEGORY).is_not_null())
        .select(list(MARKET))
    )


def _spoken_of(
    texts: pl.DataFrame, terms: pl.Series, meant: pl.Series, *, longest: int, least: int
) -> pl.DataFrame:
    """row, said: what the first of the terms in each text means.

    Terms of fewer words, of which two are alike, or with a number, which texts hide, are no terms.
    """
    if texts.is_empty():
        return pl.DataFrame(schema={"row": pl.UInt32, "said": pl.String})
    ways = [(at, way) for at, each in enumerate(phrases_of(terms.to_list())) for way in set(each)]
    often = Counter(way for _, way in ways)
    tree = {
        way: at for at, way in ways if len(way) >= least and often[way] == 1 and NUMBER not in way
    }
    tokens = tokenise(texts[CATEGORY], longest=longest)
    found = Phrases(tree, ()).find(tokens)
    said = {"row": texts["row"].gather(tokens.text[found.first]), "said": meant.gather(found.row)}
    return pl.DataFrame(said).unique("row", keep="first", maintain_order=True)
