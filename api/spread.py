"""The verb on spread: how far a word goes, and what ads earn beside what they pay for.

In: words after `mokhatab spread`. Out: a table with a picture, or JSON. Never: training.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from api.terminal import Json, an_id, console, home_of, say

MODELS = ("cascade", "threshold")


def spread(
    context: typer.Context,
    starters: Annotated[
        Path | None,
        typer.Option(help="Who starts: user_id and, where known, chance; .parquet, .csv, .ndjson."),
    ] = None,
    graph: Annotated[
        Path | None,
        typer.Option(
            help="Ties, with --starters: follower_id, followee_id and, where known, chance. "
            "Without it, those that the model learned, or those of the home."
        ),
    ] = None,
    product: Annotated[str | None, typer.Option(help="What ads are for.", callback=an_id)] = None,
    segment: Annotated[
        str | None, typer.Option(help="Whom ads touch, with --product.", callback=an_id)
    ] = None,
    paid: Annotated[
        float | None, typer.Option(help="Part of the segment that ads touch, as 0.3.")
    ] = None,
    horizon_hours: Annotated[
        float | None, typer.Option(help="Only what comes in so many hours; else all that comes.")
    ] = None,
    model: Annotated[
        str,
        typer.Option(
            help="cascade: each tie passes the word on by its chance; threshold: people take it up "
            "once enough of those whose word they take have it."
        ),
    ] = "cascade",
    channel: Annotated[
        str | None, typer.Option(help="Only what is said there, by ties that the model learned.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the draws.")] = 0,
    as_json: Json = False,
) -> None:
    """How many people a word reaches, and by when; with --paid, what ads reach and earn together.

    Reached is who starts or is touched by an ad, or takes the word up and passes it on. Who merely
    sees it is not counted.
    """
    if model not in MODELS:
        raise typer.BadParameter(f"--model is {' or '.join(MODELS)}")
    ads = (product, segment, paid)
    if (starters is None) == (product is None):
        raise typer.BadParameter("give either --starters, or --product, --segment and --paid")
    if starters is None and (None in ads or graph is not None):
        raise typer.BadParameter("--product needs --segment and --paid, and takes no --graph")
    if starters is not None and any(word is not None for word in ads):
        raise typer.BadParameter("--segment and --paid need a --product, and no --starters")
    from api import printing_spread
    from engine.operations.journey import Journey

    journey = Journey(model, horizon_hours, channel, seed)
    with printing_spread.trying(console()) as tick:
        if starters is not None:
            answer = _of_starters(context, (starters, graph), journey, tick)
        else:
            answer = _of_paid(context, ads, journey, tick)
    say(answer, as_json, printing_spread.spread)


def _of_starters(
    context: typer.Context, files: tuple[Path, Path | None], journey: Any, tick: Any
) -> dict[str, Any]:
    from engine.operations.spread import spread_of_starters
    from engine.store.files import read_table

    table = read_table(files[0])
    return spread_of_starters(home_of(context), table, journey, ties=files[1], tick=tick)


def _of_paid(
    context: typer.Context, ads: tuple[Any, ...], journey: Any, tick: Any
) -> dict[str, Any]:
    from engine.operations.paid_reach import Paid, spread_of_paid
    from engine.operations.permits import permitted_now
    from engine.store.artefacts import open_model

    home = home_of(context)
    found = permitted_now(home, open_model(home))
    return spread_of_paid(home, found, Paid(*ads), journey, tick=tick)


def register(app: typer.Typer) -> None:
    """Puts this verb into the command."""
    app.command(
        epilog="Example: mokhatab spread --graph follows.parquet --starters ids.csv "
        "--horizon-hours 48"
    )(spread)
