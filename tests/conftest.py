"""For all tests: databases laid out once in a process, examples that may take their time.

In: nothing. Out: what the steps of `engine.store.migrations` make of a database that is empty.
Never: another way from an older shape to the newest; those steps are always taken themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, wraps

import pytest
import sqlalchemy as sa
from hypothesis import settings
from sqlalchemy.engine import Connection

from engine.store import catalog

# That a busy machine took long for one example says nothing of what is tested.
settings.register_profile("unhurried", settings.default, deadline=None)
settings.load_profile("unhurried")

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
