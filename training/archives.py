"""Archives that networks hand to their users: one document of JSON becomes rows of events.

In: an outbox or a collection of Mastodon, the likes of X. Out: columns of our names, all text, and
the entries that are no acts. Never: the words of somebody else as the user's own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from engine.frames import (
    ACTION,
    AT,
    CHANNEL,
    EVENT,
    LANGUAGE,
    OBJECT,
    PRODUCT,
    TARGET,
    TEXT,
    USER,
)
from engine.signals.activitystreams import read_activity
from engine.signals.events import ROW_NUMBER
from training.lines import RAW_SHOWN, X_MARK, BadRow, Batch, Unreadable

COLUMNS = (EVENT, USER, PRODUCT, ACTION, AT, CHANNEL, TARGET, TEXT, LANGUAGE, OBJECT)
SNOWFLAKE_START = 1_288_834_974_657
"""Milliseconds from which X counts the moments that its ids carry in all but their last 22 bits."""
FIRST_SNOWFLAKE = 1 << 35
"""Smaller ids were given one by one and carry no moment."""

LISTED = {"likes.json": "like", "bookmarks.json": "save"}

Row = dict[str, str | None]


class NoAct(Exception):
    """An entry that says of nobody what they did; the text says why."""


def read_archive(path: Path) -> Iterator[Batch]:
    """One batch with every entry of an archive; rows are numbered from 1 in its own order.

    X tells of a like neither its moment nor its user: the moment is that of the liked post, the
    earliest that it can have been; the user must be named. Lists of Mastodon's likes and bookmarks
    tell no moment at all.

    Raises:
        Unreadable: damaged JSON, or another part of an archive.
    """
    content = path.read_bytes().removeprefix(b"\xef\xbb\xbf").strip()
    if content.startswith(X_MARK):
        yield _collected(_of_x(content), _x_like)
        return
    collection = _parsed(content)
    items = collection.get("orderedItems") if isinstance(collection, dict) else None
    if not isinstance(items, list):
        raise Unreadable("is a collection without orderedItems")
    listed = LISTED.get(str(collection.get("id", "")).rsplit("/", 1)[-1])
    yield _collected(items, lambda item: _activity(item, listed))


def _of_x(content: bytes) -> list[Any]:
    name, equals, array = content.partition(b"=")
    part = name.removeprefix(X_MARK).split(b".")[0].strip().decode(errors="replace")
    if part != "like" or not equals:
        raise Unreadable(f"is the part {part!r} of an archive of X; only its likes are read")
    found = _parsed(array.strip().rstrip(b";"))
    if not isinstance(found, list):
        raise Unreadable("holds no list of likes")
    return found


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content)
    except UnicodeError:
        raise Unreadable("is not UTF-8") from None
    except (ValueError, RecursionError):
        raise Unreadable("is damaged: its JSON does not end as it begins") from None


def _collected(items: list[Any], read: Callable[[Any], Row]) -> Batch:
    rows: list[Row] = []
    numbers: list[int] = []
    bad: list[BadRow] = []
    for number, item in enumerate(items, 1):
        try:
            row = read(item)
            for value in row.values():
                (value or "").encode()  # a lone surrogate, which JSON can spell, is no text
        except NoAct as error:
            bad.append(BadRow(number, str(error), _shown(item)))
        except UnicodeError:
            bad.append(BadRow(number, "is not UTF-8", ""))
        else:
            rows.append(row)
            numbers.append(number)
    columns = {
        name: pl.Series([row.get(name) for row in rows], dtype=pl.String) for name in COLUMNS
    }
    return Batch(pl.DataFrame({ROW_NUMBER: pl.Series(numbers, dtype=pl.UInt64), **columns}), bad)


def _shown(item: Any) -> str:
    """What kind of entry it was; never what somebody wrote in it."""
    known = item if isinstance(item, dict) else {}
    return json.dumps({key: known[key] for key in ("id", "type") if key in known})[:RAW_SHOWN]


def _x_like(item: Any) -> Row:
    like = item.get("like") if isinstance(item, dict) else None
    post = like.get("tweetId") if isinstance(like, dict) else None
    if not isinstance(post, str) or not post.isascii() or not post.isdigit():
        raise NoAct("is no like of a post")
    return {PRODUCT: post, ACTION: "like", AT: _moment_of(post), CHANNEL: "x"}


def _moment_of(post: str) -> str | None:
    number = int(post) if len(post) < 20 else 0
    if number < FIRST_SNOWFLAKE:
        return None
    milliseconds = (number >> 22) + SNOWFLAKE_START
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat()


def _activity(item: Any, listed: str | None) -> Row:
    """An activity of ActivityStreams 2.0, or the bare id of a liked or kept object."""
    if isinstance(item, str) and listed:
        return {PRODUCT: item, ACTION: listed}
    if not isinstance(item, dict):
        raise NoAct("is no activity")
    row = read_activity(item)
    if isinstance(row, str):
        raise NoAct(row)
    return {name: value if isinstance(value, str) else None for name, value in row.items()}
