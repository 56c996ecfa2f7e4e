"""Products over HTTP say what the engine says, in three formats, for any id."""

from __future__ import annotations

import io
import json
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from api.http import schemas
from engine.operations import audiences
from engine.operations.keys import replace_key
from engine.store import artefacts
from engine.store.home import Home
from tests.api.conftest import Asker, of
from tests.api.handed import home_of
from tests.api.planted import FIRST

VALID_UNTIL = "2027-03-06T06:07:08Z"
"""A day after the promotion, as `configs/serving.toml` says."""


@pytest.fixture
def ask(common: Asker) -> Asker:
    """Questions leave nothing behind; who looks at what is kept asks an application of its own."""
    return common


@pytest.fixture(scope="module")
def model(planted_home: Home) -> artefacts.Model:
    return artefacts.open_model(planted_home)


@pytest.mark.parametrize("product", [FIRST, "product-003"])
@pytest.mark.parametrize("goal", ["traffic", "sales", "awareness", "loyalty"])
def test_segments_are_those_of_the_engine(
    ask: Asker, model: artefacts.Model, product: str, goal: str
) -> None:
    response = ask.get(f"/v1/products/{of(product)}/segments?goal={goal}&limit=3")
    assert response.status_code == 200
    said = audiences.best_segments(model, product, goal=goal, limit=3)
    assert response.json == said | {"valid_until": VALID_UNTIL}
    assert response.headers["Mokhatab-Model-Version"] == "v1"
    schemas.BestSegments.model_validate_json(response.data)


def test_the_planted_taste_leads(ask: Asker, model: artefacts.Model) -> None:
    tags = dict(model.products.select("product_id", "tags").iter_rows())
    for product, (tag,) in tags.items():
        answer = ask.get(f"/v1/products/{of(product)}/segments?goal=awareness").json
        communities = [each for each in answer["segments"] if each["kind"] == "community"]
        assert communities[0]["name"].startswith(tag)


def test_segments_on_a_channel_are_measured_there(ask: Asker) -> None:
    everywhere = ask.get("/v1/products/product-003/segments").json
    there = ask.get("/v1/products/product-003/segments?channel=telegram").json
    schemas.BestSegments.model_validate_json(json.dumps(there))
    assert there["segments"] != everywhere["segments"]
    assert ask.get("/v1/products/product-003/segments?channel=fax").status_code == 404


def test_the_second_answer_is_the_first(own: Callable[..., Asker]) -> None:
    ask, path = own(), "/v1/products/product-003/segments?limit=4"
    first, second = ask.get(path), ask.get(path)
    assert len(ask.app.extensions["mokhatab.answers"]) == 1
    assert first.data == second.data
    changing = {"X-Request-Id", "RateLimit"}
    assert {k: v for k, v in first.headers if k not in changing} == {
        k: v for k, v in second.headers if k not in changing
    }


def test_a_kept_answer_is_not_given_to_a_key_that_lacks_the_scope(
    own: Callable[..., Asker],
) -> None:
    ask, path = own(), "/v1/products/product-003/segments"
    assert ask.get(path).status_code == 200
    other = replace_key(home_of(ask), name="other", scopes=["audiences:read"])
    assert ask.get(path, headers={"Authorization": f"Bearer {other}"}).status_code == 403
    assert ask.client.get(path).status_code == 401


def test_curve_is_that_of_the_engine(ask: Asker, model: artefacts.Model) -> None:
    response = ask.get("/v1/products/product-003/curve")
    assert response.json["points"] == audiences.curve(model, "product-003")["points"]
    schemas.Curve.model_validate_json(response.data)


def _rows(form: str, data: bytes) -> pl.DataFrame:
    if form == "csv":
        return pl.read_csv(io.BytesIO(data))
    return pl.read_parquet(io.BytesIO(data)) if form == "parquet" else pl.read_ndjson(data)


@pytest.mark.parametrize("form", ["ndjson", "csv", "parquet"])
@pytest.mark.parametrize("asked", ["share=0.05", "size=7", "share=1", "size=1000000", "size=1"])
def test_an_audience_is_the_same_in_every_format(
    ask: Asker, model: artefacts.Model, form: str, asked: str
) -> None:
    response = ask.get(f"/v1/products/{of(FIRST)}/audience?{asked}&format={form}")
    assert response.status_code == 200
    name, value = asked.split("=")
    number = {name: float(value) if name == "share" else int(value)}
    said = audiences.audience(model, FIRST, **number)  # type: ignore[arg-type]
    rows = _rows(form, response.data)
    assert rows["user_id"].to_list() == said.ids.to_list()
    assert rows["rank"].to_list() == list(range(1, rows.height + 1))
    assert rows["probability"].to_list() == pytest.approx(said.probabilities.tolist(), abs=1e-6)
    assert response.headers["Mokhatab-Model-Version"] == "v1"
    assert response.headers["Mokhatab-Valid-Until"] == VALID_UNTIL


def test_blocks_join_without_a_seam(own: Callable[..., Asker]) -> None:
    ask = own("[audiences]\nblock_rows = 7\n")
    path = "/v1/products/product-003/audience?share=1&include_known=true"
    rows = {
        form: _rows(form, ask.get(f"{path}&format={form}").data)["user_id"].to_list()
        for form in ("ndjson", "csv", "parquet")
    }
    assert len(rows["csv"]) == 600
    assert rows["csv"] == rows["ndjson"] == rows["parquet"]


@pytest.mark.parametrize("form", ["ndjson", "csv", "parquet"])
def test_who_acted_on_a_product_is_left_out_unless_asked_for(
    ask: Asker, model: artefacts.Model, form: str
) -> None:
    row = model.products["product_id"].to_list().index("product-003")
    known = set(model.users["user_id"].gather(model.seen.of(row)))
    assert known
    path = f"/v1/products/product-003/audience?share=1&format={form}"
    found = {
        query: set(_rows(form, ask.get(path + query).data)["user_id"])
        for query in ("", "&include_known=false", "&include_known=true")
    }
    assert found[""] == found["&include_known=false"] == set(model.users["user_id"]) - known
    assert found["&include_known=true"] == set(model.users["user_id"])


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_an_audience_of_nobody_has_columns_all_the_same(
    own: Callable[..., Asker], monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    ask = own()
    everybody = np.arange(600)
    monkeypatch.setattr(artefacts.Seen, "of", lambda *_: everybody)
    response = ask.get(f"/v1/products/product-003/audience?size=5&format={form}")
    rows = _rows(form, response.data)
    assert rows.columns == ["user_id", "rank", "score", "interest", "probability"]
    assert rows.height == 0
    lines = ask.get("/v1/products/product-003/audience?size=5&format=ndjson")
    assert (lines.status_code, lines.data) == (200, b"")


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("*/*", "application/x-ndjson"),
        ("text/csv", "text/csv"),
        ("text/csv;q=0.5, application/vnd.apache.parquet", "application/vnd.apache.parquet"),
    ],
)
def test_accept_chooses_the_format(ask: Asker, accept: str, media_type: str) -> None:
    path = "/v1/products/product-003/audience?size=5"
    assert ask.get(path, headers={"Accept": accept}).mimetype == media_type
    assert ask.get(path).mimetype == "application/x-ndjson"
    assert ask.get(path, headers={"Accept": "image/png"}).status_code == 406


def test_an_id_that_a_spreadsheet_would_run_is_led_by_an_apostrophe() -> None:
    from api.http.tables import _csv

    ids = ["=1+1", "+a", "-a", "@a", "\ta", "\ra", "'a", "a=1", "کاربر", 'a"b,c']
    frame = pl.DataFrame({"user_id": ids, "score": [-1.0] * len(ids)})
    text = b"".join(_csv(iter([frame.head(3), frame.tail(-3)])))
    read = pl.read_csv(io.BytesIO(text))
    assert not any(id[0] in "=+-@\t\r" for id in read["user_id"])
    assert [id[1:] if id.startswith("'") else id for id in read["user_id"]] == ids
    assert read["score"].to_list() == frame["score"].to_list()


@pytest.mark.parametrize(
    "query",
    [
        "share=0.1&size=3",
        "share=0",
        "share=1.01",
        "share=nan",
        "share=inf",
        "share=-1",
        "size=0",
        "size=-5",
        "size=1e9",
        "size=99999999999999999999999",
        "share=0.1&format=xlsx",
        "share=0.1&more=1",
        "share=0.1&goal=peace",
        "share=0.1&include_known=1",
        "share=0.1&include_known=",
        "share=0.1&include_known=True",
    ],
)
def test_an_audience_that_makes_no_sense_is_not_understood(ask: Asker, query: str) -> None:
    response = ask.get(f"/v1/products/product-003/audience?{query}")
    assert response.status_code == 422
    assert response.mimetype == "application/problem+json"
    assert response.json["fields"]


def test_without_share_or_size_an_audience_is_as_wide_as_targeting_says(
    ask: Asker, model: artefacts.Model
) -> None:
    lines = ask.get("/v1/products/product-003/audience?format=ndjson")
    assert lines.status_code == 200
    found = [json.loads(line)["user_id"] for line in lines.text.splitlines()]
    aimed = audiences.audience(model, "product-003")
    assert found == model.users["user_id"].gather(aimed.rows).to_list()
    assert 0 < len(found) < model.users.height


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "limit=ten", "goal=peace", "channel=", "x=1", "limit=1.5"]
)
def test_segments_that_make_no_sense_are_not_understood(ask: Asker, query: str) -> None:
    response = ask.get(f"/v1/products/product-003/segments?{query}")
    assert response.status_code == 422
    assert [each["field"] for each in response.json["fields"]] == [query.split("=")[0]]


@pytest.mark.parametrize("query", ["limit=1&limit=2", "limit=1&limit=1", "x=1&limit=3&limit="])
def test_a_parameter_that_is_given_twice_is_not_understood(ask: Asker, query: str) -> None:
    response = ask.get(f"/v1/products/product-003/segments?{query}")
    assert response.status_code == 422
    times = query.count("limit=")
    assert response.json["fields"] == [{"field": "limit", "detail": f"given {times} times"}]


def test_what_is_wrong_is_told_in_our_words_and_short(ask: Asker) -> None:
    asked = {
        f"/v1/products/{of('x' * 255 + '🌸')}/curve": ("product_id", "an id is at most 256 bytes"),
        f"/v1/products/{of('a' + chr(0))}/curve": ("product_id", "holds control characters"),
        "/v1/products/p/audience?share=1&size=2": ("size", "give either share or size"),
        "/v1/products/p/segments?channel=%1b": ("channel", "holds control characters"),
        f"/v1/products/p/segments?{'y' * 300}=1": (
            "y" * 40 + "…" + "y" * 40,
            "Extra inputs are not permitted",
        ),
    }
    for path, told in asked.items():
        response = ask.get(path)
        assert response.status_code == 422
        assert [(one["field"], one["detail"]) for one in response.json["fields"]] == [told]


def test_an_unknown_product_is_told_what_is_near(ask: Asker) -> None:
    response = ask.get("/v1/products/prodct-003/segments")
    assert response.status_code == 404
    assert "product-003" in response.json["near"]
    assert response.mimetype == "application/problem+json"


@pytest.mark.parametrize(
    "id",
    ["ناشناس", "🌸" * 64, "a/b//c", "x" * 256, "../../etc/passwd", "%2e%2e", "a?b#c", " ", "a;b"],
)
def test_any_id_of_256_bytes_may_be_asked_for(ask: Asker, id: str) -> None:
    for noun, verb in (("products", "segments"), ("products", "curve"), ("users", "segments")):
        response = ask.get(f"/v1/{noun}/{of(id)}/{verb}")
        assert response.status_code == 404
        assert response.json["id"] == id


@pytest.mark.parametrize("id", ["x" * 257, "🌸" * 65, "a\tb", "a\0b", "a\x7fb"])
def test_longer_ids_and_control_characters_are_not_understood(ask: Asker, id: str) -> None:
    assert ask.get(f"/v1/products/{of(id)}/segments").status_code == 422
