"""The accounts of the planted world: of very different size, and decided for by their seniors."""

from __future__ import annotations

import numpy as np
import polars as pl

from tests.worlds import small, tiny
from training.simulate import grow_blocks, lay_ground, simulate
from training.world.accounts import plant_groups
from training.world.plan import plan_world


def test_contacts_belong_to_accounts_that_are_told_of() -> None:
    world = small()
    known = world.accounts["account_id"]
    assert known.is_sorted()
    assert known.is_unique().all()
    assert set(world.users["account_id"].drop_nulls()) <= set(known)
    part = world.users["account_id"].is_not_null().mean()
    assert abs(part - world.plan.settings["accounts"].contacts) < 0.03
    nowhere = world.users.filter(pl.col("account_id").is_null())
    assert nowhere["seniority"].null_count() == nowhere.height


def test_accounts_are_of_very_different_size() -> None:
    counts = small().users["account_id"].drop_nulls().value_counts()["count"].sort()
    assert counts[-1] > 20 * counts.median()
    assert small().accounts["size"].null_count() > 0


def test_accounts_change_nothing_of_the_rest_of_the_world() -> None:
    plan = plan_world(300, 24, events=6_000, seed=5)
    without = plan.changed("accounts", contacts=0.0, per_user=0.5, pull=0.0)
    told, other = (
        next(iter(grow_blocks(lay_ground(each)))) for each in (plan, without)
    )  # fmt: skip
    assert other.users["account_id"].null_count() == 300 > told.users["account_id"].null_count()
    assert told.events.equals(other.events)
    assert told.follows.equals(other.follows)
    belonging = ("account_id", "seniority")
    assert told.users.drop(belonging).equals(other.users.drop(belonging))


def test_every_account_has_a_group_and_its_chair_is_the_most_senior() -> None:
    groups = small().groups
    assert np.array_equal(np.unique(groups.account), np.arange(groups.accounts))
    assert np.array_equal(groups.account[groups.chair], np.arange(groups.accounts))
    for account in range(groups.accounts):
        voices = groups.voice[groups.account == account]
        assert voices[0] == voices.max()


def test_the_seniors_of_an_account_have_more_than_their_part_of_the_seats() -> None:
    world = small()
    titled = world.users.filter(pl.col("seniority").is_not_null())
    top = titled["seniority"].is_in(["c-level", "Director"]).mean()
    members = world.users["seniority"].gather(world.groups.member).drop_nulls()
    assert members.is_in(["c-level", "Director"]).mean() > 1.5 * top


def test_what_the_chair_dislikes_is_liked_less() -> None:
    world = tiny()
    free = world.groups.__class__(**{**vars(world.groups), "veto": 0.0})
    assert (world.groups.like(world.truth) < free.like(world.truth)).all()
    assert (free.like(world.truth) > 0).all()
    assert (free.like(world.truth) < 1).all()


def test_a_world_without_contacts_has_groups_of_strangers() -> None:
    plan = plan_world(200, 12, events=2_000, seed=3).changed("accounts", contacts=0.0)
    ground = lay_ground(plan)
    groups = plant_groups(plan, ground.culture, ground.accounts)
    assert np.array_equal(np.unique(groups.account), np.arange(ground.accounts.count))


def test_the_same_seed_gives_the_same_accounts() -> None:
    one, same = (simulate(200, 12, events=2_000, seed=9) for _ in range(2))
    assert one.accounts.equals(same.accounts)
    assert np.array_equal(one.groups.member, same.groups.member)
