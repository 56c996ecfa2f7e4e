"""The `mokhatab` command: every verb of the product for people and for scripts.

In: words typed in a terminal. Out: tables for eyes, JSON with `--json`, exit codes for schedulers.
Never: work of its own; a verb is a few lines over `engine.operations` or `training`.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from api import verbs
from api.terminal import Json, Place, an_id, console, fail, home_of, say, some_ids

# what takes long to import is imported by the verb that needs it: help must come at once

app = typer.Typer(
    name="mokhatab",
    help="Which people to address for each product, learned from what they like and dislike.",
    epilog="Start here: mokhatab demo --no-serve",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
verbs.register(app)

Seed = Annotated[int, typer.Option(min=0, help="Of everything random.")]
Product = Annotated[str, typer.Argument(help="The product's id.", callback=an_id)]
Out = Annotated[
    Path,
    typer.Option(
        help="File to write: .parquet, .csv or .ndjson. In CSV a text that a spreadsheet would "
        "run as a formula is led by an apostrophe."
    ),
]
Input = Annotated[Path | None, typer.Option(help="Parquet, CSV or NDJSON.")]


@app.callback()
def place(
    context: typer.Context,
    home: Annotated[
        Path, typer.Option(envvar="MOKHATAB_HOME", help="Folder that holds everything.")
    ] = Path("var"),
) -> None:
    """Learns what people like, and says which audience to address for each product."""
    # whatever reads settings without being told a home reads those of this one
    os.environ["MOKHATAB_HOME"] = str(home)
    context.obj = Place(home)
    if context.invoked_subcommand in ("retrain", "tune"):
        from training.priority import stand_back  # before threads are started by libraries

        stand_back(home_of(context))


def _model(context: typer.Context) -> Any:
    from engine.operations.permits import permitted_now
    from engine.store.artefacts import open_model

    return permitted_now(home_of(context), open_model(home_of(context)))


@app.command(
    epilog="Example: mokhatab ingest ratings.csv --rename movieId=product_id --rename "
    "userId=user_id --rename rating=value --rename timestamp=occurred_at --like-at 4 --dislike-at 2"
)
def ingest(
    context: typer.Context,
    events: Annotated[Path | None, typer.Argument(help="Events as Parquet, CSV or NDJSON.")] = None,
    users: Input = None,
    products: Input = None,
    accounts: Input = None,
    follows: Input = None,
    results: Input = None,
    mapping: Annotated[Path | None, typer.Option(help="TOML: how columns are called.")] = None,
    source: Annotated[
        str | None, typer.Option(help="What the file is: movielens, mastodon, x, youtube, ...")
    ] = None,
    rename: Annotated[
        list[str] | None, typer.Option(help="theirs=ours, as often as needed.")
    ] = None,
    columns: Annotated[str, typer.Option(help="Names for a file without a header: a,b,c.")] = "",
    default: Annotated[list[str] | None, typer.Option(help="column=value where none is.")] = None,
    like_at: Annotated[float | None, typer.Option(help="A rating of so much is a like.")] = None,
    dislike_at: Annotated[
        float | None, typer.Option(help="A rating of so little is a dislike.")
    ] = None,
    separator: Annotated[str | None, typer.Option(help="Between the columns of a CSV.")] = None,
    encoding: Annotated[str | None, typer.Option(help="Of a CSV, where not UTF-8.")] = None,
    as_json: Json = False,
) -> None:
    """Reads files into the event log; bad rows go to quarantine with their reason."""
    from api import printing
    from training.ingest import ingest as read
    from training.layouts import change_mapping
    from training.sources import choose_mapping

    chosen = change_mapping(
        choose_mapping(home_of(context).root, source=source, mapping=mapping),
        rename=rename or (),
        columns=columns,
        defaults=default or (),
        like_at=like_at,
        dislike_at=dislike_at,
        separator=separator,
        encoding=encoding,
    )
    files = {
        "events": events,
        "users": users,
        "products": products,
        "accounts": accounts,
        "follows": follows,
        "results": results,
    }
    given: dict[str, Any] = {name: path for name, path in files.items() if path is not None}
    if not given:
        raise typer.BadParameter("name at least one file, for example: mokhatab ingest events.csv")
    with printing.waiting(console(), "reading") as progress:
        counts = read(
            home_of(context), now=datetime.now(UTC), mapping=chosen, progress=progress, **given
        )
    say(counts.to_dict(), as_json, printing.counts)


@app.command(epilog="Exit code 0: promoted, 3: kept the champion, 4: another retrain runs.")
def retrain(
    context: typer.Context,
    seed: Seed = 0,
    warm: Annotated[bool, typer.Option(help="Start LightFM from the champion's.")] = False,
    as_json: Json = False,
) -> None:
    """Learns a new model from the event log and promotes it if it is no worse."""
    from rich.console import Console

    from training.flow import retrain as learn

    out = console() if as_json else Console()
    try:
        outcome = learn(home_of(context), seed=seed, console=out, warm=warm)
    except KeyboardInterrupt:
        print("mokhatab: stopped; the champion stays", file=sys.stderr, flush=True)
        # fits under way are deep in compiled code; an orderly end would pull memory from them
        os._exit(130)
    if as_json:
        typer.echo(json.dumps(outcome.to_dict(), ensure_ascii=False))
    raise typer.Exit(outcome.exit_code)


@app.command(epilog="Example: mokhatab score --out scores.parquet --products p1,p2")
def score(
    context: typer.Context,
    out: Out,
    products: Annotated[
        list[str] | None,
        typer.Option(
            help="Only these products; repeat it, or put commas between. An id that holds a comma "
            "is taken as it is where the model knows it. All products where missing."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Writes every known user × product: user_id, product_id, score, probability; ids untouched."""
    from api import printing
    from engine.frames import SCORES
    from engine.operations.audiences import score_all
    from engine.operations.lookup import index
    from engine.operations.withholding import withheld
    from engine.store.files import stream, write_table

    model = _model(context)
    wanted = some_ids(products or [], index(model).products)
    blocks = stream(lambda: score_all(model, product_ids=wanted), SCORES.columns)
    write_table(out, blocks)
    people = model.users.height - withheld(model).rows.size
    rows = people * (len(wanted) if wanted else model.products.height)
    say({"model_version": model.version, "rows": rows, "out": str(out)}, as_json, printing.written)


@app.command(epilog="Example: mokhatab segments p17 --goal awareness --limit 5")
def segments(
    context: typer.Context,
    product: Product,
    goal: Annotated[str, typer.Option(help="traffic, sales, awareness or loyalty.")] = "traffic",
    channel: Annotated[str | None, typer.Option(help="Only people seen on this network.")] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, max=100, help="As the product's targeting says if missing.")
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Also the targeting, beside the defaults.")
    ] = False,
    as_json: Json = False,
) -> None:
    """The best segments of a product, none the same people twice."""
    from api import printing
    from engine.operations.audiences import best_segments

    answer = best_segments(
        _model(context), product, goal=goal, channel=channel, limit=limit, explain=explain
    )
    say(answer, as_json, printing.segments)


@app.command(epilog="Example: mokhatab audience p17 --share 0.05 --out audience.csv")
def audience(
    context: typer.Context,
    product: Product,
    out: Out,
    share: Annotated[float | None, typer.Option(help="Part of all users, 0 to 1.")] = None,
    size: Annotated[int | None, typer.Option(help="Number of users.")] = None,
    goal: Annotated[str | None, typer.Option(help="Rank for a goal, not by interest.")] = None,
    include_known: Annotated[
        bool, typer.Option("--include-known", help="Also people who acted on the product already.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Writes the people to address for a product, best first.

    With neither share nor size there are as many as the product's targeting says. Who acted on
    the product already, as far as the model knows, is left out.
    """
    import polars as pl

    from api import printing
    from engine.operations.audiences import audience as rank
    from engine.store.files import write_table

    found = rank(
        _model(context),
        product,
        share=share,
        size=size,
        goal=goal,
        include_known=include_known,
    )
    write_table(out, pl.concat(found.blocks()).lazy(), for_people=True)
    answer = {
        "product_id": product,
        "model_version": found.model.version,
        "rows": int(found.rows.size),
        "out": str(out),
    }
    say(answer, as_json, printing.written)


@app.command(epilog="Example: mokhatab curve p17")
def curve(context: typer.Context, product: Product, as_json: Json = False) -> None:
    """What rate to expect of each share of a product's ranking, with its interval."""
    from api import printing
    from engine.operations.audiences import curve as measure

    say(measure(_model(context), product), as_json, printing.curve)


@app.command()
def doctor(context: typer.Context, as_json: Json = False) -> None:
    """Looks at this home and machine and says what is wrong, and what to do."""
    from api import printing
    from api.doctor import examine

    answer = examine(home_of(context))
    say(answer, as_json, printing.findings)
    raise typer.Exit(0 if answer["well"] else 1)


@app.command(epilog="Example: mokhatab serve --port 8080")
def serve(
    context: typer.Context,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535)] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes.")] = None,
) -> None:
    """Serves the champion over HTTP; a new champion is taken up without a restart."""
    from api.serve import serve as run

    run(home_of(context), host=host, port=port, workers=workers)


@app.command(epilog="Example: mokhatab --home try demo --data movielens --no-serve")
def demo(
    context: typer.Context,
    data: Annotated[str, typer.Option(help="world (planted) or movielens (real).")] = "world",
    seed: Seed = 0,
    no_serve: Annotated[bool, typer.Option("--no-serve", help="End after printing.")] = False,
) -> None:
    """Makes a world with a planted truth, trains, compares with the truth, and serves."""
    from rich.console import Console

    from training.demo import demo as show

    if data not in ("world", "movielens"):
        raise typer.BadParameter("--data is world or movielens")
    show(home_of(context), data=data, seed=seed, console=Console())  # type: ignore[arg-type]
    if not no_serve:
        from api import printing
        from api.serve import serve as run
        from engine.operations.keys import replace_key

        key = replace_key(home_of(context), name="demo", scopes=["segments:read", "audiences:read"])
        Console().print(printing.try_it(home_of(context), key))
        run(home_of(context))


def main() -> None:
    """Runs the command; what goes wrong on purpose becomes one line and an exit code."""
    from engine.errors import Busy, EngineError

    try:
        app()
    except EngineError as error:
        fail(str(error), 4 if isinstance(error, Busy) else 1)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        fail(f"{place}{error.strerror or error}", 1)
    except UnicodeEncodeError as error:
        fail(f"'{error.object}' is not UTF-8", 1)
    except Exception as error:
        records = sys.modules.get("sqlalchemy.exc")
        if records is None or not isinstance(error, records.SQLAlchemyError):
            raise
        cause = str(getattr(error, "orig", None) or error).splitlines()[0]
        fail(f"business records: {cause}", 1)


if __name__ == "__main__":
    main()
