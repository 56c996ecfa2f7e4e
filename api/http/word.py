"""Word of mouth about a product: people for and against, their trend, and what they speak of.

In: a product's id, days. Out: the answer of `word_of`. Never: who spoke, or what somebody wrote.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, time, timedelta
from typing import Literal

from flask import Response
from pydantic import Field

from api.http.contract import Asked, Noun, Strict, json_of
from api.http.desk import Desk
from api.http.plans import Day
from api.http.schemas import ProductPath
from engine.errors import ModelError
from engine.operations.lookup import index
from engine.operations.word_health import word_of
from engine.operations.word_heard import span_of
from engine.store.home import Home

SCOPE = "segments:read"
MOST_DAYS = 366


class WordQuery(Asked):
    days: int | None = Field(
        None, ge=1, le=MOST_DAYS, description="Days that are judged, and as many before them"
    )
    as_of: Day | None = Field(None, description="Last day, by UTC; else up to now")


class Figure(Strict):
    value: float
    lower: float
    upper: float


class Counted(Strict):
    """People, each once; the last act of theirs that is for or against decides."""

    people: int = Field(description="Who said something that could be read")
    positive: int
    negative: int
    neutral: int
    acts: int = Field(description="All that was said")
    unread: int = Field(description="Acts without anything that can be read")


class Reason(Strict):
    rule: Literal["much", "more", "aspect", "few", "nobody", "nothing", "about", "strangers"]
    says: str


class Part(Strict):
    since: str
    until: str
    people: int
    positive: int
    negative: int
    neutral: int
    negative_share: float | None = Field(description="None: nobody spoke")
    lower: float | None
    upper: float | None


class Aspect(Strict):
    aspect: str
    people: int = Field(description="Who blame it, or praise it, in these days")
    before: int = Field(description="The same of the days before")
    share: float = Field(description="Of those who blame, or praise, anything")
    rise: float | None = Field(description="Of the part of all who speak; None: nobody did before")
    lower: float | None
    upper: float | None
    phrase: str | None = Field(description="What most call it; None where few use the same")


class Followers(Strict):
    """People who follow any of those who spoke."""

    positive: int
    negative: int
    neutral: int


class Strangers(Strict):
    """People who spoke now, and in both windows did nothing but speak of this product."""

    negative: int
    others: int


class WordHealth(Strict):
    product_id: str
    name: str
    since: str
    until: str
    days: int
    level: float = Field(description="Of all intervals")
    state: Literal["alert", "watch", "calm", "silent"]
    reasons: list[Reason]
    chance: float | None = Field(description="Of so much by chance alone; None: not judged")
    word: Counted
    before: Counted
    negative_share: Figure | None = Field(description="None: nobody spoke")
    earlier_share: Figure | None
    net: Figure | None = Field(description="Positive less negative, as a part of all, -1 to 1")
    change: Figure | None = Field(description="Of the negative share; None: nobody spoke before")
    series: list[Part] = Field(description="By day or week, the oldest first")
    blamed: list[Aspect]
    blamers: int = Field(description="People who blame anything")
    praised: list[Aspect]
    praisers: int
    followers: Followers
    strangers: Strangers
    last_word_at: str | None = Field(description="Where nobody spoke: when somebody did")
    read_share: float = Field(description="Part of the people who were read, drawn by chance")


def routes(desk: Desk, home: Home) -> Noun:
    """The route of word of mouth."""
    noun = Noun("word", "What people say of products", "/v1/products", asks_model=False)

    @noun.read("/<id:product_id>/word", SCOPE, {200: WordHealth}, (404,))
    def word(path: ProductPath, query: WordQuery) -> Response:
        """Who speaks well and ill of a product, how that changes, and of what.

        It is answered from the log; rows that were handed in a moment ago join it with the next
        `mokhatab compact`, ingest or retrain.
        """
        ends = None
        if query.as_of is not None:
            ends = datetime.combine(query.as_of, time.min, UTC) + timedelta(days=1, microseconds=-1)
        span = span_of(home, now=datetime.now(UTC), days=query.days, as_of=ends)
        return json_of(word_of(home, path.product_id, span, also=_of_model(desk)))

    return noun


def _of_model(desk: Desk) -> Collection[str]:
    """Products that other routes answer about; none where there is no model."""
    try:
        return index(desk.holder.in_use().model).products
    except ModelError:
        return ()
