"""Keys: shown once, kept hashed, ended for good."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from engine.errors import DataError, DuplicateEntity, UnknownEntity
from engine.operations import keys
from engine.store.catalog import open_catalog
from engine.store.home import Home


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.delenv("MOKHATAB_PEPPER", raising=False)
    return Home(tmp_path)


def _find(home: Home, key: str) -> keys.Key | None:
    with open_catalog(home) as catalog:
        return keys.find_key(catalog, keys.digest(home, key), keys.prefix_of(key))


def test_a_key_is_found_with_its_scopes(home: Home) -> None:
    key = keys.create_key(home, name="ads", scopes=["segments:read", "audiences:read"])
    found = _find(home, key)
    assert found is not None
    assert (found.name, found.scopes) == ("ads", {"segments:read", "audiences:read"})


def test_a_key_holds_256_bits_and_none_is_made_twice(home: Home) -> None:
    made = {keys.create_key(home, name=f"n{n}", scopes=["segments:read"]) for n in range(20)}
    assert len(made) == 20
    assert all(key.startswith("mk_") and len(key) == 3 + 43 for key in made)


def test_no_file_of_the_home_holds_the_key(home: Home) -> None:
    key = keys.create_key(home, name="ads", scopes=["segments:read"])
    secret = key.removeprefix(keys.prefix_of(key)).encode()
    for path in (path for path in home.root.rglob("*") if path.is_file()):
        assert secret not in path.read_bytes()


def test_another_pepper_knows_none_of_the_keys(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    key = keys.create_key(home, name="ads", scopes=["segments:read"])
    monkeypatch.setenv("MOKHATAB_PEPPER", "another")
    assert _find(home, key) is None


def test_a_key_with_one_other_character_is_not_known(home: Home) -> None:
    key = keys.create_key(home, name="ads", scopes=["segments:read"])
    changed = key[:-1] + ("A" if key[-1] != "A" else "B")
    assert _find(home, changed) is None


def test_a_revoked_key_is_not_found_but_still_listed(home: Home) -> None:
    key = keys.create_key(home, name="ads", scopes=["segments:read"])
    keys.revoke_key(home, keys.prefix_of(key))
    assert _find(home, key) is None
    (listed,) = keys.list_keys(home)
    assert listed.revoked_at is not None


def test_what_is_not_known_cannot_be_revoked(home: Home) -> None:
    with pytest.raises(UnknownEntity):
        keys.revoke_key(home, "mk_nothing")


def test_an_unknown_scope_is_told_with_those_that_exist(home: Home) -> None:
    with pytest.raises(keys.UnknownScope, match=r"'root'.*segments:read.*members:write"):
        keys.create_key(home, name="ads", scopes=["segments:read", "root"])
    assert keys.list_keys(home) == []


def test_no_two_working_keys_share_a_name(home: Home) -> None:
    first = keys.create_key(home, name="ads", scopes=["segments:read"])
    for name in ("ads", " ads "):
        with pytest.raises(DuplicateEntity, match="'ads' exists already"):
            keys.create_key(home, name=name, scopes=["audiences:read"])
    assert len(keys.list_keys(home)) == 1
    keys.revoke_key(home, keys.prefix_of(first))
    keys.create_key(home, name="ads", scopes=["segments:read"])
    assert [key.name for key in keys.list_keys(home)] == ["ads", "ads"]


def test_of_many_who_ask_for_one_name_at_once_one_gets_a_key(home: Home) -> None:
    def ask(_: int) -> str | None:
        try:
            return keys.create_key(home, name="ads", scopes=["segments:read"])
        except DuplicateEntity:
            return None

    with ThreadPoolExecutor(8) as pool:
        (made,) = [key for key in pool.map(ask, range(16)) if key is not None]
    assert _find(home, made) is not None
    assert len(keys.list_keys(home)) == 1


def test_a_key_is_ended_by_its_name(home: Home) -> None:
    ads, other = (keys.create_key(home, name=n, scopes=["segments:read"]) for n in ("ads", "b"))
    keys.revoke_key(home, "ads")
    assert _find(home, ads) is None
    assert _find(home, other) is not None
    with pytest.raises(UnknownEntity, match="known and near: b"):
        keys.revoke_key(home, "ads")


def test_a_replaced_key_ends(home: Home) -> None:
    first, second = (keys.replace_key(home, name="a", scopes=["segments:read"]) for _ in range(2))
    assert _find(home, first) is None
    assert _find(home, second) is not None


@pytest.mark.parametrize(
    ("name", "scopes"),
    [
        ("", ["segments:read"]),
        ("  ", ["segments:read"]),
        ("x" * 201, ["segments:read"]),
        ("a\x1b[31m", ["segments:read"]),
        ("a\nb", ["segments:read"]),
        ("mk_12345678", ["segments:read"]),
        ("a", []),
    ],
)
def test_a_key_needs_a_name_and_a_scope(home: Home, name: str, scopes: list[str]) -> None:
    with pytest.raises(DataError):
        keys.create_key(home, name=name, scopes=scopes)
