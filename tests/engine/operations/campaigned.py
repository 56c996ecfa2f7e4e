"""A home with a planted model and members, in which campaigns are made.

In: a folder. Out: the home, its actors, fields of a campaign. Never: a verb that is under test.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.operations import campaigns
from engine.operations.campaigns import Campaign, Occasion
from engine.operations.members import LOCAL, Card, actor_of, put_member
from engine.operations.permissions import Actor
from engine.store import artefacts, versions
from engine.store.home import Home
from tests.api.planted import planted
from tests.pepper import with_pepper

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ON = Occasion(NOW)
ANYWAY = Occasion(NOW, accept_undetectable=True)
FIELDS: dict[str, Any] = {
    "id": "c1",
    "name": "Spring poetry",
    "product_id": "product-003",
    "goal": "traffic",
    "budget": "2000.00",
    "currency": "EUR",
    "start": "2026-12-01",
    "end": "2026-12-14",
    "channels": ["telegram", "instagram"],
}
ROLES = {"ada": "owner", "mina": "marketer", "omid": "marketer", "sara": "analyst"}
QUICK = """
[plan]
exploration = 0.0
draws = 40
"""


def make_home(folder: Path, *, members: bool = True, seed: int = 1) -> Home:
    """A planted model of 600 users; ada owns, mina and omid are marketers, sara is an analyst."""
    home = with_pepper(Home(folder))
    artefacts.save(home, replace(planted("v", seed=seed), version="v1"))
    versions.promote(home, "v1")
    (folder / "configs").mkdir()
    (folder / "configs" / "planning.toml").write_text(QUICK)
    for name, role in ROLES.items() if members else ():
        put_member(home, LOCAL, name, Card(role=role))
    return home


def copy_home(home: Home, folder: Path) -> Home:
    """The same home elsewhere, for a test that changes it."""
    shutil.copytree(home.root, folder)
    return Home(folder)


def by(home: Home, name: str) -> Actor:
    """The member of a name."""
    return actor_of(home, name)


def create(home: Home, **fields: Any) -> Campaign:
    return campaigns.create(home, by(home, "mina"), FIELDS | fields, ON)


def change(home: Home, who: str = "mina", /, **fields: Any) -> Campaign:
    return campaigns.change(home, by(home, who), "c1", fields, ON)


def now(home: Home) -> Campaign:
    return campaigns.show(home, by(home, "ada"), "c1")
