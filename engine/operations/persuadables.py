"""Whom earlier campaigns of a product moved, as segments that later ones may address.

In: a home, an open model, a product. Out: segments by id, with their rows. Never: an effect; those
are told where they were measured.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.frames import USER
from engine.operations.teams import owners_of
from engine.store.artefacts import Model
from engine.store.campaign_audiences import read_audience
from engine.store.campaigns import Campaign, campaigns_of
from engine.store.catalog import open_catalog
from engine.store.home import Home

Array = NDArray[Any]
PREFIX = "persuadable:"


def persuadables_of(
    home: Home, model: Model, product_id: str, *, team: str | None = None
) -> dict[str, tuple[str, Array]]:
    """Kept persuadable segments of a product: by id their name, and their rows in a model, rising.

    People whom the model does not know are in none; a segment without anybody is left out, and so
    is that of a team that neither asks nor owns the product, of which others are to know nothing.
    """
    seen = {None, team, *owners_of(home, product_id)}
    with open_catalog(home) as catalog:
        known = campaigns_of(catalog, product_id)
    found = {}
    for campaign in known:
        if campaign.team not in seen:
            continue
        people = read_audience(home, file_of(campaign))
        if people is None:
            continue
        rows = np.flatnonzero(model.users[USER].is_in(people[USER].implode()).to_numpy())
        if rows.size:
            found[PREFIX + campaign.id] = (f"Moved by {campaign.name}", rows)
    return found


def file_of(campaign: Campaign) -> str:
    """The name under which the store keeps a campaign's persuadable people."""
    return f"{campaign.id}@persuadable"
