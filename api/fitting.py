"""One of two renderings of an answer, by how wide the terminal is.

In: what to show where there is room, and what where there is not. Out: a rich renderable.
Never: a figure, or a guess of the width: it is asked for as it is printed.
"""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult


@dataclass(frozen=True)
class Fitting:
    """`wide` where there are at least so many columns, else `narrow`."""

    narrow: RenderableType
    wide: RenderableType
    columns: int

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The one that fits."""
        yield self.wide if options.max_width >= self.columns else self.narrow
