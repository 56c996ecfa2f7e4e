"""Organisations of the world, who belongs to them, and the groups that decide for them.

In: a plan and the communities. Out: `Accounts`, the contacts of a block, planted `Groups` and the
chance that each account likes a product. Never: a draw from the streams of other stages, or what
the engine believes of titles: the groups have parameters of their own.

An account likes a product when a member of its group likes it and carries the others, unless the
most senior member does not like it and stops it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from engine.frames import ACCOUNT, INDUSTRY, NAME, REGION, SENIORITY, SIZE
from training.world.people import Culture, draw_membership, named
from training.world.plan import Array, Plan, Rows, Stage, choose, ids
from training.world.truth import Truth
from training.world.words import REGIONS

INDUSTRIES = (
    *("software", "manufacturing", "retail", "health", "finance"),
    *("education", "logistics", "media"),
)


@dataclass(frozen=True)
class Accounts:
    """Every organisation, in the order of the accounts table."""

    industry: Array  # int16
    region: Array  # int16
    people: Array  # int64, who work there
    shares: Array  # (communities, accounts): where the contacts of a community work

    @property
    def count(self) -> int:
        return int(self.industry.size)


@dataclass(frozen=True)
class Contacts:
    """For some users, in their order, where they work and at which level; -1 for nowhere."""

    account: Array  # int32
    level: Array  # int16, a row of world-seniority.toml
    titled: Array  # bool: the level is told


@dataclass(frozen=True)
class Groups:
    """The planted buying groups: one entry for each seat, account by account."""

    accounts: int
    account: Array  # of each seat, rising
    member: Array  # row of the user who has it, a contact or a stranger
    voice: Array  # chance that the member carries the group
    chair: Array  # bool: the most senior seat of its account
    veto: float

    def like(self, truth: Truth, products: Rows = slice(None)) -> Array:
        """Chance that each account likes each product, (accounts, products) float64."""
        starts = np.searchsorted(self.account, np.arange(self.accounts))
        liking = truth.like(self.member, products).astype(np.float64)
        silent = np.log1p(-liking * self.voice[:, None])
        moved = 1 - np.exp(np.add.reduceat(silent, starts, axis=0))
        stopped = self.veto * (1 - liking[self.chair])
        found: Array = moved * (1 - stopped)
        return found


def draw_accounts(plan: Plan, culture: Culture) -> Accounts:
    """Organisations of very different size; the people of an industry rather share a taste."""
    rng, shape = plan.draw(Stage.ACCOUNTS), plan.settings["accounts"]
    count = max(round(shape.per_user * plan.users), 2)
    industry = rng.integers(0, len(INDUSTRIES), count).astype(np.int16)
    weight = np.exp(rng.normal(0, shape.spread, count))
    leaning = rng.normal(0, shape.pull, (culture.sizes.size, len(INDUSTRIES)))
    shares = weight * np.exp(leaning[:, industry])
    met = shape.contacts * plan.users * weight / weight.sum()
    known = shape.known * np.exp(rng.normal(0, shape.known_spread, count))
    return Accounts(
        industry=industry,
        region=rng.integers(0, len(REGIONS), count).astype(np.int16),
        people=np.maximum(met / np.minimum(known, 1), 1).round().astype(np.int64),
        shares=shares / shares.sum(axis=1, keepdims=True),
    )


def draw_contacts(plan: Plan, accounts: Accounts, community: Array, block: int) -> Contacts:
    """Where the people of a block work; each on their own, by their community."""
    rng, shape = plan.draw(Stage.CONTACTS, block), plan.settings["accounts"]
    levels = np.array([row["share"] for row in plan.levels.values()], float)
    works = rng.random(community.size) < shape.contacts
    account = choose(rng.random(community.size), accounts.shares, community)
    level = rng.choice(levels.size, community.size, p=levels / levels.sum())
    return Contacts(
        account=np.where(works, account, -1).astype(np.int32),
        level=np.where(works, level, -1).astype(np.int16),
        titled=works & (rng.random(community.size) >= shape.untitled),
    )


def tell_accounts(plan: Plan, accounts: Accounts) -> pl.DataFrame:
    """The accounts table: what a platform knows of organisations."""
    rng, rows = plan.draw(Stage.ACCOUNTS, 1), range(accounts.count)
    unsized = rng.random(accounts.count) < plan.settings["accounts"].unsized
    size = pl.Series(SIZE, accounts.people).cast(pl.String)
    return pl.DataFrame(
        [
            pl.Series(ACCOUNT, ids("a", rows, accounts.count)),
            pl.Series(NAME, [f"Company {row}" for row in rows]),
            named(INDUSTRY, INDUSTRIES, accounts.industry),
            size.set(pl.Series(unsized), None),
            named(REGION, REGIONS, accounts.region),
        ]
    )


def tell_contacts(plan: Plan, accounts: Accounts, contacts: Contacts) -> list[pl.Series]:
    """Columns of the users table: account_id and seniority, null where there is none."""
    titles = [str(row["title"]) for row in plan.levels.values()]
    account = named(
        ACCOUNT, ids("a", range(accounts.count), accounts.count), contacts.account.clip(0)
    )
    title = named(SENIORITY, titles, contacts.level.clip(0))
    return [
        account.set(pl.Series(contacts.account < 0), None),
        title.set(pl.Series(~contacts.titled), None),
    ]


def plant_groups(plan: Plan, culture: Culture, accounts: Accounts) -> Groups:
    """Draws the buying group of every account: contacts by their level's odds, and strangers.

    Strangers are contacts of other accounts of the industry: people of that kind, whom nobody
    has as contacts of this account. Where nobody is a contact, a stranger is anybody.
    """
    rng, shape = plan.draw(Stage.GROUPS), plan.settings["accounts"]
    contacts = _everybody(plan, culture, accounts)
    seats = 1 + rng.poisson(shape.group * np.log10(np.maximum(accounts.people, 1)))
    strange = rng.binomial(seats, shape.strangers)
    member, account = _seated(plan, contacts, seats - strange, rng)
    strange = seats - np.bincount(account, minlength=accounts.count)
    others = _strangers(accounts, contacts, strange, rng)
    account = np.concatenate([account, np.repeat(np.arange(accounts.count), strange)])
    member = np.concatenate([member, others])
    level = contacts.level[member].clip(0)
    order = np.lexsort((level, account))
    account, member, level = account[order], member[order], level[order]
    voice = np.array([row["voice"] for row in plan.levels.values()], float)[level]
    chair = np.concatenate([[True], account[1:] != account[:-1]])
    return Groups(accounts.count, account, member, voice, chair, float(shape.veto))


def _everybody(plan: Plan, culture: Culture, accounts: Accounts) -> Contacts:
    parts = [
        draw_contacts(plan, accounts, draw_membership(plan, culture, block)[0], block)
        for block in range(plan.blocks)
    ]
    return Contacts(
        np.concatenate([part.account for part in parts]),
        np.concatenate([part.level for part in parts]),
        np.concatenate([part.titled for part in parts]),
    )


def _seated(
    plan: Plan, contacts: Contacts, seats: Array, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Contacts with a seat and their accounts: drawn without replacement by odds (Gumbel)."""
    rows = np.flatnonzero(contacts.account >= 0)
    odds = np.array([row["odds"] for row in plan.levels.values()], float)
    keys = np.log(odds[contacts.level[rows]]) + rng.gumbel(size=rows.size)
    rows = rows[np.lexsort((-keys, contacts.account[rows]))]
    account = contacts.account[rows]
    first = np.searchsorted(account, account)
    kept = np.arange(rows.size) - first < seats[account]
    return rows[kept], account[kept]


def _strangers(
    accounts: Accounts, contacts: Contacts, wanted: Array, rng: np.random.Generator
) -> Array:
    rows = np.flatnonzero(contacts.account >= 0)
    if not rows.size:
        return np.asarray(rng.integers(0, contacts.account.size, wanted.sum()))
    industry = accounts.industry[contacts.account[rows]]
    order = np.argsort(industry, kind="stable")
    edges = np.searchsorted(industry[order], np.arange(len(INDUSTRIES) + 1))
    asked = np.repeat(accounts.industry, wanted)
    found = edges[asked + 1] - edges[asked]
    place = edges[asked] + (rng.random(asked.size) * found).astype(np.int64)
    anybody = rng.integers(0, rows.size, asked.size)
    picked: Array = rows[np.where(found > 0, order[np.minimum(place, rows.size - 1)], anybody)]
    return picked
