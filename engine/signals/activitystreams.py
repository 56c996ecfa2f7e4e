"""ActivityStreams 2.0 in our words: one activity becomes one row of events.

In: an activity as Mastodon, PeerTube or any ActivityPub server spells it, parsed from JSON.
Out: a row by our column names, not judged yet, or the reason why it is none.
Never: a guess at who acted or when; what an activity does not say stays missing.

The vocabulary is that of https://www.w3.org/TR/activitystreams-vocabulary/.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from typing import Any

from engine.frames import ACTION, AT, CHANNEL, EVENT, LANGUAGE, OBJECT, PRODUCT, TARGET, TEXT, USER

Row = dict[str, Any]
Namer = Callable[[Mapping[str, str]], str | None]
"""Makes the id of an act that came without one, as `engine.signals.events.name_act` does."""

ACTS = {
    "Like": "like",
    "Dislike": "dislike",
    "Announce": "share",
    "Follow": "follow",
    "View": "view",
    "Block": "block",
    "Flag": "report",
    "Undo": "undo",
}
CREATED = {"Note": "post", "Image": "upload", "Video": "upload", "Question": "question"}
"""What making one of these is called; one that answers another is a `comment`."""

PEOPLE = {"Follow", "Block"}
"""Acts whose object may be a person as well as a product: both columns name it."""

COLLECTIONS = ("Collection", "OrderedCollection", "CollectionPage", "OrderedCollectionPage")

TAGGED = ("Hashtag", "Mention", "Emoji")
"""Tags that say nothing of what a post is about, or are told apart from it."""

NAMESPACES = ("https://www.w3.org/ns/activitystreams#", "as:")
BREAK = re.compile(r"<br\s*/?>|</p>\s*(?=<p)", re.IGNORECASE)
MARKUP = re.compile(r"<[a-zA-Z/!][^<>]*>")


def is_activity(row: Mapping[str, Any]) -> bool:
    """Whether a row is meant as an activity: it has a `type`, and no `action`."""
    return "type" in row and ACTION not in row


def read_activity(activity: Mapping[str, Any], name_act: Namer | None = None) -> Row | str:
    """One activity as a row of events, or the reason why it is none, its field first.

    `Like`, `Dislike`, `Announce` (share), `View`, `Follow`, `Block`, `Flag` (report) and `Undo` act
    on their object. `Create` is a `post` of a Note, an `upload` of an Image or Video, a `question`
    of a Question, and a `comment` where the object answers another. A followed or blocked object is
    both product and target user, since an id does not say which it is, and an `Undo` that holds a
    `Follow` names whom it followed. The text loses its markup.

    What an `Undo` takes back may be embedded without an id. It is then found by the id that
    `name_act` makes of its content, and refused where there is no `name_act`, where it does not
    say when it was, and where it is an `Undo` itself.
    """
    kind = _kind(activity)
    if kind == "Undo" and name_act is not None:
        activity = _with_named_object(activity, name_act)
    if kind in ACTS:
        row = _acted(activity, kind)
    elif kind == "Create":
        row = _created(activity)
    elif kind in COLLECTIONS:
        return f"type is {kind}, which is no act; send the activities that it holds, one by one"
    else:
        return "type is none of " + ", ".join([*ACTS, "Create"])
    if isinstance(row, str):
        return row
    if len(_several(activity.get("actor"))) > 1:
        return "actor names several people; send one activity for each"
    row[USER] = _id(activity.get("actor"))
    row[EVENT] = _id(activity)
    row[AT] = _first(activity.get("published"), row.get(AT))
    row[CHANNEL] = _named(activity.get("generator"))
    return {name: value for name, value in row.items() if value is not None}


def _with_named_object(activity: Mapping[str, Any], name_act: Namer) -> Mapping[str, Any]:
    """The `Undo` with an id for its object, where that has none and its content makes one."""
    undone = _several(activity.get("object"))
    act = undone[0] if len(undone) == 1 else None
    if not isinstance(act, Mapping) or _id(act) is not None or _kind(act) == "Undo":
        return activity
    actor = _first(act.get("actor"), activity.get("actor"))
    row = read_activity({**act, "actor": actor})
    if isinstance(row, str) or not all(isinstance(said, str) for said in row.values()):
        return activity
    return {**activity, "object": {**act, "id": name_act(row)}}


def _acted(activity: Mapping[str, Any], kind: str) -> Row | str:
    objects = _several(activity.get("object"))
    # a report names the account and then the posts: what it is about comes last
    about = objects[-1] if kind == "Flag" and objects else objects[0] if objects else None
    if len(objects) > 1 and kind != "Flag":
        return "object names several things; send one activity for each"
    named = _id(about)
    if named is None:
        return "object is missing" if about is None else f"object of {kind} has no id"
    if kind == "Undo":
        whom = {}
        if isinstance(about, Mapping) and _kind(about) == "Follow":
            whom = {TARGET: _id(about.get("object"))}
        return {ACTION: ACTS[kind], OBJECT: named, **whom}
    row: Row = {ACTION: ACTS[kind], PRODUCT: named}
    if kind in PEOPLE:
        row[TARGET] = named
    if kind == "Flag":
        row[TEXT] = _plain(activity.get("content"))
    return row


def _created(activity: Mapping[str, Any]) -> Row | str:
    made = activity.get("object")
    if not isinstance(made, Mapping):
        return "object of Create must be the object itself, not its id"
    action = CREATED.get(_kind(made))
    if action is None:
        return "object is none of " + ", ".join(CREATED)
    answered = _id(made.get("inReplyTo"))
    text, language = _text(made)
    return {
        ACTION: "comment" if answered else action,
        PRODUCT: answered or _about(activity, made),
        OBJECT: _id(made),
        AT: made.get("published"),
        TARGET: _mentioned(made),
        TEXT: text,
        LANGUAGE: language,
    }


def _about(activity: Mapping[str, Any], made: Mapping[str, Any]) -> str | None:
    """What a post that answers nothing is about: its target, its context, or a tag that is a thing.

    Hashtags and mentions are no things.
    """
    for said in (activity.get("target"), made.get("target"), made.get("context")):
        if (named := _id(said)) is not None:
            return named
    for tag in _several(made.get("tag")):
        if isinstance(tag, Mapping) and _kind(tag) not in TAGGED:
            named = _id(tag) or _string(tag.get("href"))
            if named is not None:
                return named
    return None


def _mentioned(made: Mapping[str, Any]) -> str | None:
    for tag in _several(made.get("tag")):
        if isinstance(tag, Mapping) and _kind(tag) == "Mention":
            return _string(tag.get("href"))
    return None


def _text(made: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Text and language; a map of languages is read where it holds one text."""
    by_language = made.get("contentMap")
    if isinstance(by_language, Mapping) and len(by_language) == 1:
        ((language, content),) = by_language.items()
        return _plain(content), language
    return _plain(_first(made.get("content"), made.get("name"))), None


def _plain(content: Any) -> str | None:
    if not isinstance(content, str):
        return None
    lines = MARKUP.sub("", BREAK.sub("\n", content))
    return html.unescape(lines).strip() or None


def _kind(thing: Mapping[str, Any]) -> str:
    """The first type, without its namespace."""
    for kind in _several(thing.get("type")):
        if isinstance(kind, str):
            for namespace in NAMESPACES:
                kind = kind.removeprefix(namespace)
            return kind
    return ""


def _id(thing: Any) -> str | None:
    """The id of a thing that is given as its id, as an object, as a link, or alone in a list."""
    several = _several(thing)
    one = several[0] if several else None
    if isinstance(one, Mapping):
        return _string(one.get("id")) or _string(one.get("href"))
    return _string(one)


def _named(thing: Any) -> str | None:
    several = _several(thing)
    one = several[0] if several else None
    return _string(one.get("name")) if isinstance(one, Mapping) else _string(one)


def _first(said: Any, otherwise: Any) -> Any:
    """What is said, or else the other; JSON may say nothing by null as well as by silence."""
    return otherwise if said is None else said


def _string(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _several(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
