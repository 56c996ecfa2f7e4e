"""Members and teams: who works here, what teams own, when they work, who posts what.

In: names, roles, products, hours, posts. Out: the same as they are kept; a week's work.
Never: an e-mail for who may not write members, or a word of a team that is not for their eyes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

from flask import Response
from pydantic import ConfigDict, Field, StringConstraints

from api.http.access import asking
from api.http.contract import Asked, Noun, Strict, json_of
from api.http.schemas import Id, Word
from engine.errors import InvalidValue, UnknownEntity
from engine.operations import members, teams
from engine.operations.permissions import Actor
from engine.operations.working_hours import window
from engine.operations.workplan import MOST_POSTS, work_of_week
from engine.store.home import Home
from engine.store.members import folded

SCOPE = "members:write"
Role = Literal["owner", "admin", "marketer", "analyst", "viewer", "platform"]
Clock = Annotated[str, StringConstraints(pattern=r"^[0-2]?[0-9]:[0-5][0-9]$")]
Cursor = Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{2})+$", max_length=2048)]


class NamePath(Asked):
    name: Id


class PageQuery(Asked):
    limit: int = Field(100, ge=1, le=1000)
    cursor: Cursor | None = Field(None, description="`next` of a page")


class MemberBody(Strict):
    role: Role
    display: str | None = Field(None, min_length=1, max_length=200, description="Else the name")
    email: str | None = Field(None, max_length=254, description="Told to who may write members")


class Member(Strict):
    name: str
    display: str
    role: Role
    email: str | None
    teams: list[str]
    added_at: str
    removed_at: str | None


class Members(Strict):
    members: list[Member]
    next: str | None = Field(description="`cursor` of the next page; null: this was the last")


class Removed(Strict):
    removed: str | None = Field(description="null: there was nothing of this name")


class Window(Strict):
    """Working time on one weekday; over midnight it is two."""

    weekday: int = Field(ge=0, le=6, description="0 Monday")
    begin: Clock = Field(alias="from", description="On the team's clock, 09:00")
    end: Clock = Field(alias="to", description="Not included; 24:00 is the end of the day")
    member: Word | None = Field(None, description="Whose; null: of all who have none of their own")


class TeamBody(Strict):
    zone: Word = Field("UTC", description="Time zone of the hours, by its IANA name")
    members: list[Word] = Field([], max_length=1000)
    products: list[Id] = Field([], max_length=100_000, description="What the team owns")
    hours: list[Window] = Field([], max_length=1000)


class Team(Strict):
    name: str
    zone: str
    members: list[str]
    products: list[str]
    hours: list[Window]
    created_at: str


class Teams(Strict):
    teams: list[Team]
    next: str | None = Field(description="`cursor` of the next page; null: this was the last")


class Post(Strict):
    """A post as `schedule` of a plan tells it; what it tells beside this is passed over."""

    model_config = ConfigDict(extra="ignore")

    channel: Word
    segment_id: Id | None = None
    starts_at: str = Field(description="ISO 8601 with an offset")


class WeekBody(Strict):
    schedule: list[Post] = Field(max_length=MOST_POSTS)
    start: str | None = Field(None, description="First day on which posts could go out instead")
    days: int | None = Field(None, ge=1, le=3660, description="So many days from then on")
    promoters: list[Word] | None = Field(
        None, min_length=1, max_length=1000, description="Who posts; else all whose role may"
    )


class Nearest(Strict):
    starts_at: str
    member: str


class Given(Strict):
    channel: str
    segment_id: str | None
    starts_at: str
    at: str = Field(description="The same moment on the team's clock")
    member: str


class Left(Strict):
    channel: str
    segment_id: str | None
    starts_at: str
    at: str
    reason: str
    nearest: Nearest | None = Field(description="The nearest hour that would do, and who works")


class Week(Strict):
    team: str
    zone: str
    promoters: list[str]
    assigned: list[Given]
    unassigned: list[Left]
    posts: dict[str, int] = Field(description="How many each has")


def routes(home: Home) -> list[Noun]:
    """The routes of members and of teams."""
    return [_members(home), _teams(home)]


def _members(home: Home) -> Noun:
    noun = Noun("members", "Who works here, and in which role", "/v1/members", asks_model=False)

    @noun.read("", SCOPE, {200: Members})
    def members_all(query: PageQuery) -> Response:
        """Members by name; removed ones are not among them."""
        found = members.list_members(home, asking(home))
        return json_of(_page("members", found, query))

    @noun.replace("/<id:name>", SCOPE, {200: Member})
    def member_put(path: NamePath, body: MemberBody) -> Response:
        """Adds a member or changes one; what is not sent goes. The first one is an owner.

        The last owner stays one, and only owners make or change owners.
        """
        card = members.Card(body.role, body.display, body.email)
        return json_of(members.put_member(home, asking(home), path.name, card))

    @noun.remove("/<id:name>", SCOPE, {200: Removed})
    def member_gone(path: NamePath) -> Response:
        """Ends a member and their keys; the name stays theirs, in records of what they did."""
        return _gone(members.remove_member, home, path.name)

    return noun


def _teams(home: Home) -> Noun:
    noun = Noun("teams", "Who works together, on what, when", "/v1/teams", asks_model=False)

    @noun.read("", SCOPE, {200: Teams})
    def teams_all(query: PageQuery) -> Response:
        """Teams by name, those that are for the eyes of who asks."""
        return json_of(_page("teams", teams.list_teams(home, asking(home)), query))

    @noun.read("/<id:name>", SCOPE, {200: Team}, (404,))
    def team_told(path: NamePath) -> Response:
        """One team."""
        return json_of(teams.show_team(home, asking(home), path.name))

    @noun.replace("/<id:name>", SCOPE, {200: Team})
    def team_put(path: NamePath, body: TeamBody) -> Response:
        """Makes a team or changes one; what is not sent goes.

        Keys of its members see its products and no others, where it owns any.
        """
        hours = tuple(
            window(one.weekday, one.begin, one.end, member=one.member) for one in body.hours
        )
        shape = teams.TeamShape(body.zone, tuple(body.members), tuple(body.products), hours)
        try:
            return json_of(teams.put_team(home, asking(home), path.name, shape))
        except UnknownEntity as error:  # the address is right, what is in the body is not
            raise InvalidValue("members", str(error)) from None

    @noun.remove("/<id:name>", SCOPE, {200: Removed})
    def team_gone(path: NamePath) -> Response:
        """Ends a team; what it owned is nobody's then."""
        return _gone(teams.remove_team, home, path.name)

    @noun.ask("/<id:name>/week", SCOPE, {200: Week}, (404,))
    def team_week(path: NamePath, body: WeekBody) -> Response:
        """Who posts what when: posts shared fairly among those who promote, within their hours."""
        chosen = {"promotion": body.promoters} if body.promoters else None
        plan = body.model_dump(exclude={"promoters"})
        return json_of(work_of_week(home, asking(home), path.name, plan, responsible=chosen))

    return noun


def _gone(remove: Callable[[Home, Actor, str], dict[str, Any]], home: Home, name: str) -> Response:
    actor = asking(home)
    try:
        return json_of({"removed": remove(home, actor, name)["removed"]})
    except UnknownEntity:
        return json_of({"removed": None})


def _page(field: str, rows: Sequence[dict[str, Any]], query: PageQuery) -> dict[str, Any]:
    """Rows behind the cursor, which holds the name of the last one that was told."""
    try:
        after = bytes.fromhex(query.cursor or "").decode()
    except ValueError:
        raise InvalidValue("cursor", "is none that a page gave") from None
    left = [row for row in rows if not after or folded(row["name"]) > folded(after)]
    told = left[: query.limit]
    more = told[-1]["name"].encode().hex() if len(left) > query.limit else None
    return {field: told, "next": more}
