"""New databases of business records are laid out once in a process, and by its statements after.

In: nothing. Out: what the steps of `engine.store.migrations` make of a database that is empty.
Never: another way from an older shape to the newest; those steps are always taken themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, wraps

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from engine.store import catalog

steps = catalog._upgrade


@cache
def _statements() -> tuple[str, ...]:
    """What the steps come to, without the beginning and the end of their transaction."""
    engine = sa.create_engine("sqlite://")
    with engine.begin() as connection:
        steps(connection)
        made = connection.connection.driver_connection
        assert made is not None
        _, *statements, _ = made.iterdump()
    engine.dispose()
    return tuple(statements)


@wraps(steps)
def replayed(connection: Connection) -> None:
    tables = "SELECT count(*) FROM sqlite_master"
    if connection.dialect.name != "sqlite" or connection.exec_driver_sql(tables).scalar():
        steps(connection)
        return
    for statement in _statements():
        connection.exec_driver_sql(statement)


@pytest.fixture(scope="session", autouse=True)
def laid_out_once() -> Iterator[None]:
    """Alembic takes twenty times as long for each of the hundreds of homes that tests write to."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalog, "_upgrade", replayed)
        yield
