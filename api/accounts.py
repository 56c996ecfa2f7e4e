"""Verbs on accounts: which organisations to address for a product, and which are like some.

In: words after `mokhatab accounts`. Out: tables or JSON, and a file with `--out`. Never: training.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from api.terminal import Json, an_id, home_of, say, some_ids

RANK = "of"
FILES = (".txt", ".csv", ".parquet", ".ndjson")


class ByProduct(TyperGroup):
    """Words that begin with no verb are about a product: `accounts p17` is `accounts of p17`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, "--help"):
            args = [RANK, *args]
        return super().parse_args(ctx, args)


accounts = typer.Typer(
    cls=ByProduct,
    help="Organisations to address: for a product, or like some.",
    no_args_is_help=True,
)


@accounts.command(
    RANK, epilog="Example: mokhatab accounts of p17 --out accounts.csv; `of` may be left out."
)
def rank(
    context: typer.Context,
    product: Annotated[str, typer.Argument(help="The product's id.", callback=an_id)],
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many accounts.")] = None,
    min_contacts: Annotated[
        int | None, typer.Option(min=1, help="Only accounts with so many contacts to address.")
    ] = None,
    contacts: Annotated[
        int | None, typer.Option(min=1, help="At most so many contacts of each account.")
    ] = None,
    include_known: Annotated[
        bool, typer.Option("--include-known", help="Also contacts who acted on the product.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(help="Also write a row for each contact: .parquet, .csv or .ndjson."),
    ] = None,
    as_json: Json = False,
) -> None:
    """The accounts to address for a product, the most interested first, and whom there."""
    from api import printing_accounts
    from engine.operations.accounts import account_rows, product_accounts
    from engine.store.files import write_table

    answer = product_accounts(
        _model(context),
        product,
        limit=limit,
        min_contacts=min_contacts,
        contacts=contacts,
        include_known=include_known,
    )
    if out is not None:
        write_table(out, account_rows(answer).lazy(), for_people=True)
    say(answer, as_json, printing_accounts.ranked)


@accounts.command("lookalike", epilog="Example: mokhatab accounts lookalike a17,a23 --limit 20")
def lookalike(
    context: typer.Context,
    seeds: Annotated[
        list[str],
        typer.Argument(
            help="Ids of accounts, several or with commas between, or one file of them: a table "
            "with account_id (.csv, .parquet, .ndjson), or a line for each (.txt)."
        ),
    ],
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many accounts.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Also write them: .parquet, .csv or .ndjson.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Accounts whose contacts like the same and that are of the same kind as the seeds."""
    from api import printing_accounts
    from engine.operations.account_book import book_of
    from engine.operations.accounts import alike_rows, similar_accounts
    from engine.store.files import write_table

    model = _model(context)
    known = set(book_of(model).accounts["account_id"])
    answer = similar_accounts(model, _seeds(seeds, known), limit=limit)
    if out is not None:
        write_table(out, alike_rows(answer).lazy(), for_people=True)
    say(answer, as_json, printing_accounts.alike)


def _seeds(words: list[str], known: set[str]) -> list[str]:
    """The ids that words name; one word that is a file, and no id, is read.

    Raises:
        UnreadableFile: the file has no column of ids, or cannot be parsed.
        InvalidValue: an id is empty.
    """
    path = Path(words[0])
    if len(words) > 1 or words[0] in known or path.suffix not in FILES:
        return some_ids(words, known) or []
    import polars as pl

    from engine.errors import UnreadableFile
    from engine.frames import ACCOUNT

    if path.suffix == ".txt":
        lines = path.read_text(encoding="utf-8").splitlines()
        return [line.strip() for line in lines if line.strip()]
    read: dict[str, Any] = {
        ".csv": lambda: pl.read_csv(path, infer_schema=False),
        ".parquet": lambda: pl.read_parquet(path),
        ".ndjson": lambda: pl.read_ndjson(path),
    }
    try:
        table = read[path.suffix]()
    except pl.exceptions.PolarsError as error:
        raise UnreadableFile(str(path), "cannot be parsed") from error
    if ACCOUNT not in table.columns:
        raise UnreadableFile(str(path), f"has no column {ACCOUNT}")
    return [str(id) for id in table[ACCOUNT].drop_nulls().unique(maintain_order=True)]


def _model(context: typer.Context) -> Any:
    from engine.operations.permits import permitted_now
    from engine.store.artefacts import open_model

    return permitted_now(home_of(context), open_model(home_of(context)))


def register(app: typer.Typer) -> None:
    """Puts the verbs into the command."""
    app.add_typer(accounts, name="accounts")
