"""Who lives in the world: tastes, attributes, habits, and whom they follow.

In: a plan. Out: `Culture` (what communities are like), `People` of one block, their follow ties.
Never: what anybody did.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from engine.frames import FOLLOWEE, FOLLOWER, USER
from training.world.plan import Array, Plan, Stage, choose, distinct, ids
from training.world.words import DEVICES, GENDERS, OCCUPATIONS, REGIONS

STUDENT, RETIRED = OCCUPATIONS.index("student"), OCCUPATIONS.index("retired")
MIDDLE_AGE, YOUNGEST, OLDEST = 36.0, 14, 85


@dataclass(frozen=True)
class Culture:
    """What sets the communities apart; one row is one community."""

    centres: Array  # (communities, dimensions) orthonormal where dimensions allow
    sizes: Array  # (communities,) shares
    ages: Array  # (communities,) mean ages
    women: Array  # (communities,) shares
    occupations: Array  # (communities, occupations) shares
    regions: Array  # (communities, regions) shares
    channels: Array  # (communities, channels) shares


@dataclass(frozen=True)
class People:
    """One block of users, every array in the order of their rows."""

    community: Array  # int16
    activity: Array  # float32, mean about one
    tastes: Array  # (people, dimensions) float32
    generosity: Array  # float32 logits
    age: Array  # int16, -1 where not known
    occupation: Array  # int16
    gender: Array
    region: Array
    driven: Array  # bool: belongs to the planted conjunction
    channel: Array  # int16, the most used one
    persian: Array  # bool
    joined: Array  # float32 days before the end
    left: Array  # float32 days before the end, below `joined`


def draw_culture(plan: Plan) -> Culture:
    """Communities with tastes, sizes and habits of their own."""
    rng, size, shape = plan.draw(Stage.CULTURE), plan.settings["size"], plan.settings["attributes"]
    count, dimensions = int(size.communities), int(size.dimensions)
    raw = rng.normal(size=(max(count, dimensions), max(count, dimensions)))
    centres = np.linalg.qr(raw)[0][:count, :dimensions]
    even, reach = float(shape.concentration), plan.column("reach")
    return Culture(
        centres=(centres / np.linalg.norm(centres, axis=1, keepdims=True)).astype(np.float32),
        sizes=rng.dirichlet(np.full(count, 20.0)),
        ages=MIDDLE_AGE + shape.age_range * rng.permutation(np.linspace(-1, 1, count)),
        women=rng.uniform(0.25, 0.75, count),
        occupations=rng.dirichlet(np.full(len(OCCUPATIONS), even), count),
        regions=rng.dirichlet(np.full(len(REGIONS), even), count),
        channels=rng.dirichlet(plan.settings["channels"].concentration * reach, count),
    )


def draw_membership(plan: Plan, culture: Culture, block: int) -> tuple[Array, Array]:
    """Community and activity of a block; ties and exposure need these of everybody."""
    rng, spread = plan.draw(Stage.MEMBERSHIP, block), plan.settings["exposure"].activity
    rows = plan.rows(block)
    count: int = rows.stop - rows.start
    community = rng.choice(culture.sizes.shape[0], size=count, p=culture.sizes).astype(np.int16)
    activity = np.exp(rng.normal(-spread * spread / 2, spread, count)).astype(np.float32)
    return community, activity


def draw_people(plan: Plan, culture: Culture, block: int) -> People:
    """Everything about the users of one block."""
    community, activity = draw_membership(plan, culture, block)
    rng, count = plan.draw(Stage.PEOPLE, block), community.size
    age = _ages(plan, culture, community, rng)
    known = rng.random(count) >= plan.settings["attributes"].missing
    age = np.where(known, age, -1).astype(np.int16)
    occupation = _occupations(plan, culture, community, age, rng)
    drive = plan.settings["drive"]
    driven = (age >= drive.low) & (age <= drive.high)
    driven &= occupation == OCCUPATIONS.index(drive.occupation)
    joined, left = _presence(plan, count, rng)
    return People(
        community=community,
        activity=activity,
        tastes=_tastes(plan, culture, community, rng),
        generosity=rng.normal(0, plan.settings["taste"].generosity, count).astype(np.float32),
        age=age,
        occupation=occupation,
        gender=(rng.random(count) >= culture.women[community]).astype(np.int16),
        region=choose(rng.random(count), culture.regions, community),
        driven=driven,
        channel=choose(rng.random(count), culture.channels, community),
        persian=rng.random(count) < plan.settings["acts"].persian,
        joined=joined,
        left=left,
    )


def _tastes(plan: Plan, culture: Culture, community: Array, rng: np.random.Generator) -> Array:
    taste, count = plan.settings["taste"], community.size
    second = rng.integers(0, culture.sizes.shape[0], count)
    share = rng.random((count, 1), np.float32) * np.float32(taste.second_share)
    noise = rng.normal(0, taste.own_noise, (count, culture.centres.shape[1]))
    mixed = (1 - share) * culture.centres[community] + share * culture.centres[second]
    return np.asarray(mixed + noise, np.float32)


def _ages(plan: Plan, culture: Culture, community: Array, rng: np.random.Generator) -> Array:
    spread = plan.settings["attributes"].age_spread
    return np.clip(rng.normal(culture.ages[community], spread).round(), YOUNGEST, OLDEST)


def _occupations(
    plan: Plan, culture: Culture, community: Array, age: Array, rng: np.random.Generator
) -> Array:
    # The largest of logits plus Gumbel noise is a draw from their softmax.
    logits = np.log(culture.occupations[community] + 1e-6)
    logits += rng.gumbel(size=logits.shape)
    logits[:, STUDENT] += plan.settings["attributes"].student_pull * np.where(age < 35, 1, -1)
    logits[:, RETIRED] += np.where(age >= 60, 4.0, -4.0)
    return np.asarray(logits.argmax(axis=1), np.int16)


def _presence(plan: Plan, count: int, rng: np.random.Generator) -> tuple[Array, Array]:
    time = plan.settings["time"]
    days = float(time.days)
    new = rng.random(count) < time.newcomers
    joined = np.where(new, days * rng.uniform(0.05, 1, count), days)
    gone = rng.random(count) < time.leavers
    left = np.where(gone, joined * rng.uniform(0, 0.8, count), 0)
    return joined.astype(np.float32), left.astype(np.float32)


def tell_users(plan: Plan, people: People, block: int) -> pl.DataFrame:
    """The users table of a block: what a platform knows; `device` and `newsletter` are noise."""
    rng, rows = plan.draw(Stage.PEOPLE, plan.blocks + block), plan.rows(block)
    count: int = rows.stop - rows.start
    age = pl.Series("age", people.age.astype(np.int64))
    return pl.DataFrame(
        [
            pl.Series(USER, ids("u", range(rows.start, rows.stop), plan.users)),
            age.set(age < 0, None),
            named("gender", GENDERS, people.gender),
            named("occupation", OCCUPATIONS, people.occupation),
            named("region", REGIONS, people.region),
            named("device", DEVICES, rng.integers(0, len(DEVICES), count)),
            named("newsletter", ("no", "yes"), rng.integers(0, 2, count)),
        ]
    )


def named(name: str, words: Sequence[str], codes: Array) -> pl.Series:
    """A column of words by their codes."""
    return pl.Series(name, list(words), pl.String).gather(codes.astype(np.uint32)).alias(name)


@dataclass(frozen=True)
class Crowd:
    """Community and activity of everybody, and where to find the members of a community."""

    community: Array  # int16
    activity: Array  # float32
    order: Array  # rows by community, the most active first
    offsets: Array  # (communities + 1,)


def draw_crowd(plan: Plan, culture: Culture) -> Crowd:
    """What must be known of everybody before one block can be drawn."""
    parts = [draw_membership(plan, culture, block) for block in range(plan.blocks)]
    community = np.concatenate([part[0] for part in parts])
    activity = np.concatenate([part[1] for part in parts])
    order = np.lexsort((-activity, community)).astype(np.uint32)
    counts = np.bincount(community, minlength=culture.sizes.shape[0])
    return Crowd(community, activity, order, np.concatenate([[0], np.cumsum(counts)]))


def draw_ties(plan: Plan, crowd: Crowd, block: int) -> pl.DataFrame:
    """Follow ties of a block: within the community by homophily, and rather to the active.

    Nobody follows themselves or anybody twice; sorted by follower, then followee.
    """
    rng, ties, rows = plan.draw(Stage.TIES, block), plan.settings["ties"], plan.rows(block)
    follower = np.repeat(
        np.arange(rows.start, rows.stop), rng.poisson(ties.per_user, rows.stop - rows.start)
    )
    # Whoever does not stay follows somebody of a community drawn by its size, perhaps the same.
    stays = rng.random(follower.size) < ties.homophily
    anybody = crowd.community[rng.integers(0, plan.users, follower.size)]
    target = np.where(stays, crowd.community[follower], anybody)
    sizes = np.diff(crowd.offsets)[target]
    place = (sizes * rng.random(follower.size) ** ties.skew).astype(np.int64)
    followee = crowd.order[crowd.offsets[target] + place].astype(np.int64)
    pairs = distinct((follower * plan.users + followee)[follower != followee])
    return pl.DataFrame(
        {
            FOLLOWER: _user_ids(pairs // plan.users, plan.users),
            FOLLOWEE: _user_ids(pairs % plan.users, plan.users),
        }
    )


def _user_ids(rows: Array, total: int) -> pl.Series:
    width = len(str(max(total - 1, 0)))
    return "u" + pl.Series(rows).cast(pl.String).str.zfill(width)
