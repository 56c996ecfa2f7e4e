"""Members and teams by the command: who acts is said, and what is refused is one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.operations.members import LOCAL, Card, add_member
from engine.operations.teams import create_team
from engine.store.home import Home
from tests.api.conftest import Said

Run = Callable[..., Said]


def test_the_command_keeps_members_and_teams(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MOKHATAB_MEMBER", raising=False)
    assert "members add" in run(tmp_path, "members", "list").out
    assert "teams create" in run(tmp_path, "teams", "list").out
    done = run(tmp_path, "members", "add", "sara", "--role", "owner", "--json")
    assert done.json["role"] == "owner"
    nobody = run(tmp_path, "members", "add", "omid", "--role", "marketer")
    assert (nobody.code, "--as NAME" in nobody.err) == (1, True)
    monkeypatch.setenv("MOKHATAB_MEMBER", "sara")
    run(tmp_path, "members", "add", "omid", "--role", "marketer", "--display", "[b]Omid[/b]")
    assert run(tmp_path, "members", "add", "Omid", "--role", "viewer").code == 1
    changed = run(tmp_path, "members", "change", "omid", "--email", "o@example.org", "--json")
    assert (changed.json["role"], changed.json["email"]) == ("marketer", "o@example.org")
    for words in (
        ("create", "north", "--zone", "Asia/Tehran"),
        ("join", "north", "omid"),
        ("own", "north", "p1", "p2"),
        ("disown", "north", "p2"),
        ("hours", "north", "sat-wed 09:00-17:00", "fri 10:00-12:00"),
        ("hours", "north", "thu 08:00-09:00", "--of", "omid"),
    ):
        assert run(tmp_path, "teams", *words).code == 0
    shown = run(tmp_path, "teams", "show", "north")
    assert "Mon Tue Wed Sat Sun 09:00–17:00; Fri 10:00–12:00" in shown.out
    assert "Thu 08:00–09:00" in shown.out
    assert "p2" not in shown.out
    assert "[b]Omid[/b]" in run(tmp_path, "members", "list").out
    refused = run(tmp_path, "members", "remove", "sara")
    assert (refused.code, "last owner" in refused.err) == (1, True)
    other = run(tmp_path, "members", "remove", "sara", "--as", "omid")
    assert (other.code, "members.write" in other.err) == (1, True)
    assert run(tmp_path, "teams", "leave", "north", "omid", "--json").json["members"] == []
    assert run(tmp_path, "teams", "remove", "north").code == 0
    assert run(tmp_path, "teams", "list", "--json").json == {"teams": []}
    assert run(tmp_path, "members", "remove", "omid").code == 0
    assert len(run(tmp_path, "members", "list", "--json").json["members"]) == 1
    assert len(run(tmp_path, "members", "list", "--all", "--json").json["members"]) == 2


def test_the_command_binds_a_key_to_a_member(run: Run, tmp_path: Path) -> None:
    run(tmp_path, "members", "add", "sara", "--role", "owner")
    words = ("keys", "create", "--name", "k", "--scopes", "segments:read", "--member")
    assert run(tmp_path, *words, "ghost").code == 1
    assert run(tmp_path, *words, "SARA", "--json").json["key"].startswith("mk_")
    (key,) = run(tmp_path, "keys", "list", "--json").json["keys"]
    assert key["member"] == "sara"


def test_the_command_tells_who_posts_what_when(run: Run, tmp_path: Path) -> None:
    home = Home(tmp_path)
    create_team(home, LOCAL, "north", zone="Asia/Tehran")
    plan = tmp_path / "plan.json"
    post = {"channel": "x", "segment_id": "s[1]", "starts_at": "2027-03-22T09:00:00+03:30"}
    plan.write_text(json.dumps({"schedule": [post], "start": "2027-03-22", "days": 7}))
    told = run(home, "teams", "week", "north", str(plan))
    assert told.code == 0
    assert "responsible for promotion" in told.out
    add_member(home, LOCAL, "omid", Card("owner"))
    words = ("teams", "join", "north", "omid", "--as", "omid")
    assert run(home, *words).code == 0
    run(home, "teams", "hours", "north", "mon 09:00-10:00", "--as", "omid")
    told = run(home, "teams", "week", "north", str(plan))
    assert "2027-03-22 09:00" in told.out
    assert "omid 1 post" in told.out
    assert "s[1]" in told.out
    none = run(home, "teams", "week", "north", str(plan), "--promoter", "ghost", "--json")
    assert none.json["promoters"] == []
    plan.write_text("[")
    assert "plan.json" in run(home, "teams", "week", "north", str(plan)).err
    assert run(home, "teams", "week", "north", str(tmp_path / "none.json")).code == 1
