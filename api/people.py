"""Verbs on people: what they allow, and that they be forgotten.

In: words after `mokhatab consent` and `mokhatab erase`. Out: tables or JSON. Never: training.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from api.terminal import Json, an_id, home_of, say

consent = typer.Typer(help="What people allow: show, set, object, import.", no_args_is_help=True)
integrity = typer.Typer(
    help="Accounts held out of training until somebody looked: list, release.",
    no_args_is_help=True,
)
User = Annotated[str, typer.Argument(help="The user's id.", callback=an_id)]
Source = Annotated[str, typer.Option(help="Where it was said.")]


@consent.command("show")
def consent_show(context: typer.Context, user: User, as_json: Json = False) -> None:
    """What a person allowed, and what follows from it."""
    from api import printing
    from engine.operations.consent import show_consent

    say(show_consent(home_of(context), user), as_json, printing.as_lines)


@consent.command(
    "set",
    epilog="Example: mokhatab consent set u17 --store --profile --no-select --measure "
    "--source 'form 3'",
)
def consent_set(
    context: typer.Context,
    user: User,
    source: Source,
    store: Annotated[bool, typer.Option(help="What they do may be kept.")],
    profile: Annotated[bool, typer.Option(help="Interests may be learned from it.")],
    select: Annotated[bool, typer.Option(help="They may be chosen for an audience.")],
    measure: Annotated[bool, typer.Option(help="Their reactions may be counted.")],
    as_json: Json = False,
) -> None:
    """Records what a person said of each purpose; answers heed it from now on."""
    from api import printing
    from engine.operations.consent import record_consent

    purposes = {"store": store, "profile": profile, "select": select, "measure": measure}
    answer = record_consent(
        home_of(context), user, source=source, now=datetime.now(UTC), purposes=purposes
    )
    say(answer, as_json, printing.as_lines)


@consent.command("object", epilog="Example: mokhatab consent object u17 --source 'GPC header'")
def consent_object(
    context: typer.Context, user: User, source: Source, as_json: Json = False
) -> None:
    """Records that a person objects to profiles and to being selected, as GPC signals do."""
    from api import printing
    from engine.operations.consent import record_consent

    answer = record_consent(home_of(context), user, source=source, now=datetime.now(UTC), gpc=True)
    say(answer, as_json, printing.as_lines)


@consent.command("import", epilog="Example: mokhatab consent import consents.csv")
def consent_import(
    context: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(
            help="Parquet, CSV or NDJSON: user_id, store, profile, select, measure, source, "
            "and perhaps occurred_at and gpc."
        ),
    ],
    as_json: Json = False,
) -> None:
    """Records the consent of many people; tells the numbers of refused rows, and why."""
    from api import printing
    from engine.operations.consent import import_consents
    from engine.store.files import read_table

    answer = import_consents(home_of(context), read_table(file), now=datetime.now(UTC))
    if not as_json:
        why = answer["why"].items()
        answer["why"] = [f"row {', '.join(map(str, rows))}: {reason}" for reason, rows in why]
    say(answer, as_json, printing.as_lines)


def erase(context: typer.Context, user: User, as_json: Json = False) -> None:
    """Removes a person from everything that is kept here, and keeps them out; gives a receipt."""
    from api import printing
    from engine.operations.erasure import erase_user

    answer = erase_user(home_of(context), user, now=datetime.now(UTC))
    say(answer, as_json, printing.as_lines)


@integrity.command("list")
def integrity_list(
    context: typer.Context,
    look: Annotated[bool, typer.Option(help="Search the log anew, and tell of bursts.")] = False,
    as_json: Json = False,
) -> None:
    """Who is held, and why."""
    from api import printing
    from engine.operations.integrity import list_suspects

    say(list_suspects(home_of(context), look=look), as_json, printing.suspects)


@integrity.command("release", epilog="Example: mokhatab integrity release u17")
def integrity_release(context: typer.Context, user: User, as_json: Json = False) -> None:
    """Lets the next retrain learn from an account again; it is not held a second time."""
    from api import printing
    from engine.operations.integrity import release

    say(release(home_of(context), user), as_json, printing.as_lines)


def register(app: typer.Typer) -> None:
    """Puts these verbs into the command."""
    app.add_typer(consent, name="consent")
    app.add_typer(integrity, name="integrity")
    app.command(epilog="Example: mokhatab erase u17 --json")(erase)
