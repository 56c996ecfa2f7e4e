"""Campaigns: made, changed, planned, approved, run, judged; by whoever the key stands for.

In: fields, verbs, the version that was read. Out: the campaign as it stands, with its `ETag`.
Never: a campaign of another team, or a second effect of a request that was sent again.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import polars as pl
import pydantic_core
from flask import Response, abort, request
from pydantic import ValidationError
from sqlalchemy.engine import Connection
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from api import problems
from api.http.access import asking, see_product
from api.http.campaign_schemas import (
    ApproveBody,
    Audit,
    AuditQuery,
    CampaignBody,
    CampaignPath,
    Campaigns,
    CampaignTold,
    Fields,
    LiftTold,
    ListQuery,
    Nothing,
)
from api.http.contract import Noun, Strict, Whole, json_of
from api.http.desk import Desk
from api.http.tickets import ticket_of
from engine.operations import campaigns
from engine.operations.campaign_life import Outdated
from engine.operations.campaign_lift import lift
from engine.operations.campaign_view import describe, line_of, summarise
from engine.operations.campaigns import Campaign, Occasion
from engine.operations.replies import answer_once
from engine.store.inbox import Inbox, Reply, keep_reply

JSON = "application/json"
SCOPE = "campaigns:write"
Body = TypeVar("Body", bound=Strict)
Verb = Callable[[Occasion], Campaign]
TAGS = re.compile(r'\s*(?:W/)?"[^"]*"\s*(?:,\s*(?:W/)?"[^"]*"\s*)*')
TAG = re.compile(r'(W/)?"([^"]*)"')


class Counter:
    """Where campaigns are handed in: a request has one effect, and its answer is kept with it."""

    def __init__(self, desk: Desk, inbox: Inbox, replay_hours: float) -> None:
        self.desk, self.inbox, self.home = desk, inbox, inbox.home
        self._hours = replay_hours

    def do(self, verb: Verb, *, id: str | None = None, **wish: bool) -> Response:
        """Says a verb once, and answers with the campaign and its version."""
        now = datetime.now(UTC)
        ticket = ticket_of(request.get_data(), now=now, hours=self._hours)

        def answer() -> Reply:
            kept: list[Campaign] = []

            def also(connection: Connection, campaign: Campaign) -> None:
                kept.append(campaign)
                if ticket is not None:
                    keep_reply(connection, ticket, _reply(campaign))

            version = None if id is None else self._matched(id)
            found = verb(Occasion(now, version, also, **wish))
            if not kept:  # nothing was changed, so nothing was written
                self.inbox.add("campaigns", pl.DataFrame(), ticket, _reply(found))
            return _reply(found)

        reply = answer_once(self.inbox, ticket, answer)
        response = Whole(reply.body, status=reply.status, mimetype=reply.media_type)
        return _tagged(response, pydantic_core.from_json(reply.body)["version"])

    def _matched(self, id: str) -> int | None:
        """The version that `If-Match` names; none where any will do.

        Raises:
            Outdated: it names none that the campaign has.
            BadRequest: it names nothing.
        """
        given = request.headers.get("If-Match")
        if given is None or given.strip() == "*":
            return None
        if not TAGS.fullmatch(given):
            raise BadRequest('If-Match is the `ETag` that was read, as "3", or *')
        now = campaigns.show(self.home, asking(self.home), id).version
        strong = [tag for weak, tag in TAG.findall(given) if not weak]
        if str(now) not in strong:
            read = next((int(tag) for tag in strong if tag.isdecimal() and len(tag) < 10), 0)
            raise Outdated(id, read, now)
        return now


def _reply(campaign: Campaign) -> Reply:
    return Reply(200, JSON, pydantic_core.to_json(describe(campaign), inf_nan_mode="null"))


def _tagged(response: Response, version: int) -> Response:
    response.headers["ETag"] = f'"{version}"'
    return response


def _sent(kind: type[Body]) -> Body:
    """The body, which may be missing where all its fields may.

    Raises:
        BadRequest, UnsupportedMediaType: it is no JSON.
    """
    if not request.get_data():
        return kind()
    if not request.is_json:
        raise UnsupportedMediaType("send `Content-Type: application/json`")
    try:
        given = request.get_json()
    except BadRequest:
        raise BadRequest("the body is malformed JSON") from None
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        abort(problems.invalid(error))


def _body(kind: type[Strict]) -> dict[str, Any]:
    return {"required": False, "content": {JSON: {"schema": kind.model_json_schema()}}}


def routes(desk: Desk, inbox: Inbox, *, replay_hours: float) -> Noun:
    """The routes of campaigns."""
    counter = Counter(desk, inbox, replay_hours)
    noun = Noun("campaigns", "From a goal to what it changed", "/v1", asks_model=False)
    _add_records(noun, counter)
    _add_life(noun, counter)
    _add_reading(noun, counter)
    return noun


def _add_records(noun: Noun, counter: Counter) -> None:
    home = counter.home

    @noun.make("/campaigns", SCOPE, {200: CampaignTold}, (404,))
    def create(body: CampaignBody) -> Response:
        """Makes a draft."""
        see_product(body.product_id)
        return counter.do(lambda on: campaigns.create(home, asking(home), body.said(), on))

    @noun.change("/campaigns/<id:campaign_id>", SCOPE, {200: CampaignTold}, (404, 412))
    def change(path: CampaignPath, body: Fields) -> Response:
        """Puts fields in the place of what they were; what moves money or people undoes a plan."""
        see_product(body.product_id)
        id = path.campaign_id
        return counter.do(
            lambda on: campaigns.change(home, asking(home), id, body.said(), on), id=id
        )

    @noun.read("/campaigns", SCOPE, {200: Campaigns})
    def listed(query: ListQuery) -> Response:
        """Campaigns that this key may see, newest first."""
        before = None if query.cursor is None else int(query.cursor, 16)
        found, more = campaigns.list_campaigns(
            home, asking(home), before=before, most=query.limit, status=query.status
        )
        told = [summarise(campaign) for campaign in found]
        return json_of({"campaigns": told, "next": None if more is None else f"{more:x}"})

    @noun.read("/campaigns/<id:campaign_id>", SCOPE, {200: CampaignTold}, (404,))
    def shown(path: CampaignPath) -> Response:
        """A campaign, its steps as recommended and as chosen, its plan, and what may follow."""
        found = campaigns.show(home, asking(home), path.campaign_id)
        return _tagged(json_of(describe(found)), found.version)


def _add_life(noun: Noun, counter: Counter) -> None:
    home, desk = counter.home, counter.desk
    at = "/campaigns/<id:campaign_id>"
    told: dict[int, Any] = {200: CampaignTold}

    @noun.make(f"{at}/plan", SCOPE, told, (404, 412, 503), body=_body(Nothing))
    def plan(path: CampaignPath) -> Response:
        """Plans a draft: networks, money, team, audience, posts, and how it will be judged."""
        _sent(Nothing)
        id, model = path.campaign_id, desk.holder.in_use().model
        verb = campaigns.plan
        return counter.do(lambda on: verb(home, asking(home), id, on, model=model), id=id)

    @noun.make(f"{at}/approve", SCOPE, told, (404, 412, 503), body=_body(ApproveBody))
    def approve(path: CampaignPath) -> Response:
        """Approves a plan and its money, and sets apart who is held out."""
        wish = _sent(ApproveBody).model_dump()
        id, model = path.campaign_id, desk.holder.in_use().model
        verb = campaigns.approve
        return counter.do(lambda on: verb(home, asking(home), id, on, model=model), id=id, **wish)

    @noun.make(f"{at}/start", SCOPE, told, (404, 412), body=_body(Nothing))
    def start(path: CampaignPath) -> Response:
        """Says that an approved campaign runs."""
        return _move(counter, campaigns.start, path.campaign_id)

    @noun.make(f"{at}/finish", SCOPE, told, (404, 412), body=_body(Nothing))
    def finish(path: CampaignPath) -> Response:
        """Says that a campaign that ran has ended."""
        return _move(counter, campaigns.finish, path.campaign_id)

    @noun.make(f"{at}/cancel", SCOPE, told, (404, 412), body=_body(Nothing))
    def cancel(path: CampaignPath) -> Response:
        """Ends a campaign early; its record and its log stay."""
        return _move(counter, campaigns.cancel, path.campaign_id)


def _move(counter: Counter, verb: Callable[..., Campaign], id: str) -> Response:
    _sent(Nothing)
    home = counter.home
    return counter.do(lambda on: verb(home, asking(home), id, on), id=id)


def _add_reading(noun: Noun, counter: Counter) -> None:
    home = counter.home

    @noun.read("/campaigns/<id:campaign_id>/audit", SCOPE, {200: Audit}, (404,))
    def audit(path: CampaignPath, query: AuditQuery) -> Response:
        """Who did what when, with the fields before and after; nothing of it is ever changed."""
        after = 0 if query.cursor is None else int(query.cursor, 16)
        found = campaigns.audit(
            home, asking(home), path.campaign_id, after=after, most=query.limit + 1
        )
        lines = [line_of(entry) for entry in found[: query.limit]]
        more = f"{lines[-1]['number']:x}" if len(found) > query.limit else None
        return json_of({"campaign_id": path.campaign_id, "lines": lines, "next": more})

    @noun.read("/campaigns/<id:campaign_id>/lift", SCOPE, {200: LiftTold}, (404, 409))
    def lifted(path: CampaignPath) -> Response:
        """What the campaign changed: those addressed beside those held out, with an interval."""
        found = lift(home, asking(home), path.campaign_id, now=datetime.now(UTC))
        return json_of(found)
