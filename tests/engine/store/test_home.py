"""Places of a home: all below it, each its own, none made by naming it."""

from __future__ import annotations

from pathlib import Path

from engine.store.home import Home


def places(home: Home) -> dict[str, Path]:
    names = [name for name, value in vars(Home).items() if isinstance(value, property)]
    return {name: getattr(home, name) for name in names}


def test_every_place_lies_below_the_root_and_is_its_own(tmp_path):
    found = places(Home(tmp_path))
    assert len(found) >= 8
    assert len(set(found.values())) == len(found)
    assert all(path.is_relative_to(tmp_path) and path != tmp_path for path in found.values())


def test_naming_makes_nothing(tmp_path):
    places(Home(tmp_path / "home"))
    assert not (tmp_path / "home").exists()


def test_what_is_unpickled_lies_apart_from_what_is_served(tmp_path):
    home = Home(tmp_path)
    assert not home.warm.is_relative_to(home.models)
