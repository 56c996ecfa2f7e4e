"""Keys of the API: made, found, ended.

In: a home and a key as a caller sends it. Out: what that key may do.
Never: a key in clear after the moment it was made, in no record, log or error.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from engine.errors import DataError, InvalidValue, UnknownEntity
from engine.operations.members import Actor, actor_of
from engine.operations.permissions import KEYED, PLATFORM
from engine.store.catalog import Catalog, KeyRow, open_catalog, pepper
from engine.store.home import Home

SCOPES = (
    "segments:read",
    "audiences:read",
    "events:write",
    "campaigns:write",
    "exports:write",
    "models:write",
    "members:write",
)
"""Everything a key can be allowed."""

MARK = "mk_"
LONGEST_NAME = 200
SHOWN = 8
"""So many characters after the mark name a key in lists; the other 35 hold 210 secret bits."""


class UnknownScope(DataError):
    """A scope that does not exist was asked for."""

    def __init__(self, scope: str) -> None:
        super().__init__(f"unknown scope {scope!r}; known: {', '.join(SCOPES)}")
        self.scope = scope


@dataclass(frozen=True)
class Key:
    """A key without its secret."""

    name: str
    prefix: str
    scopes: frozenset[str]
    created_at: datetime
    revoked_at: datetime | None
    member: str | None = None


def create_key(home: Home, *, name: str, scopes: Sequence[str], member: str | None = None) -> str:
    """Makes a key of 256 random bits and returns it; it is told this once and kept only hashed.

    A member's key may do what its scopes and the member's role both allow, sees the products of
    the member's teams, and ends with the member.

    Raises:
        UnknownEntity: there is no such member.
        InvalidValue: the name is empty, longer than 200 characters, holds what cannot be printed,
            or begins like a key.
        DataError: there is no scope.
        UnknownScope: a scope is not among `SCOPES`.
        DuplicateEntity: a key that works has this name.
    """
    name = _name(name)
    wanted = sorted({scope.strip() for scope in scopes} - {""})
    if not wanted:
        raise DataError(f"a key needs a scope; known: {', '.join(SCOPES)}")
    for scope in wanted:
        if scope not in SCOPES:
            raise UnknownScope(scope)
    owner = None if member is None else actor_of(home, member).name
    key = MARK + secrets.token_urlsafe(32)
    secret = digest(home, key)
    with open_catalog(home) as catalog:
        catalog.add_key(
            name=name, prefix=prefix_of(key), digest=secret, scopes=wanted, member=owner
        )
    return key


def actor_of_key(home: Home, key: Key) -> Actor:
    """Who acts when a key is used: its member, or the key itself, as a platform.

    Raises:
        UnknownEntity: the member was removed.
    """
    if key.member is not None:
        return actor_of(home, key.member)
    return Actor(KEYED + key.name, PLATFORM)


def _name(given: str) -> str:
    name = given.strip()
    if not 1 <= len(name) <= LONGEST_NAME:
        raise InvalidValue("name", f"a key needs one of 1 to {LONGEST_NAME} characters")
    if not name.isprintable():
        raise InvalidValue("name", "holds characters that cannot be printed")
    if name.startswith(MARK):
        raise InvalidValue("name", f"begins with {MARK}, as keys do")
    return name


def replace_key(home: Home, *, name: str, scopes: Sequence[str]) -> str:
    """Makes a key in the place of the one of this name, if there is one, which ends.

    Raises:
        DataError: as `create_key`.
    """
    with open_catalog(home) as catalog:
        catalog.revoke(_name(name))
    return create_key(home, name=name, scopes=scopes)


def list_keys(home: Home) -> list[Key]:
    """All keys, oldest first, ended ones too."""
    with open_catalog(home) as catalog:
        return [_shown(row) for row in catalog.find_keys()]


def revoke_key(home: Home, named: str) -> None:
    """Ends a key, named by its name or by the prefix that lists show.

    Raises:
        UnknownEntity: no key that works is called so.
    """
    with open_catalog(home) as catalog:
        if not catalog.revoke(named):
            known = [row.name for row in catalog.find_keys() if row.revoked_at is None]
            raise UnknownEntity("key", named, tuple(known[:5]))


def find_key(catalog: Catalog, key_digest: bytes, prefix: str) -> Key | None:
    """The working key with this digest, or nothing; digests are compared in constant time."""
    found = None
    for row in catalog.find_keys(prefix):
        if hmac.compare_digest(row.digest, key_digest) and row.revoked_at is None:
            found = _shown(row)
    return found


def prefix_of(key: str) -> str:
    """The part of a key that may be shown."""
    return key[: len(MARK) + SHOWN]


def digest(home: Home, key: str) -> bytes:
    """SHA-256 over pepper and key: fast, because 256 random bits need no slow hash."""
    return peppered(pepper(home), key)


def peppered(secret: bytes, key: str) -> bytes:
    """The digest under a pepper that was read before."""
    return hashlib.sha256(secret + key.encode()).digest()


def _shown(row: KeyRow) -> Key:
    scopes = frozenset(row.scopes)
    return Key(row.name, row.prefix, scopes, row.created_at, row.revoked_at, row.member)
