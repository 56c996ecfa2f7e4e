"""The verbs of the command that live in rooms of their own, in the order in which help tells them.

In: the command. Out: the same with these verbs. Never: a verb itself.
"""

from __future__ import annotations

import typer

from api import (
    accounts,
    attribution,
    campaigns,
    forecast,
    members,
    people,
    persuasion,
    planning,
    reach,
    registry,
    reports,
    spread,
    tuning,
    word,
)
from api.texts import text

ROOMS = (
    registry,
    members,
    people,
    accounts,
    planning,
    campaigns,
    persuasion,
    tuning,
    attribution,
    reach,
    spread,
    word,
    forecast,
)


def register(app: typer.Typer) -> None:
    """Puts the verbs of all rooms into the command."""
    for room in ROOMS:
        room.register(app)
    reports.register(app, campaigns.campaign)
    app.command(epilog="Example: mokhatab text --task intent --predict t.csv --out read.csv")(text)
