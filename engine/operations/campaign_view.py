"""A campaign as others see it: plain values, its steps side by side, and what may follow.

In: a campaign, lines of its log. Out: dicts that JSON holds. Never: where its people are kept.
"""

from __future__ import annotations

from typing import Any

from engine.operations.campaign_life import NEXT
from engine.operations.campaign_steps import side_by_side
from engine.store.campaigns import Campaign, Entry, content_of

KEPT_INSIDE = ("recommended", "chosen")


def describe(campaign: Campaign) -> dict[str, Any]:
    """All of a campaign; `steps` hold what was recommended and chosen, `next` what may follow."""
    told = {name: value for name, value in content_of(campaign).items() if name not in KEPT_INSIDE}
    if told["audience"]:
        told["audience"].pop("file", None)
    return told | {
        "days": campaign.days,
        "steps": side_by_side(campaign),
        "next": list(NEXT[campaign.status]),
    }


def summarise(campaign: Campaign) -> dict[str, Any]:
    """A campaign in a list."""
    told = content_of(campaign)
    names = ("id", "name", "product_id", "goal", "status", "budget", "currency", "start", "end")
    return {name: told[name] for name in (*names, "team", "author", "version")}


def line_of(entry: Entry) -> dict[str, Any]:
    """One line of the log."""
    told = {name: value for name, value in vars(entry).items() if name != "campaign_id"}
    for side in ("before", "after"):
        people = told[side].get("audience")
        if people:
            kept = {name: value for name, value in people.items() if name != "file"}
            told[side] = told[side] | {"audience": kept}
    return told | {"at": entry.at.isoformat()}
