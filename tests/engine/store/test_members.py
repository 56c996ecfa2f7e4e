"""Members and teams as rows, in both databases: one at a time where one must be sure."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from engine.errors import InvalidValue, UnknownEntity
from engine.operations.keys import create_key, list_keys
from engine.operations.members import LOCAL, Card, actor_of, add_member, list_members, remove_member
from engine.operations.teams import (
    TeamChange,
    bounds_of,
    change_team,
    create_team,
    list_teams,
    owners_of,
    remove_team,
)
from engine.operations.working_hours import read_hours
from engine.store.catalog import catalog_url, open_catalog
from engine.store.home import Home
from engine.store.members import changing, find_members, folded
from tests.engine.store.test_catalog import postgresql  # noqa: F401 a fixture


def keep(home: Home) -> None:
    """All that is kept of an organisation, and two who would both be the last."""
    add_member(home, LOCAL, "Sara", Card("owner"))
    add_member(home, LOCAL, "امید", Card("owner", "امید", "o@example.org"))
    create_team(home, LOCAL, "north", zone="Asia/Tehran")
    hours = read_hours(["sat-wed 09:00-17:00"])
    change = TeamChange(join=("sara", "امید"), own=("p/۱", "p2"), hours=hours)
    team = change_team(home, LOCAL, "NORTH", change)
    assert (team["members"], team["products"]) == (["Sara", "امید"], ["p/۱", "p2"])
    assert len(team["hours"]) == 5
    own = TeamChange(hours=read_hours(["fri 10:00-12:00"]), hours_of="sara")
    assert change_team(home, LOCAL, "north", own)["hours"][-1]["member"] == "Sara"
    assert actor_of(home, "SARA").teams == ("north",)
    assert owners_of(home, "p2") == ("north",)
    assert bounds_of(home, LOCAL) is None
    create_key(home, name="k", scopes=["events:write"], member="sara")
    create_key(home, name="l", scopes=["events:write"], member="امید")
    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(lambda name: _removed(home, name), ["sara", "امید"])) == [0, 1]
    assert len(list_members(home, LOCAL)) == 1
    assert sorted(key.revoked_at is None for key in list_keys(home)) == [False, True]
    (north,) = list_teams(home, LOCAL)
    assert len(north["members"]) == 1
    remove_team(home, LOCAL, "north")
    assert owners_of(home, "p2") == ()
    with pytest.raises(UnknownEntity):
        remove_team(home, LOCAL, "north")


def _removed(home: Home, name: str) -> int:
    try:
        remove_member(home, LOCAL, name)
    except InvalidValue:
        return 0
    return 1


def test_an_organisation_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MOKHATAB_DATABASE_URL", raising=False)
    keep(Home(tmp_path))


@pytest.mark.slow
def test_postgresql_keeps_an_organisation(
    tmp_path: Path,
    postgresql: str,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MOKHATAB_DATABASE_URL", postgresql)
    home = Home(tmp_path)
    engine = sa.create_engine(catalog_url(home), poolclass=sa.NullPool)
    for _ in range(100):
        try:
            engine.connect().close()
            break
        except sa.exc.OperationalError:
            time.sleep(0.1)
    keep(home)
    assert not home.catalog.exists()


def test_who_changes_waits_for_who_changes(tmp_path: Path) -> None:
    """What the first reads is what the second's writing would have changed."""
    home = Home(tmp_path)
    add_member(home, LOCAL, "sara", Card("owner"))
    with ThreadPoolExecutor(1) as pool, open_catalog(home) as catalog:
        with changing(catalog) as connection:
            before = find_members(connection)
            waiting = pool.submit(add_member, home, LOCAL, "omid", Card("viewer"))
            time.sleep(0.2)
            assert find_members(connection) == before
            assert not waiting.done()
        assert waiting.result()["name"] == "omid"


def test_names_fold_by_what_people_take_for_the_same() -> None:
    assert folded(" Ａli\u200c Ｋ ") == folded("ALI k") == "ali k"
    assert folded("كريم") == folded("کریم")
    assert folded("علی") != folded("ولی")
