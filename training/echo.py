"""How far word goes of whoever likes a product: for segments, which tell the reach they earn.

In: who passes on whose word, the acts of the log. Out: an echo, by rows of users and products.
Never: a share of a person's likes by themselves; few like enough for that.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from engine import settings as configs
from engine.audiences.standing import Echo
from engine.frames import LIKES, PRODUCT
from engine.operations.carriers import carried_by_users
from engine.reach.uptake import SHARES, likes_passed_on, shares_per_like
from engine.signals.undo import live_events
from engine.store.carriers import Carriers
from engine.store.home import Home


def hear_echo(
    home: Home, acts: pl.LazyFrame, carriers: Carriers | None, users: int, products: pl.Series
) -> Echo | None:
    """None where nobody passes on anything.

    Args:
        home: whose settings hold.
        acts: that the model is learned from.
        word: who passes on whose word.
        users: of the model.
        products: ids of the model's, in their order.
    """
    if carriers is None:
        return None
    counts = likes_passed_on(live_events(acts, distinct=True))
    known = (
        products.alias(PRODUCT)
        .to_frame()
        .join(counts, on=PRODUCT, how="left", maintain_order="left")
    )
    likes, shares = (
        known[name].fill_null(0).to_numpy().astype(np.float64) for name in (LIKES, SHARES)
    )
    chosen = configs.load("reach", home.root)["uptake"]
    passing = shares_per_like(likes, shares, float(chosen.usual), float(chosen.strength))
    return Echo(carried_by_users(carriers, users), passing.astype(np.float32))
