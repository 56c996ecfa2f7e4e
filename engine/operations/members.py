"""Members: who works with this installation, and in which role.

In: a home, who acts, names and roles. Out: actors, members as they are kept.
Never: the last owner gone, a name that is given twice, or an e-mail in an error or a log.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import Connection

from engine.errors import JOINERS, DuplicateEntity, InvalidValue, UnknownEntity
from engine.operations.permissions import KEYED, OWNER, ROLES, holds, require
from engine.operations.permissions import LOCAL as LOCAL
from engine.operations.permissions import Actor as Actor
from engine.store import members as kept
from engine.store.catalog import open_catalog
from engine.store.home import Home
from engine.store.members import MemberRow, changing, find_members, folded

READ, WRITE, OWNERS = "members.read", "members.write", "owners.write"
LONGEST_NAME, LONGEST_DISPLAY, LONGEST_EMAIL, LONGEST_FOLDED = 64, 200, 254, 256
RESERVED = (LOCAL.name, KEYED, "mk_")
"""What the name of a member cannot be or begin with: it would look like another actor, or a key."""


@dataclass(frozen=True)
class Card:
    """What is kept of a member beside the name; nothing: as it was, an empty e-mail: none."""

    role: str | None = None
    display: str | None = None
    email: str | None = None

    def __post_init__(self) -> None:
        """Refuses what cannot be kept; what was sent as an e-mail is not repeated.

        Raises:
            InvalidValue: names the field.
        """
        if self.role is not None and self.role not in ROLES:
            raise InvalidValue("role", f"{self.role!r} is none; known: {', '.join(ROLES)}")
        if self.display is not None:
            _printable("display", self.display, LONGEST_DISPLAY)
        if self.email:
            _printable("email", self.email, LONGEST_EMAIL)
            user, _, host = self.email.rpartition("@")
            if not user or not host or any(sign.isspace() for sign in self.email):
                raise InvalidValue("email", "is no address")


def _printable(field: str, text: str, longest: int) -> None:
    if not 1 <= len(text.strip()) <= longest:
        raise InvalidValue(field, f"has 1 to {longest} characters")
    if not all(sign.isprintable() or sign in JOINERS for sign in text):
        raise InvalidValue(field, "holds characters that cannot be printed")


def read_name(given: str) -> str:
    """The name of a member or a team as it is kept: composed, without blanks around it.

    Raises:
        InvalidValue: it is empty, too long, cannot be printed, or looks like another actor's.
    """
    name = " ".join(unicodedata.normalize("NFC", given).split())
    _printable("name", name, LONGEST_NAME)
    plain = folded(name)
    if not 1 <= len(plain) <= LONGEST_FOLDED:
        raise InvalidValue("name", "is no name")
    if plain == LOCAL.name or plain.startswith(RESERVED[1:]):
        raise InvalidValue("name", f"{name!r} is taken: so begin or are called other actors")
    return name


def actor_of(home: Home, name: str) -> Actor:
    """The member of this name, whatever its case.

    Raises:
        UnknownEntity: there is none, or they were removed.
    """
    with open_catalog(home) as catalog, catalog.transaction() as connection:
        found = working(connection, name)
    return Actor(found.name, found.role, found.teams)


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


def working(connection: Connection, name: str) -> MemberRow:
    """The member of this name who was not removed.

    Raises:
        UnknownEntity: there is none.
    """
    found = find_members(connection, name)
    if not found or found[0].removed_at is not None:
        raise UnknownEntity("member", name)
    return found[0]


def list_members(home: Home, actor: Actor, *, removed: bool = False) -> list[dict[str, Any]]:
    """Members by name, with `removed` those too who were; e-mail for who may write members.

    Raises:
        Forbidden: the actor may not read members.
    """
    require(actor, READ, home)
    with open_catalog(home) as catalog, catalog.transaction() as connection:
        rows = find_members(connection)
    open_to = holds(home, actor, WRITE)
    return [told(row, email=open_to) for row in rows if removed or row.removed_at is None]


def told(row: MemberRow, *, email: bool) -> dict[str, Any]:
    """A member as answers tell of them."""
    return {
        "name": row.name,
        "display": row.display,
        "role": row.role,
        "email": row.email if email else None,
        "teams": list(row.teams),
        "added_at": row.added_at.isoformat(),
        "removed_at": row.removed_at.isoformat() if row.removed_at else None,
    }


def add_member(home: Home, actor: Actor, name: str, card: Card) -> dict[str, Any]:
    """Adds a member; the first one is an owner, whoever adds them.

    Raises:
        Forbidden: the actor may not write members, or not make owners.
        DuplicateEntity: a member has this name, spelled so or alike.
        InvalidValue: the name was a removed member's, no role is given, or a value cannot be kept.
    """
    name = read_name(name)
    if card.role is None:
        raise InvalidValue("role", f"is missing; known: {', '.join(ROLES)}")
    return _write(home, actor, name, card, known=False)


def change_member(home: Home, actor: Actor, name: str, card: Card) -> dict[str, Any]:
    """Changes what the card names, and leaves the rest.

    Raises:
        Forbidden: the actor may not write members, or not touch owners.
        UnknownEntity: there is no such member.
        InvalidValue: the last owner would be none any more.
    """
    return _write(home, actor, name, card, known=True)


def put_member(home: Home, actor: Actor, name: str, card: Card) -> dict[str, Any]:
    """Makes a member what the card says, whether or not there was one; what it lacks goes.

    Raises:
        Forbidden: as `add_member` and `change_member`, and so are the others.
    """
    name = read_name(name)
    whole = Card(card.role, card.display or name, card.email or "")
    return _write(home, actor, name, whole, known=None)


def _write(
    home: Home, actor: Actor, name: str, card: Card, *, known: bool | None
) -> dict[str, Any]:
    require(actor, WRITE, home)
    with open_catalog(home) as catalog, changing(catalog) as connection:
        everybody = find_members(connection)
        before = next((row for row in everybody if folded(row.name) == folded(name)), None)
        if before is None and known:
            raise UnknownEntity("member", name)
        if before is not None and before.removed_at is not None:
            _refuse_removed(before, known)
        if before is not None and known is False:
            raise DuplicateEntity("member", before.name)
        role = card.role or (before.role if before else None)
        _keep_an_owner(home, actor, everybody=everybody, before=before, role=role)
        if before is None:
            kept.add_member(
                connection,
                name,
                role=str(card.role),
                display=card.display or name,
                email=card.email or None,
            )
        else:
            kept.change_member(connection, before.id, **_changes(card))
        (row,) = find_members(connection, name)
    return told(row, email=True)


def _refuse_removed(before: MemberRow, known: bool | None) -> None:
    if known:
        raise UnknownEntity("member", before.name)
    detail = f"{before.name!r} was removed; the name stays theirs in records, so take another"
    raise InvalidValue("name", detail)


def _changes(card: Card) -> dict[str, str | None]:
    given: dict[str, str | None] = {"role": card.role, "display": card.display}
    given["email"] = card.email
    return {field: value or None for field, value in given.items() if value is not None}


def _keep_an_owner(
    home: Home,
    actor: Actor,
    *,
    everybody: list[MemberRow],
    before: MemberRow | None,
    role: str | None,
) -> None:
    """Refuses what leaves members without an owner, or lets others than owners make them."""
    owners = [row for row in everybody if row.role == OWNER and row.removed_at is None]
    if not owners:
        if role != OWNER:
            raise InvalidValue("role", "the first member is an owner; give that role")
        return
    was = before is not None and before.role == OWNER
    if was or role == OWNER:
        require(actor, OWNERS, home)
    if was and role != OWNER and len(owners) == 1:
        name = owners[0].name
        raise InvalidValue("role", f"{name!r} is the last owner; make somebody else one first")


def remove_member(home: Home, actor: Actor, name: str) -> dict[str, Any]:
    """Ends a member: their keys end, they leave their teams, and only name and role are kept.

    The name stays theirs, so that records of what they did tell who it was.

    Raises:
        Forbidden: the actor may not write members, or not remove owners.
        UnknownEntity: there is no such member.
        InvalidValue: they are the last owner.
    """
    require(actor, WRITE, home)
    with open_catalog(home) as catalog, changing(catalog) as connection:
        gone = working(connection, name)
        _keep_an_owner(home, actor, everybody=find_members(connection), before=gone, role=None)
        ended = kept.remove_member(connection, gone)
    return {"removed": gone.name, "keys_ended": ended}
