"""One home with a planted champion and keys, and clients that ask it."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

import pytest
import typer
from flask import Flask
from werkzeug.test import Client, TestResponse

from api.app import create_app
from api.cli import main
from engine.operations.keys import SCOPES, create_key, replace_key
from engine.store import artefacts, versions
from engine.store.home import Home
from tests.api.planted import planted
from tests.pepper import with_pepper

PROMOTED = datetime(2027, 3, 5, 6, 7, 8, tzinfo=UTC)
"""When the shared home's champion became that; its data are months older."""


UNLIMITED = "[limits]\nrequests_per_minute = 1000000\nfailures_per_minute = 1000000\n"


def save_version(home: Home, version: str, *, seed: int = 1, champion: bool = True) -> None:
    """A planted model under this version."""
    artefacts.save(home, dataclasses.replace(planted("v", seed=seed), version=version))
    if champion:
        versions.promote(home, version)


@dataclass
class Asker:
    """A client with a key, and what the application has logged."""

    app: Flask
    client: Client
    key: str
    log: io.BytesIO

    def get(self, path: str, **options: Any) -> TestResponse:
        return self._send("GET", path, options)

    def post(self, path: str, **options: Any) -> TestResponse:
        return self._send("POST", path, options)

    def _send(self, method: str, path: str, options: dict[str, Any]) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.key}"} | options.pop("headers", {})
        return self.client.open(path, method=method, headers=headers, buffered=True, **options)


def of(id: str) -> str:
    """An id as a part of a path."""
    return quote(id, safe="")


@pytest.fixture(scope="session")
def planted_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Read only: shared by all tests that change nothing."""
    home = with_pepper(Home(tmp_path_factory.mktemp("home")))
    save_version(home, "v1")
    os.utime(home.champion, (PROMOTED.timestamp(), PROMOTED.timestamp()))
    return home


@pytest.fixture(scope="session")
def key(planted_home: Home) -> str:
    return create_key(planted_home, name="tests", scopes=SCOPES)


@pytest.fixture
def ask(planted_home: Home, key: str) -> Asker:
    """The application over the shared home, fresh for each test."""
    log = io.BytesIO()
    app = create_app(planted_home, log_to=log)
    return Asker(app, Client(app), key, log)


@pytest.fixture(scope="session")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Asker]:
    """Applications for the many cases that leave nothing behind: one for each setting.

    A test that changes what the asker holds replaces it.
    """

    @cache
    def make(toml: str, *, model: bool = True) -> Asker:
        return asker_of(Home(tmp_path_factory.mktemp("standing")), toml, model=model)

    return make


@pytest.fixture(scope="session")
def common(standing: Callable[..., Asker]) -> Asker:
    """The one of them whose limits are met by nobody."""
    return standing(UNLIMITED)


@pytest.fixture
def own(tmp_path: Path) -> Callable[..., Asker]:
    """Makes an application over a home of the test's own; settings are written as TOML."""

    def make(toml: str = "", *, model: bool = True, **options: Any) -> Asker:
        return asker_of(Home(tmp_path), toml, model=model, **options)

    return make


def asker_of(home: Home, toml: str, *, model: bool, **options: Any) -> Asker:
    """An application over this home; what the home lacks is put there first."""
    (home.root / "configs").mkdir(exist_ok=True)
    (home.root / "configs" / "serving.toml").write_text(toml)
    if home.catalog.exists() or (home.root / "secrets").exists():
        if model and not home.champion.exists():
            save_version(home, "v1")
        made = replace_key(home, name="own", scopes=SCOPES)
    else:
        folder, made = _fresh(with_model=model and not home.champion.exists())
        shutil.copytree(folder.name, home.root, dirs_exist_ok=True)
    log = io.BytesIO()
    app = create_app(home, log_to=log, **options)
    return Asker(app, Client(app), made, log)


@cache
def _fresh(*, with_model: bool) -> tuple[TemporaryDirectory[str], str]:
    """A home as it is after its first key, to be copied: laying one out takes ten times as long."""
    folder = TemporaryDirectory()
    home = with_pepper(Home(Path(folder.name)))
    if with_model:
        save_version(home, "v1")
        os.utime(home.champion, (PROMOTED.timestamp(), PROMOTED.timestamp()))
    return folder, create_key(home, name="own", scopes=SCOPES)


@dataclass
class Said:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


tree = cache(typer.main.get_command)
"""The verbs as typer lays them out: the same for every call, and most of what a short one takes."""


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Runs the command as a shell would: words in, exit code and both outputs out."""

    def run(home: Home | Path, *words: str) -> Said:
        folder = home.root if isinstance(home, Home) else home
        monkeypatch.setattr(sys, "argv", ["mokhatab", "--home", str(folder), *words])
        monkeypatch.setattr(typer.main, "get_command", tree)
        monkeypatch.setenv("COLUMNS", "200")
        monkeypatch.setenv("MOKHATAB_HOME", "")  # put back at the end, whatever the command sets
        monkeypatch.delenv("MOKHATAB_HOME")
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = int(stop.code or 0)
        captured = capsys.readouterr()
        return Said(code, captured.out, captured.err)

    return run
