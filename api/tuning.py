"""The verb that tunes: recipes of fits, what acts are worth, how wide to address.

In: words after `mokhatab tune`. Out: what a study found, as a table or JSON. Never: a study.
"""

from __future__ import annotations

from typing import Annotated

import typer

from api.terminal import Json, console, home_of, say

WHAT = ("recipe", "evidence", "targeting")


def tune(
    context: typer.Context,
    trials: Annotated[
        int | None, typer.Option(min=1, help="How many more; of targeting, of each study.")
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option(
            min=1, help="Seconds the trials may take; what they learn from is prepared before that."
        ),
    ] = None,
    what: Annotated[
        str,
        typer.Option(
            help="recipe: of the fits; evidence: what acts are worth; targeting: how wide to "
            "address each product, ranked by what, with how many segments."
        ),
    ] = "recipe",
    seed: Annotated[int, typer.Option(min=0, help="Of everything random.")] = 0,
    as_json: Json = False,
) -> None:
    """Searches for better settings of this home; goes on where it stopped."""
    from api import printing, printing_targeting

    if what not in WHAT:
        raise typer.BadParameter("--what is recipe, evidence or targeting")
    given = {"trials": trials, "timeout": timeout, "seed": seed, "console": console()}
    if what == "targeting":
        from training.targeting import tune_targeting

        aimed = tune_targeting(home_of(context), **given)
        return say(aimed.to_dict(), as_json, printing_targeting.aimed)
    from training.tune import tune as search
    from training.tune_evidence import tune_evidence

    search = tune_evidence if what == "evidence" else search
    found = search(home_of(context), **given)
    return say(found.to_dict(), as_json, printing.tuned)


def register(app: typer.Typer) -> None:
    """Puts the verb into the command."""
    app.command(epilog="Example: mokhatab tune --timeout 600")(tune)
