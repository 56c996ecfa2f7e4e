"""Why the word about a product is as it stands, in sentences; its shares, and which is worst.

In: people by product and window, the rules that hold. Out: shares with intervals, sentences.
Never: a share of nobody, or a sentence about one person.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from engine.errors import counted
from engine.frames import PRODUCT
from engine.settings import Section
from engine.signals.text import ASPECT
from engine.signals.word_alert import (
    ALERT,
    FEW,
    MORE,
    MUCH,
    NOBODY,
    NOTHING,
    ONE,
    STATES,
    WATCH,
    rose,
)
from engine.signals.word_health import (
    EARLIER,
    NEGATIVE,
    PEOPLE,
    POSITIVE,
    change_of,
    net_of,
    shares,
)

Figures = dict[str, Any]


def standing(tallied: pl.DataFrame, chosen: dict[str, Section]) -> list[Figures]:
    """For each product of `tally`: negative_share, earlier_share, net and change, as intervals.

    An interval is null where nobody spoke; that of the change where nobody did in either window.
    """
    now, before = shares(tallied, chosen), shares(tallied, chosen, end=EARLIER)
    good, bad, all_ = (
        tallied[name].to_numpy().astype(float) for name in (POSITIVE, NEGATIVE, PEOPLE)
    )
    net, change = net_of(good, bad, all_, chosen), change_of(now, before)
    spoke, spoke_before = tallied[PEOPLE].to_list(), tallied[PEOPLE + EARLIER].to_list()
    return [
        {
            "negative_share": interval(now[:, at]) if people else None,
            "earlier_share": interval(before[:, at]) if earlier else None,
            "net": interval(net[:, at]) if people else None,
            "change": interval(change[:, at]) if people and earlier else None,
        }
        for at, (people, earlier) in enumerate(zip(spoke, spoke_before, strict=True))
    ]


def interval(figure: Any) -> dict[str, float]:
    """Value, lower and upper of three numbers."""
    return dict(zip(("value", "lower", "upper"), map(float, figure), strict=True))


def rank(row: Figures) -> tuple[Any, ...]:
    """Sorts rows of products: the worst state first, then the surest to be spoken ill of."""
    share = row["negative_share"] or {"lower": 0.0}
    return STATES.index(row["state"]), -share["lower"], -row["word"][PEOPLE], row["product_id"]


def reasons(
    why: list[str], state: str, told: Figures, chosen: dict[str, Section], days: int
) -> list[dict[str, str]]:
    """Rows of rule and says, one sentence each: the rules that hold, and what to know beside them.

    Args:
        why: of `judge_word`.
        state: of the same.
        told: the product's row of `tally`, its `standing`, `risen`, and where known blamed,
            blamers, strangers and last_word_at.
        chosen: settings.
        days: of the window.
    """
    sentences = {
        MUCH: _much(told, chosen),
        MORE: _more(told),
        ONE: _one(told),
        FEW: f"{told[PEOPLE]:,} spoke; a product is judged from {chosen['alert'].people:,} on.",
        NOBODY: f"Nobody who may be heard spoke in {counted(days, 'day')}{_last(told)}.",
        NOTHING: f"{counted(told['acts'], 'act')} said nothing that can be read.",
    }
    found = [{"rule": rule, "says": sentences[rule]} for rule in why]
    return found + (_beside(told, chosen, days) if state in (ALERT, WATCH) else [])


def _much(told: Figures, chosen: dict[str, Section]) -> str:
    share = told["negative_share"]
    if share is None:
        return ""
    return (
        f"{told[NEGATIVE]:,} of {told[PEOPLE]:,} people who spoke, spoke ill "
        f"({share['value']:.0%}, {share['lower']:.0%} to {share['upper']:.0%}); "
        f"more than {chosen['alert'].share:.0%} is much."
    )


def _more(told: Figures) -> str:
    share, before, change = told["negative_share"], told["earlier_share"], told["change"]
    if change is None:
        return ""
    return (
        f"Ill word rose from {before['value']:.0%} to {share['value']:.0%} of those who speak: "
        f"by {100 * change['value']:.0f} points "
        f"({100 * change['lower']:.0f} to {100 * change['upper']:.0f})."
    )


def _one(told: Figures) -> str:
    one = told.get("risen")
    if one is None:
        return ""
    return (
        f"{one[PEOPLE]:,} of {told[PEOPLE]:,} people who spoke blame {one[ASPECT]}; before it was "
        f"{one['before']:,} of {told[PEOPLE + EARLIER]:,}."
    )


def risen(judged: Figures, blame: pl.DataFrame) -> Figures:
    """Under `risen`, the row of `blame_of` of the aspect that `judge_word` names; None of none."""
    if judged[ASPECT] is None:
        return {"risen": None}
    mine = (pl.col(PRODUCT) == judged[PRODUCT]) & (pl.col(ASPECT) == judged[ASPECT])
    return {"risen": blame.row(by_predicate=mine, named=True)}


def _last(told: Figures) -> str:
    last = told.get("last_word_at")
    return f"; the last word was on {last[:10]}" if last else ""


def _beside(told: Figures, chosen: dict[str, Section], days: int) -> list[dict[str, str]]:
    found = []
    risen_one = (told.get("risen") or {}).get(ASPECT)
    if told.get("blamed") and told["blamed"][0][ASPECT] != risen_one:
        most = told["blamed"][0]
        says = (
            f"{most['people']:,} of {told['blamers']:,} who blame anything blame {most['aspect']}."
        )
        found.append({"rule": "about", "says": says})
    strange = _strange(told, chosen, days)
    if strange:
        found.append({"rule": "strangers", "says": strange})
    return found


def _strange(told: Figures, chosen: dict[str, Section], days: int) -> str:
    """Who did nothing else may have come to speak ill, unless the others are such people too."""
    idle = told.get("strangers")
    if not idle or idle[NEGATIVE] < max(1.0, float(chosen["alert"].strangers) * told[NEGATIVE]):
        return ""
    others = told[PEOPLE] - told[NEGATIVE]
    counts = (idle[NEGATIVE], told[NEGATIVE], idle["others"], others)
    if others and rose(*(np.array([one]) for one in counts))[0] > float(chosen["alert"].chance):
        return ""
    return (
        f"{idle[NEGATIVE]:,} of the {told[NEGATIVE]:,} who spoke ill did nothing else in "
        f"{counted(2 * days, 'day')}, of the others {idle['others']:,} of {others:,}: "
        "look whether they are customers."
    )
