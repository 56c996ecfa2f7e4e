"""Floods and brigades planted in a world: found, held out of what is learned, and released."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from engine import settings
from engine.errors import UnknownEntity
from engine.frames import ACTION, AT, EVENT, EVENTS, PRODUCT, USER
from engine.operations.audiences import audience
from engine.operations.integrity import hold_out, list_suspects, release
from engine.signals.integrity import find_suspects
from engine.store import eventlog
from engine.store.artefacts import open_model
from tests.training.planted import quick_home, tiny_home, world_events
from tests.worlds import small
from training.flow import retrain

ACTIONS = settings.load_rows("actions")
RULES = settings.load("integrity", Path("nowhere"))


def planted(users: list[str], product: str, action: str, start, every: timedelta) -> pl.DataFrame:
    rows = [
        {
            EVENT: f"planted-{user}-{number}",
            USER: user,
            PRODUCT: product,
            ACTION: action,
            AT: start + number * every,
        }
        for number, user in enumerate(users)
    ]
    return pl.DataFrame(rows, schema_overrides={AT: EVENTS.columns[AT]})


def brigade(events: pl.DataFrame, size: int = 500, action: str = "dislike") -> pl.DataFrame:
    """So many fresh accounts within an hour, on a product in the middle of the ranking."""
    products = events.group_by(PRODUCT).len().drop_nulls().sort("len", PRODUCT)
    product = products[PRODUCT][products.height // 2]
    start = events[AT].min() + (events[AT].max() - events[AT].min()) / 2
    names = [f"fresh-{number:04}" for number in range(size)]
    return planted(names, product, action, start, timedelta(hours=1) / size)


def flood(events: pl.DataFrame, acts: int = 100_000) -> pl.DataFrame:
    """One account that likes everything again and again."""
    products = events[PRODUCT].drop_nulls().unique().sort()
    step = (events[AT].max() - events[AT].min()) / (acts + 1)
    numbers = pl.int_range(acts, eager=True)
    return pl.DataFrame(
        {
            EVENT: "flood-" + numbers.cast(pl.String),
            USER: pl.repeat("the-flood", acts, eager=True),
            PRODUCT: products.gather(numbers % products.len()),
            ACTION: pl.repeat("like", acts, eager=True),
            AT: (events[AT].min() + numbers * step).cast(EVENTS.columns[AT]),
        }
    )


def find(*events: pl.DataFrame):
    joined = pl.concat([frame.select(EVENT, USER, PRODUCT, ACTION, AT) for frame in events])
    return find_suspects(joined.lazy(), ACTIONS, RULES)


@pytest.mark.parametrize("events", [world_events, lambda: small().events])
def test_nobody_is_suspected_where_nothing_was_planted(events):
    found = find(events())
    assert found.suspects.is_empty()


@pytest.mark.parametrize("action", ["like", "dislike"])
def test_a_brigade_of_fresh_accounts_is_found_whole_and_alone(action):
    attack = brigade(small().events, action=action)
    found = find(small().events, attack)
    assert set(found.suspects[USER]) == set(attack[USER])
    first = found.bursts.row(0, named=True)
    assert first[PRODUCT] == attack[PRODUCT][0]
    assert first["people"] > 100 * first["expected"]


def test_a_burst_by_people_of_long_standing_is_told_and_nobody_held():
    world = small().events
    regulars = world.group_by(USER).len().filter(pl.col("len") > 20)[USER].sort()[:200]
    product, start = world[PRODUCT].drop_nulls()[0], world[AT].max() - timedelta(days=1)
    found = find(world, planted(list(regulars), product, "dislike", start, timedelta(seconds=9)))
    assert product in found.bursts[PRODUCT]
    assert found.suspects.is_empty()


@pytest.mark.parametrize(("given", "early"), [(25, 40), (8, 12)])
def test_the_crowd_of_the_first_hour_is_told_of_and_nobody_held(given, early):
    """Newcomers give opinions on the few products there are; a week later there are many more."""
    start = small().events[AT].min()
    rng = np.random.default_rng(0)
    rows = []
    for number in range(800):
        first, offered = number < 200, early if number < 200 else 4 * early
        came = start + timedelta(minutes=rng.uniform(0, 60) if first else rng.uniform(1e4, 4e4))
        for product in rng.choice(offered, given, replace=False):
            name, act = f"p{product:03}", "like" if rng.random() < 0.6 else "dislike"
            rows.append((f"{number}-{name}", f"u{number:03}", name, act, came))
    columns = {name: EVENTS.columns[name] for name in (EVENT, USER, PRODUCT, ACTION, AT)}
    found = find(pl.DataFrame(rows, columns, orient="row"))
    assert found.bursts.height >= early / 2
    assert found.suspects.is_empty()


def test_one_moment_for_everything_is_no_burst():
    world = small().events.with_columns(pl.lit(small().events[AT].max()).alias(AT))
    assert find(world).suspects.is_empty()


def test_one_account_that_floods_is_found():
    found = find(small().events, flood(small().events))
    assert found.suspects[USER].to_list() == ["the-flood"]


@pytest.mark.slow
def test_what_is_held_changes_nothing_that_is_learned(tmp_path: Path) -> None:
    home, calm_home = tiny_home(tmp_path / "attacked"), tiny_home(tmp_path / "calm")
    retrain(calm_home)
    attack = [flood(world_events()), brigade(world_events())]
    columns = [EVENT, USER, PRODUCT, ACTION, AT]
    for events in attack:
        rest = {name: pl.lit(None, EVENTS.columns[name]) for name in EVENTS.columns}
        full = events.with_columns(**{n: e for n, e in rest.items() if n not in columns})
        eventlog.append_events(home, full.select(list(EVENTS.columns)))
    outcome = retrain(home)
    assert outcome.metrics["held_out"] == 501
    calm, attacked = open_model(calm_home), open_model(home)
    assert attacked.users[USER].equals(calm.users[USER])
    for product in calm.products[PRODUCT]:
        ranked = [audience(m, product, share=0.05).ids.to_list() for m in (calm, attacked)]
        assert ranked[0] == ranked[1]
    held = list_suspects(home)["held"]
    assert len(held) == 501
    release(home, "the-flood")
    events, count = hold_out(home, eventlog.scan_events(home))
    assert count == 500
    assert "the-flood" in events.select(pl.col(USER).unique()).collect()[USER]
    with pytest.raises(UnknownEntity):
        release(home, "the-flood")


def test_a_home_without_records_holds_nobody(tmp_path: Path) -> None:
    assert list_suspects(quick_home(tmp_path)) == {"held": [], "bursts": []}
