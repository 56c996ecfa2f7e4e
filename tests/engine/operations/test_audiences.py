from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from engine import frames
from engine.errors import InvalidValue, UnknownEntity
from engine.operations import audiences
from engine.store import artefacts
from engine.store.home import Home
from tests.engine.audiences.planted import build, model_of, plant

GOALS = ("traffic", "sales", "awareness", "loyalty")


@pytest.fixture(scope="module")
def world():
    return plant(users=1500, seed=6)


@pytest.fixture(scope="module")
def model(world):
    return model_of(world.learned)


@pytest.fixture(scope="module")
def interest(world):
    head, learned = world.learned.interest, world.learned
    return (
        learned.embeddings @ head.products.T + head.user_terms[:, None] + head.product_terms[None]
    )


def test_best_segments_have_the_shape_that_is_promised(model):
    answer = audiences.best_segments(model, "p003", goal="sales", limit=3)
    assert list(answer) == ["product_id", "model_version", "as_of", "segments"]
    assert answer["product_id"] == "p003"
    assert answer["model_version"] == "test-1"
    assert 1 <= len(answer["segments"]) <= 3
    for segment in answer["segments"]:
        assert list(segment) == [
            "segment_id", "name", "kind", "size", "interest", "probability", "lift",
            "earned_reach", "overlap", "reason",
        ]  # fmt: skip
        assert list(segment["lift"]) == ["value", "lower", "upper"]
        assert segment["lift"]["lower"] <= segment["lift"]["value"] <= segment["lift"]["upper"]


@pytest.mark.parametrize("goal", GOALS)
def test_every_goal_is_answered_from_what_training_wrote(model, goal):
    answer = audiences.best_segments(model, "p001", goal=goal)
    written = model.segments.best.filter((pl.col("product") == 1) & (pl.col("goal") == goal))
    assert [each["segment_id"] for each in answer["segments"]] == written["segment_id"].to_list()[
        :10
    ]


def test_a_channel_speaks_only_of_people_seen_there(world, model):
    answer = audiences.best_segments(model, "p001", channel="tv")
    on_tv = np.arange(1500) % 3 == 0
    open_ = on_tv & world.open[:, 1]
    everybody = world.rates[open_, 1].mean()
    named = [each for each in answer["segments"] if each["kind"] == "community"]
    assert named
    rows = {id: at for at, id in enumerate(model.segments.table["segment_id"])}
    for segment in named:
        at = rows[segment["segment_id"]]
        members = model.segments.members[
            model.segments.offsets[at] : model.segments.offsets[at + 1]
        ]
        members = members[on_tv[members]]
        assert segment["size"] == members.size
        left = members[open_[members]]
        assert segment["interest"] == pytest.approx(world.rates[left, 1].mean(), rel=0.01)
    top = next(each for each in answer["segments"] if each["kind"] == "top")
    assert top["size"] <= 0.1 * on_tv.sum() + 1
    assert top["lift"]["value"] > 1
    assert named[0]["interest"] > 2 * everybody


def test_a_channel_of_everybody_answers_as_without_one(model):
    plain = audiences.best_segments(model, "p002")["segments"]
    live = audiences.best_segments(model, "p002", channel="web")["segments"]
    for key in ("segment_id", "size", "reason"):
        if key == "reason":
            continue
        assert [each[key] for each in live] == [each[key] for each in plain]


def test_an_audience_is_the_best_by_interest_of_those_who_have_not_acted(world, model, interest):
    found = audiences.audience(model, "p004", share=0.05)
    order = np.argsort(-np.where(world.open[:, 4], interest[:, 4], -np.inf), kind="stable")[:75]
    assert set(found.rows) == set(order)
    np.testing.assert_allclose(found.scores, interest[found.rows, 4], rtol=1e-5)
    assert (np.diff(found.scores) <= 0).all()
    assert found.ids.to_list() == [f"u{row:05d}" for row in found.rows]
    assert ((found.probabilities > 0) & (found.probabilities < 1)).all()


def test_an_audience_streams_in_blocks(model):
    found = audiences.audience(model, "p004", size=100)
    whole = pl.concat(found.blocks(33))
    assert [block.height for block in found.blocks(33)] == [33, 33, 33, 1]
    assert whole.columns == ["user_id", "rank", "score", "interest", "probability"]
    assert whole["rank"].to_list() == list(range(1, 101))
    assert whole["user_id"].to_list() == found.ids.to_list()
    np.testing.assert_array_equal(whole["probability"], found.probabilities)


def test_a_goal_ranks_by_both_heads(model):
    by_interest = audiences.audience(model, "p004", size=200)
    for goal in GOALS:
        found = audiences.audience(model, "p004", size=200, goal=goal)
        assert found.rows.size == 200
        assert (np.diff(found.scores) <= 0).all()
    sales = audiences.audience(model, "p004", size=200, goal="sales")
    assert sales.probabilities.mean() > by_interest.probabilities.mean()


def test_people_who_acted_come_back_when_they_are_asked_for(world, model, interest):
    for goal in (None, "sales"):
        plain = audiences.audience(model, "p004", size=300, goal=goal)
        assert world.open[plain.rows, 4].all()
        whole = audiences.audience(model, "p004", size=300, goal=goal, include_known=True)
        assert whole.rows.size == plain.rows.size == 300
        assert not world.open[whole.rows, 4].all()
    everybody = audiences.audience(model, "p004", size=300, include_known=True)
    assert set(everybody.rows) == set(np.argsort(-interest[:, 4], kind="stable")[:300])


def test_more_people_than_there_are_is_everybody_who_has_not_acted(world, model):
    left = world.open[:, 0].sum()
    for asked in ({"size": 10**9}, {"share": 1.0}):
        assert audiences.audience(model, "p000", **asked).rows.size == left < 1500
        whole = audiences.audience(model, "p000", **asked, include_known=True)
        assert whole.rows.size == 1500


def test_a_product_everybody_acted_on_has_nobody_left(world):
    seen = world.learned.seen.toarray()
    seen[:, 2] = True
    full = model_of(replace(world.learned, seen=type(world.learned.seen)(seen)))
    assert audiences.best_segments(full, "p002")["segments"] == []
    assert audiences.best_segments(full, "p002", channel="tv")["segments"] == []
    assert audiences.audience(full, "p002", size=10).rows.size == 0
    assert audiences.audience(full, "p002", size=10, include_known=True).rows.size == 10
    points = audiences.curve(full, "p002")["points"]
    assert all(p["size"] == p["expected"] == p["lower"] == p["upper"] == 0 for p in points)
    ids = model_of(world.learned).users["user_id"][:50].to_list()
    found = audiences.user_segments(full, ids, limit=100)["users"]
    products = {each.get("product_id") for own in found.values() for each in own}
    assert "p001" in products
    assert "p002" not in products


@pytest.mark.parametrize(
    "question",
    [{"share": 0.1, "size": 5}, {"share": 0.0}, {"share": 1.01}, {"share": float("nan")},
     {"size": 0}, {"size": -3}, {"share": 0.1, "goal": "fame"}],
)  # fmt: skip
def test_a_question_without_sense_is_refused(model, question):
    with pytest.raises(InvalidValue):
        audiences.audience(model, "p001", **question)


def test_an_unknown_goal_or_limit_is_refused(model):
    with pytest.raises(InvalidValue, match="known: traffic"):
        audiences.best_segments(model, "p001", goal="fame")
    with pytest.raises(InvalidValue):
        audiences.best_segments(model, "p001", limit=0)
    with pytest.raises(InvalidValue):
        audiences.user_segments(model, ["u00001"], limit=0)


@pytest.mark.parametrize(
    ("asked", "near"), [("p03", "p003"), ("P001", "p001"), ("Film 17", "p017"), ("film 9", "p009")]
)
def test_an_unknown_product_names_what_is_near(model, asked, near):
    with pytest.raises(UnknownEntity) as caught:
        audiences.curve(model, asked)
    assert near in caught.value.near
    assert len(caught.value.near) <= 5


def test_an_unknown_channel_or_user_names_what_is_near(model):
    with pytest.raises(UnknownEntity) as caught:
        audiences.best_segments(model, "p001", channel="webb")
    assert caught.value.near == ("web",)
    with pytest.raises(UnknownEntity) as caught:
        audiences.user_segments(model, ["u0001"])
    assert "u00001" in caught.value.near


@pytest.mark.parametrize("asked", ["", "🦊" * 64, "%", "(", "a" * 256])
def test_odd_ids_are_unknown_and_nothing_else(model, asked):
    with pytest.raises(UnknownEntity):
        audiences.best_segments(model, asked)
    with pytest.raises(UnknownEntity):
        audiences.user_segments(model, [asked])


def test_the_curve_falls_with_the_share(model):
    answer = audiences.curve(model, "p007")
    expected = [point["expected"] for point in answer["points"]]
    assert answer["points"][0]["share"] == 0.005
    assert expected == sorted(expected, reverse=True)
    assert all(p["lower"] <= p["expected"] <= p["upper"] for p in answer["points"])


def test_users_are_told_their_segments_and_products(world, model, interest):
    ids = ["u00003", "nobody", "u00001"]
    answer = audiences.user_segments(model, ids, limit=30)
    assert answer["unknown"] == ["nobody"]
    assert list(answer["users"]) == ["u00003", "u00001"]
    parts = model.segments
    for id, found in answer["users"].items():
        row = int(id[1:])
        static = [each["segment_id"] for each in found if each["kind"] != "top"]
        wanted = [
            segment
            for at, segment in enumerate(parts.table["segment_id"])
            if row in parts.members[parts.offsets[at] : parts.offsets[at + 1]]
        ]
        assert sorted(static) == sorted(wanted)
        for each in found:
            if each["kind"] == "top":
                product = int(each["product_id"][1:])
                assert world.open[row, product]
                better = interest[:, product] > interest[row, product]
                assert (better & world.open[:, product]).sum() < each["size"]
        shares = [each["share"] for each in found if each["kind"] == "top"]
        assert shares == sorted(shares)
        themes = {world.theme[int(e["product_id"][1:])] for e in found if e.get("share", 1) <= 0.1}
        assert themes <= {world.taste[row], 0}


def test_the_limit_holds_for_each_kind(model):
    found = audiences.user_segments(model, ["u00001"], limit=2)["users"]["u00001"]
    assert sum(each["kind"] != "top" for each in found) <= 2
    assert sum(each["kind"] == "top" for each in found) <= 2


def test_all_pairs_are_scored_once(model, interest):
    whole = pl.concat(audiences.score_all(model))
    frames.check(whole, frames.SCORES)
    assert whole.height == 1500 * 24 == whole.unique(["user_id", "product_id"]).height
    one = whole.filter(pl.col("product_id") == "p005").sort("user_id")
    np.testing.assert_allclose(one["score"], interest[:, 5], rtol=1e-5)
    assert whole["probability"].is_between(0, 1).all()


def test_named_products_are_scored_in_their_order(model):
    whole = pl.concat(audiences.score_all(model, product_ids=["p009", "p002"]))
    assert whole["product_id"].unique(maintain_order=True).to_list() == ["p009", "p002"]
    with pytest.raises(UnknownEntity):
        audiences.score_all(model, product_ids=["p009", "p999"])


def test_a_saved_model_answers_the_same(tmp_path, model):
    home = Home(tmp_path)
    artefacts.save(home, model)
    opened = artefacts.open_model(home, model.version)
    for ask in (
        lambda m: audiences.best_segments(m, "p003"),
        lambda m: audiences.best_segments(m, "p003", channel="tv"),
        lambda m: audiences.curve(m, "p003"),
        lambda m: audiences.user_segments(m, ["u00001", "u00007"]),
        lambda m: audiences.audience(m, "p003", size=50, goal="loyalty").ids.to_list(),
    ):
        assert ask(opened) == ask(model)


@pytest.mark.parametrize(("users", "products"), [(1, 1), (2, 1), (60, 3)])
def test_tiny_models_answer_every_verb(users, products):
    tiny = model_of(plant(users=users, products=products, tastes=1, seed=1).learned)
    assert isinstance(audiences.best_segments(tiny, "p000")["segments"], list)
    assert isinstance(audiences.best_segments(tiny, "p000", channel="tv")["segments"], list)
    assert audiences.audience(tiny, "p000", share=0.01).rows.size == 1
    assert len(audiences.curve(tiny, "p000")["points"]) == 8
    assert list(audiences.user_segments(tiny, ["u00000"])["users"]) == ["u00000"]
    assert sum(block.height for block in audiences.score_all(tiny)) == users * products


def test_a_model_without_segments_answers_with_none(world):
    learned = replace(world.learned, users=world.learned.users.head(1500))
    parts = build(learned, segments={"minimum_people": 100_000})
    assert parts.table.height == 0
    bare = model_of(learned, parts)
    assert audiences.best_segments(bare, "p001")["segments"] == []
    found = audiences.user_segments(bare, ["u00001"])["users"]["u00001"]
    assert {each["kind"] for each in found} <= {"top"}
