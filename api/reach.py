"""The verb on advocates: whom to ask to carry the word, and how far it would go.

In: words after `mokhatab reach`. Out: a table or JSON. Never: training.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.terminal import Json, console, home_of, say


def reach(
    context: typer.Context,
    seeds: Annotated[int, typer.Option(min=1, help="How many people to ask.")] = 10,
    graph: Annotated[
        Path | None,
        typer.Option(
            help="Ties: follower_id, followee_id and, where known, chance; .parquet, .csv, "
            ".ndjson. Without it, those of the home."
        ),
    ] = None,
    proof: Annotated[
        float | None,
        typer.Option(help="Part of the best possible reach to prove, as 0.95; more takes longer."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the draws.")] = 0,
    as_json: Json = False,
) -> None:
    """Whom to ask to carry the word, and how many people it would reach."""
    from api import printing_reach
    from engine.operations.advocates import advocates

    home = home_of(context)
    with printing_reach.drawing(console()) as tick:
        answer = advocates(home, count=seeds, ties=graph, proof=proof, seed=seed, tick=tick)
    say(answer, as_json, printing_reach.reach)


def register(app: typer.Typer) -> None:
    """Puts this verb into the command."""
    app.command(epilog="Example: mokhatab reach --graph follows.parquet --seeds 50")(reach)
