"""The verb on money: where it goes, what that should bring, and when to post.

In: words after `mokhatab plan`. Out: tables and bars, JSON, or a page.
Never: a plan that is kept, except as that of a campaign: what is asked again is planned again.
"""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from api.campaigns import As, plan_campaign
from api.terminal import Json, an_id, console, home_of, say

PAGES = (".html", ".htm")
Words = list[str] | None
LIMIT = "CHANNEL=AMOUNT or CHANNEL/SEGMENT=AMOUNT; as often as needed."
EXAMPLE = (
    "Example: mokhatab plan --product p000 --goal sales --budget 3000 --days 14 "
    "--channel telegram --channel instagram --max telegram=1000 --out plan.html"
)


def plan(
    context: typer.Context,
    campaign: Annotated[
        str | None,
        typer.Argument(
            help="A campaign's id: its own goal, budget and days are planned. Beside --goal, "
            "--budget and --days it is but a name for the plan.",
            callback=an_id,
        ),
    ] = None,
    goal: Annotated[str | None, typer.Option(help="traffic, sales, awareness or loyalty.")] = None,
    budget: Annotated[float | None, typer.Option(help="Money for all days together.")] = None,
    days: Annotated[int | None, typer.Option(help="How many days it is spent over.")] = None,
    results: Annotated[
        Path | None,
        typer.Option(
            help="Past results beside those in the log: date, channel, segment_id, spend, "
            "impressions, clicks, conversions, sales, revenue, currency."
        ),
    ] = None,
    product: Annotated[
        str | None,
        typer.Option(help="What is promoted: its audience and segments join.", callback=an_id),
    ] = None,
    start: Annotated[
        str | None, typer.Option(help="First day, as 2027-03-21; else tomorrow.")
    ] = None,
    channel: Annotated[Words, typer.Option(help="Only this network; repeat it for more.")] = None,
    least: Annotated[Words, typer.Option("--min", help=f"At least: {LIMIT}")] = None,
    most: Annotated[Words, typer.Option("--max", help=f"At most: {LIMIT}")] = None,
    lock: Annotated[Words, typer.Option(help=f"Exactly: {LIMIT}")] = None,
    if_any: Annotated[Words, typer.Option(help=f"Nothing, or at least: {LIMIT}")] = None,
    risk: Annotated[
        float,
        typer.Option(help="0 plans for the mean; 0.2 for the mean of the worst fifth of cases."),
    ] = 0.0,
    explore: Annotated[
        float | None, typer.Option(help="Share of the money, 0 to 1, that is spent to learn.")
    ] = None,
    measure: Annotated[
        str, typer.Option(help="What the goal sales counts: sales or revenue.")
    ] = "sales",
    currency: Annotated[str | None, typer.Option(help="Of the budget, as EUR.")] = None,
    posts: Annotated[int | None, typer.Option(help="Posts a week the team can make.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of everything random.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Write a page with charts: plan.html.")] = None,
    language: Annotated[str, typer.Option(help="Of the page: en or fa.")] = "en",
    actor: As = None,
    as_json: Json = False,
) -> None:
    """Splits a budget over networks and segments, and proves that no split brings more.

    It learns from past results, from a product's audience, or from both; without either it starts
    from what is usual, and says so. Amounts add up to the budget, to the cent.
    """
    asked = {"--goal": goal, "--budget": budget, "--days": days}
    if campaign is not None and all(value is None for value in asked.values()):
        _refuse_beside(context)
        plan_campaign(context, campaign, (actor, None), as_json=as_json)
        return
    _all_said(asked)
    wanted = {
        "goal": goal,
        "budget": budget,
        "days": days,
        "start": _day(start),
        "product_id": product,
        "channels": tuple(channel) if channel else None,
        "minima": _limits("--min", least),
        "maxima": _limits("--max", most),
        "locks": _limits("--lock", lock),
        "starts": _limits("--if-any", if_any),
        "risk": risk,
        "exploration": explore,
        "measure": measure,
        "currency": currency,
        "posts": posts,
        "seed": seed,
    }
    _page_is_meant(out, language)
    answer = _planned(home_of(context), wanted, results)
    if campaign is not None:
        answer = {"campaign": campaign} | answer
    if out is not None:
        _write_page(out, answer, language)
    from api import printing_plans

    say(answer, as_json, printing_plans.plan)


def _refuse_beside(context: typer.Context) -> None:
    """Refuses options that a campaign has fields for.

    Raises:
        InvalidValue: one was given.
    """
    from engine.errors import InvalidValue

    own = ("campaign", "actor", "as_json")
    for parameter in context.command.params:
        name = str(parameter.name)
        source = context.get_parameter_source(name)
        if name not in own and source is not None and source.name == "COMMANDLINE":
            text = "is a field of the campaign: `mokhatab campaign set` changes it"
            raise InvalidValue(max(parameter.opts, key=len), text)


def _all_said(asked: dict[str, Any]) -> None:
    missing = [name for name, value in asked.items() if value is None]
    if missing:
        raise typer.BadParameter(
            f"name {', '.join(missing)}, or the id of a campaign alone, as: mokhatab plan c-1"
        )


def _planned(home: Any, wanted: dict[str, Any], results: Path | None) -> dict[str, Any]:
    from datetime import UTC

    from engine.operations.handed_results import read_results
    from engine.operations.plan_request import PlanRequest
    from engine.operations.plans import make_plan

    known = None if results is None else read_results(home, results)
    request = PlanRequest(**wanted, results=known, now=datetime.now(UTC))
    with console().status("planning"):
        return make_plan(home, request)


def _page_is_meant(out: Path | None, language: str) -> None:
    """Refuses a page that could not be written before anything is planned.

    Raises:
        InvalidValue: the file is no page, or the language is not spoken.
    """
    from engine.errors import InvalidValue

    if out is None:
        return
    if out.suffix.lower() not in PAGES:
        raise InvalidValue("out", f"{out} is no page; name it plan.html")
    from api.pages.wording import wording

    wording(language)


def _write_page(out: Path, answer: dict[str, Any], language: str) -> None:
    from api.pages.plan import page
    from engine.store.files import replace_durably

    replace_durably(out, page(answer, language).encode())
    out.chmod(0o644)  # a page is for others to read


def _day(word: str | None) -> date | None:
    """The date that a word names.

    Raises:
        InvalidValue: it names none.
    """
    from engine.errors import InvalidValue

    try:
        return None if word is None else date.fromisoformat(word)
    except ValueError:
        raise InvalidValue("start", f"{word!r} is no date; write it as 2027-03-21") from None


def _limits(option: str, words: Words) -> dict[Any, float]:
    """Amounts by channel, or by (channel, segment); a segment's id may hold `/` and `=`.

    Raises:
        InvalidValue: a word has another form, or a place is named twice.
    """
    from engine.errors import InvalidValue

    found: dict[Any, float] = {}
    for word in words or ():
        name, _, amount = word.rpartition("=")
        channel, slash, segment = name.partition("/")
        try:
            value = float(amount)
        except ValueError:
            value = None
        if value is None or not channel or (slash and not segment):
            raise InvalidValue(option, f"{word!r} is not CHANNEL=AMOUNT or CHANNEL/SEGMENT=AMOUNT")
        place = (channel, segment) if slash else channel
        if place in found:
            raise InvalidValue(option, f"{name!r} is named twice")
        found[place] = value
    return found


def register(app: typer.Typer) -> None:
    """Puts these verbs into the command."""
    app.command(epilog=EXAMPLE)(plan)
