"""Verbs on what is kept: versions of the model, keys of the API, and the inbox.

In: words after `mokhatab models`, `mokhatab keys` and `mokhatab compact`. Out: tables or JSON.
Never: training, and never a key a second time.
"""

from __future__ import annotations

from typing import Annotated

import typer

from api.terminal import Json, home_of, say

models = typer.Typer(
    help="Versions of the model: list, show, promote, roll back.", no_args_is_help=True
)
keys = typer.Typer(help="Keys of the API: create, list, revoke.", no_args_is_help=True)
SCOPES = (
    "With commas between, of segments:read, audiences:read, events:write, campaigns:write, "
    "exports:write, models:write, members:write."
)


@models.command("list")
def models_list(context: typer.Context, as_json: Json = False) -> None:
    """Versions in this home, the champion marked."""
    from api import printing
    from engine.operations.models import list_models

    say({"models": list_models(home_of(context))}, as_json, printing.models)


@models.command("show")
def models_show(
    context: typer.Context,
    version: Annotated[str | None, typer.Argument(help="The champion where missing.")] = None,
    as_json: Json = False,
) -> None:
    """Recipe, data window and figures of a version."""
    from api import printing
    from engine.operations.models import show_model

    say(show_model(home_of(context), version), as_json, printing.as_lines)


@models.command("promote")
def models_promote(
    context: typer.Context,
    version: Annotated[str, typer.Argument(help="As `models list` shows it.")],
    as_json: Json = False,
) -> None:
    """Makes a version the champion."""
    from api import printing
    from engine.operations.models import promote_model

    say(promote_model(home_of(context), version, actor="cli"), as_json, printing.as_lines)


@models.command("rollback")
def models_rollback(context: typer.Context, as_json: Json = False) -> None:
    """Goes back to the champion before this one."""
    from api import printing
    from engine.operations.models import rollback_model

    say(rollback_model(home_of(context), actor="cli"), as_json, printing.as_lines)


@keys.command(
    "create",
    epilog="Example: mokhatab keys create --name bidder --scopes segments:read,audiences:read",
)
def keys_create(
    context: typer.Context,
    name: Annotated[str, typer.Option(help="Who will use it; no two keys share one.")],
    scopes: Annotated[str, typer.Option(help=SCOPES)],
    member: Annotated[
        str | None,
        typer.Option(help="Whose key it is: it sees the products of their teams, ends with them."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Makes a key and shows it this once; only its hash is kept."""
    from api import printing
    from engine.operations.keys import create_key

    key = create_key(home_of(context), name=name, scopes=scopes.split(","), member=member)
    say({"key": key}, as_json, printing.key)


@keys.command("list")
def keys_list(context: typer.Context, as_json: Json = False) -> None:
    """Keys by name and prefix; the keys themselves are not known."""
    from api import printing
    from engine.operations.keys import list_keys

    answer = {"keys": [vars(key) for key in list_keys(home_of(context))]}
    say(answer, as_json, printing.keys)


@keys.command("revoke")
def keys_revoke(
    context: typer.Context,
    key: Annotated[str, typer.Argument(help="Its name, or its prefix as `keys list` shows it.")],
    as_json: Json = False,
) -> None:
    """Makes a key useless, named by its name or its prefix."""
    from api import printing
    from engine.operations.keys import revoke_key

    revoke_key(home_of(context), key)
    say({"revoked": key}, as_json, printing.as_lines)


def compact(context: typer.Context, as_json: Json = False) -> None:
    """Moves what came in over HTTP from the inbox to the event log."""
    from api import printing
    from engine.operations.intake import compact as move

    say({"moved": move(home_of(context))}, as_json, printing.moved)


def register(app: typer.Typer) -> None:
    """Puts these verbs into the command."""
    app.add_typer(models, name="models")
    app.add_typer(keys, name="keys")
    app.command(epilog="Retrain and ingest do it first; this keeps the inbox short.")(compact)
