"""What all verbs of the command share: where they work, and how they answer.

In: the context of a command, answers as plain dicts. Out: a home, JSON or tables.
Never: a verb.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

# what takes long to import is imported by who needs it: help must come at once

Json = Annotated[bool, typer.Option("--json", help="Answer as JSON on standard output.")]


@dataclass
class Place:
    """Where the command works: set by the options before the verb."""

    home: Path


def home_of(context: typer.Context) -> Any:
    """The home that the command was given."""
    from engine.store.home import Home

    return Home(context.obj.home)


def console() -> Any:
    """Where progress goes: standard error, so that standard output holds the answer alone."""
    from rich.console import Console

    return Console(stderr=True)


def say(answer: dict[str, Any], as_json: bool, draw: Callable[[dict[str, Any]], Any]) -> None:
    """JSON for scripts, or what `draw` makes of the answer for people, on standard output."""
    if as_json:
        typer.echo(json.dumps(answer, ensure_ascii=False, default=str))
        return
    from rich.console import Console

    # ids and names are other people's: brackets and colons in them are no markup
    Console(markup=False, emoji=False).print(draw(answer))
