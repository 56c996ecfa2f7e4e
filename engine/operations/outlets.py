"""Where and when a product meets its audience: networks that fit, and the hours of a week.

In: a home, an open model, a product. Out: networks best first; posts of a week, and its hours.
Never: a person: of an audience only the numbers seen on each network are used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import available_timezones

import polars as pl

from engine import frames as f
from engine import settings
from engine.operations.activity import count_activity
from engine.operations.audiences import Audience, audience
from engine.operations.lookup import product_row
from engine.planning.calendars import choose_calendar, known_country
from engine.planning.channels import Question, Seen, fit_channels
from engine.planning.timing import Team, hour_response, plan_schedule
from engine.planning.weeks import BASIS, Ground, Placement
from engine.store.artefacts import Model
from engine.store.home import Home
from engine.store.results import newest

CHANNELS = "channels"
_LOOKED_AT = 100_000  # users by whom it is known which channels there are


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
        UnknownEntity: the product, a channel or the country is not known.
        InvalidValue: the goal or the buyers are not known.
    """
    row = product_row(model, product_id)
    people = _people(model, product_id, wish.goal)
    countries = settings.load_rows("calendars", home.root)
    question = Question(
        goal=wish.goal,
        words=_words(model, row),
        buyers=wish.buyers,
        country=known_country(countries, wish.country) or lives_in(model, people, countries)[0],
        budget=wish.budget,
        channels=wish.channels,
    )
    found = fit_channels(
        settings.load_rows("channels", home.root),
        question,
        results=_results(home),
        seen=_seen(model, people),
        settings=settings.load("channel-fit", home.root),
    )
    return {
        "product_id": product_id,
        "goal": wish.goal,
        "country": question.country,
        CHANNELS: found,
    }


def seen_on(model: Model, product_id: str, *, goal: str, home: Home) -> Seen | None:
    """How many of a product's audience were seen on each network; nothing where none was told."""
    return _seen(model, _people(model, product_id, goal))


def _people(model: Model, product_id: str, goal: str) -> Audience:
    return audience(model, product_id, goal=goal, include_known=True)  # as wide as targeting says


def _seen(model: Model, people: Audience) -> Seen | None:
    """People of an audience on every channel that the model knows, be there none."""
    channels = model.users[CHANNELS]
    some = channels.gather_every(max(1, channels.len() // _LOOKED_AT))  # there are few channels
    seen = channels.gather(people.rows).explode(empty_as_null=True).drop_nulls()
    known = pl.concat([some.explode(empty_as_null=True).drop_nulls(), seen]).unique().sort()
    if not known.len():
        return None
    counts = dict(seen.value_counts(name="people").iter_rows())
    return Seen(people.rows.size, {name: counts.get(name, 0) for name in known})


def _words(model: Model, row: int) -> tuple[str, ...]:
    told = model.products.row(row, named=True)
    return tuple(
        word for word in (*(told.get(f.TAGS) or ()), told.get(f.NAME), told[f.PRODUCT]) if word
    )


def _results(home: Home) -> pl.DataFrame | None:
    results = newest(home)
    return results if results.height else None


@dataclass(frozen=True)
class Week:
    """What a team can do in a week, posts or hours of work, from which day, by whose clock."""

    start: date
    posts: int | None = None
    channels: tuple[str, ...] | None = None
    country: str | None = None
    zone: str | None = None
    goal: str = "traffic"
    hours: float | None = None


def product_schedule(
    home: Home, model: Model, product_id: str, week: Week, *, now: datetime
) -> dict[str, Any]:
    """Posts of a week for a product, and the response of every hour on the networks of the posts.

    Without `channels` those are used where most of the product's audience was seen, else the
    network that fits best. Hours are those at which that audience acts, as far as they were seen,
    on the clock of the country or of the time zone; where neither is named, of that where most of
    the audience lives.

    Raises:
        UnknownEntity: the product, a channel or the country is not known.
        InvalidValue: the zone does not exist, or more posts are wanted than a week can hold.
    """
    people = _people(model, product_id, week.goal)
    country, zone = week.country, week.zone
    if country is None and zone is None:
        country, zone = lives_in(model, people, settings.load_rows("calendars", home.root))
    ground = ground_of(home, country=country, zone=zone)
    weights = _met(home, model, product_id, week, people)
    ids = model.users[f.USER].gather(people.rows)
    response = hour_response(
        count_activity(home, ground, now, audiences={product_id: ids}),
        placements=list(weights),
        ground=ground,
    )
    slots = plan_schedule(
        response,
        start=week.start,
        ground=ground,
        team=Team(posts=week.posts, hours=week.hours),
        weights=weights,
    )
    # Posts are for all who see them there; the audience only told when.
    everybody = {f.SEGMENT: None}
    used = {slot[f.CHANNEL] for slot in slots}
    hours = response.filter(pl.col(f.CHANNEL).is_in(used))
    return {
        "product_id": product_id,
        "zone": ground.calendar.zone,
        "country": ground.calendar.country,
        "notes": _notes(response, ground),
        "schedule": [slot | everybody for slot in slots],
        "hours": [hour | everybody for hour in hours.to_dicts()],
    }


def _notes(response: pl.DataFrame, ground: Ground) -> list[str]:
    """What a reader of a schedule must know beside it."""
    notes = []
    usual = response.filter(pl.col(BASIS) == "prior")[f.CHANNEL].unique().sort().to_list()
    if usual:
        notes.append(f"nothing was measured yet on {', '.join(usual)}: hours as is usual there")
    if ground.calendar.country is None:
        notes.append(
            f"no country is known: hours of {ground.calendar.zone}, without holidays; name one, "
            "give users a country, or set audience.country in configs/timing.toml"
        )
    return notes


def lives_in(
    model: Model, people: Audience, countries: Mapping[str, Mapping[str, settings.Scalar]]
) -> tuple[str | None, str | None]:
    """Country and time zone of most of an audience, as far as the users' attributes tell.

    Looked for are `country`, two letters of ISO 3166 that are listed, and `time_zone`, a name of
    the IANA database; either is nothing where it does not hold for more than half.
    """
    found = []
    for column in ("country", "time_zone"):
        most = None
        if model.users.schema.get(column) == pl.String and people.rows.size:
            told = model.users[column].gather(people.rows).drop_nulls().str.strip_chars()
            counts = told.value_counts(sort=True, name="people").head(1)
            if counts.height and counts["people"][0] * 2 > people.rows.size:
                most = str(counts[column][0])
        found.append(most)
    country = found[0].upper() if found[0] else None
    zone = found[1] if found[1] in available_timezones() else None
    return country if country in countries else None, zone


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
    """Acts of the log by channel and hour of the week, as `count_activity` counts them."""
    return count_activity(home, ground, now)


def _met(
    home: Home, model: Model, product_id: str, week: Week, people: Audience
) -> dict[Placement, float]:
    """The audience on each channel of the week, weighed by how many were seen there.

    Where none was seen, the channel that fits best.
    """
    seen = _seen(model, people)
    on = {name: met for name, met in seen.on.items() if met} if seen else {}
    if week.channels:
        most = max((on.get(name, 0) for name in week.channels), default=0)
        return {
            (name, product_id): on.get(name, 0) / most if most else 1.0 for name in week.channels
        }
    if on:
        most_met = sorted(on, key=lambda name: (-on[name], name))
        kept = most_met[: int(settings.load("timing", home.root)["learning"].channels)]
        return {(name, product_id): on[name] / on[kept[0]] for name in kept}
    wish = Wish(goal=week.goal, country=week.country)
    best = product_channels(home, model, product_id, wish)[CHANNELS]
    return {(str(best[0]["channel"]), product_id): 1.0}
