"""Verbs on who works here: members and their roles, teams, what teams own and when they work.

In: words after `mokhatab members` and `mokhatab teams`. Out: tables or JSON.
Never: an e-mail in an error, or a change by nobody once there are members.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from api.terminal import Json, an_id, home_of, say

members = typer.Typer(
    help="Who works here, in which role: list, add, change, remove.", no_args_is_help=True
)
teams = typer.Typer(
    help="Teams, what they own, when they work: list, create, join, own, hours, week, ...",
    no_args_is_help=True,
)
As = Annotated[
    str | None,
    typer.Option("--as", envvar="MOKHATAB_MEMBER", help="Which member you are, where there are."),
]
Name = Annotated[str, typer.Argument(help="A member's name.", callback=an_id)]
Team = Annotated[str, typer.Argument(help="A team's name.", callback=an_id)]
Display = Annotated[str | None, typer.Option(help="As people call them.")]
Email = Annotated[str | None, typer.Option(help="Kept for other members; '' takes it away.")]
ROLES = "owner, admin, marketer, analyst, viewer or platform."


def _acting(context: typer.Context, name: str | None) -> Any:
    from engine.operations.members import acting

    return acting(home_of(context), name)


def _reading(context: typer.Context, name: str | None) -> Any:
    """Who reads: in a terminal of this machine everybody may, unless they say who they are."""
    from engine.operations.members import LOCAL, actor_of

    return LOCAL if name is None else actor_of(home_of(context), name)


@members.command("list")
def members_list(
    context: typer.Context,
    everybody: Annotated[bool, typer.Option("--all", help="Removed ones too.")] = False,
    member: As = None,
    as_json: Json = False,
) -> None:
    """Members by name."""
    from api import printing_members as printing
    from engine.operations.members import list_members

    actor = _reading(context, member)
    found = list_members(home_of(context), actor, removed=everybody)
    say({"members": found}, as_json, printing.members)


@members.command("add", epilog="Example: mokhatab members add sara --role marketer")
def members_add(
    context: typer.Context,
    name: Name,
    role: Annotated[str, typer.Option(help=ROLES)],
    display: Display = None,
    email: Email = None,
    member: As = None,
    as_json: Json = False,
) -> None:
    """Adds a member; the first one is an owner."""
    from api import printing
    from engine.operations.members import Card, add_member

    card = Card(role, display, email)
    answer = add_member(home_of(context), _acting(context, member), name, card)
    say(answer, as_json, printing.as_lines)


@members.command("change", epilog="Example: mokhatab members change sara --role analyst")
def members_change(
    context: typer.Context,
    name: Name,
    role: Annotated[str | None, typer.Option(help=ROLES)] = None,
    display: Display = None,
    email: Email = None,
    member: As = None,
    as_json: Json = False,
) -> None:
    """Changes what is named, and leaves the rest."""
    from api import printing
    from engine.operations.members import Card, change_member

    card = Card(role, display, email)
    answer = change_member(home_of(context), _acting(context, member), name, card)
    say(answer, as_json, printing.as_lines)


@members.command("remove")
def members_remove(
    context: typer.Context, name: Name, member: As = None, as_json: Json = False
) -> None:
    """Ends a member and their keys; the name stays theirs, in records of what they did."""
    from api import printing
    from engine.operations.members import remove_member

    answer = remove_member(home_of(context), _acting(context, member), name)
    say(answer, as_json, printing.as_lines)


@teams.command("list")
def teams_list(context: typer.Context, member: As = None, as_json: Json = False) -> None:
    """Teams by name."""
    from api import printing_members as printing
    from engine.operations.teams import list_teams

    found = list_teams(home_of(context), _reading(context, member))
    say({"teams": found}, as_json, printing.teams)


@teams.command("show")
def teams_show(
    context: typer.Context, team: Team, member: As = None, as_json: Json = False
) -> None:
    """One team: members, products, hours."""
    from api import printing_members as printing
    from engine.operations.teams import show_team

    say(show_team(home_of(context), _reading(context, member), team), as_json, printing.team)


@teams.command("create", epilog="Example: mokhatab teams create tehran --zone Asia/Tehran")
def teams_create(
    context: typer.Context,
    team: Team,
    zone: Annotated[str, typer.Option(help="Time zone of its hours, by its IANA name.")] = "UTC",
    member: As = None,
    as_json: Json = False,
) -> None:
    """Makes a team that is empty."""
    from api import printing_members as printing
    from engine.operations.teams import create_team

    answer = create_team(home_of(context), _acting(context, member), team, zone=zone)
    say(answer, as_json, printing.team)


def _change(
    context: typer.Context, team: str, member: str | None, as_json: bool, **change: Any
) -> None:
    from api import printing_members as printing
    from engine.operations.teams import TeamChange, change_team

    actor = _acting(context, member)
    answer = change_team(home_of(context), actor, team, TeamChange(**change))
    say(answer, as_json, printing.team)


Names = Annotated[list[str], typer.Argument(help="Names of members.")]
Products = Annotated[list[str], typer.Argument(help="Ids of products.")]


@teams.command("join", epilog="Example: mokhatab teams join tehran sara omid")
def teams_join(
    context: typer.Context, team: Team, names: Names, member: As = None, as_json: Json = False
) -> None:
    """Puts members into a team."""
    _change(context, team, member, as_json, join=tuple(names))


@teams.command("leave")
def teams_leave(
    context: typer.Context, team: Team, names: Names, member: As = None, as_json: Json = False
) -> None:
    """Takes members out of a team; hours of their own go."""
    _change(context, team, member, as_json, leave=tuple(names))


@teams.command("own", epilog="Example: mokhatab teams own tehran p17 p18")
def teams_own(
    context: typer.Context, team: Team, products: Products, member: As = None, as_json: Json = False
) -> None:
    """Gives products to a team; keys of its members see only these."""
    _change(context, team, member, as_json, own=tuple(products))


@teams.command("disown")
def teams_disown(
    context: typer.Context, team: Team, products: Products, member: As = None, as_json: Json = False
) -> None:
    """Takes products from a team."""
    _change(context, team, member, as_json, disown=tuple(products))


@teams.command(
    "hours", epilog="Example: mokhatab teams hours tehran 'sat-wed 09:00-17:00' --zone Asia/Tehran"
)
def teams_hours(
    context: typer.Context,
    team: Team,
    hours: Annotated[
        list[str] | None, typer.Argument(help="As 'mon-fri 09:00-17:00'; none: no hours.")
    ] = None,
    of: Annotated[
        str | None, typer.Option(help="The hours of one member, instead of the team's.")
    ] = None,
    zone: Annotated[str | None, typer.Option(help="Time zone, by its IANA name.")] = None,
    member: As = None,
    as_json: Json = False,
) -> None:
    """Sets when a team works, or one of its members; what was set before goes."""
    from engine.operations.working_hours import read_hours

    given = read_hours(hours or [])
    _change(context, team, member, as_json, hours=given, hours_of=of, zone=zone)


@teams.command("remove")
def teams_remove(
    context: typer.Context, team: Team, member: As = None, as_json: Json = False
) -> None:
    """Ends a team; what it owned is nobody's then."""
    from api import printing
    from engine.operations.teams import remove_team

    answer = remove_team(home_of(context), _acting(context, member), team)
    say(answer, as_json, printing.as_lines)


@teams.command("week", epilog="Example: mokhatab teams week tehran plan.json")
def teams_week(
    context: typer.Context,
    team: Team,
    plan: Annotated[Path, typer.Argument(help="A plan, or a product's schedule, as JSON.")],
    promoter: Annotated[
        list[str] | None, typer.Option(help="Only this member posts; repeat it for more.")
    ] = None,
    member: As = None,
    as_json: Json = False,
) -> None:
    """Who posts what when: a plan's posts shared among those who promote, within their hours."""
    from api import printing_members as printing
    from engine.operations.workplan import read_plan, work_of_week

    answer = work_of_week(
        home_of(context),
        _reading(context, member),
        team,
        read_plan(plan.read_bytes(), plan.name),
        responsible={"promotion": promoter} if promoter else None,
    )
    say(answer, as_json, printing.week)


@teams.command("work", epilog="Example: mokhatab teams work c-1")
def teams_work(
    context: typer.Context,
    campaign: Annotated[str, typer.Argument(help="A campaign's id.", callback=an_id)],
    member: As = None,
    as_json: Json = False,
) -> None:
    """Who posts what when in a campaign: its posts of a week, shared in the team it belongs to."""
    from api import printing_members as printing
    from engine.operations.campaign_work import work_of_campaign

    answer = work_of_campaign(home_of(context), _reading(context, member), campaign)
    say(answer, as_json, printing.week)


def register(app: typer.Typer) -> None:
    """Puts these verbs into the command."""
    app.add_typer(members, name="members")
    app.add_typer(teams, name="teams")
