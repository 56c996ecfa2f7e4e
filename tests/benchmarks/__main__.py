"""All benchmarks, one after the other, as the table of RESULTS.md: `make bench`.

In: names of benchmarks, or nothing for all. Out: a Markdown table on standard output.
Never: a judgement; limits stand in RESULTS.md beside the figures.
"""

from __future__ import annotations

import importlib
import sys

NAMES = (
    *("ranking", "evidence", "signals", "text", "http", "intake"),
    *("memory", "planning", "report", "retrain", "accounts", "advocates", "word", "passing"),
)


def main(names: list[str]) -> None:
    """Prints a line for each figure, as soon as its benchmark has ended."""
    print("| what | figure | command |\n|---|---|---|")
    for name in names or NAMES:
        for what, unit, figure, command in importlib.import_module(
            f"tests.benchmarks.{name}"
        ).run():
            print(f"| {what} | {figure:.3g} {unit} | `{command}` |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
