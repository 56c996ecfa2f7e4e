"""Ratings over HTTP are stars: what lies outside of their scale is refused, not read as stars."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.api.conftest import Asker
from tests.api.handed import act, kept


@pytest.fixture
def ask(own: Callable[..., Asker]) -> Asker:
    return own(model=False)


def test_a_rating_outside_the_stars_comes_back_and_amounts_are_free(ask: Asker) -> None:
    rated = [act(n, action="review", value=value) for n, value in enumerate((7, 0.5, "10", 5, 1))]
    amount = act(5, action="purchase", value=7000)
    answer = ask.post("/v1/events", json=[*rated, amount])
    reason = "value is no rating from 1 to 5 stars"
    assert answer.json["refused"] == [
        {"index": index, "field": "value", "reason": reason} for index in range(3)
    ]
    assert sorted(row["value"] for row in kept(ask)) == [1, 5, 7000]
    strict = ask.post("/v1/events", json=rated, headers={"Prefer": "handling=strict"})
    assert (strict.status_code, strict.json["accepted"]) == (422, 0)


def test_the_scale_is_told_where_rows_are_described(ask: Asker) -> None:
    described = ask.get("/openapi.json").json["paths"]["/v1/events"]["post"]["description"]
    assert "stars from 1 to 5" in described
