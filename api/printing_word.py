"""What the command prints of word of mouth: who speaks well and ill, since when, and of what.

In: the answers of `word_of` and `word_of_all`. Out: rich renderables.
Never: a figure that the answer does not hold, or something that only its colour tells.
"""

from __future__ import annotations

from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from api.fitting import Fitting
from engine.errors import counted, shown

Answer = dict[str, Any]
Aspects = list[tuple[str, dict[str, str]]]
ROOM = 60
"""Columns of a terminal from which there is a table of aspects."""
ROWS, PARTS, BAR = 20, 13, 10
LONGEST = 400
STYLES = {"alert": "bold red", "watch": "yellow", "calm": "green", "silent": "dim"}


def product(answer: Answer) -> RenderableType:
    """The word about one product, from its state to what it is about."""
    parts: list[RenderableType] = [_head(answer), *_reasons(answer["reasons"])]
    if answer["word"]["people"]:
        parts.append(_figures(answer))
    if answer["word"]["people"] or answer["before"]["people"]:
        parts.append(_series(answer))
    if answer["blamed"] or answer["praised"]:
        parts.append(_aspects(answer))
    return Group(*parts, *_sample(answer))


def products(answer: Answer) -> RenderableType:
    """The word about all products of which anybody spoke, the worst first."""
    rows = answer["products"]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("product", "", "people", "ill", "change", "blamed"):
        right = name in ("people", "ill", "change")
        table.add_column(name, justify="right" if right else "left", overflow="fold")
    for row in rows[:ROWS]:
        table.add_row(
            Text(shown(row["name"])),
            Text(row["state"], style=STYLES[row["state"]]),
            f"{row['word']['people']:,}",
            _share(row["negative_share"]),
            _points(row["change"]),
            row["about"] or "",
        )
    told = f"{answer['days']} days to {answer['until'][:10]}; {answer['level']:.0%} intervals"
    found = f"{counted(answer['alerts'], 'alert')}, {answer['watched']:,} to watch, of "
    lines = [Text(f"{found}{counted(len(rows), 'product')} of which anybody spoke", style="bold")]
    for row in [one for one in rows if one["state"] == "alert"][:ROWS]:
        says = " ".join(reason["says"] for reason in row["reasons"])
        lines.append(Text(f"! {shown(row['name'])}: {shown(says, LONGEST)}"))
    left = len(rows) - ROWS
    if left > 0:
        lines.append(Text(f"and {counted(left, 'product')} more (--json)", style="dim"))
    return Group(*([table] if rows else []), *lines, Text(told, style="dim"), *_sample(answer))


def _head(answer: Answer) -> Text:
    id = "" if answer["name"] == answer["product_id"] else f" ({shown(answer['product_id'])})"
    return Text.assemble(
        (shown(answer["name"]), "bold"),
        f"{id}: ",
        (answer["state"], STYLES[answer["state"]]),
        (f"\npeople, {answer['days']} days to {answer['until'][:10]} and as many before", "dim"),
        (f"; {answer['level']:.0%} intervals", "dim"),
    )


def _reasons(reasons: list[dict[str, str]]) -> list[RenderableType]:
    return [Text(f"! {shown(one['says'], LONGEST)}") for one in reasons]


def _figures(answer: Answer) -> RenderableType:
    """People and what they are, beside the window before."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("", "now", "before"):
        table.add_column(name, justify="right" if name else "left", overflow="fold")
    now, before = answer["word"], answer["before"]
    names = {"people": "spoke", "positive": "well", "negative": "ill"}
    for name, called in (names | {"neutral": "neither", "acts": "acts"}).items():
        table.add_row(called, f"{now[name]:,}", f"{before[name]:,}")
    table.add_row("speak ill", _share(answer["negative_share"]), _share(answer["earlier_share"]))
    table.add_row("net, points", _points(answer["net"]), "")
    table.add_row("change, points", _points(answer["change"]), "")
    heard = answer["followers"]
    said = f"they are followed by {heard['negative']:,} (ill) and {heard['positive']:,} (well)"
    lines = [Text(said, style="dim")] if any(heard.values()) else []
    if now["unread"]:
        lines.append(Text(f"{counted(now['unread'], 'act')} could not be read", style="dim"))
    return Group(table, *lines)


def _series(answer: Answer) -> RenderableType:
    """The part that speaks ill, as bars: what is sure, what is likely, what may be."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("up to", "people", "ill", ""):
        table.add_column(name, justify="right" if name in ("people", "ill") else "left")
    for part in answer["series"][-PARTS:]:
        share = part["negative_share"]
        told = {"value": share, "lower": part["lower"], "upper": part["upper"]}
        ends = "" if share is None else _bar(told)
        value = "" if share is None else f"{share:.0%}"
        table.add_row(part["until"][:10], f"{part['people']:,}", value, ends)
    return table


def _bar(share: dict[str, float]) -> str:
    low, middle, high = (round(BAR * share[name]) for name in ("lower", "value", "upper"))
    return "█" * low + "▓" * (middle - low) + "░" * (high - middle)


def _aspects(answer: Answer) -> RenderableType:
    """Aspects by how many people blame them, then by how many praise them."""
    blamed = {row["aspect"]: row for row in answer["blamed"]}
    praised = {row["aspect"]: row for row in answer["praised"]}
    rows = []
    for name in dict.fromkeys([*blamed, *praised]):
        ill, well = blamed.get(name), praised.get(name)
        rise = None if ill is None or ill["rise"] is None else ill | {"value": ill["rise"]}
        told = {
            "blame": f"{ill['people']:,} ({ill['share']:.0%})" if ill else "",
            "rise": _points(rise),
            "praise": f"{well['people']:,}" if well else "",
            "said": shown((ill or {}).get("phrase") or (well or {}).get("phrase") or ""),
        }
        rows.append((name, told))
    return Fitting(_aspect_blocks(rows), _aspect_rows(rows), ROOM)


def _aspect_rows(rows: Aspects) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("about", no_wrap=True)
    for name in ("blame", "rise", "praise", "said"):
        said = name == "said"
        table.add_column(name, justify="left" if said else "right", no_wrap=not said)
    for name, told in rows:
        table.add_row(name, *(Text(word) for word in told.values()))
    return table


def _aspect_blocks(rows: Aspects) -> RenderableType:
    """A line of figures for each aspect, and what is said on the next."""
    lines = [Text("about", style="bold")]
    for name, told in rows:
        figures = [f"{key} {told[key]}" for key in ("blame", "rise", "praise") if told[key]]
        figures = [figure.replace(" ", "\u00a0") for figure in figures if figure != "rise –"]
        lines.append(Text(f"{name}: {', '.join(figures)}"))
        lines += [Text(f"  {told['said']}", style="dim")] if told["said"] else []
    return Group(*lines)


def _share(figure: dict[str, float] | None) -> str:
    if figure is None:
        return "–"
    return f"{figure['value']:.0%} ({100 * figure['lower']:.0f}–{100 * figure['upper']:.0f})"


def _points(figure: dict[str, float] | None) -> str:
    if figure is None:
        return "–"
    value, lower, upper = (100 * figure[name] for name in ("value", "lower", "upper"))
    return f"{value:+.0f} ({lower:+.0f},{upper:+.0f})"


def _sample(answer: Answer) -> list[RenderableType]:
    if answer["read_share"] >= 1:
        return []
    said = f"figures are of {answer['read_share']:.1%} of the people, drawn by chance"
    return [Text(said, style="dim")]
