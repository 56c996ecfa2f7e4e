"""Whose posts are shared in the planted world."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tests.worlds import small
from training.world.reshares import loudness


def test_shares_name_whom_one_follows_and_the_loud_more_often() -> None:
    world = small()
    shares = world.events.filter(pl.col("action") == "share")
    named = shares.drop_nulls("target_user_id")
    ties = world.follows.rename({"follower_id": "user_id", "followee_id": "target_user_id"})
    assert named.join(ties, on=["user_id", "target_user_id"], how="anti").is_empty()
    followers = shares.join(ties, on="user_id", how="semi").height
    reshared = world.plan.settings["ties"].reshared
    assert named.height / followers == pytest.approx(reshared, abs=0.02)
    assert world.events.filter(pl.col("action") != "share")["target_user_id"].null_count() == (
        world.events.height - shares.height
    )
    # Of a sharer's followees each is named as often as their part of all loudness says.
    loud = ties.with_columns(loud=pl.Series(loudness(world.plan, ties["target_user_id"])))
    expected = loud.with_columns(part=pl.col("loud") / pl.col("loud").sum().over("user_id")).join(
        named.group_by("user_id").len(), on="user_id"
    )
    found = (
        expected.group_by("target_user_id")
        .agg(expected=(pl.col("part") * pl.col("len")).sum())
        .join(named.group_by("target_user_id").len("found"), on="target_user_id", how="left")
        .with_columns(pl.col("found").fill_null(0))
    )
    many = found.filter(pl.col("expected") > 5)
    error = (many["found"] - many["expected"]) / many["expected"].sqrt()
    assert abs(float(error.mean())) < 4 / many.height**0.5
    assert float((error**2).mean()) == pytest.approx(1, abs=0.5)


def test_a_tenth_of_people_has_the_part_of_loudness_that_its_law_says() -> None:
    world = small()
    loud = loudness(world.plan, world.users["user_id"])
    loudest = np.sort(loud)[-(loud.size // 10) :].sum() / loud.sum()
    # of u to the power -a over even u from 0 to 1, those below 0.1 have 0.1 to the power 1 - a
    assert loudest == pytest.approx(0.1 ** (1 - world.plan.settings["ties"].loudness), abs=0.05)
