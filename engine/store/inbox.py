"""What came over HTTP and waits in the catalog database until it is moved to the event log.

In: judged rows, and the answer their sender gets. Out: the same rows in the order they came, and
the same answer for the same question. Never: rows without their answer, or an answer without its
rows: both are committed at once, and durable when `add` returns.
"""

from __future__ import annotations

import fcntl
import io
import os
import secrets
import sqlite3
import struct
import zlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
import polars as pl
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from engine.frames import EVENTS, FOLLOWEE, FOLLOWER, PRODUCT, TARGET, USER
from engine.store.catalog import TABLES, Catalog, catalog_url
from engine.store.home import Home

INBOX = sa.Table(
    "inbox",
    TABLES,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("people", sa.LargeBinary, nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
    # Numbers of batches that were moved must not come back: the log remembers them.
    sqlite_autoincrement=True,
)

ORIGINS = sa.Table("origins", TABLES, sa.Column("name", sa.String(32), primary_key=True))
"""One row: a name that no other database has, since each numbers its batches from 1."""

REPLIES = sa.Table(
    "replies",
    TABLES,
    sa.Column("owner", sa.String(16), primary_key=True),
    sa.Column("key", sa.String(255), primary_key=True),
    sa.Column("question", sa.LargeBinary(32), nullable=False),
    sa.Column("status", sa.Integer, nullable=False),
    sa.Column("media_type", sa.String(64), nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("until", sa.BigInteger, nullable=False, index=True),
)

Array = NDArray[np.uint32]
PEOPLE = (USER, TARGET, FOLLOWER, FOLLOWEE)
BUSY_SECONDS, AT_ONCE = 10, 8
ADDING = 0x696E6278
"""Any constant does: PostgreSQL's advisory locks are numbers."""


@dataclass(frozen=True)
class Ticket:
    """A question that may be asked again: whose, under which key, and a digest of all of it.

    Its answer is kept for `lasts` seconds from `asked_at`, an epoch second; then the key is free.
    """

    owner: str
    key: str
    question: bytes
    asked_at: int
    lasts: int


@dataclass(frozen=True)
class Reply:
    """An answer as it left, byte for byte."""

    status: int
    media_type: str
    body: bytes


@dataclass(frozen=True)
class Batch:
    """What one request brought to one table."""

    id: int
    rows: pl.DataFrame


class Inbox:
    """The waiting rows of an open catalog; its methods may be called from any thread."""

    def __init__(self, home: Home, catalog: Catalog) -> None:
        self._home, self._catalog = home, catalog

    @property
    def home(self) -> Home:
        """The home whose rows wait here."""
        return self._home

    def add(self, kind: str, rows: pl.DataFrame, ticket: Ticket | None, reply: Reply) -> None:
        """Keeps the rows of one request and the answer to it, in one transaction.

        Without rows only the answer is kept, without a ticket only the rows.
        """
        if not rows.height and ticket is None:
            return
        batch = _batch(kind, rows) if rows.height else None
        with self._catalog.transaction() as connection:
            if batch is not None:
                _take_turns(connection, shared=True)
                connection.execute(INBOX.insert().values(**batch))
            if ticket is not None:
                connection.execute(REPLIES.delete().where(REPLIES.c.until <= ticket.asked_at))
                connection.execute(REPLIES.insert().values(**_kept(ticket, reply)))

    def reply_to(self, ticket: Ticket) -> tuple[Reply, bool] | None:
        """The answer kept under the key of a ticket, and whether the question was the same."""
        known = REPLIES.select().where(
            REPLIES.c.owner == ticket.owner,
            REPLIES.c.key == ticket.key,
            REPLIES.c.until > ticket.asked_at,
        )
        with self._catalog.transaction() as connection:
            row = connection.execute(known).one_or_none()
        if row is None:
            return None
        return Reply(row.status, row.media_type, row.body), row.question == ticket.question

    @contextmanager
    def claimed(self, ticket: Ticket) -> Iterator[bool]:
        """Whether nobody else answers under this key now; ends with the block, or its process."""
        named = blake2b(f"{ticket.owner} {ticket.key}".encode(), digest_size=8).digest()
        number = int.from_bytes(named, "big") >> 1
        if catalog_url(self._home).get_backend_name() == "sqlite":
            with self._home.catalog.with_suffix(".claims").open("ab") as file:
                yield _lock_byte(file.fileno(), number)
        else:
            with self._catalog.transaction() as connection:
                taken = sa.select(sa.func.pg_try_advisory_xact_lock(number))
                yield bool(connection.execute(taken).scalar())

    def origin(self) -> str:
        """The name of this inbox among all there ever were; made when it is first asked for."""
        with self._catalog.transaction() as connection:
            name = connection.execute(sa.select(ORIGINS.c.name)).scalar()
            if name is None:
                name = secrets.token_hex(16)
                connection.execute(ORIGINS.insert().values(name=name))
            return str(name)

    def border(self) -> int:
        """A batch number: those up to it are all there, and later ones are higher."""
        with self._catalog.transaction() as connection:
            _take_turns(connection, shared=False)
            return connection.execute(sa.select(sa.func.max(INBOX.c.id))).scalar() or 0

    def parts(
        self, kind: str, border: int, *, most_rows: int, most_bytes: int
    ) -> Iterator[list[Batch]]:
        """Batches of one table up to a border, oldest first, in parts that fit into memory.

        A part has at least one batch. What was yielded has to be removed before the next part.
        """
        listed = (
            sa.select(INBOX.c.id, INBOX.c.rows, INBOX.c.size)
            .where(INBOX.c.kind == kind, INBOX.c.id <= border)
            .order_by(INBOX.c.id)
        )
        with self._catalog.transaction() as connection:
            waiting = connection.execute(listed).all()
        while waiting:
            rows = np.cumsum([row.rows for row in waiting])
            sizes = np.cumsum([row.size for row in waiting])
            count = max(1, int(((rows <= most_rows) & (sizes <= most_bytes)).sum()))
            yield self._opened(INBOX.c.id.in_([row.id for row in waiting[:count]]))
            waiting = waiting[count:]

    def remove(self, batches: Sequence[Batch]) -> None:
        """Takes batches out that the log holds now, a few at a time: others wait to write.

        Where it is cut off some stay, and are known to the log when they are moved again.
        """
        for first in range(0, len(batches), AT_ONCE):
            numbers = [batch.id for batch in batches[first : first + AT_ONCE]]
            with self._catalog.transaction() as connection:
                connection.execute(INBOX.delete().where(INBOX.c.id.in_(numbers)))

    def waiting(self) -> dict[str, int]:
        """How many rows wait, by table; tables without any are left out."""
        query = sa.select(INBOX.c.kind, sa.func.sum(INBOX.c.rows)).group_by(INBOX.c.kind)
        with self._catalog.transaction() as connection:
            return {kind: int(rows) for kind, rows in connection.execute(query)}

    def events_of(self, users: Sequence[str]) -> pl.DataFrame:
        """The waiting events of these users, in the order they came."""
        wanted = INBOX.c.id.in_(self._naming(users, EVENTS.name))
        found = [batch.rows.filter(pl.col(USER).is_in(users)) for batch in self._opened(wanted)]
        return pl.concat(found) if found else pl.DataFrame(schema=EVENTS.columns)

    def latest(self, kind: str, most: int) -> list[pl.DataFrame]:
        """The rows of the last few requests that wait for one table, oldest first."""
        last = sa.select(INBOX.c.id).where(INBOX.c.kind == kind)
        last = last.order_by(INBOX.c.id.desc()).limit(most)
        with self._catalog.transaction() as connection:
            numbers = [row.id for row in connection.execute(last)]
        return [batch.rows for batch in self._opened(INBOX.c.id.in_(numbers))] if numbers else []

    def forget(self, user: str) -> int:
        """Removes every waiting row of a person, and the name from other people's acts.

        Returns how many rows went. Nothing is moved to the log meanwhile: whoever erases a person
        asks here first, and then looks at the log.
        """
        gone = 0
        with moving(self._home):
            for batch in self._opened(INBOX.c.id.in_(self._naming([user]))):
                left = _without(batch.rows, user)
                gone += batch.rows.height - left.height
                self._replace(batch, left)
        self._forget_pages()
        return gone

    def _forget_pages(self) -> None:
        """Of SQLite also what was written ahead and is no longer part of the database."""
        if catalog_url(self._home).get_backend_name() == "sqlite":
            with closing(sqlite3.connect(self._home.catalog, timeout=BUSY_SECONDS)) as records:
                records.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _replace(self, batch: Batch, left: pl.DataFrame) -> None:
        with self._catalog.transaction() as connection:
            here = INBOX.c.id == batch.id
            if left.height:
                content = _batch("", left)
                del content["kind"]
                connection.execute(INBOX.update().where(here).values(**content))
            else:
                connection.execute(INBOX.delete().where(here))

    def _naming(self, users: Sequence[str], kind: str | None = None) -> list[int]:
        """Numbers of batches that may name one of these people: some may not."""
        query = sa.select(INBOX.c.id, INBOX.c.people).order_by(INBOX.c.id)
        if kind is not None:
            query = query.where(INBOX.c.kind == kind)
        wanted = _marks(users)
        with self._catalog.transaction() as connection:
            return [
                row.id
                for row in connection.execute(query)
                if np.isin(wanted, np.frombuffer(row.people, np.uint32)).any()
            ]

    def _opened(self, which: sa.ColumnElement[bool]) -> list[Batch]:
        query = sa.select(INBOX.c.id, INBOX.c.content).where(which).order_by(INBOX.c.id)
        with self._catalog.transaction() as connection:
            return [
                Batch(row.id, pl.read_ipc_stream(row.content)) for row in connection.execute(query)
            ]


def _without(rows: pl.DataFrame, user: str) -> pl.DataFrame:
    if {PRODUCT, TARGET} <= set(rows.columns):  # one name for both is the person's
        both = pl.all_horizontal(pl.col(PRODUCT, TARGET).eq_missing(pl.lit(user)))
        rows = rows.with_columns(pl.when(~both).then(pl.col(PRODUCT)).alias(PRODUCT))
    for name in PEOPLE:
        named = pl.col(name).eq_missing(pl.lit(user))
        if name == TARGET and name in rows.columns:
            rows = rows.with_columns(pl.when(~named).then(pl.col(name)).alias(name))
        elif name in rows.columns:
            rows = rows.filter(~named)
    return rows


def may_wait(home: Home) -> bool:
    """Whether anything can wait: a home whose own database was never made has no inbox."""
    return catalog_url(home).get_backend_name() != "sqlite" or home.catalog.exists()


@contextmanager
def moving(home: Home) -> Iterator[None]:
    """One process at a time moves rows to the log, or takes them out; others wait."""
    home.log.mkdir(parents=True, exist_ok=True)
    with (home.log / ".moving.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _batch(kind: str, rows: pl.DataFrame) -> dict[str, Any]:
    content = io.BytesIO()
    rows.write_ipc_stream(content, compression="lz4")
    named = {one for name in PEOPLE if name in rows.columns for one in rows[name].to_list()}
    return {
        "kind": kind,
        "rows": rows.height,
        "size": int(rows.estimated_size()),
        "people": _marks(named - {None}).tobytes(),
        "content": content.getvalue(),
    }


def _kept(ticket: Ticket, reply: Reply) -> dict[str, Any]:
    return {
        "owner": ticket.owner,
        "key": ticket.key,
        "question": ticket.question,
        "status": reply.status,
        "media_type": reply.media_type,
        "body": reply.body,
        "until": ticket.asked_at + ticket.lasts,
    }


def _marks(people: Collection[str]) -> Array:
    """Four bytes for each person, sorted: enough to leave most batches closed."""
    return np.unique(np.array([zlib.crc32(one.encode()) for one in people], np.uint32))


def _take_turns(connection: Connection, *, shared: bool) -> None:
    """Numbers are given before they can be seen: a border must wait for those under way.

    SQLite has one writer at a time, so its numbers are seen in order anyway.
    """
    if connection.dialect.name == "postgresql":
        lock = sa.func.pg_advisory_xact_lock_shared if shared else sa.func.pg_advisory_xact_lock
        connection.execute(sa.select(lock(ADDING)))


def _lock_byte(descriptor: int, place: int) -> bool:
    """Locks one byte of an open file, unless another open file has it; closing it gives it back."""
    wanted = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, place, 1, 0)
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, wanted)
    except (BlockingIOError, PermissionError):
        return False
    return True
