"""Plans: where money goes, which networks fit a product, and when to post.

In: a goal, money, days and limits; a product's id. Out: allocation, networks, hours, each with its
interval. Never: a plan that is kept; under an Idempotency-Key its answer is given again.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Literal

import polars as pl
import pydantic_core
from flask import Response, request
from pydantic import BeforeValidator, Field

from api.http.access import see_product
from api.http.contract import Asked, Noun, Strict, Whole
from api.http.desk import Desk
from api.http.schemas import Goal, Id, ProductPath, Stamped, Word
from api.http.tickets import ticket_of
from engine.errors import InvalidValue, NotTrained
from engine.operations.outlets import Week, Wish, product_channels, product_schedule
from engine.operations.plan_request import (
    FIRST_DAY,
    LAST_DAY,
    MOST_DAYS,
    MOST_MONEY,
    Place,
    PlanRequest,
    place_name,
)
from engine.operations.plans import make_plan
from engine.operations.replies import answer_once
from engine.store.artefacts import Model
from engine.store.home import Home
from engine.store.inbox import Inbox, Reply

MOST_LIMITS = 10_000
JSON = "application/json"


def _date(value: object) -> object:
    try:
        return date.fromisoformat(value) if isinstance(value, str) and len(value) == 10 else value
    except ValueError:
        raise ValueError("is no date; write it as 2027-03-21") from None


Day = Annotated[date, BeforeValidator(_date), Field(ge=FIRST_DAY, le=LAST_DAY)]
Money = Annotated[float, Field(ge=0, le=MOST_MONEY)]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$", description="ISO 4217")]
Country = Annotated[str, Field(pattern=r"^[A-Za-z]{2}$", description="ISO 3166")]
Posts = Annotated[int, Field(ge=1, le=168, description="Posts a week the team can make")]


class Limit(Strict):
    """Money of one channel, or of one segment on it, for the whole time."""

    channel: Word
    segment_id: Id | None = Field(None, description="None: the channel as a whole")
    amount: Money


Limits = Annotated[list[Limit], Field(max_length=MOST_LIMITS)]


class PlanBody(Strict):
    goal: Goal
    budget: float = Field(ge=0.01, le=MOST_MONEY, description="Money for all days together")
    days: int = Field(ge=1, le=MOST_DAYS)
    start: Day | None = Field(None, description="First day; else tomorrow")
    product_id: Id | None = Field(None, description="Its audience and segments join")
    channels: list[Word] | None = Field(None, min_length=1, max_length=1000)
    minima: Limits = Field([], description="Spend at least")
    maxima: Limits = Field([], description="Spend at most")
    locks: Limits = Field([], description="Spend exactly")
    starts: Limits = Field([], description="Spend nothing, or at least so much")
    risk: float = Field(0.0, ge=0, lt=1, description="0.2: the mean of the worst fifth of cases")
    exploration: float | None = Field(None, ge=0, lt=1, description="Share spent to learn")
    measure: Literal["sales", "revenue"] = Field("sales", description="What a sale counts")
    currency: Currency | None = None
    posts: Posts | None = None
    seed: int = Field(0, ge=0, le=2**32 - 1)

    def request(self, now: datetime) -> PlanRequest:
        """The question that this body asks."""
        plain = self.model_dump(exclude={"minima", "maxima", "locks", "starts", "channels"})
        return PlanRequest(
            **plain,
            channels=None if self.channels is None else tuple(self.channels),
            minima=_places("minima", self.minima),
            maxima=_places("maxima", self.maxima),
            locks=_places("locks", self.locks),
            starts=_places("starts", self.starts),
            now=now,
        )


def _places(field: str, limits: list[Limit]) -> dict[Place, float]:
    """Amounts by channel or placement.

    Raises:
        InvalidValue: a place is named twice.
    """
    found: dict[Place, float] = {}
    for limit in limits:
        whole = limit.segment_id is None
        place: Place = limit.channel if whole else (limit.channel, str(limit.segment_id))
        if place in found:
            raise InvalidValue(field, f"{place_name(place)} is named twice")
        found[place] = limit.amount
    return found


class ChannelsQuery(Asked):
    goal: Goal = Field("traffic", description="What the campaign is after")
    buyers: Literal["b2b", "b2c"] | None = Field(None, description="To whom is sold")
    country: Country | None = None
    budget: float | None = Field(None, ge=0, le=MOST_MONEY, description="Of the campaign")


class ScheduleQuery(Asked):
    goal: Goal = Field("traffic", description="What the campaign is after")
    channel: Word | None = Field(None, description="Else those where the audience was seen")
    posts: Posts | None = None
    hours: float | None = Field(
        None, ge=0, le=168, description="Hours of work a week the team has, instead of posts"
    )
    start: Day | None = Field(None, description="First day; else tomorrow")
    country: Country | None = Field(None, description="Whose clock, weekend and holidays count")
    zone: Word | None = Field(None, description="Time zone by its IANA name, as Asia/Tehran")


class Ranged(Strict):
    expected: float
    lower: float
    upper: float


class Placement(Ranged):
    channel: str
    segment_id: str
    name: str
    spend: float = Field(description="To the cent")
    share: float = Field(description="Of what is spent")
    marginal: float | None = Field(description="What the next unit of money brings")
    impressions: float
    clicks: float
    tried: bool = Field(description="It has results with spend")
    status: Literal["free", "at minimum", "at maximum", "locked", "off", "exploration"]


class BudgetPoint(Ranged):
    budget: float


class Caused(Strict):
    """The part of outcomes that would not have come anyway."""

    share: float
    lower: float
    upper: float
    campaigns: int


class DaySpend(Strict):
    date: str
    spend: float


class Slot(Ranged):
    """A post; its response against the average hour of its channel, which is 1."""

    channel: str
    segment_id: str | None
    weekday: int = Field(description="0 Monday")
    hour: int = Field(description="On the audience's clock")
    starts_at: str = Field(description="ISO 8601 with the audience's offset")
    date: str = Field(description="In the audience's calendar")
    reason: str


class Hour(Ranged):
    channel: str
    segment_id: str | None
    weekday: int
    hour: int
    on_holiday: float = Field(description="`expected` where that day is a holiday")
    seen: float = Field(description="Acts that were counted, older ones less")
    basis: Literal["prior", "mixed", "results"]


class Network(Strict):
    """A channel for a product; its score against the channels compared, whose mean is 1."""

    channel: str
    name: str
    rank: int
    score: float
    lower: float
    upper: float
    chance: float = Field(description="That it is the best")
    share: float = Field(description="Of the audience that is there")
    share_lower: float
    share_upper: float
    basis: Literal["prior", "mixed", "results"]
    usable: bool = Field(description="false: the budget is below its smallest spend")
    reason: str
    cautions: list[str]
    good_for: str | None
    price_model: str | None
    formats: list[str]
    minimum_spend: float | None
    minimum_audience: float | None
    cost_per_mille: float | None
    click_rate: float | None


class Plan(Ranged):
    goal: Goal
    measure: Literal["sales", "revenue"] | None = Field(description="Of the goal sales")
    currency: str | None
    budget: float
    spent: float = Field(description="Less than the budget only where the notes say why")
    days: int
    start: str
    product_id: str | None
    model_version: str | None
    as_of: str | None
    basis: Literal["results", "prior", "mixed"]
    notes: list[str]
    allocation: list[Placement] = Field(description="Sums to `spent`, to the cent")
    unit: str = Field(description="What is counted")
    incremental: Caused | None = Field(description="By people whom past campaigns held out")
    outcomes: float = Field(description="How many people, clicks or sales, whatever each is worth")
    interval: float = Field(description="Chance that the truth lies between lower and upper")
    exploration: float = Field(description="Share of the money that is spent to learn")
    objective: str = Field(description="What was made as large as possible")
    optimum: float = Field(description="What the best split brings on average, nothing explored")
    value: float = Field(description="The objective of the best split that was found")
    bound: float = Field(description="No split exceeds this objective by the same curves")
    gap: float = Field(description="(bound - value) / bound")
    price: float | None = Field(description="Objective for the next unit of money")
    curve: list[BudgetPoint]
    pacing: list[DaySpend]
    schedule: list[Slot]
    hours: list[Hour]
    channels: list[Network]


class Networks(Stamped):
    product_id: str
    goal: Goal
    country: str | None = Field(description="Whose people were looked for; None: not known")
    channels: list[Network]


class Schedule(Stamped):
    product_id: str
    zone: str
    country: str | None
    notes: list[str]
    schedule: list[Slot]
    hours: list[Hour]


def routes(desk: Desk, inbox: Inbox, *, replay_hours: float) -> Noun:
    """The routes of plans."""
    home = inbox.home
    noun = Noun("plans", "Where the money goes, on which networks, and when", "/v1")

    @noun.make("/plans", "campaigns:write", {200: Plan})
    def plan(body: PlanBody) -> Response:
        """Splits a budget over networks and segments, and proves that no split brings more.

        Nothing is kept of it but the answer, where it was asked under an Idempotency-Key.
        """
        see_product(body.product_id)
        now = datetime.now(UTC)
        ticket = ticket_of(request.get_data(), now=now, hours=replay_hours)

        def answer() -> Reply:
            made = make_plan(home, body.request(now), model=_model(desk, body.product_id))
            reply = Reply(200, JSON, pydantic_core.to_json(made, inf_nan_mode="null"))
            inbox.add("plans", pl.DataFrame(), ticket, reply)
            return reply

        reply = answer_once(inbox, ticket, answer)
        return Whole(reply.body, status=reply.status, mimetype=reply.media_type)

    _add_outlets(noun, desk, home)
    return noun


def _add_outlets(noun: Noun, desk: Desk, home: Home) -> None:
    @noun.read("/products/<id:product_id>/channels", "segments:read", {200: Networks})
    def channels(path: ProductPath, query: ChannelsQuery) -> Response:
        """Networks for a product, best first, each with reason and interval."""
        wish = Wish(query.goal, buyers=query.buyers, country=query.country, budget=query.budget)
        return desk.answer(
            lambda model: product_channels(home, model, path.product_id, wish), keep=False
        )

    @noun.read("/products/<id:product_id>/schedule", "segments:read", {200: Schedule})
    def schedule(path: ProductPath, query: ScheduleQuery) -> Response:
        """Posts of a week for a product, and the response of every hour where they go out."""
        now = datetime.now(UTC)
        week = Week(
            query.start or now.date() + timedelta(days=1),
            posts=query.posts,
            hours=query.hours,
            channels=None if query.channel is None else (query.channel,),
            country=query.country,
            zone=query.zone,
            goal=query.goal,
        )
        return desk.answer(
            lambda model: product_schedule(home, model, path.product_id, week, now=now),
            keep=query.start is not None,
        )


def _model(desk: Desk, product_id: str | None) -> Model | None:
    """The model in use; a plan for no product does without where there is none.

    Raises:
        NotTrained: a product is named, and there is no model.
    """
    try:
        return desk.holder.in_use().model
    except NotTrained:
        if product_id is not None:
            raise
        return None
