"""Plans for a product: its segments, its people, each counted once."""

from __future__ import annotations

from functools import cache

import pytest

from engine.operations.plans import make_plan
from engine.store import artefacts, versions
from engine.store.artefacts import Model
from engine.store.home import Home
from tests.engine.audiences.planted import model_of, plant
from tests.engine.operations.asked import ask, cents


@cache
def learned() -> Model:
    return model_of(plant(users=1500, seed=6).learned)


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(tmp_path)


def test_a_product_gives_segments_and_results_correct_them(home):
    model = learned()
    prior = make_plan(
        home,
        ask("awareness", results=None, product_id="p003", channels=("instagram", "telegram")),
        model=model,
    )
    assert prior["basis"] == "prior"
    assert prior["model_version"] == "test-1"
    assert {row["channel"] for row in prior["allocation"]} == {"instagram", "telegram"}
    people = sum(row["expected"] for row in prior["allocation"])
    assert prior["expected"] <= min(people, 1500)
    both = make_plan(home, ask(product_id="p003"), model=model)
    assert both["basis"] == "mixed"
    assert cents(both["allocation"]) == 500_000


def test_people_in_two_segments_are_counted_once(home):
    """Money without end reaches everybody of the channels, and nobody twice."""
    model = learned()
    plan = make_plan(
        home,
        ask("awareness", results=None, product_id="p003", budget=1e7, channels=("instagram",)),
        model=model,
    )
    each = [row["expected"] for row in plan["allocation"] if row["spend"] > 0]
    assert max(each) <= plan["expected"] <= 1500
    assert sum(each) > 1.02 * plan["expected"]


def test_loyalty_counts_buyers_who_come_back(home):
    model = learned()
    wanted = {"results": None, "product_id": "p003", "channels": ("instagram", "telegram")}
    back = make_plan(home, ask("loyalty", **wanted), model=model)
    told = make_plan(home, ask("loyalty"))
    assert back["unit"] == "repeat buyers"
    assert any("comes back" in note for note in told["notes"])
    assert not any("comes back" in note for note in back["notes"])


def test_a_model_of_the_home_is_found(home):
    model = learned()
    artefacts.save(home, model)
    versions.promote(home, model.version)
    plan = make_plan(home, ask(results=None, product_id="p003", channels=("instagram",)))
    assert plan["model_version"] == model.version


def test_sums_over_segments_that_share_people_are_told_as_such(home):
    shared = {"results": None, "product_id": "p003", "channels": ("instagram",)}
    for goal, told in (("sales", True), ("traffic", True), ("awareness", False)):
        plan = make_plan(home, ask(goal, **shared), model=learned())
        assert any("share people" in note for note in plan["notes"]) == told
    assert not any("share people" in note for note in make_plan(home, ask())["notes"])
