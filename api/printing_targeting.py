"""What the command prints of targeting: what a study found, and a product's values explained.

In: answers as plain dicts. Out: rich renderables. Never: a figure that the answer does not hold.
"""

from __future__ import annotations

from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from engine.errors import counted

Answer = dict[str, Any]
SPLITS = {"time": "each person's last opinions", "pairs": "random opinions (all are of one moment)"}


def aimed(answer: Answer) -> RenderableType:
    """Studies of targeting, and whether what they found is used from the next retrain on."""
    columns = ("default", "fixed", "tuned", "gain")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("goal", "of what", "trials", *columns, ""):
        table.add_column(
            name, justify="right" if name in (*columns, "trials") else "left", no_wrap=True
        )
    for one in answer["studies"]:
        worth = one["worth"]
        table.add_row(
            one["goal"],
            one["what"],
            f"{one['trials']:,}",
            f"{worth['default']:.3f}",
            f"{worth['fixed']:.3f}" if "fixed" in worth else "–",
            f"{worth['tuned']:.3f}",
            f"{worth['gain']:+.3f} ± {worth['error']:.3f}",
            "kept" if one["kept"] else "the default stays",
        )
    pruned = sum(one["pruned"] for one in answer["studies"])
    head = (
        "worth by product (fixed: the same share and blend for all), for people whom no trial has "
        "seen, judged by "
        f"{SPLITS[answer['split']]}; {counted(pruned, 'trial')} stopped early"
    )
    kept = any(one["kept"] for one in answer["studies"])
    return Group(head, table, "now run: mokhatab retrain" if kept else "nothing changes")


def explained(targeting: Answer) -> RenderableType:
    """The values of a product's targeting beside those that hold where nothing is tuned."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("targeting", "used", "default"):
        table.add_column(name, justify="left" if name == "targeting" else "right")
    rows = (
        ("share", "share of everybody", "{:.2%}"),
        ("blend", "weight of interest", "{:.0%}"),
        ("segments", "segments listed", "{:d}"),
        ("overlap", "overlap with better ones, at most", "{:.0%}"),
    )
    for name, words, form in rows:
        values = targeting[name]
        table.add_row(words, form.format(values["used"]), form.format(values["default"]))
    whose = {
        "default": "nothing tuned is used",
        "pooled": "tuned for all products together",
        "group": "tuned for products like this one",
        "product": "tuned for this product",
    }
    return Group(table, Text(f"for {targeting['goal']}: {whose[targeting['basis']]}"))
