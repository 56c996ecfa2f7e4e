"""One trained home, made once: tests that alter it take a copy."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.store.home import Home
from tests.training.planted import tiny_home
from training.flow import retrain


@pytest.fixture(scope="session")
def trained_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The tiny world with one champion of seed 0; read only."""
    home = tiny_home(tmp_path_factory.mktemp("trained") / "home")
    assert retrain(home, seed=0).promoted
    return home


@pytest.fixture
def copied_home(trained_home: Home, tmp_path: Path) -> Callable[[], Home]:
    """Copies of the trained home, each on its own."""
    made: list[Home] = []

    def copy() -> Home:
        root = tmp_path / f"copy{len(made)}"
        shutil.copytree(trained_home.root, root)
        made.append(Home(root))
        return made[-1]

    return copy
