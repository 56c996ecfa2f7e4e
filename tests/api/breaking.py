"""Every answer that the text tells of, brought about as a caller or a fault would.

In: a path, a method, a code. Out: what the application answers.
Never: a home that another test reads altered; what writes has one of its own.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError
from werkzeug.test import TestResponse

from engine.operations.keys import replace_key
from engine.store.inbox import Inbox
from tests.api import organised
from tests.api.campaigning import BEFORE, CAMPAIGN, CAMPAIGNS
from tests.api.conftest import UNLIMITED, Asker
from tests.api.handed import Unsent

ONE = {
    "product_id": "product-003",
    "user_id": "user-00001",
    "campaign_id": "c1",
    "name": organised.NOBODY,
}
NONE = {"product_id": "fax", "user_id": "fax", "campaign_id": "fax", "name": "fax"}
ROWS: dict[str, dict[str, Any]] = {
    "/v1/events": {"user_id": "a", "action": "post", "occurred_at": "2026-01-02"},
    "/v1/users": {"user_id": "a"},
    "/v1/products": {"product_id": "a"},
    "/v1/accounts": {"account_id": "a"},
    "/v1/follows": {"follower_id": "a", "followee_id": "b"},
    "/v1/results": {
        "date": "2026-01-02",
        "channel": "x",
        "impressions": 1,
        "clicks": 0,
        "spend": 0,
    },
}
PLANS, PLAN = "/v1/plans", {"goal": "sales", "budget": 9, "days": 2}
LONG = {"product_id": "x" * 257, "user_id": "x" * 257, "campaign_id": "x" * 257, "name": "x" * 257}


def _out_of_reach(*_: object) -> None:
    raise OperationalError("INSERT", {}, sqlite3.OperationalError("disk is full"))


CHOSEN = {
    408: "[server]\nbody_read_seconds = 0.1\n",
    429: "[limits]\nrequests_per_minute = 1\n",
    500: f"{UNLIMITED}# what was answered before would be given again by one that others ask\n",
}


class Breaker:
    """Makes one operation answer with one code, as a caller or a fault would."""

    def __init__(
        self,
        own: Callable[..., Asker],
        standing: Callable[..., Asker],
        records: Asker,
        patch: pytest.MonkeyPatch,
    ) -> None:
        self._own, self._standing, self._records, self._patch = own, standing, records, patch

    def answer(self, path: str, method: str, status: int) -> TestResponse:
        ask = self._asker(path, method, status)
        state = "draft" if status == 409 else BEFORE.get(path.rpartition("}")[2], "draft")
        ids = {404: NONE, 422: LONG}.get(status, ONE | {"campaign_id": state})
        form: dict[str, Any] = {}
        if path.endswith("/audience"):
            form["query_string"] = {"size": "5"}
        if method == "put":
            form["json"] = {"source": "test", "gpc": True}
        if method == "post":
            form["json"] = {"user_ids": [ids["user_id"]]}
        if path == PLANS:
            form["json"] = PLAN | {"product_id": ids["product_id"]}
        if path.startswith(CAMPAIGNS):
            form = self._campaign(path, method, status)
        if path in organised.PATHS:
            form = organised.form(organised.home_of(ask), path, method, status)
        if path in ROWS:
            form = {"json": [{} if status == 422 else ROWS[path]]}
        if status == 400:
            form |= {"json": None, "data": b"{", "content_type": "application/json"}
        if status == 408:
            form = {"input_stream": Unsent(), "content_type": "application/json"}
            form["environ_overrides"] = {"CONTENT_LENGTH": "9"}
        if status == 413:
            form |= {"json": None, "data": b" " * (17 << 20), "content_type": "application/json"}
        if status == 415:
            form |= {"json": None, "data": b"{}", "content_type": "text/plain"}
        if status == 401:
            ask.key = "mk_unknown"
        if status == 403:
            poor = "events:write" if path in organised.PATHS else "members:write"
            ask.key = replace_key(organised.home_of(ask), name="poor", scopes=[poor])
        if status == 406:
            form["headers"] = {"Accept": "image/png"}
        if status == 429:
            ask.get("/v1/products/product-003/curve")
        if status == 500:
            self._break(ask.app, path, method)
        if path in ROWS and status == 503:
            self._patch.setattr(Inbox, "add", _out_of_reach)
        if status == 409:
            self._patch.setattr(Inbox, "claimed", lambda *_: nullcontext(False))
            form["headers"] = {"Idempotency-Key": "k"}
        if status == 412:
            form["headers"] = {"If-Match": '"99"'}
        asked = "trace" if status == 405 else method
        return ask._send(asked.upper(), path.format(**ids), form)

    def _asker(self, path: str, method: str, status: int) -> Asker:
        """Only what is done leaves something behind, and needs a home of its own for that."""
        if path.startswith(CAMPAIGNS) and status not in (*CHOSEN, 503):
            return replace(self._records)
        if status == 200 and (method != "get" or path in organised.PATHS):
            return self._own(UNLIMITED)
        return replace(self._standing(CHOSEN.get(status, UNLIMITED), model=status != 503))

    def _campaign(self, path: str, method: str, status: int) -> dict[str, Any]:
        """What is sent to a route of campaigns."""
        if path == CAMPAIGNS and method == "post":
            wrong = {404: {"currency": "ZZZ"}, 422: {"product_id": LONG["product_id"]}}
            return {"json": CAMPAIGN | wrong.get(status, {})}
        if path == CAMPAIGNS:
            return {"query_string": {"limit": "0"}} if status == 422 else {}
        if method == "get":
            return {}
        said = {"name": "B"} if method == "patch" else {}
        return {"json": {"accept_undetectable": True} if path.endswith("/approve") else said}

    def _break(self, app: Flask, path: str, method: str) -> None:
        rule = next(
            rule
            for rule in app.url_map.iter_rules()
            if re.sub(r"<id:(\w+)>", r"{\1}", rule.rule) == path
            and method.upper() in (rule.methods or ())
        )

        def broken(**_: object) -> None:
            raise RuntimeError

        self._patch.setitem(app.view_functions, rule.endpoint, broken)
