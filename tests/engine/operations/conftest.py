"""A home with a campaign that is planned, for tests that lead it on."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.operations import campaigns
from engine.store.home import Home
from tests.engine.operations.campaigned import ON, by, copy_home, create, make_home


@pytest.fixture(scope="session")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with a campaign of mina's that is planned; read only."""
    home = make_home(tmp_path_factory.mktemp("campaigns") / "home")
    create(home)
    campaigns.plan(home, by(home, "mina"), "c1", ON)
    return home


@pytest.fixture
def home(planned: Home, tmp_path: Path) -> Home:
    return copy_home(planned, tmp_path / "home")
