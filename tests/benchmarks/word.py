"""Word of mouth: false alarms of worlds without a change, complaints until an alert, and seconds.

In: nothing, or a folder of labelled texts; all worlds are planted. Out: rows (what, unit, figure,
command). Never: a change that is not known.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine import settings
from engine.frames import EVENTS
from engine.operations.readers import reading_of
from engine.operations.word_health import word_of, word_of_all
from engine.operations.word_heard import span_of
from engine.signals.word import heard_by, read_word
from engine.signals.word_alert import ALERT, judge_word
from engine.store.eventlog import add_follows, append_events
from engine.store.home import Home
from tests.engine.signals.worded import table

Array = NDArray[Any]
Row = tuple[str, str, float, str]
COMMAND = "python -m tests.benchmarks word"
SHIPPED = settings.load("word")
TABLES, PRODUCTS, DRAWS, YEARS = 100, 1000, 500, 300
EVENTS_HELD, PEOPLE, SOLD = 1_000_000, 50_000, 2_000
NOW = datetime(2026, 3, 1, tzinfo=UTC)
GOOD = ["I love it, great battery and fast delivery", "عالی بود، خیلی راضی هستم، کیفیت خوب"]
BAD = ["Terrible, the battery broke at once", "افتضاح بود، بسته بندی پاره شده بود"]
ACTIONS = {"view": 0.5, "like": 0.1, "purchase": 0.1, "comment": 0.15, "review": 0.1, "share": 0.05}


def run() -> Iterator[Row]:
    """Everything below."""
    yield from _nothing_there()
    yield from _every_day()
    yield from _bursts()
    yield from _seconds()


def heard(data: Path) -> Iterator[Row]:
    """What the lists hear of texts whose label is known, and of bursts made of such texts."""
    rng, command = np.random.default_rng(5), "python -m tests.benchmarks.word $DATA"
    for name in ("sentiment-en", "sentiment-fa"):
        texts = pl.read_parquet(data / name / "texts.parquet")
        said, labels = _said(texts["text"]), texts["label"].to_numpy()
        for label in ("negative", "neutral", "positive"):
            ill = 100 * said[labels == label, 0].mean()
            yield f"{name}: {label} texts that are heard as ill", "%", ill, command
        bad, others = said[labels == "negative"], said[labels != "negative"]
        one = bad[:, 1:].sum(axis=0).argmax() + 1
        for kind, pool in (("of anything", bad), ("of one aspect", bad[bad[:, one] > 0])):
            for more in (0, 25, 50, 75):
                chance = _of_texts(rng, (bad, others, pool), more)["chance"]
                what = f"{name}: 100 people, 10% ill, and {more} more who complain {kind}"
                for state, most in (("alert", "chance"), ("watched", "watch_chance")):
                    part = (chance <= float(getattr(SHIPPED["alert"], most))).mean() or 0.0
                    yield f"{what}: {state}", "% of products", 100 * float(part), command


def _said(texts: pl.Series) -> Array:
    """(texts, 1 + aspects): whether each is heard as ill, and which aspects it blames."""
    reading = heard_by(reading_of(Home(Path("nowhere"))), SHIPPED["read"])
    at = pl.Series("user_id", range(texts.len())).cast(pl.String)
    plain = {"product_id": "p", "event_id": at, "action": "comment", "value": None}
    acts = pl.DataFrame({"user_id": at, "text": texts}).with_columns(
        pl.lit(value).alias(name) if not isinstance(value, pl.Series) else value.alias(name)
        for name, value in (plain | {"occurred_at": NOW, "window": 0}).items()
    )
    acts = acts.with_columns(pl.col("value").cast(pl.Float64), pl.col("window").cast(pl.Int8))
    word = read_word(acts, settings.load_rows("actions"), reading)
    found = np.zeros((texts.len(), 1 + len(reading.lexicon.aspects)))
    ill = word.said.filter(pl.col("opinion") < 0)["user_id"].cast(pl.Int64).to_numpy()
    found[ill, 0] = 1
    for user, aspect in word.spoken.filter(pl.col("sign") < 0)["user_id", "aspect"].iter_rows():
        found[int(user), 1 + reading.lexicon.aspects.index(aspect)] = 1
    return found


def _of_texts(
    rng: np.random.Generator, pools: tuple[Array, Array, Array], more: int
) -> pl.DataFrame:
    """Products whose people write drawn texts, one in ten ill; and now `more` of the third pool."""

    def drawn(extra: int) -> tuple[Array, Array]:
        people = rng.poisson(100, DRAWS)
        sums = []
        for size, bad in zip(people, rng.binomial(people, 0.1), strict=True):
            sizes = zip(pools, (bad, size - bad, extra), strict=True)
            sums.append(sum(pool[rng.integers(0, len(pool), n)].sum(axis=0) for pool, n in sizes))
        return people + extra, np.array(sums)

    (m, before), (n, now) = drawn(0), drawn(more)
    whole = table(zip(n, now[:, 0], m, before[:, 0], strict=True))
    aspects = now.shape[1] - 1
    blame = pl.DataFrame(
        {
            "product_id": np.repeat(whole["product_id"].to_numpy(), aspects),
            "aspect": [f"a{at}" for at in range(aspects)] * DRAWS,
            "people": now[:, 1:].ravel().astype(int),
            "before": before[:, 1:].ravel().astype(int),
        }
    ).filter(pl.col("people") + pl.col("before") > 0)
    return judge_word(whole, SHIPPED, blame)


def _judged(n: Array, k: Array, m: Array, j: Array) -> pl.DataFrame:
    return judge_word(table(zip(n, k, m, j, strict=True)), SHIPPED)


def _alone(found: pl.DataFrame) -> float:
    """The part that alerts where each is asked for alone."""
    return float((found["chance"] <= SHIPPED["alert"].chance).fill_null(value=False).mean() or 0)


def _nothing_there() -> Iterator[Row]:
    """Products of 5 to 500 people with any share of ill word up to the limit, which stays."""
    rng = np.random.default_rng(1)
    alone, tables = [], 0
    for _ in range(TABLES):
        crowd = np.exp(rng.normal(3.5, 1.0, PRODUCTS))
        ill = np.minimum(rng.beta(2, 8, PRODUCTS), SHIPPED["alert"].share)
        n, m = rng.poisson(crowd), rng.poisson(crowd)
        found = _judged(n, rng.binomial(n, ill), m, rng.binomial(m, ill))
        alone.append(_alone(found))
        tables += int((found["state"] == ALERT).any())
    yield "nothing changed: products that alert alone", "%", 100 * float(np.mean(alone)), COMMAND
    whole = f"nothing changed: tables of {PRODUCTS} products with any alert"
    yield whole, "%", 100 * tables / TABLES, COMMAND


def _every_day() -> Iterator[Row]:
    """Looked at every day for a year, windows of 28 days: products that ever alert."""
    rng = np.random.default_rng(2)
    for a_day, ill in ((2, 0.2), (10, 0.2), (2, 0.1)):
        said = rng.poisson(a_day, (YEARS, 365 + 56))
        people, bad = (np.cumsum(x, axis=1) for x in (said, rng.binomial(said, ill)))
        ever = np.zeros(YEARS, bool)
        for day in range(56, 365 + 56):
            n, k = (x[:, day] - x[:, day - 28] for x in (people, bad))
            m, j = (x[:, day - 28] - x[:, day - 56] for x in (people, bad))
            chance = _judged(n, k, m, j)["chance"]
            ever |= (chance <= SHIPPED["alert"].chance).fill_null(value=False).to_numpy()
        what = f"nothing changed, {a_day} people a day, {ill:.0%} ill: ever alert in a year"
        yield what, "% of products", 100 * float(ever.mean()), COMMAND


def _bursts() -> Iterator[Row]:
    """People who complain on top of the usual until 8 of 10 products alert, and are watched."""
    rng = np.random.default_rng(3)
    for usual, ill in ((30, 0.1), (100, 0.1), (100, 0.2), (300, 0.1)):
        for state, most in (("watched", "watch_chance"), ("alert", "chance")):
            limit = float(getattr(SHIPPED["alert"], most))
            for more in range(1, 500):
                n, m = rng.poisson(usual, DRAWS), rng.poisson(usual, DRAWS)
                k, j = rng.binomial(n, ill), rng.binomial(m, ill)
                chance = _judged(n + more, k + more, m, j)["chance"]
                if (chance <= limit).mean() >= 0.8:
                    break
            what = f"{usual} people, {ill:.0%} ill: complaints until 8 of 10 are {state}"
            yield what, "people", float(more), COMMAND


def _seconds() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        home = _home(Path(folder))
        span = span_of(home, now=NOW)
        for product, called in (("p0", "most spoken of"), ("p50", "50th"), ("p1999", "least")):
            word_of(home, product, span)
            began = perf_counter()
            word_of(home, product, span)
            yield f"word of the {called} product, 1 M events", "s", perf_counter() - began, COMMAND
        began = perf_counter()
        word_of_all(home, span)
        yield f"word of all {SOLD} products, 1 M events", "s", perf_counter() - began, COMMAND


def _home(folder: Path) -> Home:
    """Half a year of acts, three in ten with a text, no two texts alike; and as many ties."""
    rng, home = np.random.default_rng(4), Home(folder)
    popular = 1 / np.arange(1, SOLD + 1) ** 0.8
    acts = rng.choice(list(ACTIONS), EVENTS_HELD, p=list(ACTIONS.values()))
    ill = rng.random(EVENTS_HELD) < 0.2
    texts = np.where(ill, rng.choice(BAD, EVENTS_HELD), rng.choice(GOOD, EVENTS_HELD))
    ago = rng.random(EVENTS_HELD) * timedelta(days=180).total_seconds() * 1e6
    made = pl.DataFrame(
        {
            "event_id": _ids("e", np.arange(EVENTS_HELD)),
            "user_id": _ids("u", rng.integers(0, PEOPLE, EVENTS_HELD)),
            "product_id": _ids("p", rng.choice(SOLD, EVENTS_HELD, p=popular / popular.sum())),
            "action": acts,
            "occurred_at": NOW - pl.Series(ago.astype(np.int64)).cast(pl.Duration("us")),
            "text": pl.Series(texts) + pl.Series(rng.integers(0, 10**6, EVENTS_HELD)).cast(str),
        }
    )
    lacking = [name for name in EVENTS.columns if name not in made.columns]
    made = made.with_columns(pl.lit(None).alias(name) for name in lacking)
    made = made.select(list(EVENTS.columns)).cast(EVENTS.columns)  # type: ignore[arg-type]
    wrote = pl.col("action").is_in(["comment", "review"])
    append_events(home, made.with_columns(pl.when(wrote).then("text").alias("text")))
    ends = ("follower_id", "followee_id")
    ties = {name: _ids("u", rng.integers(0, PEOPLE, EVENTS_HELD)) for name in ends}
    add_follows(home, pl.DataFrame(ties).unique())
    return home


def _ids(letter: str, numbers: Array) -> pl.Series:
    return letter + pl.Series(numbers).cast(pl.String)


if __name__ == "__main__":
    for what, unit, figure, _ in heard(Path(sys.argv[1])):
        print(f"{what}: {figure:.3g} {unit}")
