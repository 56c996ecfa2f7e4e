"""The verb that shares out what was brought among the channels that people came by.

In: words after `mokhatab attribute`. Out: tables or JSON. Never: a path that is kept.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.terminal import Json, console, home_of, say

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

RULES = {"last_touch": "last touch", "linear": "linear", "shapley": "Shapley"}
File = Annotated[Path, typer.Argument(help="Touches of paths: Parquet, CSV or NDJSON.")]


def attribute(context: typer.Context, paths: File, as_json: Json = False) -> None:
    """Shares out what paths brought: to the last touch, evenly, and by Shapley values.

    One row is one touch: path_id, channel, occurred_at, and value (what the whole path brought)
    or converted (1 or 0). With segment_id, placements get their credit too.
    """
    from engine.operations.attribution import attribute as share_out

    with console().status("sharing out"):
        answer = share_out(home_of(context), paths)
    say(answer, as_json, credits_table)


def credits_table(answer: dict[str, Any]) -> RenderableType:
    """A line for each channel, then for each placement; credits, and shares by Shapley."""
    from rich.console import Group

    from engine.errors import counted

    head = (
        f"{counted(answer['paths'], 'path')} in {counted(answer['touches'], 'row')} "
        f"brought {answer['brought']:,.10g}"
    )
    tables = [_table(answer["channels"], ("channel",), answer["brought"])]
    if answer["placements"]:
        tables.append(_table(answer["placements"], ("channel", "segment_id"), answer["brought"]))
    return Group(head, *tables)


def _table(rows: list[dict[str, Any]], by: tuple[str, ...], brought: float) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in by:
        table.add_column(name)
    for name in (*RULES.values(), "share"):
        table.add_column(name, justify="right")
    for row in sorted(rows, key=lambda row: -row["shapley"]):
        share = f"{row['shapley'] / brought:.1%}" if brought else "–"
        credit = (f"{row[rule]:,.2f}" for rule in RULES)
        table.add_row(*(row[name] for name in by), *credit, share)
    return table


def register(app: typer.Typer) -> None:
    """Puts the verb into the command."""
    app.command(epilog="Example: mokhatab attribute paths.csv")(attribute)
