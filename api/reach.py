"""The verb on advocates: whom to ask to carry the word, and how far it would go.

In: words after `mokhatab reach`. Out: a table or JSON. Never: training.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.terminal import Json, an_id, console, home_of, say

if TYPE_CHECKING:
    from engine.operations.advocates import Tick
    from engine.operations.asking import Ask
    from engine.store.home import Home


def reach(
    context: typer.Context,
    seeds: Annotated[
        int | None,
        typer.Option(min=1, help="How many people to ask; 10, or as many as the budget buys."),
    ] = None,
    product: Annotated[
        str | None,
        typer.Option(
            help="Count how much those who hear would like this product; of the model's ties.",
            callback=lambda said: said if said is None else an_id(said),
        ),
    ] = None,
    goal: Annotated[
        str | None, typer.Option(help="Whose audience, with --product; awareness if not set.")
    ] = None,
    share: Annotated[
        float | None, typer.Option(help="Of everybody that is the audience, with --product.")
    ] = None,
    channel: Annotated[
        str | None, typer.Option(help="Only what is said there, with --product.")
    ] = None,
    graph: Annotated[
        Path | None,
        typer.Option(
            help="Ties: follower_id, followee_id and, where known, chance; .parquet, .csv, "
            ".ndjson. Without it those that the model learned, or the follows of the home."
        ),
    ] = None,
    cost: Annotated[float | None, typer.Option(help="What each person asks for.")] = None,
    costs: Annotated[
        Path | None,
        typer.Option(help="What people ask for: user_id, cost. Others ask for --cost, or are out."),
    ] = None,
    budget: Annotated[float | None, typer.Option(help="What all together may cost.")] = None,
    proof: Annotated[
        float | None,
        typer.Option(help="Part of the best possible reach to prove, as 0.95; more takes longer."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the draws.")] = 0,
    as_json: Json = False,
) -> None:
    """Whom to ask to carry the word, and how many people it would reach."""
    from api import printing_reach
    from engine.operations.advocates import advocates
    from engine.operations.asking import Ask
    from engine.store.files import read_table

    home = home_of(context)
    asked = Ask(seeds, cost, read_table(costs) if costs else None, budget, proof, seed)
    if product is not None and graph is not None:
        raise typer.BadParameter("give either --product or --graph")
    if product is None and any(one is not None for one in (goal, share, channel)):
        raise typer.BadParameter("--goal, --share and --channel need a --product")
    with printing_reach.drawing(console()) as tick:
        if product is None:
            answer = advocates(home, asked, ties=graph, tick=tick)
        else:
            answer = _of_product(home, product, asked, (goal or "awareness", share, channel), tick)
    say(answer, as_json, printing_reach.reach)


def _of_product(
    home: Home, product: str, asked: Ask, among: tuple[str, float | None, str | None], tick: Tick
) -> dict[str, Any]:
    from engine.operations.permits import permitted_now
    from engine.operations.product_advocates import product_advocates
    from engine.store.artefacts import open_model

    goal, share, channel = among
    model = permitted_now(home, open_model(home))
    return product_advocates(
        home, model, product, asked, goal=goal, share=share, channel=channel, tick=tick
    )


def register(app: typer.Typer) -> None:
    """Puts this verb into the command."""
    app.command(epilog="Example: mokhatab reach --product p17 --seeds 20")(reach)
