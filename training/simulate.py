"""A seeded world whose right answers are known: people, accounts, products, acts and campaigns.

In: sizes, a seed and the moment it ends. Out: a `World` of frames and the truth they came from,
or its blocks one by one where it is too large for memory. Never: a clock, or a real person.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl

from engine.store.files import write_table
from training.world.accounts import (
    Accounts,
    Groups,
    draw_accounts,
    draw_contacts,
    plant_groups,
    tell_accounts,
    tell_contacts,
)
from training.world.acts import acts_per_pair, draw_acts
from training.world.campaigns import Responses, draw_results, plant_responses
from training.world.goods import Goods, draw_goods, tell_products
from training.world.people import (
    Crowd,
    Culture,
    draw_crowd,
    draw_culture,
    draw_people,
    draw_ties,
    tell_users,
)
from training.world.plan import UNTIL, Plan, plan_world
from training.world.reshares import name_sources
from training.world.truth import Truth, join_truths, tell_truth

CALIBRATION_CELLS = 1_000_000
TABLES = ("events", "users", "products", "accounts", "follows", "results")
FEWEST, MOST = 1e-3, 1e6


@dataclass(frozen=True)
class World:
    """Frames as a platform would hand them in, and what no platform knows.

    Row u of `users` is user u of the truth, likewise `products`; row a of `accounts` is account a
    of the groups. Events are sorted by time.
    """

    events: pl.DataFrame
    users: pl.DataFrame
    products: pl.DataFrame
    accounts: pl.DataFrame
    follows: pl.DataFrame
    results: pl.DataFrame
    truth: Truth
    groups: Groups
    responses: Responses
    plan: Plan


@dataclass(frozen=True)
class Ground:
    """What all blocks of one world share."""

    plan: Plan
    culture: Culture
    goods: Goods
    crowd: Crowd
    accounts: Accounts
    showings: float  # mean showings of a person of activity one


@dataclass(frozen=True)
class Block:
    """A part of the users, with all they did."""

    events: pl.DataFrame
    users: pl.DataFrame
    follows: pl.DataFrame
    truth: Truth


def simulate(
    users: int | None = None,
    products: int | None = None,
    *,
    events: int | None = None,
    seed: int = 0,
    until: datetime = UNTIL,
) -> World:
    """Makes a world; sizes that are not given are those of `configs/world.toml`.

    The same arguments give the same frames byte for byte.
    """
    return grow(plan_world(users, products, events=events, seed=seed, until=until))


def grow(plan: Plan) -> World:
    """The whole world of a plan, in memory."""
    ground = lay_ground(plan)
    blocks = list(grow_blocks(ground))
    return World(
        events=pl.concat([block.events for block in blocks]).sort(
            "occurred_at", maintain_order=True
        ),
        users=pl.concat([block.users for block in blocks]),
        products=tell_products(plan, ground.goods),
        accounts=tell_accounts(plan, ground.accounts),
        follows=pl.concat([block.follows for block in blocks]),
        results=draw_results(plan),
        truth=join_truths([block.truth for block in blocks]),
        groups=plant_groups(plan, ground.culture, ground.accounts),
        responses=plant_responses(plan),
        plan=plan,
    )


def lay_ground(plan: Plan) -> Ground:
    """Communities, products and the light facts about everybody that blocks refer to."""
    culture = draw_culture(plan)
    goods = draw_goods(plan, culture)
    return Ground(
        plan,
        culture,
        goods,
        draw_crowd(plan, culture),
        draw_accounts(plan, culture),
        _calibrate(plan, culture, goods),
    )


def grow_blocks(ground: Ground) -> Iterator[Block]:
    """The world's users block after block; memory holds one block at a time."""
    plan = ground.plan
    for number in range(plan.blocks):
        people = draw_people(plan, ground.culture, number)
        truth = tell_truth(plan, people, ground.goods, ground.showings)
        contacts = draw_contacts(plan, ground.accounts, people.community, number)
        ties = draw_ties(plan, ground.crowd, number)
        events = draw_acts(plan, ground.culture, people, truth, block=number)
        yield Block(
            events=name_sources(plan, events, ties, number),
            users=tell_users(plan, people, number).with_columns(
                tell_contacts(plan, ground.accounts, contacts)
            ),
            follows=ties,
            truth=truth,
        )


def _calibrate(plan: Plan, culture: Culture, goods: Goods) -> float:
    """How often people must be shown something for the planned number of events.

    Bisection on the expected number for a sample of the first block; it rises with the showings
    up to the point where everybody has seen everything.
    """
    people = draw_people(plan, culture, 0)
    truth = tell_truth(plan, people, goods, 1.0)
    sample = slice(0, max(CALIBRATION_CELLS // plan.products, 1))
    acts = acts_per_pair(plan, truth.like(sample))
    exposure = goods.exposure[truth.community[sample]]
    intensity = (truth.activity[sample][:, None] * exposure).astype(np.float32)
    wanted = plan.events / plan.users
    low, high = FEWEST, MOST
    for _ in range(25):
        middle = float(np.sqrt(low * high))
        found = float((-np.expm1(-middle * intensity) * acts).sum(axis=1).mean())
        low, high = (middle, high) if found < wanted else (low, middle)
    return high


def store_world(folder: Path, world: World) -> dict[str, Path]:
    """Writes the frames of a world as Parquet, named by their kind; the truth stays behind."""
    found = {name: folder / f"{name}.parquet" for name in TABLES}
    for name, path in found.items():
        write_table(path, getattr(world, name).lazy())
    return found


def write_world(folder: Path, ground: Ground) -> dict[str, Path]:
    """Writes a world block by block as one Parquet file for each kind of table.

    Memory holds one block at a time. Events are sorted by time within each block of users.
    """
    plan = ground.plan
    found = {name: folder / f"{name}.parquet" for name in ("events", "users", "follows")}
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".blocks-") as staging:
        for number, block in enumerate(grow_blocks(ground)):
            for name in found:
                part = Path(staging) / f"{name}-{number:05d}.parquet"
                write_table(part, getattr(block, name).lazy())
        for name, path in found.items():
            write_table(path, pl.scan_parquet(Path(staging) / f"{name}-*.parquet"))
    others = {
        "products": tell_products(plan, ground.goods),
        "accounts": tell_accounts(plan, ground.accounts),
        "results": draw_results(plan),
    }
    for name, frame in others.items():
        found[name] = folder / f"{name}.parquet"
        write_table(found[name], frame.lazy())
    return found
