"""The life of a campaign: draft, planned, approved, running, then finished or cancelled.

In: a campaign and a verb. Out: the state that follows. Never: a state skipped, or money changed
after it was approved.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from engine.errors import DataError, InvalidValue
from engine.store.campaigns import Campaign

STATES = ("draft", "planned", "approved", "running", "finished", "cancelled")
BECOMES = {
    "plan": "planned",
    "approve": "approved",
    "start": "running",
    "finish": "finished",
    "cancel": "cancelled",
}
NEXT = {
    "draft": ("plan", "cancel"),
    "planned": ("plan", "approve", "cancel"),
    "approved": ("start", "cancel"),
    "running": ("finish", "cancel"),
    "finished": (),
    "cancelled": (),
}
FREE = frozenset({"name", "team", "responsible", "schedule"})
"""What may be changed without another plan: it moves no money and no people."""


class OutOfStep(DataError):
    """A verb does not follow from where the campaign stands."""

    def __init__(self, campaign: Campaign, verb: str) -> None:
        self.status, self.allowed = campaign.status, NEXT[campaign.status]
        ways = f"what can follow: {', '.join(self.allowed)}" if self.allowed else "nothing follows"
        super().__init__(f"cannot {verb}: the campaign is {self.status}; {ways}")


class Settled(DataError):
    """What was approved is what runs: it is not changed any more."""

    def __init__(self, campaign: Campaign, fields: Collection[str]) -> None:
        self.status, self.allowed = campaign.status, NEXT[campaign.status]
        why = "what runs is what was approved" if self.allowed else "it has ended"
        ways = "cancel it and make another" if self.allowed else "make another"
        super().__init__(
            f"cannot change {', '.join(sorted(fields))}: the campaign is {self.status}, and {why}; "
            f"{ways}"
        )


class Outdated(DataError):
    """The campaign was changed since it was read."""

    def __init__(self, campaign_id: str, read: int, now: int | None) -> None:
        self.read, self.now = read, now
        since = "" if now is None else f"; it is version {now} now"
        super().__init__(
            f"campaign '{campaign_id}' is no longer version {read}{since}: read it again"
        )


class Undetectable(DataError):
    """The effect that the plan expects is too small to be seen, and nobody accepted that."""

    def __init__(self, warning: str) -> None:
        super().__init__(f"{warning} To approve it all the same, accept that it is undetectable.")


def follow(campaign: Campaign, verb: str) -> str:
    """The state that a verb leads to.

    Raises:
        OutOfStep: it does not follow from the campaign's state; the error names what does.
    """
    if verb not in NEXT[campaign.status]:
        raise OutOfStep(campaign, verb)
    return BECOMES[verb]


def refuse_bygone(campaign: Campaign, today: date) -> None:
    """Goes on where a day of the campaign is left; its last day, in UTC, still counts.

    Raises:
        InvalidValue: its days are over.
    """
    if today > campaign.end:
        raise InvalidValue("end", f"was {campaign.end:%Y-%m-%d}: its days are over; change them")


def after_change(campaign: Campaign, changed: Collection[str]) -> str:
    """The state after fields were changed: what moves money or people asks for another plan.

    Raises:
        Settled: it runs, and more than its name and people in charge was to be changed; or it has
            ended.
    """
    weighty = set(changed) - FREE
    if campaign.status in ("finished", "cancelled") or (campaign.status == "running" and weighty):
        raise Settled(campaign, weighty or changed)
    return "draft" if weighty else campaign.status
