"""What a person may ask of us: to record their consent, and to be erased.

In: an id, purposes or a signal, and where it was said. Out: what is allowed now, or a receipt.
Never: an answer about somebody who withdrew or was erased, once this route has answered.
"""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Response
from pydantic import Field

from api.http.contract import Noun, Strict, json_of
from api.http.schemas import UserPath
from engine.operations import consent
from engine.operations.consent_files import LONGEST_SOURCE
from engine.operations.erasure import erase_user
from engine.store.home import Home


class Purposes(Strict):
    """The purposes of the TCF that are asked about."""

    store: bool = Field(description="1: what they do may be kept")
    profile: bool = Field(description="3: interests may be learned from it")
    select: bool = Field(description="4: they may be chosen for an audience")
    measure: bool = Field(description="7: their reactions may be counted")


class ConsentBody(Strict):
    source: str = Field(min_length=1, max_length=LONGEST_SOURCE, description="Where it was said")
    purposes: Purposes | None = Field(None, description="All four, or `gpc` instead")
    gpc: bool | None = Field(
        None, description="true: a Global Privacy Control signal; no profile, no selection"
    )
    tcf: str | None = Field(None, description="Refused: TC strings are not read here")
    at: str | None = Field(None, description="When it was said, ISO 8601 with a zone; else now")


class Consent(Strict):
    user_id: str
    recorded: bool = Field(description="false: nothing was said, and the defaults speak")
    source: str | None
    at: str | None
    purposes: Purposes = Field(description="What was allowed")
    in_force: Purposes = Field(description="What follows: a purpose needs those it builds on")
    erased: bool


class Erased(Strict):
    receipt: str
    at: str
    trace: str = Field(description="What is kept: a salted digest of the id")
    removed: dict[str, int | dict[str, int | str]] = Field(description="How much, by place")


def routes(home: Home) -> Noun:
    """The routes of consent."""
    noun = Noun("consent", "What a person allows", "/v1", asks_model=False)

    @noun.read("/users/<id:user_id>/consent", "events:write", {200: Consent})
    def told(path: UserPath) -> Response:
        """What a person allowed."""
        return json_of(consent.show_consent(home, path.user_id))

    @noun.replace("/users/<id:user_id>/consent", "events:write", {200: Consent})
    def recorded(path: UserPath, body: ConsentBody) -> Response:
        """Records what a person said; a withdrawal holds from the next answer of any route on.

        What was said later holds, whatever arrives later.
        """
        said = body.purposes.model_dump() if body.purposes is not None else None
        return json_of(
            consent.record_consent(
                home,
                path.user_id,
                source=body.source,
                now=datetime.now(UTC),
                at=consent.read_moment(body.at),
                purposes=said,
                gpc=body.gpc,
                tcf=body.tcf,
            )
        )

    @noun.remove("/users/<id:user_id>", "events:write", {200: Erased})
    def erased(path: UserPath) -> Response:
        """Removes a person from all that is kept, and keeps them out; answers when it is done.

        They are in no answer from the first moment on. Asked again it removes what is left.
        """
        return json_of(erase_user(home, path.user_id, now=datetime.now(UTC)))

    return noun
