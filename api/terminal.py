"""What all verbs of the command share: where they work, and how they answer.

In: the context of a command, words, answers as plain dicts. Out: a home, ids, JSON or tables.
Never: a verb.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Container
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

# what takes long to import is imported by who needs it: help must come at once

LONGEST_MESSAGE = 600
HARMFUL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""What commands a terminal, turns the direction of what follows, or is half of a character."""
Json = Annotated[bool, typer.Option("--json", help="Answer as JSON on standard output.")]


@dataclass
class Place:
    """Where the command works: set by the options before the verb."""

    home: Path


def home_of(context: typer.Context) -> Any:
    """The home that the command was given."""
    from engine.store.home import Home

    return Home(context.obj.home)


def an_id(word: str | None) -> str | None:
    """The word, which must not be empty.

    Raises:
        InvalidValue: it is.
    """
    from engine.errors import InvalidValue

    if word is not None and not word.strip():
        raise InvalidValue("id", "is empty; name one")
    return word


def some_ids(words: list[str], known: Container[str]) -> list[str] | None:
    """The ids that words name, each once, in their order; none where there are no words.

    A word that is known is one id, commas and all; of others each part between commas is one.

    Raises:
        InvalidValue: an id is empty.
    """
    if not words:
        return None
    found: list[str] = []
    for word in words:
        parts = [word] if word in known else word.split(",")
        found += [part if part in known else part.strip() for part in parts]
    for id in found:
        an_id(id)
    return list(dict.fromkeys(found))


def fail(message: str, code: int) -> NoReturn:
    """Ends the command with one line on standard error, safe for a terminal to show."""
    from engine.errors import shown

    sys.stderr.write(f"mokhatab: {shown(message, LONGEST_MESSAGE)}\n")
    sys.exit(code)


def console() -> Any:
    """Where progress goes: standard error, so that standard output holds the answer alone."""
    from rich.console import Console

    return Console(stderr=True)


def say(answer: dict[str, Any], as_json: bool, draw: Callable[[dict[str, Any]], Any]) -> None:
    """JSON for scripts, or what `draw` makes of the answer for people, on standard output.

    Ids stay byte for byte in JSON. People are shown what would command their terminal, escaped.
    """
    if as_json:
        typer.echo(json.dumps(answer, ensure_ascii=False, default=str))
        return
    from rich.console import Console

    # ids and names are other people's: brackets and colons in them are no markup
    Console(markup=False, emoji=False).print(draw(harmless(answer)))


def harmless(value: Any) -> Any:
    """The same, all texts within it safe for a terminal to show; lines still end where they did."""
    if isinstance(value, str):
        return HARMFUL.sub(lambda sign: sign[0].encode("unicode_escape").decode(), value)
    if isinstance(value, dict):
        return {harmless(key): harmless(one) for key, one in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(harmless, value))
    return value
