"""Members and teams as the tables of routes ask for them: what is sent, and what comes of it."""

from __future__ import annotations

from typing import Any

from engine.operations.members import LOCAL
from engine.operations.teams import create_team
from engine.store.home import Home
from tests.api.conftest import Asker

MEMBERS, MEMBER = "/v1/members", "/v1/members/{name}"
TEAMS, TEAM, WEEK = "/v1/teams", "/v1/teams/{name}", "/v1/teams/{name}/week"
SCOPE, NOBODY = "members:write", "nobody-00001"
ROUTES = {path.format(name=NOBODY): SCOPE for path in (MEMBERS, MEMBER, TEAMS, TEAM, WEEK)}
_RECORDS = "200 401 403 405 422 429 500"
_BODY = "400 408 413 415"
CODES = {
    (MEMBERS, "get"): _RECORDS,
    (MEMBER, "put"): f"{_RECORDS} {_BODY}",
    (MEMBER, "delete"): _RECORDS,
    (TEAMS, "get"): _RECORDS,
    (TEAM, "get"): f"{_RECORDS} 404",
    (TEAM, "put"): f"{_RECORDS} {_BODY}",
    (TEAM, "delete"): _RECORDS,
    (WEEK, "post"): f"{_RECORDS} 404 {_BODY}",
}
PATHS = frozenset(path for path, _ in CODES)


def home_of(ask: Asker) -> Home:
    """The home that an application serves."""
    found: Home = ask.app.extensions["mokhatab.holder"]._home
    return found


def form(home: Home, path: str, method: str, status: int) -> dict[str, Any]:
    """What is sent to a route, to a home that has the team it asks for where that is meant."""
    if path in (TEAM, WEEK) and status == 200:
        create_team(home, LOCAL, NOBODY)
    if path in (MEMBERS, TEAMS):
        return {"query_string": {"limit": "0"}} if status == 422 else {}
    if method == "put":
        return {"json": {"role": "owner"} if path == MEMBER else {}}
    return {"json": {"schedule": []}} if method == "post" else {}


def sent(path: str) -> tuple[str, Any]:
    """Method and body with which a path of `ROUTES` changes nothing."""
    if path.endswith("/week"):
        return "POST", {"schedule": []}
    return ("DELETE", None) if path.endswith(NOBODY) else ("GET", None)
