"""Schemas are made once, and are those that pydantic makes."""

from __future__ import annotations

from decimal import Decimal

from pydantic import BaseModel

from api.http.contract import Asked, Strict


class Inner(Strict):
    one: int = 1


class Outer(Strict):
    inner: Inner
    money: Decimal


class Query(Asked):
    inner: int = 1


def test_a_schema_is_that_of_the_model_and_of_how_it_is_asked_for() -> None:
    made = BaseModel.model_json_schema.__func__  # type: ignore[attr-defined]
    for model in (Inner, Outer, Query):
        assert model.model_json_schema() == made(model)
        for mode in ("validation", "serialization"):
            for template in ("#/components/schemas/{model}", "#/$defs/{model}"):
                options = {"by_alias": True, "ref_template": template, "mode": mode}
                assert model.model_json_schema(**options) == made(model, **options)
    taken, given = (Outer.model_json_schema(mode=mode) for mode in ("validation", "serialization"))
    assert taken["properties"]["money"] != given["properties"]["money"]


def test_a_schema_is_made_once() -> None:
    assert Outer.model_json_schema() is Outer.model_json_schema()
