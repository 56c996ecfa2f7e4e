"""What the command prints for people: answers as tables and bars.

In: the answers of verbs, as plain dicts. Out: rich renderables.
Never: a figure that the answer does not hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from api.fitting import Fitting
from api.printing_targeting import explained
from engine.errors import counted
from engine.store.home import Home

Answer = dict[str, Any]
BAR = 30
ROOM, NAME = 80, 20
"""Columns of a terminal from which a table of segments is shown, and those of parts of it."""


def _table(title: str, *columns: str, right: tuple[str, ...] = ()) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left")
    return table


@contextmanager
def waiting(console: Console, title: str) -> Iterator[Callable[[str, int], None]]:
    """A spinner that says what is being done and how many rows of it; silent off a terminal."""
    if not console.is_terminal:
        yield lambda what, rows: None
        return
    with console.status(title) as status:
        yield lambda what, rows: status.update(f"{what}: {counted(rows, 'row')}")


def counts(answer: Answer) -> RenderableType:
    """What an ingest read, stored, knew already and refused."""
    numbers = ("read", "stored", "duplicates", "refused")
    table = _table("", "", *numbers, right=numbers)
    reasons: list[str] = []
    for name, tally in answer.items():
        if name == "quarantine":
            continue
        refused = tally["quarantined"]
        shown = (tally["read"], tally["stored"], tally["duplicates"], sum(refused.values()))
        table.add_row(name, *(f"{number:,}" for number in shown))
        reasons += [f"  {name}: {count:,} × {reason}" for reason, count in refused.items()]
        reasons += [f"  {name}: {notice}" for notice in tally.get("notices", ())]
    if answer["quarantine"]:  # rows of people who did not allow it are kept nowhere
        reasons.append(f"refused rows: {answer['quarantine']}")
    return Group(table, *reasons)


def tuned(answer: Answer) -> RenderableType:
    """What a study found."""
    head = (
        f"{counted(answer['trials'], 'trial')}, {answer['pruned']} of them stopped early; "
        f"worth {answer['value']:.4f}, the recipe before {answer['before']:.4f}"
    )
    if not answer["changes"]:
        return Text(f"{head}\nnothing better was found: the recipe stays")
    table = _table("", "changed", "to", right=("to",))
    for key, value in answer["changes"].items():
        table.add_row(key, f"{value:.4g}" if isinstance(value, float) else str(value))
    return Group(head, table, "now run: mokhatab retrain")


def segments(answer: Answer) -> RenderableType:
    """Segments of a product, best first: a table, or a block for each where that is too narrow."""
    title = f"{answer['product_id']}: whom to address (model {answer['model_version']})"
    shown: RenderableType = Fitting(_blocks(title, answer), _rows(title, answer), ROOM)
    if not answer["segments"]:
        shown = Text(f"{answer['product_id']}: no segment stands out; use `mokhatab audience`")
    return Group(shown, explained(answer["targeting"])) if "targeting" in answer else shown


def _rows(title: str, answer: Answer) -> RenderableType:
    """A row for each segment; how far it repeats better ones stands where there is no earned."""
    heard = _heard(answer)
    right = ("people", "interest", "P(like)", "earned" if heard else "overlap", "lift")
    table = _table(title, "", right=("",))
    table.add_column("segment", min_width=NAME)
    for column in right:
        table.add_column(column, justify="right", no_wrap=True)
    for rank, one in enumerate(answer["segments"], 1):
        figures = _segment_figures(one)
        name = Text.assemble(one["name"], "\n", (one["reason"], "dim"))
        figures["lift"] = figures["lift"].replace(" ", "\n")  # its interval on a line of its own
        table.add_row(str(rank), name, *(figures[column] for column in right))
    return table


def _blocks(title: str, answer: Answer) -> RenderableType:
    """The name of each segment, then its figures, then its reason."""
    heard = _heard(answer)
    lines = [Text(title)]
    for rank, one in enumerate(answer["segments"], 1):
        told = _segment_figures(one)
        names = ("interest", "P(like)", "lift", *["earned"] * heard, "overlap")
        figures = [f"{told['people']} people", *(f"{name} {told[name]}" for name in names)]
        lines.append(Text.assemble("\n", (f"{rank}. {one['name']}", "bold")))
        lines.append(Text(", ".join(figure.replace(" ", "\u00a0") for figure in figures)))
        lines.append(Text(one["reason"], "dim"))
    return Group(*lines)


def _heard(answer: Answer) -> bool:
    return any(one.get("earned_reach") is not None for one in answer["segments"])


def _segment_figures(one: Answer) -> dict[str, str]:
    """The figures of a segment by the names of their columns."""
    lift = one["lift"]
    return {
        "people": f"{one['size']:,}",
        "interest": f"{one['interest']:.2%}",
        "P(like)": f"{one['probability']:.0%}",
        "earned": _earned(one.get("earned_reach")),
        "lift": f"{lift['value']:.1f} ({lift['lower']:.1f}–{lift['upper']:.1f})",
        "overlap": f"{one['overlap']:.0%}",
    }


def _earned(reach: float | None) -> str:
    """Further people for each whom an ad reaches."""
    return "–" if reach is None else f"+{reach:.2g}"


def curve(answer: Answer) -> RenderableType:
    """Expected rate by share of the ranking, with bars."""
    right = ("best", "people", "rate", "95 %")
    table = _table(f"{answer['product_id']}: the wider, the thinner", *right, "", right=right)
    highest = max((point["expected"] for point in answer["points"]), default=0) or 1
    for point in answer["points"]:
        table.add_row(
            f"{point['share']:.1%}",
            f"{point['size']:,}",
            f"{point['expected']:.2%}",
            f"{point['lower']:.2%} – {point['upper']:.2%}",
            "█" * round(BAR * point["expected"] / highest),
        )
    return table


def models(answer: Answer) -> RenderableType:
    """Versions, newest last."""
    table = _table("", "", "version", "as of", "AUC", "lift", right=("AUC", "lift"))
    for one in answer["models"]:
        metrics = one.get("metrics") or {}
        figures = [metrics.get(name) for name in ("auc", "lift5")]
        table.add_row(
            "★" if one["champion"] else ("" if one.get("sound", True) else "✗"),
            one["version"],
            str(one.get("as_of", "")),
            *("–" if figure is None else f"{figure:.4g}" for figure in figures),
        )
    if not answer["models"]:
        return Text("no model yet: run `mokhatab ingest EVENTS`, then `mokhatab retrain`")
    return table


def keys(answer: Answer) -> RenderableType:
    """Keys by prefix."""
    table = _table("", "prefix", "name", "scopes", "member", "made", "revoked")
    for one in answer["keys"]:
        table.add_row(
            one["prefix"],
            one["name"],
            ", ".join(one["scopes"]),
            one["member"] or "",
            str(one["created_at"]),
            str(one["revoked_at"] or ""),
        )
    if not answer["keys"]:
        return Text("no key yet: run `mokhatab keys create --name NAME --scopes SCOPES`")
    return table


def key(answer: Answer) -> RenderableType:
    """A new key, once."""
    return Text(f"{answer['key']}\nKeep it: it is shown this once.")


def written(answer: Answer) -> RenderableType:
    """Where a file was written."""
    rows = counted(answer["rows"], "row")
    return Text(f"{rows} of model {answer['model_version']}: {answer['out']}")


def as_lines(answer: Answer) -> RenderableType:
    """Any answer, one line for each entry; lists of files by their number."""
    table = Table.grid(padding=(0, 2))
    for name, value in answer.items():
        shown = counted(len(value), "file") if name == "files" else _in_words(value)
        table.add_row(Text(name, style="bold"), Text(shown))
    return table


def _in_words(value: Any) -> str:
    """What is nested stands in round brackets; null is a dash."""
    if isinstance(value, dict):
        nested = {key: _in_words(one) for key, one in value.items()}
        return ", ".join(
            f"{'–' if key is None else key} "
            + (f"({shown or '–'})" if isinstance(value[key], dict) else shown)
            for key, shown in nested.items()
        )
    if isinstance(value, list):
        return "; ".join(map(_in_words, value))
    if value is None or isinstance(value, bool):
        return {None: "–", True: "yes", False: "no"}[value]
    return str(value)


def moved(answer: Answer) -> RenderableType:
    """How many rows of which tables the log has now that it had not."""
    rows = dict(answer["moved"])
    refused, aside = rows.pop("refused", 0), rows.pop("set_aside", 0)
    tables = [f"{counted(count, 'row')} of {name}" for name, count in rows.items()]
    told = ", ".join(tables) + " moved to the log" if tables else "nothing waited"
    if refused:
        told += f"; {counted(refused, 'event')} against a known one put into quarantine"
    if aside:
        told += f"; {counted(aside, 'row')} in blocks that cannot be read stay in the inbox"
    return Text(told)


def suspects(answer: Answer) -> RenderableType:
    """Accounts that are held, and bursts that were found."""
    table = _table("", "held", "why")
    for one in answer["held"]:
        table.add_row(one["user_id"], one["reason"])
    bursts = [
        f"burst: {one['people']} people on "
        f"{one['product_id']} from {one['window']:%Y-%m-%d %H:%M}, {one['expected']:.1f} expected"
        for one in answer["bursts"]
    ]
    return Group(table if answer["held"] else "no account is held", *bursts)


def findings(answer: Answer) -> RenderableType:
    """What the doctor found."""
    table = Table.grid(padding=(0, 2))
    for one in answer["checks"]:
        table.add_row("✓" if one["well"] else "✗", one["what"], Text(one["finding"]))
    return table


def try_it(home: Home, key: str) -> RenderableType:
    """How to ask the server that is about to start."""
    from engine import settings
    from engine.store.artefacts import open_model

    place = settings.load("serving", home.root)["server"]
    product = open_model(home).products.sort("likes", descending=True)["product_id"][0]
    return Text(
        f"\nServing on http://{place.host}:{place.port} (described at /docs). In another shell:\n\n"
        f"  curl -H 'Authorization: Bearer {key}' "
        f"'http://{place.host}:{place.port}/v1/products/{product}/segments?limit=3'\n"
    )
