"""What is handed in: events, results, users, products and so on, thousands of rows at once.

In: rows in JSON or NDJSON. Out: a receipt: how many were kept, and what is wrong with the others.
Never: a receipt before its rows are durable.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import polars as pl
import pydantic_core
from flask import Response, request

from api import problems
from api.http import rows as reading
from api.http import schemas
from api.http.access import asking
from api.http.contract import Noun, View, Whole
from api.http.tickets import ticket_of
from engine.frames import ACCOUNTS, AT, EVENTS, FOLLOWS, PRODUCTS, RESULTS, USERS, Schema
from engine.frames import UTC as MOMENT
from engine.operations.intake import Delivery, Rules, receive
from engine.operations.members import LOCAL, Actor
from engine.operations.permissions import require
from engine.settings import Section
from engine.signals.activitystreams import ACTS
from engine.signals.arrivals import Judged
from engine.store.inbox import Inbox, Reply


@dataclass(frozen=True)
class Hatch:
    """Where rows are taken in; `chosen` is section `intake` of the settings of serving."""

    inbox: Inbox
    rules: Rules
    chosen: Section

    def take(self, kind: Schema, actor: Actor = LOCAL) -> Response:
        """The answer to this request, which hands in rows of a table."""
        lines = reading.form_of_rows(activities=kind is EVENTS)
        body = reading.body_of(self.chosen.largest_body_kib << 10)
        handling, now = _handling(), datetime.now(UTC)
        delivery = Delivery(
            kind,
            lambda: reading.parsed_rows(body, lines=lines, most=self.chosen.most_rows),
            strict=handling == "strict",
            ticket=ticket_of(body, now=now, hours=self.chosen.replay_hours, handling=handling),
            actor=actor,
        )
        reply = receive(self.inbox, delivery, rules=self.rules, now=now, answer=_answer)
        response = Whole(reply.body, status=reply.status, mimetype=reply.media_type)
        if handling:
            response.headers["Preference-Applied"] = f"handling={handling}"
        return response


def routes(hatch: Hatch) -> Noun:
    """The routes that take rows."""
    noun = Noun("intake", "What is handed in, row by row", "/v1")

    def taking(kind: Schema) -> Callable[[View], View]:
        receipt = {200: schemas.Receipt}
        return noun.take(f"/{kind.name}", "events:write", receipt, _body(kind, hatch.chosen))

    _add_acts(hatch, taking)
    _add_tables(hatch, taking)
    return noun


class Taking(Protocol):
    """Declares the route of a table."""

    def __call__(self, kind: Schema) -> Callable[[View], View]: ...


def _add_acts(hatch: Hatch, taking: Taking) -> None:
    @taking(EVENTS)
    def events() -> Response:
        """Keeps what people did: our own rows, or activities of ActivityStreams 2.0.

        Rows are judged one by one: good ones are kept, bad ones come back with index, field and
        reason. With `Prefer: handling=strict` all are kept or none. Acts with one `event_id` that
        say the same count once. A later row that says something else under it is refused; where
        the first came in another request, it is put into quarantine when the inbox is moved.
        The `value` of a review is stars from 1 to 5; ratings on another scale are refused.
        """
        return hatch.take(EVENTS)

    @taking(RESULTS)
    def results() -> Response:
        """Keeps what campaigns brought, by day, channel and segment; judged as events are.

        A request says all of each placement and day that it names, and replaces what was known of
        them. The same rows again change nothing; figures whose `reported_at` lies before that of
        what is known are refused, and so are those of a placement that their campaign does not
        plan, or one that whoever asks does not see.
        """
        actor = asking(hatch.inbox.home)
        require(actor, "results.write", hatch.inbox.home)
        return hatch.take(RESULTS, actor)


def _add_tables(hatch: Hatch, taking: Taking) -> None:
    @taking(USERS)
    def users() -> Response:
        """Keeps attributes of users: what a later row says is put over what was known."""
        return hatch.take(USERS)

    @taking(PRODUCTS)
    def products() -> Response:
        """Keeps products: what a later row says is put over what was known."""
        return hatch.take(PRODUCTS)

    @taking(ACCOUNTS)
    def accounts() -> Response:
        """Keeps organisations that users belong to; later rows are put over earlier ones."""
        return hatch.take(ACCOUNTS)

    @taking(FOLLOWS)
    def follows() -> Response:
        """Keeps who follows whom; a tie that is known already counts once."""
        return hatch.take(FOLLOWS)


def _handling() -> str | None:
    """What the caller prefers of bad rows (RFC 7240): strict, lenient, or says nothing of it."""
    for preference in request.headers.get("Prefer", "").split(","):
        name, _, value = preference.split(";")[0].partition("=")
        wanted = value.strip().strip('"').lower()
        if name.strip().lower() == "handling" and wanted in ("strict", "lenient"):
            return wanted
    return None


def _answer(judged: Judged, kept: bool) -> Reply:
    refused = judged.refused.to_dicts()
    told: dict[str, Any] = {"received": judged.received, "accepted": judged.accepted if kept else 0}
    if kept and judged.repeated:
        told["repeated"] = judged.repeated
    if kept or not judged.received:
        body = pydantic_core.to_json(told | {"refused": refused} | dict(judged.told))
        return Reply(200, "application/json", body)
    some = "rows that could be kept were not, since others were bad; see `refused`"
    detail = some if judged.accepted else "no row can be kept; see `refused`"
    response = problems.problem(422, "Nothing was kept", detail, **told, refused=refused)
    return Reply(response.status_code, problems.MEDIA_TYPE, response.get_data())


def _body(kind: Schema, chosen: Section) -> dict[str, Any]:
    """What a route takes, in the words of OpenAPI; the rows themselves are judged one by one."""
    row: dict[str, Any] = {
        "type": "object",
        "required": list(kind.required),
        "properties": {name: _described(name, dtype) for name, dtype in kind.columns.items()},
    }
    items = {"anyOf": [row, ACTIVITY]} if kind is EVENTS else row
    rows = {"type": "array", "items": items, "maxItems": chosen.most_rows}
    content: dict[str, Any] = {
        reading.JSON: {"schema": rows},
        reading.LINES[0]: {"schema": {"type": "string", "description": "One row to a line"}},
    }
    if kind is EVENTS:
        content |= {name: {"schema": ACTIVITY} for name in reading.ACTIVITIES}
    return {"required": True, "content": content}


def _any_of(*types: str) -> dict[str, Any]:
    return {"anyOf": [{"type": name} for name in types]}


def _described(name: str, dtype: pl.DataType | type[pl.DataType]) -> dict[str, Any]:
    if dtype == MOMENT:
        told = "ISO 8601, or epoch seconds or milliseconds"
        types = ("string", "number") if name == AT else ("string", "number", "null")
        return _any_of(*types) | {"description": told}
    if dtype == pl.Date:
        return {"type": "string", "format": "date"}
    if isinstance(dtype, pl.List):
        return {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "string"}]}
    if dtype.is_numeric():
        return _any_of("number", "null")
    return _any_of("string", "number", "null")


ACTIVITY: dict[str, Any] = {
    "type": "object",
    "description": "An activity of ActivityStreams 2.0",
    "required": ["type", "actor", "object", "published"],
    "properties": {
        "type": {"type": "string", "enum": [*ACTS, "Create"]},
        "id": {"type": "string"},
        "actor": _any_of("string", "object"),
        "object": _any_of("string", "object", "array"),
        "published": {"type": "string", "format": "date-time"},
    },
}
