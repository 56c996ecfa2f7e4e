"""Verbs on results and reports: what came back, what was known when, how a campaign does.

In: words after `mokhatab results` and `mokhatab campaign report`. Out: tables, JSON, or a page.
Never: a refused row without its reason, or a report of a campaign that is another team's.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from api.terminal import Json, an_id, console, home_of, say

FORMATS = ("terminal", "markdown", "html")
ENDINGS = {".html": "html", ".htm": "html", ".md": "markdown", ".markdown": "markdown"}
results = typer.Typer(help="What placements did: import, show, history.", no_args_is_help=True)
Campaign = Annotated[
    str | None, typer.Option(help="Only results of this campaign.", callback=an_id)
]
As = Annotated[
    str | None,
    typer.Option("--as", envvar="MOKHATAB_MEMBER", help="Who acts, where there are members."),
]


@results.command("import", epilog="Example: mokhatab results import june.csv")
def results_import(
    context: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(
            help="Parquet, CSV or NDJSON: date, channel, impressions, clicks, spend, and perhaps "
            "campaign_id, segment_id, conversions, sales, revenue, currency, reported_at."
        ),
    ],
    rename: Annotated[list[str] | None, typer.Option(help="theirs=ours.")] = None,
    actor: As = None,
    as_json: Json = False,
) -> None:
    """Takes a file of results in; it replaces what was known of the days it names.

    The same file twice changes nothing. Figures whose reported_at lies before that of what is
    known are refused, row by row, as are those that their campaign does not plan.
    """
    from api import printing, printing_reports
    from engine.operations.members import acting
    from engine.operations.permissions import require
    from training.ingest import ingest
    from training.layouts import change_mapping
    from training.sources import choose_mapping

    home = home_of(context)
    who = acting(home, actor)
    require(who, "results.write", home)
    usual = choose_mapping(home.root, source=None, mapping=None)
    mapping = change_mapping(usual, rename=rename or ())
    with printing.waiting(console(), "reading") as progress:
        counts = ingest(
            home,
            now=datetime.now(UTC),
            mapping=mapping,
            progress=progress,
            actor=who,
            results=file,
        )
    say(counts.to_dict(), as_json, printing_reports.imported)


@results.command("show", epilog="Example: mokhatab results show --campaign c-1 --as-of 2027-04-01")
def results_show(
    context: typer.Context,
    campaign: Campaign = None,
    as_of: Annotated[
        str | None,
        typer.Option(help="What was known then, as 2027-04-01 or 2027-04-01T12:00:00Z."),
    ] = None,
    actor: As = None,
    as_json: Json = False,
) -> None:
    """The results that hold, or held at a moment."""
    from api import printing_reports
    from engine.operations.known_results import known_results
    from engine.operations.members import acting

    home = home_of(context)
    answer = known_results(home, acting(home, actor), campaign=campaign, as_of=moment_of(as_of))
    say(answer, as_json, printing_reports.results)


@results.command("history", epilog="Example: mokhatab results history --campaign c-1 --json")
def results_history(
    context: typer.Context, campaign: Campaign = None, actor: As = None, as_json: Json = False
) -> None:
    """Everything that was ever known of results, and what of it holds still."""
    from api import printing_reports
    from engine.operations.known_results import results_history as tell
    from engine.operations.members import acting

    home = home_of(context)
    say(tell(home, acting(home, actor), campaign=campaign), as_json, printing_reports.results)


def report(
    context: typer.Context,
    id: Annotated[str, typer.Argument(help="The campaign's id.", callback=an_id)],
    form: Annotated[
        str | None, typer.Option("--format", help="terminal, markdown or html; else by --out.")
    ] = None,
    language: Annotated[str, typer.Option(help="Of Markdown and HTML: en or fa.")] = "en",
    out: Annotated[Path | None, typer.Option(help="File to write: .html or .md.")] = None,
    detail: Annotated[
        bool, typer.Option("--detail", help="With --json: every placement and day.")
    ] = False,
    actor: As = None,
    as_json: Json = False,
) -> None:
    """How a campaign does against its plan, where it is going, and what needs a look."""
    from api import printing_reports
    from api.pages.wording import wording
    from engine.operations.members import acting
    from engine.operations.reports import Wish
    from engine.operations.reports import report as tell

    chosen = _form(form, out)
    wording(language)  # refused before anything is read
    home = home_of(context)
    wish = Wish(datetime.now(UTC), detail=detail)
    answer = tell(home, acting(home, actor), id, wish)
    if out is not None:
        _write(out, _drawn(answer, chosen, language))
    elif chosen != "terminal" and not as_json:
        typer.echo(_drawn(answer, chosen, language), nl=False)
        return
    say(answer, as_json, printing_reports.report)


def _form(form: str | None, out: Path | None) -> str:
    """Raises InvalidValue where the form is not known, or no file can hold it."""
    from engine.errors import InvalidValue

    if form is not None and form not in FORMATS:
        raise InvalidValue("format", f"{form!r} is none of {', '.join(FORMATS)}")
    if out is None:
        return form or "terminal"
    meant = form or ENDINGS.get(out.suffix.lower())
    if meant is None or meant == "terminal":
        raise InvalidValue("out", f"{out} holds no report; name it report.html or report.md")
    return meant


def _drawn(answer: dict[str, Any], form: str, language: str) -> str:
    if form == "markdown":
        from api.pages.report_markdown import markdown

        return markdown(answer, language)
    from api.pages.report import page

    return page(answer, language)


def _write(out: Path, text: str) -> None:
    from engine.store.files import replace_durably

    replace_durably(out, text.encode())
    out.chmod(0o644)  # a report is for others to read


def moment_of(word: str | None) -> datetime | None:
    """The moment that a word names; a day is its end, by UTC.

    Raises:
        InvalidValue: it names none.
    """
    from datetime import timedelta

    from engine.errors import InvalidValue

    if word is None:
        return None
    try:
        moment = datetime.fromisoformat(word)
    except ValueError:
        detail = f"{word!r} is no moment; write it as 2027-04-01 or 2027-04-01T12:00:00Z"
        raise InvalidValue("as-of", detail) from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment + timedelta(days=1) - timedelta(microseconds=1) if len(word) == 10 else moment


def register(app: typer.Typer, campaign: typer.Typer) -> None:
    """Puts these verbs into the command, the report among those of campaigns."""
    app.add_typer(results, name="results")
    campaign.command(epilog="Example: mokhatab campaign report c-1 --out report.html")(report)
