"""Accounts of a planted model: ranked, explained, and never with somebody who withdrew."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from engine.errors import InvalidValue, SegmentTooSmall, UnknownEntity
from engine.operations.account_book import book_of
from engine.operations.accounts import (
    account_rows,
    alike_rows,
    product_accounts,
    score_product,
    similar_accounts,
)
from engine.store.artefacts import Model
from engine.store.withheld import Withheld
from tests.api.planted import planted
from tests.worlds import small
from training.simulate import simulate
from training.world.account_judgement import judge_accounts

PRODUCT = "product-003"


@pytest.fixture(scope="module")
def model() -> Model:
    return planted("v")


def without(model: Model, rows: np.ndarray) -> Model:
    """The model after these people withdrew."""
    held = np.unique(rows).astype(np.uint32)
    members = np.zeros(model.segments.table.height, np.int64)
    return replace(model, withheld=Withheld(held, members))


def workers(model: Model, account: str) -> np.ndarray:
    return np.asarray((model.users["account_id"] == account).fill_null(False).arg_true())


def taste_of(model: Model, product: str) -> int:
    (tag,) = model.products.filter(pl.col("product_id") == product)["tags"].item()
    return int(tag.removeprefix("taste"))


def test_accounts_of_the_products_taste_come_first(model):
    answer = product_accounts(model, PRODUCT, limit=10)
    ranked = [one["interest"] for one in answer["accounts"]]
    assert ranked == sorted(ranked, reverse=True)
    kinds = {int(one["account_id"][1:]) % 4 for one in answer["accounts"]}
    assert kinds == {taste_of(model, PRODUCT)}
    assert answer["size"] == model.accounts.height


def test_segments_count_accounts_and_name_the_planted_industry(model):
    first, *_ = product_accounts(model, PRODUCT)["segments"]
    industry = ("software", "retail", "health", "media")[taste_of(model, PRODUCT)]
    assert first["name"] == f"industry={industry}"
    assert first["size"] == (model.accounts["industry"] == industry).sum()
    assert first["lift"]["lower"] > 1


def test_contacts_to_address_are_those_who_carry_it_most_and_did_not_act_yet(model):
    row = model.products["product_id"].to_list().index(PRODUCT)
    seen = set(model.users["user_id"].gather(model.seen.of(row)))
    answer = product_accounts(model, PRODUCT, contacts=3)
    for one in answer["accounts"]:
        assert 1 <= len(one["address"]) <= 3
        assert not seen & {each["user_id"] for each in one["address"]}
        shares = [each["share"] for each in one["address"]]
        assert shares == sorted(shares, reverse=True)
    everybody = product_accounts(model, PRODUCT, contacts=1000, include_known=True)
    listed = {each["user_id"] for one in everybody["accounts"] for each in one["address"]}
    assert seen & listed


def test_the_parts_of_an_interest_add_up(model):
    answer = product_accounts(model, PRODUCT, limit=100, contacts=1000)
    for one in answer["accounts"]:
        parts = sum(each["share"] for each in one["address"])
        assert parts + one["acted_share"] + one["unknown_share"] == pytest.approx(1)
        assert len(one["address"]) == one["contacts"]
        assert one["reason"]


def test_a_senior_contact_leads_among_equals(model):
    """Of colleagues with the same taste whoever has the say is named first."""
    level = dict(zip(("CEO", "VP Sales", "manager", "Staff"), range(4), strict=True))
    answer = product_accounts(model, PRODUCT, limit=100)
    first = [level.get(one["address"][0]["seniority"], 3) for one in answer["accounts"]]
    every = [
        level.get(each["seniority"], 3) for one in answer["accounts"] for each in one["address"]
    ]
    assert np.mean(first) < np.mean(every) - 0.5


def test_whoever_withdrew_is_neither_listed_nor_counted(model):
    before = product_accounts(model, PRODUCT, limit=1, contacts=1000, include_known=True)
    (best,) = before["accounts"]
    gone = workers(model, best["account_id"])
    assert gone.size == best["contacts"]
    after = product_accounts(without(model, gone), PRODUCT, limit=1000)
    assert after["size"] == before["size"] - 1
    assert best["account_id"] not in [one["account_id"] for one in after["accounts"]]
    chief = gone[:1]
    left = product_accounts(
        without(model, chief), PRODUCT, limit=1000, contacts=1000, include_known=True
    )
    (same,) = [one for one in left["accounts"] if one["account_id"] == best["account_id"]]
    assert same["contacts"] == best["contacts"] - 1
    assert model.users["user_id"][int(chief[0])] not in {one["user_id"] for one in same["address"]}
    assert same["interest"] != best["interest"]


def test_accounts_with_too_few_contacts_are_not_listed(model):
    every = score_product(model, PRODUCT).table
    least = int(every["contacts"].median()) + 1
    answer = product_accounts(model, PRODUCT, limit=1000, min_contacts=least)
    assert answer["size"] == (every["contacts"] >= least).sum() < every.height
    assert all(one["contacts"] >= least for one in answer["accounts"])
    assert product_accounts(model, PRODUCT, min_contacts=1000)["accounts"] == []


def test_fewer_people_than_a_segment_needs_are_refused(model):
    working = np.asarray(model.users["account_id"].is_not_null().arg_true())
    few = without(model, working[5:])
    for question in (
        lambda: product_accounts(few, PRODUCT),
        lambda: similar_accounts(few, [model.accounts["account_id"][0]]),
    ):
        with pytest.raises(SegmentTooSmall):
            question()


def test_a_model_that_knows_no_accounts_says_what_to_do(model):
    for lacking in (
        replace(model, accounts=None),
        replace(model, users=model.users.drop("account_id")),
    ):
        with pytest.raises(InvalidValue, match="account_id"):
            product_accounts(lacking, PRODUCT)


@pytest.mark.parametrize("wrong", [{"limit": 0}, {"contacts": 0}, {"min_contacts": 0}])
def test_numbers_below_one_are_refused(model, wrong):
    with pytest.raises(InvalidValue, match=next(iter(wrong))):
        product_accounts(model, PRODUCT, **wrong)


def test_what_is_not_known_is_told_with_what_is_near(model):
    with pytest.raises(UnknownEntity, match="product-003"):
        product_accounts(model, "product-03")
    with pytest.raises(UnknownEntity, match="a01"):
        similar_accounts(model, ["a1"])
    with pytest.raises(InvalidValue, match="seeds"):
        similar_accounts(model, [])


def test_accounts_alike_are_of_the_seeds_taste_and_industry(model):
    seeds = model.accounts["account_id"].to_list()[:12:4]
    kind = int(seeds[0][1:]) % 4
    answer = similar_accounts(model, [*seeds, seeds[0]], limit=7)
    assert answer["seeds"] == seeds
    assert answer["size"] == model.accounts.height - len(seeds)
    assert {int(one["account_id"][1:]) % 4 for one in answer["accounts"]} == {kind}
    for one in answer["accounts"]:
        assert one["score"] == pytest.approx(sum(one["parts"].values()))
        assert one["parts"]["taste"] > 0 < one["parts"]["industry"]


def test_accounts_alike_do_not_speak_of_those_who_withdrew(model):
    seeds = model.accounts["account_id"].to_list()[:8:4]
    best = similar_accounts(model, seeds, limit=1)["accounts"][0]["account_id"]
    left = similar_accounts(without(model, workers(model, best)), seeds, limit=1000)
    assert best not in [one["account_id"] for one in left["accounts"]]


def test_tables_hold_a_row_for_each_contact_and_each_account(model):
    answer = product_accounts(model, PRODUCT, limit=3, contacts=2)
    table = account_rows(answer)
    assert table.height == sum(len(one["address"]) for one in answer["accounts"])
    assert table["rank"].to_list() == sorted(table["rank"].to_list())
    assert account_rows(answer | {"accounts": []}).columns == table.columns
    similar = similar_accounts(model, ["a01"], limit=4)
    assert alike_rows(similar)["account_id"].to_list() == [
        one["account_id"] for one in similar["accounts"]
    ]


def test_the_book_is_kept_while_people_withdraw(model):
    assert book_of(model) is book_of(without(model, np.array([1])))


def test_planted_groups_are_found_better_than_by_mean_or_best_contact():
    world = small()
    found = judge_accounts(world, world.truth.like())
    assert found.interest > max(found.mean, found.best, found.seats) + 0.02
    assert found.interest < found.oracle


@pytest.mark.slow
@pytest.mark.parametrize("contacts", [(2, 5), (5, 20), (20, np.inf)])
def test_they_are_among_accounts_of_every_size(contacts):
    leads = []
    for seed in range(6):
        world = simulate(3_000, 40, events=60_000, seed=seed)
        found = judge_accounts(world, world.truth.like(), contacts=contacts)
        leads.append(found.interest - max(found.mean, found.best))
    assert np.mean(leads) > 0.01
