"""The questions and answers of the API, field by field.

In: what a caller sent. Out: checked questions; the shape of answers for the OpenAPI text.
Never: a value that was guessed. Bounds here are promises of version 1, not settings.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator

from api.http.contract import Asked, Strict

LONGEST_ID = 256
MOST_USERS = 1000
Goal = Literal["traffic", "sales", "awareness", "loyalty"]
Format = Literal["ndjson", "csv", "parquet"]


def _short(value: str) -> str:
    if len(value.encode("utf-8", "surrogatepass")) > LONGEST_ID:
        raise ValueError(f"an id is at most {LONGEST_ID} bytes")
    return value


def _plain(value: str) -> str:
    if any(ord(sign) < 32 or ord(sign) == 127 for sign in value):
        raise ValueError("holds control characters")
    return value


Id = Annotated[
    str,
    Field(min_length=1, max_length=LONGEST_ID, description="Any UTF-8, at most 256 bytes"),
    AfterValidator(_short),
    AfterValidator(_plain),
]
Word = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_plain)]


def _flag(value: object) -> object:
    if value not in ("true", "false"):
        raise ValueError("is true or false")
    return value == "true"


Flag = Annotated[bool, BeforeValidator(_flag)]


class ProductPath(Asked):
    product_id: Id


class UserPath(Asked):
    user_id: Id


class SegmentsQuery(Asked):
    goal: Goal = Field("traffic", description="What the campaign is after")
    channel: Word | None = Field(None, description="Only people seen on this channel")
    limit: int | None = Field(
        None, ge=1, le=100, description="At most so many; else as the product's targeting says"
    )


class AudienceQuery(Asked):
    share: float | None = Field(None, gt=0, le=1, description="This part of all people")
    size: int | None = Field(None, ge=1, le=1_000_000_000, description="So many people")
    goal: Goal | None = Field(None, description="Rank for this goal")
    include_known: Flag = Field(
        False, description="Also people who acted on the product already; they are left out else"
    )
    format: Format | None = Field(None, description="Instead of `Accept`")

    @field_validator("size")
    @classmethod
    def not_both(cls, size: int | None, info: ValidationInfo) -> int | None:
        if size is not None and info.data.get("share") is not None:
            raise ValueError("give either share or size")
        return size


class AdvocatesQuery(Asked):
    limit: int | None = Field(
        None, ge=1, le=1000, description="At most so many; 10, or as many as the budget buys"
    )
    goal: Goal = Field("awareness", description="Whose audience, and whose price of a dislike")
    share: float | None = Field(None, gt=0, le=1, description="This part of all people hears of it")
    channel: Word | None = Field(None, description="Only what is said on this channel")
    cost: float | None = Field(None, ge=0, le=1e12, description="What each person asks for")
    budget: float | None = Field(None, ge=0, le=1e15, description="What all together may cost")
    proof: float | None = Field(
        None, ge=0, lt=1, description="Part of the best possible to prove; more takes longer"
    )
    seed: int = Field(0, ge=0, le=2**31, description="Of the draws")


class UserQuery(Asked):
    limit: int = Field(20, ge=1, le=100, description="At most so many segments")


class UsersBody(Strict):
    user_ids: list[Id] = Field(min_length=1, max_length=MOST_USERS)
    limit: int = Field(20, ge=1, le=100, description="At most so many segments for each")


class Refused(Strict):
    """A row that was not kept."""

    index: int = Field(description="Its place among the rows, from 0")
    field: str = Field(description="What is wrong with it; empty where it is the row as a whole")
    reason: str


class Receipt(Strict):
    """What became of rows that were handed in; what was accepted is durable.

    Rows of people who refused to be stored, or were erased, are accepted and passed over.
    """

    received: int
    accepted: int
    repeated: int | None = Field(
        None,
        description="Of those accepted, how many say again what an earlier row of the request said "
        "under the same `event_id`, and count once with it; left out where there are none",
    )
    refused: list[Refused]
    known: int | None = Field(None, description="Of results: accepted, and known already")
    correction: int | None = Field(None, description="Of results: accepted, and replacing others")
    notices: list[str] | None = Field(None, description="Of results: what else is to be known")


class Ready(Strict):
    status: Literal["ready", "degraded"]
    model_version: str
    champion: str
    refused: dict[str, str] = Field(description="Versions that failed their manifest, and why")


class Healthy(Strict):
    status: Literal["ok"]


class Stamped(Strict):
    """Which model answered, how fresh its data are, and when to ask again."""

    model_version: str
    as_of: str
    valid_until: str


class Interval(Strict):
    value: float | None
    lower: float | None
    upper: float | None


class Segment(Strict):
    segment_id: str
    name: str
    kind: str
    size: int = Field(description="People in it")
    interest: float = Field(description="Expected likes per person")
    probability: float = Field(description="P(like | shown), the mean of its people")
    lift: Interval = Field(description="Over everybody, in interest")
    earned_reach: float | None = Field(
        description="Further people whom word of mouth reaches for each whom an ad reaches; null "
        "where the model knows of nobody who passes anything on"
    )
    overlap: float = Field(description="Part of it that better segments hold already")
    reason: str


class BestSegments(Stamped):
    product_id: str
    segments: list[Segment]


class Point(Strict):
    share: float
    size: int
    expected: float = Field(description="Likes per person among the best share")
    lower: float
    upper: float


class Curve(Stamped):
    product_id: str
    points: list[Point]


class Advocates(Stamped):
    product_id: str
    goal: Goal
    channel: str | None
    asked: int = Field(description="At most so many; what is proven is so beside as many others")
    seeds: list[str] = Field(description="User ids, in the order of their choice")
    gains: list[float] = Field(description="What each adds to those before, in likes")
    probabilities: list[float] = Field(description="P(like | shown) of each")
    costs: list[float] | None = Field(None, description="What each asks for, where it was said")
    spent: float | None = None
    budget: float | None = None
    expected_reach: float = Field(
        description="Likes of the audience that takes the word up, less what dislikes cost"
    )
    lower: float
    upper: float
    level: float = Field(description="Confidence of the interval and the proof")
    proven: float = Field(description="At least so much of what the best choice could reach")
    audience: int = Field(description="People it is meant for")
    listeners: int = Field(description="Of them, those of the network")
    detractors: int = Field(description="People of the network who would rather dislike it")
    as_paid: float | None = Field(
        description="So many of the audience ads would have to touch for as much"
    )
    source: str = Field(description="Where the ties are from")
    people: int = Field(description="Of the network")
    ties: int
    sets: int = Field(description="Drawn to choose and to judge by")
    seconds: float


class Membership(Strict):
    segment_id: str
    name: str
    kind: str
    size: int
    product_id: str | None = Field(None, description="Where the segment is a best share of it")
    share: float | None = None


class UserSegments(Stamped):
    users: dict[str, list[Membership]] = Field(description="Segments by user id")
    newcomers: list[str] = Field(description="Ids that came after training, folded in")
    unknown: list[str] = Field(description="Ids that the model does not know")
