"""What past campaigns of a product caused, by the people they held out, for the next plan.

In: a home and a product. Out: the part of outcomes that came because of them, with an interval.
Never: a campaign whose outcomes may still come, or one that held nobody out.
"""

from __future__ import annotations

import math
from datetime import datetime
from statistics import NormalDist
from typing import Any

import numpy as np

from engine import frames as f
from engine import settings
from engine.measurement.lift import compare
from engine.operations.campaign_audience import acted, window_of
from engine.operations.campaign_lift import audience_of, consented
from engine.operations.ownership import owners_of
from engine.privacy.consent import MEASURE
from engine.store.campaign_audiences import HELD_OUT
from engine.store.campaigns import Campaign, campaigns_of
from engine.store.catalog import open_catalog
from engine.store.home import Home

LEAST = 2
"""People on a side without whom nothing can be compared."""


def caused(
    home: Home, product_id: str, goal: str, *, now: datetime, team: str | None = None
) -> dict[str, Any] | None:
    """The share of outcomes of past campaigns of a product and goal that were caused by them.

    Of each campaign whose outcomes have all come, newest first and no more than the settings'
    `lift.campaigns`: people addressed times the effect. Their sum over that of the outcomes of the
    people addressed is `share`, at least 0 and at most 1, with `lower` and `upper` at the level of
    lifts, from the standard errors of the effects. Nothing where no campaign tells. Campaigns of a
    team that neither asks nor owns the product do not count.

    Returns:
        share, lower, upper, campaigns (how many), or None.
    """
    chosen = settings.load("measurement", home.root)["lift"]
    with open_catalog(home) as catalog:
        known = campaigns_of(catalog, product_id)
    seen = {None, team, *owners_of(home, product_id)}
    past = [
        one
        for one in reversed(known)
        if one.goal == goal
        and one.status == "finished"
        and one.team in seen
        and now >= window_of(home, one)[1]
    ]
    told = [_told(home, one, float(chosen.level)) for one in past[: int(chosen.campaigns)]]
    sums = np.array([one for one in told if one is not None], np.float64).reshape(-1, 3)
    if sums[:, 1].sum() <= 0:
        return None
    share = sums[:, 0].sum() / sums[:, 1].sum()
    error = math.sqrt((sums[:, 2] ** 2).sum()) / sums[:, 1].sum()
    reach = NormalDist().inv_cdf((1 + float(chosen.level)) / 2) * error
    bounds = np.clip([share, share - reach, share + reach], 0.0, 1.0).tolist()
    return dict(zip(("share", f.LOWER, f.UPPER), bounds, strict=True)) | {"campaigns": len(sums)}


def _told(home: Home, campaign: Campaign, level: float) -> tuple[float, float, float] | None:
    """Outcomes caused, outcomes of those addressed, and the standard error of the former."""
    people = audience_of(home, campaign)
    if people is None:
        return None
    people = consented(home, people, MEASURE)
    held = people[HELD_OUT].to_numpy()
    if min(held.sum(), (~held).sum()) < LEAST:
        return None
    did = acted(home, campaign, people[f.USER], window_of(home, campaign)).astype(np.float64)
    found = compare(did, held, level=level)
    size = found.exposed.people
    return size * found.effect, size * found.exposed.mean, size * found.error
