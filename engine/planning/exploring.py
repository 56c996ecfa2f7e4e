"""Money that goes where most can be learned: Thompson sampling over what is believed.

In: drawn worlds, limits, a share of the budget. Out: the plan for the mean, moved by that share
towards the plans that single drawn worlds would ask for. Never: a limit broken for curiosity.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.planning.budget import allocate_concave
from engine.planning.constraints import Limits
from engine.planning.risk import Worlds
from engine.planning.rounding import CENTS, round_plan
from engine.planning.switches import as_switched

Array = NDArray[Any]
PLANS, MOST_ROWS = 24, 400_000


def explore(best: Array, worlds: Worlds, limits: Limits, share: float) -> Array:
    """Cents (n,) of a plan of which `share` follows the mean of plans for single worlds.

    Thompson (1933): a placement gets money in proportion to the chance that money belongs there.
    Limits that hold for both plans hold for their mixture, for they are all convex; who starts at
    a least amount and has none in `best` gets none.

    Args:
        best: cents (n,) of the best plan for the mean.
    """
    if share <= 0 or len(best) < 2:
        return best
    bounded = as_switched(limits, best)
    count = int(np.clip(MOST_ROWS // len(best), 4, min(PLANS, worlds.shape[1])))
    wanted = np.zeros(len(best))
    for world in range(count):
        curves = worlds.one(world, best / CENTS)
        wanted += allocate_concave(curves, bounded).cents / count
    # Draws in which little brings anything leave money over; it stays with the best plan.
    mixed = share * wanted
    kept = best * (1.0 - share * wanted.sum() / max(int(best.sum()), 1))
    return round_plan(kept + mixed, int(best.sum()), limits.channel, bounded.box)
