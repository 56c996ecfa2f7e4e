"""Members and teams from outside: over HTTP, by the command, and in what their keys may see."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client

from api.app import create_app
from engine.operations.keys import SCOPES, create_key
from engine.operations.members import LOCAL, Card, add_member
from engine.operations.teams import TeamChange, change_team, create_team
from engine.store.home import Home
from tests.api.conftest import Asker, of, save_version

MINE, THEIRS, NOBODYS = "product-003", "product-005", "product-001"
SEGMENTS, AUDIENCE = "/v1/products/{}/segments", "/v1/products/{}/audience?size=5"
OF_PRODUCTS = (
    SEGMENTS,
    AUDIENCE,
    "/v1/products/{}/curve",
    "/v1/products/{}/channels",
    "/v1/products/{}/schedule",
    "/v1/products/{}/word",
)


def put(ask: Asker, path: str, body: dict[str, Any], **options: Any) -> Any:
    return ask._send("PUT", path, {"json": body, **options})


def settle(home: Home) -> None:
    """An owner, two teams with one product and one marketer each, and an analyst in none."""
    add_member(home, LOCAL, "sara", Card("owner", email="sara@example.org"))
    add_member(home, LOCAL, "kian", Card("analyst"))
    for name, team, product in (("omid", "north", MINE), ("nima", "south", THEIRS)):
        add_member(home, LOCAL, name, Card("marketer"))
        create_team(home, LOCAL, team)
        change_team(home, LOCAL, team, TeamChange(join=(name,), own=(product,)))


def key_of(ask: Asker, home: Home, name: str) -> Asker:
    key = create_key(home, name=f"{name}'s", scopes=SCOPES, member=name)
    return Asker(ask.app, ask.client, key, ask.log)


@dataclass
class Office:
    """An application, asked by nobody's key and by those of members."""

    program: Asker
    sara: Asker
    omid: Asker
    kian: Asker


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    """Shared by tests that change nothing."""
    home = Home(tmp_path_factory.mktemp("office"))
    save_version(home, "v1")
    settle(home)
    app, log = create_app(home, log_to=io.BytesIO()), io.BytesIO()
    program = Asker(app, Client(app), create_key(home, name="program", scopes=SCOPES), log)
    return Office(program, *(key_of(program, home, name) for name in ("sara", "omid", "kian")))


@pytest.fixture
def staffed(own: Callable[..., Asker], tmp_path: Path) -> Asker:
    """The same people, for a test that changes them; nobody's key asks."""
    ask = own(model=False)
    settle(Home(tmp_path))
    return ask


def test_members_come_and_go(own: Callable[..., Asker], tmp_path: Path) -> None:
    ask = own()
    first = put(ask, f"/v1/members/{of('سارا')}", {"role": "marketer"})
    assert first.status_code == 422
    assert "owner" in first.json["fields"][0]["detail"]
    owner = {"role": "owner", "display": "Sara", "email": "sara@example.org"}
    assert put(ask, f"/v1/members/{of('سارا')}", owner).json["name"] == "سارا"
    for number in range(5):
        assert put(ask, f"/v1/members/m{number}", {"role": "viewer"}).status_code == 200
    assert put(ask, "/v1/members/M1", {"role": "analyst"}).json["name"] == "m1"
    names, cursor = [], ""
    while True:
        page = ask.get("/v1/members?limit=2" + (f"&cursor={cursor}" if cursor else "")).json
        names += [one["name"] for one in page["members"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert names == ["m0", "m1", "m2", "m3", "m4", "سارا"]
    assert ask._send("DELETE", "/v1/members/m3", {}).json == {"removed": "m3"}
    assert ask._send("DELETE", "/v1/members/m3", {}).json == {"removed": None}
    assert put(ask, "/v1/members/m3", {"role": "viewer"}).status_code == 422
    assert b"sara@example.org" not in ask.log.getvalue()


@pytest.mark.parametrize(
    "body",
    [{}, {"role": "boss"}, {"role": "viewer", "name": "x"}, {"role": "viewer", "email": "a b@c"},
     {"role": "viewer", "email": 5}, {"role": "viewer", "display": ""}, {"role": None}],
)  # fmt: skip
def test_a_member_who_cannot_be_kept_is_refused(office: Office, body: dict[str, Any]) -> None:
    response = put(office.program, "/v1/members/new", body)
    assert response.status_code == 422
    assert "a b@c" not in response.text
    assert len(office.program.get("/v1/members").json["members"]) == 4


def test_a_cursor_of_nobody_is_refused(office: Office) -> None:
    for cursor in ("xyz", "f", "ff"):
        assert office.program.get(f"/v1/members?cursor={cursor}").status_code == 422


def test_the_last_owner_stays_and_programs_make_no_owners(staffed: Asker, tmp_path: Path) -> None:
    sara = key_of(staffed, Home(tmp_path), "sara")
    for ask, status in ((staffed, 403), (sara, 422)):
        assert put(ask, "/v1/members/sara", {"role": "admin"}).status_code == status
        assert ask._send("DELETE", "/v1/members/sara", {}).status_code == status
    refused = put(staffed, "/v1/members/omid", {"role": "owner"})
    assert refused.status_code == 403
    assert (refused.json["permission"], refused.json["role"]) == ("owners.write", "platform")
    assert put(sara, "/v1/members/omid", {"role": "owner"}).status_code == 200


def test_a_scope_gives_no_more_than_the_members_role(office: Office) -> None:
    told = office.omid.get("/v1/members").json["members"]
    assert [one["email"] for one in told] == [None] * 4
    assert office.program.get("/v1/members").json["members"][3]["email"] == "sara@example.org"
    for method, path, body in (
        ("PUT", "/v1/members/new", {"role": "viewer"}),
        ("DELETE", "/v1/members/nima", None),
        ("PUT", "/v1/teams/north", {}),
        ("DELETE", "/v1/teams/south", None),
        ("DELETE", "/v1/teams/nothing", None),
    ):
        assert office.omid._send(method, path, {"json": body} if body else {}).status_code in (
            403,
            415,
        )


def test_another_teams_name_tells_nothing(office: Office) -> None:
    assert [one["name"] for one in office.omid.get("/v1/teams").json["teams"]] == ["north"]
    assert len(office.program.get("/v1/teams").json["teams"]) == 2
    week = {"schedule": []}
    for path, body in (("/v1/teams/{}", None), ("/v1/teams/{}/week", week)):
        answers = []
        for name in ("south", "ghost"):
            asked = path.format(name)
            response = office.omid.post(asked, json=body) if body else office.omid.get(asked)
            assert response.status_code == 404
            answers.append({**response.json, "request_id": ""})
        assert json.dumps(answers[0]) == json.dumps(answers[1]).replace("ghost", "south")


def test_a_team_is_made_shown_and_gone(staffed: Asker) -> None:
    team = {
        "zone": "Asia/Tehran",
        "members": ["OMID", "nima"],
        "products": ["p/۱", "p2"],
        "hours": [
            {"weekday": 0, "from": "09:00", "to": "12:00"},
            {"weekday": 0, "from": "11:00", "to": "24:00"},
            {"weekday": 4, "from": "9:00", "to": "10:00", "member": "Omid"},
        ],
    }
    made = put(staffed, f"/v1/teams/{of('a/b')}", team)
    assert made.status_code == 200
    assert made.json["members"] == ["nima", "omid"]
    assert made.json["products"] == ["p/۱", "p2"]
    assert made.json["hours"] == [
        {"member": None, "weekday": 0, "from": "09:00", "to": "24:00"},
        {"member": "omid", "weekday": 4, "from": "09:00", "to": "10:00"},
    ]
    assert staffed.get(f"/v1/teams/{of('A/B')}").json == made.json
    post = {"channel": "x", "segment_id": None, "starts_at": "2027-03-22T09:00:00+03:30"}
    late = post | {"starts_at": "2027-03-21T23:00:00+03:30", "hour": 23, "expected": 1.5}
    week = staffed.post(f"/v1/teams/{of('a/b')}/week", json={"schedule": [post, late]}).json
    assert [one["member"] for one in week["assigned"]] == ["nima"]
    assert (
        week["unassigned"][0]["nearest"]
        == {
            "starts_at": "2027-03-22T00:00:00+03:30",
            "member": "nima",
        }
        or week["unassigned"][0]["nearest"]["starts_at"] == "2027-03-22T09:00:00+03:30"
    )
    assert staffed._send("DELETE", "/v1/teams/a%2Fb", {}).json == {"removed": "a/b"}
    assert staffed.get("/v1/teams/a%2Fb").status_code == 404


@pytest.mark.parametrize(
    "body",
    [{"zone": "Mars"}, {"members": ["ghost"]}, {"products": [""]}, {"products": ["x" * 257]},
     {"hours": [{"weekday": 7, "from": "09:00", "to": "10:00"}]},
     {"hours": [{"weekday": 0, "from": "10:00", "to": "09:00"}]},
     {"hours": [{"weekday": 0, "from": "29:00", "to": "29:30"}]},
     {"hours": [{"weekday": 0, "from": "09:00", "to": "10:00", "member": "nima"}]}],
)  # fmt: skip
def test_a_team_that_cannot_be_is_refused_whole(office: Office, body: dict[str, Any]) -> None:
    before = office.program.get("/v1/teams/north").json
    response = put(office.program, "/v1/teams/north", {"members": ["omid"], "zone": "UTC"} | body)
    assert response.status_code == 422
    assert response.json["fields"]
    assert office.program.get("/v1/teams/north").json == before


@pytest.mark.parametrize("path", OF_PRODUCTS)
def test_a_members_key_sees_the_products_of_their_team_alone(office: Office, path: str) -> None:
    for product in (THEIRS, NOBODYS, MINE):
        assert (
            office.program.get(path.format(product)).status_code == 200
        )  # kept answers lie there now
    answers = []
    for product in (THEIRS, NOBODYS, "product-00"):
        response = office.omid.get(path.format(product))
        assert response.status_code == 404
        answers.append(json.dumps({**response.json, "request_id": ""}).replace(product, "it"))
    assert len(set(answers)) == 1, "what is hidden looks as what does not exist"
    for _ in range(2):
        assert office.omid.get(path.format(MINE)).status_code == 200
    assert office.sara.get(path.format(THEIRS)).status_code == 200


def test_no_route_that_names_a_product_tells_of_another_teams(office: Office) -> None:
    asked = [
        (re.sub(r"<[^>]+>", THEIRS, rule.rule), method)
        for rule in office.omid.app.url_map.iter_rules()
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
        if "product_id" in rule.arguments
    ]
    assert len(asked) >= len(OF_PRODUCTS)
    for path, method in asked:
        assert office.omid._send(method, path, {"json": {}}).status_code == 404


def test_who_is_in_no_team_sees_what_no_team_owns(office: Office) -> None:
    found = [office.kian.get(SEGMENTS.format(one)).status_code for one in (MINE, THEIRS, NOBODYS)]
    assert found == [404, 404, 200]
    hidden, missing = (
        office.kian.get(SEGMENTS.format(one)).json | {"request_id": ""}
        for one in (MINE, "product-00")
    )
    assert json.dumps(hidden) == json.dumps(missing).replace("product-00", MINE)


def test_a_plan_for_another_teams_product_is_not_made(office: Office) -> None:
    body = {"goal": "sales", "budget": 100, "days": 7}
    assert office.omid.post("/v1/plans", json=body | {"product_id": THEIRS}).status_code == 404
    assert office.omid.post("/v1/plans", json=body).status_code == 200


def test_nothing_is_told_of_other_teams_products_in_what_a_user_likes(office: Office) -> None:
    body = {"user_ids": [f"user-{number:05}" for number in range(1, 200)], "limit": 100}
    told = [asker.post("/v1/users:segments", json=body) for asker in (office.program, office.omid)]
    products = [
        {one.get("product_id") for named in answer.json["users"].values() for one in named}
        for answer in told
    ]
    assert {MINE, THEIRS} <= products[0]
    assert products[1] <= {None, MINE}
    assert MINE in products[1]
    one = office.omid.get("/v1/users/user-00001/segments?limit=100").json["users"]["user-00001"]
    assert {segment.get("product_id") for segment in one} <= {None, MINE}


def test_what_a_team_owns_is_heeded_within_the_seconds_that_are_set(
    own: Callable[..., Asker], tmp_path: Path
) -> None:
    now, home = [0.0], Home(tmp_path)
    ask = own("[keys]\ncache_seconds = 2.0\n", clock=lambda: now[0])
    add_member(home, LOCAL, "sara", Card("owner"))
    add_member(home, LOCAL, "omid", Card("marketer"))
    create_team(home, LOCAL, "north")
    omid = key_of(ask, home, "omid")
    assert omid.get(SEGMENTS.format(THEIRS)).status_code == 200
    change_team(home, LOCAL, "north", TeamChange(join=("omid",), own=(MINE,)))
    now[0] = 2.1
    assert omid.get(SEGMENTS.format(THEIRS)).status_code == 404
    assert omid.get(SEGMENTS.format(MINE)).status_code == 200
    assert ask._send("DELETE", "/v1/members/omid", {}).status_code == 200
    assert omid.get("/v1/members").status_code == 401
    now[0] = 4.2
    assert omid.get(SEGMENTS.format(MINE)).status_code == 401
