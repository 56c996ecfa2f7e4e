"""The verb on whom a campaign moved.

In: words after `mokhatab uplift`. Out: tables or JSON. Never: a person's id.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from api.campaigns import As, Id
from api.terminal import Json, home_of, say


def uplift(
    context: typer.Context,
    campaign: Id,
    keep: Annotated[
        bool,
        typer.Option("--keep", help="Hand those worth addressing again to later plans."),
    ] = False,
    seed: Annotated[int, typer.Option(help="Of the folds and of the models.")] = 0,
    actor: As = None,
    as_json: Json = False,
) -> None:
    """Whom a campaign moved: its effect in each segment, and who is worth addressing again."""
    from api import printing_persuasion
    from engine.operations.campaign_uplift import uplift as measure
    from engine.operations.members import acting

    home = home_of(context)
    who = acting(home, actor)
    answer = measure(home, who, campaign, now=datetime.now(UTC), seed=seed, keep=keep)
    say(answer, as_json, printing_persuasion.uplift)


def register(app: typer.Typer) -> None:
    """Puts this verb into the command."""
    app.command(epilog="Example: mokhatab uplift c-1 --keep")(uplift)
