"""Segments of accounts and accounts alike are those that were planted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from engine import settings as configs
from engine.audiences.account_lookalike import account_tastes, lookalike_accounts
from engine.audiences.account_segments import account_segments

AS_OF = datetime(2026, 1, 1, tzinfo=UTC)
AUDIENCES, ACCOUNTS = configs.load("audiences"), configs.load("accounts")


def planted(count: int = 240, *, seed: int = 0) -> tuple[pl.DataFrame, np.ndarray]:
    """Accounts of which those in software with 500 people or more are interested."""
    random = np.random.default_rng(seed)
    industry = random.choice(["software", "retail", "health"], count)
    people = random.choice([50.0, 600.0], count)
    chosen = (industry == "software") & (people >= 500)
    interest = np.where(chosen, 0.7, 0.1) + random.normal(0, 0.03, count)
    table = pl.DataFrame(
        {
            "account_id": [f"a{row:03d}" for row in range(count)],
            "name": [f"Company {row}" for row in range(count)],
            "industry": industry,
            "people": people,
            "acts": random.integers(1, 500, count).astype(np.uint32),
            "last_at": [
                AS_OF - timedelta(days=float(day)) for day in random.exponential(30, count)
            ],
        },
        schema_overrides={"last_at": pl.Datetime("us", "UTC")},
    )
    return table, interest


def segments(table: pl.DataFrame, interest: np.ndarray) -> pl.DataFrame:
    return account_segments(
        table, interest, as_of=AS_OF, settings=AUDIENCES, rules=ACCOUNTS["segments"]
    )


def test_the_planted_segment_is_found_first_and_counts_accounts():
    table, interest = planted()
    first = segments(table, interest).row(0, named=True)
    inside = table.filter((pl.col("industry") == "software") & (pl.col("people") >= 500))
    assert "industry=software" in first["name"]
    assert "people" in first["name"]
    assert first["size"] == inside.height
    assert first["interest"] == pytest.approx(0.7, abs=0.02)
    assert first["lower"] < first["lift"] < first["upper"]
    assert first["lift"] == pytest.approx(first["interest"] / interest.mean())


def test_accounts_that_differ_by_chance_have_no_attribute_segment():
    table, _ = planted()
    interest = np.random.default_rng(5).uniform(0.2, 0.8, table.height)
    assert "attribute" not in segments(table, interest)["kind"].to_list()


def test_the_more_active_tier_is_listed_where_it_is_more_interested():
    table, _ = planted()
    found = segments(table, table["acts"].to_numpy() / 500)
    assert "tier-very-active" in found["segment_id"].to_list()


def test_too_few_accounts_make_no_segment():
    table, interest = planted()
    least = ACCOUNTS["segments"].minimum_accounts
    assert segments(table.head(least - 1), interest[: least - 1]).is_empty()
    assert segments(table, interest)["size"].min() >= least
    assert segments(table, 0 * interest).is_empty()


def alike(
    tastes: np.ndarray, table: pl.DataFrame, seeds: list[int], **chosen: float
) -> pl.DataFrame:
    rules = configs.apply("accounts", configs.specs("accounts"), {"lookalike": chosen}, "test")
    return lookalike_accounts(tastes, table, np.array(seeds), rules=rules["lookalike"])


def test_accounts_of_the_seeds_taste_come_first_and_no_seed_is_among_them():
    random = np.random.default_rng(2)
    kind = np.arange(90) % 3
    tastes = np.eye(3)[kind] + random.normal(0, 0.2, (90, 3))
    table = pl.DataFrame({"account_id": [f"a{row:02d}" for row in range(90)]})
    found = alike(tastes, table, [0, 3, 6])
    rows = found["account_id"].str.slice(1).cast(pl.Int64).to_numpy()
    assert not {0, 3, 6} & set(rows.tolist())
    assert found.height == 87
    assert (rows[:27] % 3 == 0).all()
    assert found["score"][26] > 0 > found["score"][30]


def test_accounts_of_the_seeds_kind_come_first_where_tastes_say_nothing():
    table = pl.DataFrame(
        {
            "account_id": [f"a{row:02d}" for row in range(60)],
            "industry": ["software", "retail", None] * 20,
            "people": [float(10 * (1 + row % 2) ** 6) for row in range(60)],
        }
    )
    found = alike(np.zeros((60, 2)), table, [0, 6, 12])
    first = found.row(0, named=True)
    assert int(first["account_id"][1:]) % 6 == 0
    assert first["score"] == pytest.approx(first["industry"] + first["people"] + first["taste"])
    silent = found.filter(pl.col("account_id") == "a02")
    assert silent["industry"].item() == 0


def test_seeds_that_have_nothing_in_common_say_nothing_by_their_taste():
    random = np.random.default_rng(3)
    table = pl.DataFrame({"account_id": [f"a{row:03d}" for row in range(400)]})
    found = alike(random.normal(size=(400, 40)), table, list(range(12)))
    assert found["taste"].abs().mean() < 0.2


def test_few_contacts_are_shrunk_to_everybody():
    embeddings = np.array([[1.0, 0], [1, 0], [1, 0], [0, 1]], np.float32)
    found = account_tastes(embeddings, np.array([2, 2, 2, 0]), 3, prior=1.0)
    assert found[1] == pytest.approx([0.75, 0.25])
    assert found[2] == pytest.approx([(3 + 0.75) / 4, 0.25 / 4])
    assert found[0] == pytest.approx([0.375, 0.625])
    assert account_tastes(embeddings[:0], np.zeros(0, int), 2, prior=1.0).shape == (2, 2)
