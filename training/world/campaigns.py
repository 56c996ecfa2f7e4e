"""What past campaigns brought: daily results by channel, drawn from planted response curves.

In: a plan. Out: `frames.RESULTS`, and the curves that a planner should find.
Never: a user; results are sums.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import polars as pl

from engine.frames import CHANNEL
from training.world.plan import Array, Plan, Stage


@dataclass(frozen=True)
class Responses:
    """The planted curve of each channel: `ceiling * s^slope / (half^slope + s^slope)` a day."""

    channels: tuple[str, ...]
    ceiling: Array
    half: Array
    slope: Array

    def conversions(self, spend: Array, channel: Array) -> Array:
        """Conversions to expect of a day's spend; `channel` holds places in `channels`."""
        slope = self.slope[channel]
        raised = spend**slope
        return np.asarray(self.ceiling[channel] * raised / (self.half[channel] ** slope + raised))


def plant_responses(plan: Plan) -> Responses:
    """The curves of the plan's channels."""
    ceiling, half, slope = (plan.column(name) for name in ("ceiling", "half", "slope"))
    return Responses(tuple(plan.channels), ceiling, half, slope)


def draw_results(plan: Plan) -> pl.DataFrame:
    """Every campaign on every channel for its days, the last one ending the day before the end.

    Sorted by date, campaign and channel; all counts are Poisson about the planted means.
    """
    rng, settings, responses = (
        plan.draw(Stage.RESULTS),
        plan.settings["results"],
        plant_responses(plan),
    )
    days, channels = settings.campaigns * settings.days, len(plan.channels)
    day, channel = (axis.ravel() for axis in np.indices((days, channels)))
    spend = np.exp(
        rng.normal(0, settings.spend_spread, day.shape[0]) - settings.spend_spread**2 / 2
    )
    spend = (settings.spend * spend).round(2)
    impressions = rng.poisson(1000 * spend / plan.column("cost_per_mille")[channel])
    conversions = rng.poisson(responses.conversions(spend, channel))
    first = plan.until.date() - timedelta(days=days)
    return pl.DataFrame(
        {
            "date": [first + timedelta(days=int(after)) for after in day],
            CHANNEL: [responses.channels[place] for place in channel],
            "campaign_id": [f"campaign-{number + 1}" for number in day // settings.days],
            "impressions": impressions.astype(np.int64),
            "clicks": rng.binomial(impressions, plan.column("click_rate")[channel]).astype(
                np.int64
            ),
            "spend": spend,
            "conversions": conversions.astype(np.int64),
            "sales": (conversions * settings.order * rng.uniform(0.8, 1.2, day.shape[0])).round(2),
        },
        schema_overrides={"date": pl.Date, CHANNEL: pl.String, "campaign_id": pl.String},
    )
