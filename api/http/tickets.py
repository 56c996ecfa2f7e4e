"""Requests that may be sent again: their key, and a digest of all that was asked.

In: the header `Idempotency-Key` and a body. Out: a ticket, or none where no key came.
Never: the body itself.
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime

from flask import request
from werkzeug.exceptions import BadRequest

from engine.store.inbox import Ticket

QUOTED = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])+)"')
"""A text as structured fields of HTTP spell it (RFC 9651)."""
BARE = re.compile(r"[!#-~]+")
LONGEST_KEY = 255


def ticket_of(
    body: bytes, *, now: datetime, hours: float, handling: str | None = None
) -> Ticket | None:
    """The key of the caller, as a structured field or bare, and what it was sent with.

    Raises:
        BadRequest: it is no key.
    """
    given = request.headers.get("Idempotency-Key")
    if given is None:
        return None
    quoted = QUOTED.fullmatch(given.strip())
    key = re.sub(r'\\(["\\])', r"\1", quoted[1]) if quoted else given.strip()
    if len(key) > LONGEST_KEY or not (quoted or BARE.fullmatch(key)):
        raise BadRequest(f"Idempotency-Key is a text of 1 to {LONGEST_KEY} ASCII characters")
    asked = f"{request.method} {request.path} {request.mimetype} {handling}\n".encode()
    return Ticket(
        request.environ["mokhatab.key"],
        key,
        hashlib.sha256(asked + body).digest(),
        int(now.timestamp()),
        round(hours * 3600),
    )
