"""What a role may do: permissions are rows of `configs/roles.toml`, and this judges by them.

In: who acts, and what they want to do. Out: nothing, or an error that names what is missing.
Never: a permission that no row names, or a look at who somebody is beyond name and role.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from pathlib import Path

from engine import settings
from engine.errors import Forbidden, InvalidValue, UnknownEntity
from engine.store.home import Home
from engine.store.members import folded

OWNER, PLATFORM = "owner", "platform"
ROLES = (OWNER, "admin", "marketer", "analyst", "viewer", PLATFORM)
"""As the columns of `configs/roles.toml` name them."""
KEYED = "key:"
"""Begins the name of an actor that is a key of nobody; no member may be called so."""


@dataclass(frozen=True)
class Actor:
    """Who acts: a member, a key that is nobody's, or whoever uses the command."""

    name: str
    role: str
    teams: tuple[str, ...] = ()


LOCAL = Actor("local", OWNER, ())
"""Who uses the command in a home without members."""


Rows = Mapping[str, Mapping[str, settings.Scalar]]


class SelfApproval(Forbidden):
    """The money is more than its author may approve alone."""

    def __init__(self, author: str, amount: Decimal, limit: Decimal) -> None:
        super().__init__("campaign.approve", author)
        self.args = (
            f"{amount:,f} is above {limit:,f}: somebody other than its author, {author}, approves; "
            "an owner or admin can add such a member",
        )


def permissions(home: Home) -> Rows:
    """The rows of `configs/roles.toml` as a home has them; they are not to be changed."""
    own = home.root / "configs" / "roles.toml"
    try:
        found = own.stat()
    except FileNotFoundError:
        return _read(home.root, None)
    return _read(home.root, (found.st_ino, found.st_mtime_ns, found.st_size))


@lru_cache(maxsize=64)
def _read(root: Path, _: tuple[int, ...] | None) -> Rows:
    # asked for every campaign of a list, and the file takes milliseconds to read
    return settings.load_rows("roles", root)


def permitted(home: Home, role: str) -> frozenset[str]:
    """The permissions of a role; none for a role that does not exist."""
    if role not in ROLES:
        return frozenset()
    rows = permissions(home)
    return frozenset(name for name, row in rows.items() if row[role])


def holds(home: Home, actor: Actor, permission: str) -> bool:
    """Whether the actor's role has a permission.

    Raises:
        UnknownEntity: no row has this name.
    """
    rows = permissions(home)
    if permission not in rows:
        raise UnknownEntity("permission", permission, tuple(rows)[:5])
    return actor.role in ROLES and bool(rows[permission][actor.role])


def require(actor: Actor, permission: str, home: Home) -> None:
    """Goes on where the actor's role has the permission.

    Raises:
        Forbidden: it has not.
        UnknownEntity: no row has this name.
    """
    if not holds(home, actor, permission):
        raise Forbidden(permission, actor.role)


def may_approve(actor: Actor, author: str, amount: Decimal, limit: Decimal | None) -> None:
    """Goes on where the actor may approve so much money of this author's campaign.

    Up to the limit, itself included, authors approve their own; above it somebody else does.
    Whether the role may approve at all is asked by `require`.

    Args:
        actor: who approves.
        author: the name of who made the campaign.
        amount: its money.
        limit: in the same currency; None: everybody approves their own, whatever the amount.

    Raises:
        SelfApproval: the amount is above the limit, and the actor is the author.
        InvalidValue: amount or limit is no finite number, or negative.
    """
    for name, value in (("amount", amount), ("limit", limit)):
        if value is not None and not (value.is_finite() and value >= 0):
            raise InvalidValue(name, f"{value} is no amount of money")
    if limit is not None and amount > limit and folded(actor.name) == folded(author):
        raise SelfApproval(author, amount, limit)
