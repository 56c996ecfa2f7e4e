"""What an error looks like outside: one table, class to status, and one shape (RFC 9457).

In: an exception. Out: an `application/problem+json` answer with a request id.
Never: a trace, a path of this machine, or a message of an error that nobody expected.
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import Any

from flask import Flask, Response, current_app, g, request
from pydantic import ValidationError
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException

from engine.errors import (
    ArtefactCorrupt,
    Busy,
    ChallengerRejected,
    ConsentMissing,
    DataError,
    DuplicateEntity,
    EngineError,
    Forbidden,
    InvalidValue,
    NothingToLearn,
    NotTrained,
    PlanInfeasible,
    SegmentTooSmall,
    UnknownEntity,
    shown,
)
from engine.operations.campaign_life import Outdated, OutOfStep, Settled, Undetectable
from engine.operations.replies import AnswerUnderWay

MEDIA_TYPE = "application/problem+json"
QUOTA_EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded"


@dataclass(frozen=True)
class Kind:
    """How one class of error leaves: `told` says whether its own text is fit for the caller."""

    status: int
    title: str
    told: bool = True
    retry_after: int | None = None


TABLE: dict[type[Exception], Kind] = {
    UnknownEntity: Kind(404, "Not known"),
    DuplicateEntity: Kind(409, "Exists already"),
    AnswerUnderWay: Kind(409, "Being answered", retry_after=1),
    OutOfStep: Kind(409, "Not the next step"),
    Settled: Kind(409, "Settled"),
    Undetectable: Kind(409, "Too small to be told from chance"),
    Outdated: Kind(412, "Changed since it was read"),
    DataError: Kind(422, "Not understood"),
    NotTrained: Kind(503, "No model yet", retry_after=60),
    ArtefactCorrupt: Kind(503, "No sound model", told=False, retry_after=60),
    Busy: Kind(409, "Already running", retry_after=60),
    ChallengerRejected: Kind(409, "The champion stays"),
    NothingToLearn: Kind(422, "Nothing to learn from"),
    PlanInfeasible: Kind(422, "No such plan"),
    ConsentMissing: Kind(403, "No consent"),
    SegmentTooSmall: Kind(403, "Too few people"),
    Forbidden: Kind(403, "Not allowed"),
    EngineError: Kind(500, "Something went wrong", told=False),
    OperationalError: Kind(503, "Business records are out of reach", told=False, retry_after=5),
}
UNEXPECTED = Kind(500, "Something went wrong", told=False)


def problem(
    status: int,
    title: str,
    detail: str | None = None,
    *,
    headers: dict[str, str] | None = None,
    **members: Any,
) -> Response:
    """One answer in the one shape; `members` are extension members (RFC 9457, 3.2)."""
    body = {"type": "about:blank", "title": title, "status": status}
    if detail is not None:
        body["detail"] = detail
    body |= members
    body["request_id"] = request.environ.get("mokhatab.request_id", "")
    response = current_app.response_class(
        current_app.json.dumps(body), status=status, mimetype=MEDIA_TYPE
    )
    response.headers.update(headers or {})
    return response


def register(app: Flask) -> None:
    """Makes every error of the application leave in this shape."""
    app.register_error_handler(HTTPException, _http_problem)
    app.register_error_handler(Exception, _raised_problem)


def invalid(error: ValidationError) -> Response:
    """422 with each field that was not understood, without repeating what was sent."""
    parts = error.errors(include_url=False, include_context=False, include_input=False)
    return not_understood(
        {
            ".".join(map(str, part["loc"])): part["msg"].removeprefix("Value error, ")
            for part in parts
        }
    )


def not_understood(fields: dict[str, str]) -> Response:
    """422 with what is wrong with each field."""
    told = [{"field": shown(name), "detail": detail} for name, detail in fields.items()]
    return problem(422, "Not understood", "see `fields`", fields=told)


def kind_of(error: Exception) -> Kind:
    """The row of the nearest class in the table."""
    for parent in type(error).__mro__:
        if parent in TABLE:
            return TABLE[parent]
    return UNEXPECTED


def _http_problem(error: HTTPException) -> Response:
    if error.response is not None:  # an answer that was already in shape, handed over by abort()
        return error.response  # type: ignore[return-value]
    # 405 keeps `Allow`, 429 its `Retry-After`; the type of the default HTML page must not stay.
    headers = {name: value for name, value in error.get_headers() if name != "Content-Type"}
    return problem(error.code or 500, error.name, error.description, headers=headers)


def _raised_problem(error: Exception) -> Response:
    if isinstance(error, UnknownEntity) and g.get("caller") and g.caller.bounds is not None:
        error = UnknownEntity(error.kind, error.id)  # what resembles it may be another team's
    kind = kind_of(error)
    headers = {} if kind.retry_after is None else {"Retry-After": str(kind.retry_after)}
    if kind.status >= 500 and kind is not TABLE[NotTrained]:
        _note(error)
    return problem(
        kind.status,
        kind.title,
        str(error) if kind.told else None,
        headers=headers,
        **_members(error),
    )


def _members(error: Exception) -> dict[str, Any]:
    if isinstance(error, UnknownEntity):
        return {"kind": error.kind, "id": error.id, "near": list(error.near)}
    if isinstance(error, InvalidValue):
        return {"fields": [{"field": error.field, "detail": error.detail}]}
    if isinstance(error, Forbidden):
        return {"permission": error.permission, "role": error.role}
    if isinstance(error, OutOfStep | Settled):
        return {"campaign_status": error.status, "allowed": list(error.allowed)}
    if isinstance(error, NotTrained):
        return {"command": "mokhatab retrain"}
    if isinstance(error, SegmentTooSmall):
        return {"minimum": error.minimum}
    return {}


def _note(error: Exception) -> None:
    """Logs where it happened, not what the message said: that may hold what a caller sent."""
    frames = traceback.extract_tb(error.__traceback__)[-8:]
    current_app.extensions["mokhatab.log"].error(
        "unexpected",
        error=type(error).__name__,
        request_id=request.environ.get("mokhatab.request_id", ""),
        at=[f"{frame.filename.rsplit('/', 2)[-1]}:{frame.lineno} {frame.name}" for frame in frames],
    )
