"""What a retrain prints: progress while it runs, then the challenger beside champion and baseline.

In: steps as they end, figures. Out: rich output on a console. Never: a decision.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from training.gate import Verdict
from training.learn import Tick

ROWS = (
    ("auc", "AUC: likers above everybody else", "{:.4f}"),
    ("lift5", "lift in the best 5 %", "{:.2f}"),
    ("taste", "taste: likers above dislikers", "{:.4f}"),
    ("ece", "calibration error of P(like | shown)", "{:.4f}"),
    ("brier_skill", "Brier skill", "{:.3f}"),
    ("products", "products judged", "{:.0f}"),
)


@contextmanager
def steps(console: Console | None, title: str, total: int) -> Iterator[Tick]:
    """A progress bar that moves at each step; silent without a console or off a terminal."""
    if console is None or not console.is_terminal:
        yield lambda step: None
        return
    columns = (
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[step]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(title, total=total, step="")
        yield lambda step: progress.update(task, advance=1, step=step)


def summary(
    challenger: dict[str, Any],
    champion: dict[str, Any] | None,
    verdicts: list[Verdict],
    change: float | None,
) -> Table:
    """The challenger beside the champion and beside ranking by activity; then the gate's words."""
    table = Table(title="Held-out pairs", title_justify="left", caption_justify="left")
    table.add_column("")
    for column in ("challenger", "champion", "most active"):
        table.add_column(column, justify="right")
    for key, words, form in ROWS:
        baseline = challenger.get(f"activity_{key}")
        values = (challenger.get(key), (champion or {}).get(key), baseline)
        table.add_row(words, *("–" if value is None else form.format(value) for value in values))
    if change is not None:
        table.add_section()
        table.add_row("best 1 % kept since the champion (Jaccard)", f"{change:.2f}", "", "")
    lines = [f"{'✓' if each.passed else '✗'} {each.check}: {each.words}" for each in verdicts]
    if held := challenger.get("held_out"):
        lines.append(
            f"accounts held out of training until released: {held} (mokhatab integrity list)"
        )
    table.caption = "\n".join(lines)
    return table
