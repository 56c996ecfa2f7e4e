"""What all pages share: one file that holds all it shows, under a policy that allows no more.

In: the name of a template, its styles, what it shows. Out: HTML.
Never: a script, a request to any place, or a name of somebody else that is not escaped.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from engine.errors import shown

HERE = Path(__file__).parent
LONGEST_SENTENCE = 2000


def render(template: str, styles: tuple[str, ...], /, **values: Any) -> str:
    """The page of a template, its styles within it and named by their digest."""
    style = _style(styles)
    return (
        _environment()
        .get_template(template)
        .render(style=Markup(style), style_hash=_hash(style), **values)
    )


def a_day(day: str | date) -> date:
    """A date from its text, or of the moment that a text tells."""
    return day if isinstance(day, date) else date.fromisoformat(day[:10])


def seen(name: object) -> str:
    """An id or a name as a page may repeat it; what cannot be seen is spelled out."""
    return shown(str(name))


def seen_whole(sentence: object) -> str:
    """The same of a sentence, which is shown to its end."""
    return shown(str(sentence), LONGEST_SENTENCE)


def apart(name: str) -> str:
    """A name within a sentence, whose direction does not turn what stands around it."""
    return f"\u2068{name}\u2069"


def _hash(style: str) -> str:
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"'sha256-{digest}'"


@cache
def _style(names: tuple[str, ...]) -> str:
    folder = HERE / "templates"
    return "".join((folder / name).read_text(encoding="utf-8") for name in names)


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "seen": seen,
        "seen_whole": seen_whole,
        "apart": apart,
        "day": a_day,
        "hours": range,
    }
    return made
