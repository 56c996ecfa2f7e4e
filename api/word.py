"""The verb on word of mouth: what people say of products, and whether somebody should look.

In: words after `mokhatab word`. Out: tables with a chart, or JSON; exit code 3 where one alerts.
Never: who spoke.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from api.reports import moment_of
from api.terminal import Json, an_id, console, home_of, say

ALERTED = 3


def word(
    context: typer.Context,
    product: Annotated[
        str | None, typer.Argument(help="The product's id; without it, all.", callback=an_id)
    ] = None,
    days: Annotated[
        int | None,
        typer.Option(help="Days that are judged, and as many before them; 28 if not set."),
    ] = None,
    as_of: Annotated[
        str | None, typer.Option(help="Up to then, as 2027-04-01 or 2027-04-01T12:00:00Z.")
    ] = None,
    alert: Annotated[
        bool, typer.Option("--alert", help="Exit with 3 where a product alerts; for schedulers.")
    ] = False,
    as_json: Json = False,
) -> None:
    """What people say of products: how many speak ill, since when, and of what.

    Counted are people, not acts, by what others can see: reviews, comments, posts, shares.
    """
    from api import printing, printing_word
    from engine.frames import EVENTS
    from engine.operations.intake import compact
    from engine.operations.word_health import word_of, word_of_all
    from engine.operations.word_heard import span_of

    home, now = home_of(context), datetime.now(UTC)
    span = span_of(home, now=now, days=days, as_of=moment_of(as_of))
    with printing.waiting(console(), "reading what people said"):
        compact(home, EVENTS.name)
        answer = word_of_all(home, span) if product is None else word_of(home, product, span)
    say(answer, as_json, printing_word.products if product is None else printing_word.product)
    alerts = answer["alerts"] if product is None else answer["state"] == "alert"
    if alert and alerts:
        raise typer.Exit(ALERTED)


def register(app: typer.Typer) -> None:
    """Puts this verb into the command."""
    app.command(epilog="Example: mokhatab word p17 --days 14")(word)
