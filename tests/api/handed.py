"""Rows that tests hand in, and what the log holds of them afterwards.

In: a client. Out: events by our column names. Never: a look past the routes and the verbs.
"""

from __future__ import annotations

import io
import time
from typing import Any

from engine.operations.intake import compact
from engine.store.eventlog import scan_events
from engine.store.home import Home
from tests.api.conftest import Asker

NDJSON = "application/x-ndjson"


def home_of(ask: Asker) -> Home:
    return ask.app.extensions["mokhatab.holder"]._home


def act(number: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "user_id": f"u{number}",
        "product_id": "p1",
        "action": "like",
        "occurred_at": "2026-01-02T03:04:05Z",
    } | more


def kept(ask: Asker) -> list[dict[str, Any]]:
    """What the log holds once everything was moved to it."""
    compact(home_of(ask))
    return scan_events(home_of(ask)).sort("user_id", "event_id").collect().to_dicts()


class Unsent(io.BytesIO):
    """A body that does not come while anybody waits for it."""

    def read(self, _: int | None = -1) -> bytes:
        time.sleep(1)
        return b""
