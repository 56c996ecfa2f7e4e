"""Members: who works with this installation, and in which role.

In: a home and names. Out: actors, members as they are kept.
Never: the last owner gone, a name that is given twice, or an e-mail in an error or a log.
"""

from __future__ import annotations

from engine.errors import InvalidValue, UnknownEntity
from engine.operations.permissions import LOCAL as LOCAL
from engine.operations.permissions import Actor as Actor
from engine.store.catalog import open_catalog
from engine.store.home import Home
from engine.store.members import find_members


def actor_of(home: Home, name: str) -> Actor:
    """The member of this name, whatever its case.

    Raises:
        UnknownEntity: there is none, or they were removed.
    """
    with open_catalog(home) as catalog, catalog.transaction() as connection:
        found = find_members(connection, name)
    if not found or found[0].removed_at is not None:
        raise UnknownEntity("member", name)
    return Actor(found[0].name, found[0].role, found[0].teams)


def acting(home: Home, name: str | None) -> Actor:
    """Who uses the command: the member who is named, or anybody where there are no members.

    Raises:
        UnknownEntity: there is no such member.
        InvalidValue: nobody is named, and there are members.
    """
    if name is not None:
        return actor_of(home, name)
    with open_catalog(home) as catalog, catalog.transaction() as connection:
        if any(row.removed_at is None for row in find_members(connection)):
            raise InvalidValue("as", "there are members here: say who acts by --as NAME")
    return LOCAL
