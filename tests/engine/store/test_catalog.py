"""The catalog: its shape, its secrets, two databases."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sqlite3
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from engine.errors import DuplicateEntity
from engine.operations.intake import compact
from engine.store import migrations
from engine.store.catalog import TABLES, Catalog, catalog_url, open_catalog, pepper
from engine.store.consents import CONSENTS
from engine.store.eventlog import scan_table
from engine.store.home import Home
from engine.store.inbox import INBOX, ORIGINS, REPLIES, Inbox, Reply, Ticket
from tests.conftest import replayed, steps


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.delenv("MOKHATAB_DATABASE_URL", raising=False)
    monkeypatch.delenv("MOKHATAB_PEPPER", raising=False)
    return Home(tmp_path / "home")


@pytest.fixture(autouse=True)
def by_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere what the steps make of an empty database is replayed; here they are taken."""
    monkeypatch.setattr("engine.store.catalog._upgrade", steps)


def test_what_is_replayed_elsewhere_is_what_the_steps_make(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def made(home: Home) -> list[str]:
        with open_catalog(home), sqlite3.connect(home.catalog) as connection:
            found = list(connection.iterdump())
        connection.close()
        return found

    by_steps = made(home)
    monkeypatch.setattr("engine.store.catalog._upgrade", replayed)
    assert made(Home(tmp_path / "other")) == by_steps
    assert len(by_steps) > len(TABLES.tables)


def test_head_names_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_current_head() == migrations.HEAD


def test_migrations_make_the_tables_that_the_code_names(home: Home) -> None:
    with open_catalog(home):
        found = sa.inspect(sa.create_engine(catalog_url(home), poolclass=sa.NullPool))
    for table in {*TABLES.tables.values(), CONSENTS, INBOX, ORIGINS, REPLIES}:
        columns = {column["name"]: column for column in found.get_columns(table.name)}
        assert set(columns) == {column.name for column in table.columns}
        for column in table.columns:
            assert columns[column.name]["nullable"] == column.nullable
        indexes = {
            (index["name"], bool(index["unique"])) for index in found.get_indexes(table.name)
        }
        assert indexes == {(index.name, bool(index.unique)) for index in table.indexes}


def test_keys_that_shared_a_name_are_told_apart_by_their_prefix_and_go_on(home: Home) -> None:
    home.root.mkdir()
    engine = sa.create_engine(catalog_url(home), poolclass=sa.NullPool)
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for number, (name, ended) in enumerate(
            [("ads", True), ("ads", False), ("ads", False), ("b", False), ("x" * 200, False)] * 2
        ):
            connection.execute(
                sa.insert(TABLES.tables["api_keys"]).values(
                    name=name,
                    prefix=f"mk_{number:08}",
                    digest=bytes([number]) * 32,
                    scopes=[],
                    revoked_at=datetime.now(UTC) if ended else None,
                )
            )
    with open_catalog(home) as catalog:
        found = catalog.find_keys()
    assert [row.name for row in found[:6]] == [
        "ads",
        "ads",
        "ads mk_00000002",
        "b",
        "x" * 200,
        "ads",
    ]
    working = [row.name for row in found if row.revoked_at is None]
    assert len(set(working)) == len(working) == 8
    assert max(map(len, working)) == 200


def test_sqlite_writes_ahead(home: Home) -> None:
    with open_catalog(home), sqlite3.connect(home.catalog) as connection:
        mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
    connection.close()
    assert mode == "wal"


def test_many_may_open_a_new_catalog_at_once(home: Home) -> None:
    with ThreadPoolExecutor(8) as pool:
        for catalog in pool.map(lambda _: Catalog(home), range(8)):
            assert catalog.find_keys() == []
            catalog.close()


def _use(home: Home) -> None:
    with open_catalog(home) as catalog:
        catalog.add_key(name="a", prefix="mk_12345678", digest=b"d" * 32, scopes=["s", "t"])
        (row,) = catalog.find_keys("mk_12345678")
        assert (row.name, row.digest, row.scopes) == ("a", b"d" * 32, ("s", "t"))
        assert row.revoked_at is None
        assert abs(datetime.now(UTC) - row.created_at) < timedelta(minutes=1)
        assert catalog.find_keys("mk_other") == []
        assert catalog.revoke("mk_12345678") == 1
        assert catalog.revoke("mk_12345678") == 0
        assert catalog.find_keys()[0].revoked_at is not None
        for version, previous in (("v1", None), ("v2", "v1")):
            catalog.add_promotion(version=version, previous=previous, actor="me", reason="")
        assert [move.version for move in catalog.promotions()] == ["v2", "v1"]


def test_keys_and_promotions_are_kept(home: Home) -> None:
    _use(home)


def test_the_same_digest_is_kept_once(home: Home) -> None:
    with open_catalog(home) as catalog:
        catalog.add_key(name="a", prefix="p", digest=b"d" * 32, scopes=[])
        with pytest.raises(DuplicateEntity):
            catalog.add_key(name="b", prefix="p", digest=b"d" * 32, scopes=[])


def test_the_pepper_is_made_once_and_only_its_owner_reads_it(home: Home) -> None:
    with ThreadPoolExecutor(8) as pool:
        peppers = set(pool.map(lambda _: pepper(home), range(16)))
    assert len(peppers) == 1
    assert len(peppers.pop()) == 32
    (file,) = (home.root / "secrets").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_environment_may_bring_the_pepper(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOKHATAB_PEPPER", "from elsewhere")
    assert pepper(home) == b"from elsewhere"
    assert not home.root.exists()


def test_postgresql_is_driven_by_psycopg(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOKHATAB_DATABASE_URL", "postgresql://u:p@db/mokhatab")
    assert catalog_url(home).drivername == "postgresql+psycopg"


def _hand_in(home: Home) -> None:
    """Rows, answers and claims, as the routes use them."""
    ticket = Ticket("mk", "k", b"q" * 32, 1000, 60)
    reply = Reply(200, "text/plain", "پاسخ".encode())
    rows = pl.DataFrame({"user_id": ["a", "b"], "age": ["1", "2"]})
    with open_catalog(home) as catalog:
        inbox = Inbox(home, catalog)
        assert inbox.border() == 0
        with inbox.claimed(ticket) as mine, inbox.claimed(ticket) as again:
            assert (mine, again) == (True, False)
        with inbox.claimed(ticket) as mine:
            assert mine
            assert inbox.reply_to(ticket) is None
            inbox.add("users", rows, ticket, reply)
        assert inbox.reply_to(ticket) == (reply, True)
        assert inbox.reply_to(replace(ticket, question=b"x" * 32)) == (reply, False)
        assert inbox.reply_to(replace(ticket, asked_at=1060)) is None
        inbox.add("users", rows, replace(ticket, asked_at=1060), reply)
        assert inbox.waiting() == {"users": 4}
        assert inbox.border() == 2
        assert inbox.forget("a") == 2
        assert inbox.waiting() == {"users": 2}
    assert compact(home) == {"users": 1}
    assert compact(home) == {}
    assert scan_table(home, "users").select("user_id", "age").collect().to_dicts() == [
        {"user_id": "b", "age": 2}
    ]


def test_rows_wait_and_answers_are_kept(home: Home) -> None:
    _hand_in(home)


@pytest.fixture
def postgresql() -> Iterator[str]:
    server, make = shutil.which("postgres"), shutil.which("initdb")
    if server is None or make is None:
        pytest.skip("PostgreSQL is not installed")
    account = "postgres" if os.geteuid() == 0 else None  # it refuses to run as root
    folder = Path(tempfile.mkdtemp(prefix="mokhatab-postgresql-"))
    if account:
        shutil.chown(folder, account)
    data = folder / "data"
    asked = [make, "-D", str(data), "-U", "tester", "-A", "trust", "--no-sync"]
    subprocess.run(asked, capture_output=True, check=True, user=account, cwd=folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    started = [server, "-D", str(data), "-p", port, "-k", str(folder), "-h", "127.0.0.1"]
    with subprocess.Popen(started, stderr=subprocess.DEVNULL, user=account, cwd=folder) as process:
        yield f"postgresql://tester@127.0.0.1:{port}/postgres"
        process.send_signal(signal.SIGINT)  # SIGTERM would wait for idle connections
    shutil.rmtree(folder)


@pytest.mark.slow
def test_postgresql_keeps_the_same(
    home: Home, postgresql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOKHATAB_DATABASE_URL", postgresql)
    engine = sa.create_engine(catalog_url(home), poolclass=sa.NullPool)
    for _ in range(100):
        try:
            engine.connect().close()
            break
        except sa.exc.OperationalError:
            time.sleep(0.1)
    _use(home)
    _hand_in(home)
    assert not home.catalog.exists()
