"""Campaigns field by field, as they are sent and as they are told.

In: what a caller sent. Out: checked fields in the words of the engine; the shape of answers.
Never: a rule about money, days or steps: the engine has those.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from api.http.contract import Asked, Strict
from api.http.plans import Currency, Day
from api.http.schemas import Goal, Id, Word

MOST = 1000
State = Literal["draft", "planned", "approved", "running", "finished", "cancelled"]
Step = Literal["channels", "budget", "team", "audience", "promotion", "results"]
Market = Literal["b2c", "b2b"]
Amount = Annotated[
    Annotated[str, Field(min_length=1, max_length=64)] | Annotated[float, Field(gt=0, le=1e12)],
    Field(description="Exact; as text, or a number with no more digits than the currency has"),
]
Share = Annotated[float, Field(ge=0, le=1, description="Held out; above 0 and below 1")]
CampaignId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Team = Annotated[str, Field(min_length=1, max_length=64)]


class Lock(Strict):
    """Exactly so much for a channel, or for one segment on it."""

    channel: Word
    segment_id: Id | None = None
    amount: Amount


class Post(Strict):
    channel: Word
    weekday: int = Field(ge=0, le=6, description="0 Monday")
    hour: int = Field(ge=0, le=23)


class Fields(Strict):
    """What may be said of a campaign; of what is left out the recommended holds."""

    name: Name | None = None
    product_id: Id | None = None
    goal: Goal | None = None
    market: Market | None = Field(None, description="To whom is sold")
    budget: Amount | None = None
    currency: Currency | None = None
    start: Day | None = Field(None, description="First day")
    end: Day | None = Field(None, description="Last day, which belongs to it")
    team: Team | None = Field(None, description="Whose it is; others do not see it")
    channels: list[Word] | None = Field(None, max_length=MOST, description="[]: as recommended")
    segments: list[Id] | None = Field(None, max_length=MOST, description="[]: as recommended")
    exclusions: list[Id] | None = Field(
        None, max_length=MOST, description="Segments whose people are left out"
    )
    locks: list[Lock] | None = Field(None, max_length=MOST, description="Spend exactly")
    responsible: dict[Step, Team] | None = Field(None, description="Members by step")
    holdout_share: Share | None = None
    posts: int | None = Field(None, ge=0, le=168, description="A week; null: as is usual")
    schedule: list[Post] | None = Field(None, max_length=MOST, description="[]: as recommended")
    window_days: int | None = Field(
        None, ge=0, le=365, description="After the last day, that outcomes count; null: as usual"
    )

    def said(self) -> dict[str, Any]:
        """The fields that were sent, as the engine reads them."""
        told = self.model_dump(exclude_unset=True, exclude={"locks"})
        for name in ("name", "product_id", "goal", "market", "budget", "currency", "start", "end"):
            if name in told and told[name] is None:
                del told[name]  # they cannot be nothing
        for name in ("channels", "segments", "exclusions", "schedule"):
            if name in told:
                told[name] = told[name] or []
        if "locks" in self.model_fields_set:
            told["locks"] = {_place(lock): lock.amount for lock in self.locks or ()}
        if told.get("holdout_share", 0) is None:
            del told["holdout_share"]
        if "responsible" in told:
            told["responsible"] = told["responsible"] or {}
        return told


def _place(lock: Lock) -> str:
    return lock.channel if lock.segment_id is None else f"{lock.channel}/{lock.segment_id}"


class CampaignBody(Fields):
    id: CampaignId | None = Field(None, description="Else one is made")
    name: Name
    product_id: Id
    goal: Goal
    budget: Amount
    currency: Currency
    start: Day
    end: Day


class Nothing(Strict):
    """No fields."""


class ApproveBody(Strict):
    accept_undetectable: bool = Field(
        False, description="Also if its effect could not be told from chance"
    )


class CampaignPath(Asked):
    campaign_id: Id


class ListQuery(Asked):
    limit: int = Field(50, ge=1, le=200)
    cursor: str | None = Field(None, pattern=r"^[0-9a-f]{1,15}$", description="`next` of a page")
    status: State | None = None


class AuditQuery(Asked):
    limit: int = Field(100, ge=1, le=1000)
    cursor: str | None = Field(None, pattern=r"^[0-9a-f]{1,15}$", description="`next` of a page")


class Summary(Strict):
    id: str
    name: str
    product_id: str
    goal: Goal
    status: State
    budget: str = Field(description="Exact decimal")
    currency: str
    start: str
    end: str
    team: str | None
    author: str
    version: int


class Campaigns(Strict):
    campaigns: list[Summary]
    next: str | None = Field(description="The `cursor` of the next page")


class StepTold(Strict):
    step: Step
    recommended: dict[str, Any] | None = Field(description="null before it was planned")
    chosen: dict[str, Any] | None
    overridden: bool = Field(description="Somebody decided otherwise")


class Audience(Strict):
    """Numbers of the people, and what effect could be told from chance."""

    people: int
    holdout_share: float
    outcomes: list[str] = Field(description="Acts on the product that count")
    rate: float = Field(description="Of people who would act anyway")
    expected_effect: float = Field(description="By which the plan would raise it")
    detectable: float | None = Field(description="The least rise that would be seen; null: none")
    measurable: bool
    level: float
    power: float
    assigned: int | None = Field(None, description="Addressed; told once it is approved")
    held_out: int | None = None
    model_version: str | None = None


class CampaignTold(Summary):
    market: Market
    days: int
    created_at: str
    channels: list[str]
    segments: list[str]
    exclusions: list[str]
    locks: dict[str, str] = Field(description="By `channel` or `channel/segment_id`")
    responsible: dict[str, str]
    holdout_share: float
    posts: int | None
    schedule: list[Post]
    window_days: int | None
    steps: list[StepTold] = Field(description="Recommended and chosen, side by side")
    plan: dict[str, Any] | None = Field(description="As `/v1/plans` answers, money settled")
    audience: Audience | None
    warnings: list[str]
    approved_by: str | None
    next: list[str] = Field(description="What may follow")


class Line(Strict):
    number: int
    version: int = Field(description="Of the campaign after it")
    at: str
    who: str
    what: str
    before: dict[str, Any]
    after: dict[str, Any]


class Audit(Strict):
    campaign_id: str
    lines: list[Line] = Field(description="Oldest first")
    next: str | None


class Side(Strict):
    people: int
    rate: float
    acted: int


class Bounds(Strict):
    lower: float | None
    upper: float | None


class Moved(Bounds):
    people: float


class Adjusted(Bounds):
    effect: float
    explained: float


class LiftTold(Bounds):
    """By intention to treat: everybody who was to be addressed counts as addressed."""

    campaign_id: str
    product_id: str
    goal: Goal
    status: State
    outcomes: list[str]
    since: str
    until: str
    complete: bool = Field(description="All outcomes have come")
    kind: Literal["sequential", "fixed"] = Field(
        description="sequential: the interval holds at every look; fixed: at the end"
    )
    method: str
    level: float
    exposed: Side
    held_out: Side
    effect: float
    relative: float | None
    relative_lower: float | None
    relative_upper: float | None
    decided: Literal["up", "down", "open"]
    p_value: float | None
    moved: Moved = Field(description="People who acted because of the campaign")
    adjusted: Adjusted | None = Field(description="With what they did before taken into account")
    detectable: float | None
