"""Business records: SQLite in the home by default, PostgreSQL by `MOKHATAB_DATABASE_URL`.

In: rows of keys and promotions. Out: the same rows; times are UTC, stamped by the database.
Never: a key in clear, identifiers of people, or SQL that another folder writes.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, Row

from engine.errors import DuplicateEntity
from engine.store import migrations
from engine.store.home import Home

TABLES = sa.MetaData()

KEYS = sa.Table(
    "api_keys",
    TABLES,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("prefix", sa.String(16), nullable=False, index=True),
    sa.Column("digest", sa.LargeBinary(32), nullable=False, unique=True),
    sa.Column("scopes", sa.JSON, nullable=False),
    sa.Column(
        "created_at",
        sa.DateTime(timezone=True),
        nullable=False,
        server_default=sa.func.current_timestamp(),
    ),
    sa.Column("revoked_at", sa.DateTime(timezone=True)),
    sa.Column("member", sa.String(64)),
    sa.Index(
        "working_names",
        "name",
        unique=True,
        sqlite_where=sa.text("revoked_at IS NULL"),
        postgresql_where=sa.text("revoked_at IS NULL"),
    ),
)

PROMOTIONS = sa.Table(
    "promotions",
    TABLES,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("version", sa.String(64), nullable=False),
    sa.Column("previous", sa.String(64)),
    sa.Column("actor", sa.String(200), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column(
        "at",
        sa.DateTime(timezone=True),
        nullable=False,
        server_default=sa.func.current_timestamp(),
    ),
)

PRAGMAS = (
    "busy_timeout=10000",
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "secure_delete=ON",  # rows that were erased must not lie in pages that are free
)
MIGRATION_LOCK = 0x6D6F6B68  # any constant does: PostgreSQL's advisory locks are numbers


@dataclass(frozen=True)
class KeyRow:
    """A key as it is kept: `digest` is SHA-256 over pepper and key."""

    id: int
    name: str
    prefix: str
    digest: bytes
    scopes: tuple[str, ...]
    created_at: datetime
    revoked_at: datetime | None
    member: str | None = None


@dataclass(frozen=True)
class Promotion:
    """One move of the champion's pointer."""

    version: str
    previous: str | None
    actor: str
    reason: str
    at: datetime


def catalog_url(home: Home) -> sa.URL:
    """The database of a home; a `postgresql://` address is driven by psycopg 3."""
    address = os.environ.get("MOKHATAB_DATABASE_URL")
    if not address:
        return sa.URL.create("sqlite", database=str(home.catalog.absolute()))
    url = sa.make_url(address)
    return url.set(drivername="postgresql+psycopg") if url.drivername == "postgresql" else url


def pepper(home: Home) -> bytes:
    """`MOKHATAB_PEPPER`, or 32 random bytes made once in a file that only its owner reads."""
    given = os.environ.get("MOKHATAB_PEPPER")
    if given:
        return given.encode()
    path = home.root / "secrets" / "pepper"
    if not path.exists():
        _create_secret(path)
    return path.read_bytes()


def _create_secret(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(32))
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(draft)  # of two processes that make one at once, the first wins
    except FileExistsError:
        pass
    finally:
        draft.unlink(missing_ok=True)


class Catalog:
    """An open catalog of the newest shape; its methods may be called from any thread."""

    def __init__(self, home: Home) -> None:
        url = catalog_url(home)
        if url.get_backend_name() == "sqlite":
            home.root.mkdir(parents=True, exist_ok=True)
        self._engine = sa.create_engine(url, pool_pre_ping=True)
        if url.get_backend_name() == "sqlite":
            sa.event.listen(self._engine, "connect", _prepare_sqlite)
        if not _is_current(self._engine):
            with _one_at_a_time(home, self._engine) as connection:
                _upgrade(connection)

    def close(self) -> None:
        """Gives the connections back."""
        self._engine.dispose()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One transaction for the tables of a sibling module: kept whole, or not at all."""
        with self._engine.begin() as connection:
            yield connection

    def add_key(
        self,
        *,
        name: str,
        prefix: str,
        digest: bytes,
        scopes: Sequence[str],
        member: str | None = None,
    ) -> None:
        """Keeps a new key; a member's by the name as it is kept.

        Raises:
            DuplicateEntity: a key that works has this name, or any key this digest.
        """
        secret = {"digest": digest, "member": member}
        row = {"name": name, "prefix": prefix, "scopes": list(scopes), **secret}
        try:
            with self._engine.begin() as connection:
                connection.execute(KEYS.insert().values(**row))
        except sa.exc.IntegrityError:
            raise DuplicateEntity("key", name) from None

    def find_keys(self, prefix: str | None = None) -> list[KeyRow]:
        """Keys with this prefix, or all; oldest first, revoked ones too."""
        query = KEYS.select().order_by(KEYS.c.id)
        if prefix is not None:
            query = query.where(KEYS.c.prefix == prefix)
        with self._engine.connect() as connection:
            return [_key(row) for row in connection.execute(query)]

    def revoke(self, named: str) -> int:
        """Ends the keys with this name or prefix that still work; returns how many that were."""
        ended = (
            KEYS.update()
            .where(
                sa.or_(KEYS.c.name == named, KEYS.c.prefix == named), KEYS.c.revoked_at.is_(None)
            )
            .values(revoked_at=sa.func.current_timestamp())
        )
        with self._engine.begin() as connection:
            return connection.execute(ended).rowcount

    def add_promotion(self, *, version: str, previous: str | None, actor: str, reason: str) -> None:
        """Notes that the pointer moved."""
        row = {"version": version, "previous": previous, "actor": actor, "reason": reason}
        with self._engine.begin() as connection:
            connection.execute(PROMOTIONS.insert().values(**row))

    def promotions(self) -> list[Promotion]:
        """Every noted move, newest first."""
        with self._engine.connect() as connection:
            rows = connection.execute(PROMOTIONS.select().order_by(PROMOTIONS.c.id.desc()))
            return [
                Promotion(row.version, row.previous, row.actor, row.reason, in_utc(row.at))
                for row in rows
            ]


@contextmanager
def open_catalog(home: Home) -> Iterator[Catalog]:
    """The catalog for the length of a block."""
    catalog = Catalog(home)
    try:
        yield catalog
    finally:
        catalog.close()


def _key(row: Row[Any]) -> KeyRow:
    return KeyRow(
        row.id,
        row.name,
        row.prefix,
        row.digest,
        tuple(row.scopes),
        in_utc(row.created_at),
        in_utc(row.revoked_at) if row.revoked_at else None,
        row.member,
    )


def in_utc(at: datetime) -> datetime:
    """SQLite gives back its UTC times without a zone."""
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _prepare_sqlite(connection: Any, _: Any) -> None:
    cursor = connection.cursor()
    for pragma in PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _is_current(engine: Engine) -> bool:
    version = sa.table("alembic_version", sa.column("version_num"))
    with engine.connect() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return False
        return connection.execute(sa.select(version)).scalar() == migrations.HEAD


@contextmanager
def _one_at_a_time(home: Home, engine: Engine) -> Iterator[Connection]:
    """Two processes that open an old database at once must not both change its shape."""
    if engine.dialect.name == "sqlite":
        with home.catalog.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with engine.begin() as connection:
                yield connection
    else:
        with engine.begin() as connection:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(MIGRATION_LOCK)))
            yield connection


def _upgrade(connection: Connection) -> None:
    # Alembic is a tenth of a second of imports that a current database does not need.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
