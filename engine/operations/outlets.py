"""Where and when a product meets its audience: networks that fit, and the hours of a week.

In: a home, an open model, a product. Out: networks best first; posts of a week, and its hours.
Never: a person: of an audience only the numbers seen on each network are used.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl

from engine import frames as f
from engine import settings
from engine.operations.audiences import audience
from engine.operations.lookup import product_row
from engine.planning.calendars import choose_calendar
from engine.planning.channels import Question, Seen, fit_channels
from engine.planning.hours import Window, count_acts
from engine.planning.timing import Ground, Team, hour_response, plan_schedule
from engine.store.artefacts import Model
from engine.store.eventlog import scan_events, scan_table
from engine.store.home import Home

CHANNELS = "channels"


@dataclass(frozen=True)
class Wish:
    """What is wanted of networks: for which goal, to whom they sell, where, for how much money."""

    goal: str = "traffic"
    buyers: str | None = None
    country: str | None = None
    budget: float | None = None
    channels: tuple[str, ...] | None = None


def product_channels(home: Home, model: Model, product_id: str, wish: Wish) -> dict[str, Any]:
    """Networks for a product, best first, as `fit_channels` gives them.

    Past results of every campaign count, and where the product's audience was seen.

    Raises:
        UnknownEntity: the product or a channel is not known.
        InvalidValue: the goal or the buyers are not known.
    """
    row = product_row(model, product_id)
    question = Question(
        goal=wish.goal,
        words=_words(model, row),
        buyers=wish.buyers,
        country=wish.country,
        budget=wish.budget,
        channels=wish.channels,
    )
    found = fit_channels(
        settings.load_rows("channels", home.root),
        question,
        results=_results(home),
        seen=seen_on(model, product_id, goal=wish.goal, home=home),
        settings=settings.load("channel-fit", home.root),
    )
    return {"product_id": product_id, "goal": wish.goal, CHANNELS: found}


def seen_on(model: Model, product_id: str, *, goal: str, home: Home) -> Seen | None:
    """How many of a product's audience were seen on each network; nothing where none was told."""
    share = settings.load("targeting", home.root)["default"].share
    people = audience(model, product_id, share=share, goal=goal, include_known=True)
    seen = model.users[CHANNELS].gather(people.rows).explode(empty_as_null=True).drop_nulls()
    if not seen.len():
        return None
    counts = seen.value_counts(name="people").sort(CHANNELS)
    return Seen(people.rows.size, dict(counts.iter_rows()))


def _words(model: Model, row: int) -> tuple[str, ...]:
    told = model.products.row(row, named=True)
    return tuple(
        word for word in (*(told.get(f.TAGS) or ()), told.get(f.NAME), told[f.PRODUCT]) if word
    )


def _results(home: Home) -> pl.DataFrame | None:
    results = scan_table(home, f.RESULTS.name).collect()
    return results if results.height else None


@dataclass(frozen=True)
class Week:
    """What a team can do in a week, from which day on, and by whose clock."""

    start: date
    posts: int | None = None
    channels: tuple[str, ...] | None = None
    country: str | None = None
    zone: str | None = None
    goal: str = "traffic"


def product_schedule(
    home: Home, model: Model, product_id: str, week: Week, *, now: datetime
) -> dict[str, Any]:
    """Posts of a week for a product, and the response of every hour on the networks of the posts.

    Without `channels` those are used where the product's audience was seen, else the network that
    fits best. Hours are those of the country, or of the time zone.

    Raises:
        UnknownEntity: the product, a channel or the country is not known.
        InvalidValue: the zone does not exist, or more posts are wanted than a week can hold.
    """
    ground = ground_of(home, country=week.country, zone=week.zone)
    channels = week.channels or _met(home, model, product_id, week)
    response = hour_response(
        hours_of(home, ground, now),
        placements=[(channel, None) for channel in channels],
        ground=ground,
    )
    slots = plan_schedule(response, start=week.start, ground=ground, team=Team(posts=week.posts))
    used = {slot[f.CHANNEL] for slot in slots}
    hours = response.filter(pl.col(f.CHANNEL).is_in(used))
    return {
        "product_id": product_id,
        "zone": ground.calendar.zone,
        "schedule": slots,
        "hours": hours.to_dicts(),
    }


def ground_of(home: Home, *, country: str | None = None, zone: str | None = None) -> Ground:
    """What timing stands on in this home, by the clock of a country or a time zone.

    Raises:
        UnknownEntity: the country is not listed and no zone is given.
        InvalidValue: the zone does not exist.
    """
    timing = settings.load("timing", home.root)
    country = country or str(timing["audience"].country) or None
    calendar = choose_calendar(
        settings.load_rows("calendars", home.root), country=country, zone=zone
    )
    return Ground(settings.load_rows("channels", home.root), calendar, timing)


def hours_of(home: Home, ground: Ground, now: datetime) -> pl.DataFrame:
    """Acts of the log by channel and hour of the week, as `count_acts` counts them."""
    learning = ground.settings["learning"]
    window = Window(now - timedelta(days=learning.days), now, learning.half_life_days)
    events = scan_events(home, since=window.since, until=window.until)
    # Quarters of an hour: clocks all over the world differ by whole ones.
    quarter = pl.col(f.AT).dt.truncate("15m")
    acts = (
        events.filter(pl.col(f.CHANNEL).is_not_null())
        .group_by(f.CHANNEL, quarter)
        .agg(pl.len().alias(f.ACTS))
        .collect()
    )
    return count_acts(acts, ground.calendar, window)


def _met(home: Home, model: Model, product_id: str, week: Week) -> tuple[str, ...]:
    wish = Wish(goal=week.goal, country=week.country)
    facts = settings.load_rows("channels", home.root)
    seen = seen_on(model, product_id, goal=week.goal, home=home)
    met = tuple(name for name in (seen.on if seen else ()) if name in facts)
    if met:
        return met
    best = product_channels(home, model, product_id, wish)[CHANNELS]
    return (best[0]["channel"],)
