"""Advocates over HTTP: who is named, for how much, and what is refused."""

from __future__ import annotations

import pytest

from api.http import schemas
from engine.operations.asking import Ask
from engine.operations.product_advocates import product_advocates
from engine.store import artefacts
from engine.store.home import Home
from tests.api.conftest import Asker, of
from tests.api.planted import FIRST

TIMED = {"seconds", "valid_until"}


@pytest.mark.parametrize("product", [FIRST, "product-003"])
def test_they_are_those_of_the_engine(common: Asker, planted_home: Home, product: str) -> None:
    response = common.get(f"/v1/products/{of(product)}/advocates?limit=3&goal=sales&share=0.3")
    assert response.status_code == 200
    model = artefacts.open_model(planted_home)
    said = product_advocates(
        planted_home, model, product, Ask(3, most_sets=65536), goal="sales", share=0.3
    )
    told = response.json
    assert {key: told[key] for key in told.keys() - TIMED} == {
        key: said[key] for key in said.keys() - TIMED
    }
    assert 1 <= len(set(told["seeds"])) <= 3
    schemas.Advocates.model_validate_json(response.data)


def test_a_budget_buys_as_many_as_it_pays_for(common: Asker) -> None:
    told = common.get("/v1/products/product-003/advocates?cost=2.5&budget=10").json
    assert len(told["seeds"]) == 4
    assert (told["costs"], told["spent"], told["budget"]) == ([2.5] * 4, 10.0, 10.0)


@pytest.mark.parametrize(
    ("query", "code", "told"),
    [
        ("limit=0", 422, "limit"),
        ("proof=1", 422, "proof"),
        ("budget=5", 422, "what people ask for"),
        ("budget=1&cost=2", 422, "buys nobody"),
        ("share=0", 422, "share"),
        ("goal=fame", 422, "goal"),
        ("channel=nowhere", 404, "nowhere"),
    ],
)
def test_what_cannot_be_meant_is_a_problem(common: Asker, query: str, code: int, told: str) -> None:
    response = common.get(f"/v1/products/product-003/advocates?{query}")
    assert response.status_code == code
    assert told in response.data.decode()
