"""Verbs on campaigns: made, planned, approved, run and judged.

In: words after `mokhatab campaign` and `mokhatab lift`. Out: tables or JSON; a list of people.
Never: training, or somebody else's name: who acts is who was named.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from api.terminal import Json, an_id, home_of, say

campaign = typer.Typer(
    help="Campaigns: create, show, list, set, plan, approve, start, finish, cancel, audit, "
    "audience.",
    no_args_is_help=True,
)
Words = list[str] | None
Id = Annotated[str, typer.Argument(help="The campaign's id.", callback=an_id)]
As = Annotated[
    str | None,
    typer.Option("--as", envvar="MOKHATAB_MEMBER", help="Who acts, where there are members."),
]
Version = Annotated[
    int | None, typer.Option("--if-version", help="Only if it is still this version.")
]
Market = Annotated[str | None, typer.Option(help="b2c or b2b.")]
Team = Annotated[str | None, typer.Option(help="Whose it is; others do not see it.")]
Channels = Annotated[Words, typer.Option("--channel", help="A network; repeat it for more.")]
Segments = Annotated[Words, typer.Option("--segment", help="Address these people; repeat it.")]
Exclusions = Annotated[Words, typer.Option("--exclude", help="Not people of this segment.")]
Locks = Annotated[
    Words, typer.Option("--lock", help="Exactly: CHANNEL=AMOUNT or CHANNEL/SEGMENT=AMOUNT.")
]
Responsible = Annotated[
    Words,
    typer.Option(help="STEP=MEMBER; steps: channels, budget, team, audience, promotion, results."),
]
Holdout = Annotated[
    float | None, typer.Option("--holdout", help="Share that is held out to measure by.")
]
Posts = Annotated[int | None, typer.Option(help="Posts a week the team can make.")]
Schedule = Annotated[
    Words,
    typer.Option("--post", help="CHANNEL@DAY:HOUR, day 0 Monday; instead of the recommended."),
]
Window = Annotated[
    int | None, typer.Option(help="Days after the last one that outcomes still count.")
]


@campaign.command(
    "create",
    epilog="Example: mokhatab campaign create 'Spring poetry' --product p17 --goal sales "
    "--budget 4000 --currency EUR --start 2027-03-21 --end 2027-04-03",
)
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="What people call it.")],
    product: Annotated[str, typer.Option(help="What is promoted.", callback=an_id)],
    goal: Annotated[str, typer.Option(help="traffic, sales, awareness or loyalty.")],
    budget: Annotated[str, typer.Option(help="Exact, as 4000 or 3999.50.")],
    currency: Annotated[str, typer.Option(help="The one currency of it, as EUR.")],
    start: Annotated[str, typer.Option(help="First day, as 2027-03-21.")],
    end: Annotated[str, typer.Option(help="Last day, which belongs to it.")],
    id: Annotated[str | None, typer.Option("--id", help="Else one is made.")] = None,
    market: Market = None,
    team: Team = None,
    channel: Channels = None,
    segment: Segments = None,
    exclude: Exclusions = None,
    lock: Locks = None,
    responsible: Responsible = None,
    holdout: Holdout = None,
    posts: Posts = None,
    post: Schedule = None,
    window_days: Window = None,
    actor: As = None,
    as_json: Json = False,
) -> None:
    """Makes a draft; what is left out is recommended when it is planned."""
    typed = dict(locals())
    from api.campaign_words import fields_of
    from engine.operations import campaigns

    given = fields_of(typed)
    home, on = home_of(context), campaigns.Occasion(datetime.now(UTC))
    _say(campaigns.create(home, _actor(home, actor), given, on), as_json)


@campaign.command("set", epilog="Example: mokhatab campaign set c-1 --budget 4500 --end 2027-04-10")
def change(
    context: typer.Context,
    id: Id,
    name: Annotated[str | None, typer.Option(help="What people call it.")] = None,
    product: Annotated[str | None, typer.Option(help="What is promoted.")] = None,
    goal: Annotated[str | None, typer.Option(help="traffic, sales, awareness or loyalty.")] = None,
    budget: Annotated[str | None, typer.Option(help="Exact, as 4000 or 3999.50.")] = None,
    currency: Annotated[str | None, typer.Option(help="With budget and locks in it.")] = None,
    start: Annotated[str | None, typer.Option(help="First day, as 2027-03-21.")] = None,
    end: Annotated[str | None, typer.Option(help="Last day, which belongs to it.")] = None,
    market: Market = None,
    team: Team = None,
    channel: Channels = None,
    segment: Segments = None,
    exclude: Exclusions = None,
    lock: Locks = None,
    responsible: Responsible = None,
    holdout: Holdout = None,
    posts: Posts = None,
    post: Schedule = None,
    window_days: Window = None,
    clear: Annotated[
        Words,
        typer.Option(
            help="Back to the recommended: channels, segments, exclusions, locks, responsible, "
            "schedule, posts, window_days or team."
        ),
    ] = None,
    if_version: Version = None,
    actor: As = None,
    as_json: Json = False,
) -> None:
    """Changes fields; what moves money or people makes a draft of it again."""
    typed = dict(locals())
    from api.campaign_words import cleared, fields_of
    from engine.operations import campaigns

    given = fields_of(typed | {"id": None}) | cleared(clear)
    home, on = home_of(context), campaigns.Occasion(datetime.now(UTC), if_version)
    _say(campaigns.change(home, _actor(home, actor), id, given, on), as_json)


@campaign.command("show")
def show(context: typer.Context, id: Id, actor: As = None, as_json: Json = False) -> None:
    """How it stands: each step as recommended and as chosen, its plan, what may follow."""
    from engine.operations import campaigns

    home = home_of(context)
    _say(campaigns.show(home, _actor(home, actor), id), as_json)


@campaign.command("list")
def list_all(
    context: typer.Context,
    status: Annotated[str | None, typer.Option(help="Only those in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100000, help="At most so many.")] = 50,
    actor: As = None,
    as_json: Json = False,
) -> None:
    """Campaigns, newest first."""
    from api import printing_campaigns
    from engine.operations import campaigns
    from engine.operations.campaign_view import summarise

    home = home_of(context)
    found, _ = campaigns.list_campaigns(home, _actor(home, actor), most=limit, status=status)
    answer = {"campaigns": [summarise(one) for one in found]}
    say(answer, as_json, printing_campaigns.campaigns)


@campaign.command("plan", epilog="Example: mokhatab campaign plan c-1")
def plan(
    context: typer.Context,
    id: Id,
    if_version: Version = None,
    actor: As = None,
    as_json: Json = False,
) -> None:
    """Recommends each step, splits the money over what was chosen, and warns before it is spent."""
    plan_campaign(context, id, (actor, if_version), as_json=as_json)


def plan_campaign(
    context: typer.Context, id: str, how: tuple[str | None, int | None], *, as_json: bool
) -> None:
    """The same, for the verb `mokhatab plan` as well."""
    from engine.operations import campaigns

    home = home_of(context)
    on = campaigns.Occasion(datetime.now(UTC), how[1])
    _say(campaigns.plan(home, _actor(home, how[0]), id, on), as_json)


@campaign.command("approve", epilog="Example: mokhatab campaign approve c-1 --as mina")
def approve(
    context: typer.Context,
    id: Id,
    accept_undetectable: Annotated[
        bool,
        typer.Option(
            "--accept-undetectable", help="Also if its effect could not be told from chance."
        ),
    ] = False,
    if_version: Version = None,
    actor: As = None,
    as_json: Json = False,
) -> None:
    """Approves plan and money, and sets apart who is held out."""
    from engine.operations import campaigns

    home = home_of(context)
    on = campaigns.Occasion(datetime.now(UTC), if_version, accept_undetectable=accept_undetectable)
    _say(campaigns.approve(home, _actor(home, actor), id, on), as_json)


@campaign.command("start")
def start(
    context: typer.Context,
    id: Id,
    if_version: Version = None,
    actor: As = None,
    as_json: Json = False,
) -> None:
    """Says that an approved campaign runs."""
    _move(context, ("start", id), (actor, if_version), as_json)


@campaign.command("finish")
def finish(
    context: typer.Context,
    id: Id,
    if_version: Version = None,
    actor: As = None,
    as_json: Json = False,
) -> None:
    """Says that a campaign that ran has ended."""
    _move(context, ("finish", id), (actor, if_version), as_json)


@campaign.command("cancel")
def cancel(
    context: typer.Context,
    id: Id,
    if_version: Version = None,
    actor: As = None,
    as_json: Json = False,
) -> None:
    """Ends a campaign early; its record and its log stay."""
    _move(context, ("cancel", id), (actor, if_version), as_json)


def _move(
    context: typer.Context,
    what: tuple[str, str],
    how: tuple[str | None, int | None],
    as_json: bool,
) -> None:
    from engine.operations import campaigns

    home = home_of(context)
    on = campaigns.Occasion(datetime.now(UTC), how[1])
    verb = getattr(campaigns, what[0])
    _say(verb(home, _actor(home, how[0]), what[1], on), as_json)


@campaign.command("audit")
def audit(context: typer.Context, id: Id, actor: As = None, as_json: Json = False) -> None:
    """Who did what when, with what was before and after; nothing of it is ever changed."""
    from api import printing_campaigns
    from engine.operations import campaigns
    from engine.operations.campaign_view import line_of

    home = home_of(context)
    found = campaigns.audit(home, _actor(home, actor), id)
    answer = {"campaign_id": id, "lines": [line_of(entry) for entry in found]}
    say(answer, as_json, printing_campaigns.audit)


@campaign.command("audience", epilog="Example: mokhatab campaign audience c-1 --out people.csv")
def audience(
    context: typer.Context,
    id: Id,
    out: Annotated[Path, typer.Option(help="File to write: .parquet, .csv or .ndjson.")],
    actor: As = None,
    as_json: Json = False,
) -> None:
    """Writes whom an approved campaign addresses: nobody held out, nobody who withdrew."""
    from api import printing
    from engine.operations.campaign_lift import addressed
    from engine.store.files import write_table

    home = home_of(context)
    people = addressed(home, _actor(home, actor), id)
    write_table(out, people.lazy(), for_people=True)
    say({"campaign_id": id, "rows": people.height, "out": str(out)}, as_json, printing.as_lines)


def lift(
    context: typer.Context,
    campaign: Annotated[str, typer.Argument(help="The campaign's id.", callback=an_id)],
    actor: As = None,
    as_json: Json = False,
) -> None:
    """What a campaign changed: those addressed beside those held out, with an interval."""
    from api import printing_campaigns
    from engine.operations.campaign_lift import lift as measure

    home = home_of(context)
    answer = measure(home, _actor(home, actor), campaign, now=datetime.now(UTC))
    say(answer, as_json, printing_campaigns.lift)


def _actor(home: Any, name: str | None) -> Any:
    from engine.operations.members import acting

    return acting(home, name)


def _say(found: Any, as_json: bool) -> None:
    from api import printing_campaigns
    from engine.operations.campaign_view import describe

    say(describe(found), as_json, printing_campaigns.campaign)


def register(app: typer.Typer) -> None:
    """Puts these verbs into the command."""
    app.add_typer(campaign, name="campaign")
    app.command(epilog="Example: mokhatab lift c-1")(lift)
