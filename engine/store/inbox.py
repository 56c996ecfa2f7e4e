"""What came over HTTP and waits in the catalog database until it is moved to the event log.

In: judged rows, and the answer their sender gets. Out: the same rows in the order they came, and
the same answer for the same question. Never: rows without their answer, or an answer without its
rows: both are committed at once, and durable when `add` returns.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from engine.frames import EVENTS, USER
from engine.store.blocks import Damaged, marks, named_in, pack, unpack
from engine.store.catalog import TABLES, Catalog, catalog_url
from engine.store.home import Home
from engine.store.locks import lock_byte, moving, take_turns
from engine.store.purge import sold, without_person

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

ASIDE = "!"
"""Before the table's name, where a block could not be read."""
BUSY_SECONDS, AT_ONCE = 10, 8


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
                take_turns(connection, shared=True)
                connection.execute(INBOX.insert().values(**batch))
            if ticket is not None:
                keep_reply(connection, ticket, reply)

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
                yield lock_byte(file.fileno(), number)
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
            take_turns(connection, shared=False)
            return connection.execute(sa.select(sa.func.max(INBOX.c.id))).scalar() or 0

    def parts(
        self, kind: str, border: int, *, most_rows: int, most_bytes: int
    ) -> Iterator[list[Batch]]:
        """Batches of one table up to a border, oldest first, in parts that fit into memory.

        A part has at least one batch. What was yielded has to be removed before the next part.
        Batches that cannot be read are set aside, see `aside`; they hold up no other.
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
            wanted = INBOX.c.id.in_([row.id for row in waiting[:count]])
            batches, damaged = self._opened(wanted)
            self._set_aside(damaged)
            if batches:
                yield batches
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
        return {kind: rows for kind, rows in self._counted() if not kind.startswith(ASIDE)}

    def aside(self) -> dict[str, int]:
        """How many rows lie in blocks that could not be read, by table; they stay as they are."""
        counted = self._counted()
        return {kind[len(ASIDE) :]: rows for kind, rows in counted if kind.startswith(ASIDE)}

    def _counted(self) -> list[tuple[str, int]]:
        query = sa.select(INBOX.c.kind, sa.func.sum(INBOX.c.rows)).group_by(INBOX.c.kind)
        with self._catalog.transaction() as connection:
            return [(kind, int(rows)) for kind, rows in connection.execute(query)]

    def events_of(self, users: Sequence[str]) -> pl.DataFrame:
        """The waiting events of these users, in the order they came."""
        wanted = INBOX.c.id.in_(self._naming(users, EVENTS.name))
        batches, _ = self._opened(wanted)
        found = [batch.rows.filter(pl.col(USER).is_in(users)) for batch in batches]
        return pl.concat(found) if found else pl.DataFrame(schema=EVENTS.columns)

    def latest(self, kind: str, most: int) -> list[pl.DataFrame]:
        """The rows of the last few requests that wait for one table, oldest first."""
        last = sa.select(INBOX.c.id).where(INBOX.c.kind == kind)
        last = last.order_by(INBOX.c.id.desc()).limit(most)
        with self._catalog.transaction() as connection:
            numbers = [row.id for row in connection.execute(last)]
        batches, _ = self._opened(INBOX.c.id.in_(numbers))
        return [batch.rows for batch in batches]

    def forget(self, user: str) -> int:
        """Removes every waiting row of a person, and the name from other people's acts.

        Returns how many rows went. A block that cannot be read goes as a whole where it may name
        the person. Nothing is moved to the log meanwhile: whoever erases a person asks here first,
        and then looks at the log.
        """
        gone = 0
        with moving(self._home):
            cannot = set(self._naming([user]))
            is_product = sold(self._home, user)
            for numbers in self._some():
                batches, damaged = self._opened(INBOX.c.id.in_(numbers))
                for batch in batches:
                    left = without_person(batch.rows, user, sold=is_product)
                    gone += batch.rows.height - left.height
                    if not left.equals(batch.rows, null_equal=True):
                        self._replace(batch, left)
                gone += self._drop(cannot.intersection(damaged))
        self._forget_pages()
        return gone

    def _some(self) -> Iterator[list[int]]:
        """Numbers of all batches, a few at a time: also those set aside."""
        with self._catalog.transaction() as connection:
            numbers = connection.execute(sa.select(INBOX.c.id).order_by(INBOX.c.id)).scalars().all()
        for first in range(0, len(numbers), AT_ONCE):
            yield list(numbers[first : first + AT_ONCE])

    def _drop(self, numbers: Collection[int]) -> int:
        here = INBOX.c.id.in_(numbers)
        with self._catalog.transaction() as connection:
            rows = connection.execute(sa.select(sa.func.sum(INBOX.c.rows)).where(here)).scalar()
            connection.execute(INBOX.delete().where(here))
        return int(rows or 0)

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
        wanted = marks(users)
        with self._catalog.transaction() as connection:
            return [
                row.id
                for row in connection.execute(query)
                if np.isin(wanted, np.frombuffer(row.people, np.uint32)).any()
            ]

    def _opened(self, which: sa.ColumnElement[bool]) -> tuple[list[Batch], list[int]]:
        """The batches that can be read, oldest first, and the numbers of the others."""
        query = sa.select(INBOX.c.id, INBOX.c.kind, INBOX.c.content).where(which)
        batches, damaged = [], []
        with self._catalog.transaction() as connection:
            for row in connection.execute(query.order_by(INBOX.c.id)):
                try:
                    rows = unpack(row.kind.removeprefix(ASIDE), row.content)
                    batches.append(Batch(row.id, rows))
                except Damaged:
                    damaged.append(row.id)
        return batches, damaged

    def _set_aside(self, numbers: list[int]) -> None:
        if numbers:
            under = INBOX.update().where(INBOX.c.id.in_(numbers))
            with self._catalog.transaction() as connection:
                connection.execute(under.values(kind=sa.literal(ASIDE) + INBOX.c.kind))


def keep_reply(connection: Connection, ticket: Ticket, reply: Reply) -> None:
    """Keeps an answer within the transaction that has its effect."""
    connection.execute(REPLIES.delete().where(REPLIES.c.until <= ticket.asked_at))
    connection.execute(REPLIES.insert().values(**_kept(ticket, reply)))


def may_wait(home: Home) -> bool:
    """Whether anything can wait: a home whose own database was never made has no inbox."""
    return catalog_url(home).get_backend_name() != "sqlite" or home.catalog.exists()


def _batch(kind: str, rows: pl.DataFrame) -> dict[str, Any]:
    return {
        "kind": kind,
        "rows": rows.height,
        "size": int(rows.estimated_size()),
        "people": marks(named_in(rows)).tobytes(),
        "content": pack(rows),
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
