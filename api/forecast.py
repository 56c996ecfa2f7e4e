"""The verb on cascades: who is likely to adopt next, and how large it will grow.

In: words after `mokhatab forecast`. Out: a table or JSON. Never: a model of the home; what is
needed is learned from the cascades of the past at each question, so it is as new as the log.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.terminal import Json, an_id, console, home_of, say


def forecast(
    context: typer.Context,
    object_id: Annotated[
        str | None,
        typer.Option("--object", help="The post that is passed on, by its id.", callback=an_id),
    ] = None,
    product: Annotated[
        str | None, typer.Option(help="What spreads, where it is a product.", callback=an_id)
    ] = None,
    cascade: Annotated[
        Path | None,
        typer.Option(
            help="A file of its adopters so far: user_id and at_seconds or occurred_at; .parquet, "
            ".csv, .ndjson. Without moments the order of rows counts. Its moments are of the same "
            "clock as those of the others."
        ),
    ] = None,
    cascades: Annotated[
        Path | None,
        typer.Option(
            help="A file of cascades of the past, which have ended: cascade_id, user_id and "
            "at_seconds or occurred_at. Without it, those of the home."
        ),
    ] = None,
    follows: Annotated[
        Path | None,
        typer.Option(help="Ties: follower_id, followee_id. Without it, those of the home."),
    ] = None,
    action: Annotated[
        list[str] | None,
        typer.Option(help="By which act of a home it passes on; repeat it. As set: share."),
    ] = None,
    limit: Annotated[int, typer.Option(min=0, help="At most so many people are named.")] = 20,
    as_json: Json = False,
) -> None:
    """Who is likely to adopt next in a running cascade, and how large it will grow.

    A cascade are those who share one post, or whatever else passes from one to the next. The first
    act of each person counts.
    """
    from api import printing, printing_forecast
    from engine import settings
    from engine.frames import EVENTS
    from engine.operations.cascades import Question, gather
    from engine.operations.forecast import foretell
    from engine.operations.intake import compact
    from training.forecast import learn

    home = home_of(context)
    asked = Question(object_id, product, cascade, cascades, follows, tuple(action or ()))
    chosen = settings.load("forecast", home.root)
    with printing.waiting(console(), "learning from cascades of the past"):
        if cascades is None:
            compact(home, EVENTS.name)
        ground = gather(home, asked, chosen["cascades"])
        learned = learn(ground.past, ground.begun, chosen, ended=ground.ended)
        answer = foretell(home, ground, learned, limit=limit)
    named = object_id or product or str(cascade)
    say({"cascade": named, **answer}, as_json, printing_forecast.forecast)


def register(app: typer.Typer) -> None:
    """Puts this verb into the command."""
    app.command(epilog="Example: mokhatab forecast --object post-17 --limit 10")(forecast)
