"""Plans over HTTP: the same plan as the command makes, once under its key; networks; hours."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from api.http import plans
from engine.store.home import Home
from engine.store.results import record_results
from tests.api.conftest import UNLIMITED, Asker, Said, asker_of, of
from tests.api.handed import home_of
from tests.api.planted import FIRST
from tests.api.test_plan_command import cents, past

PLANS = "/v1/plans"
ASKED: dict[str, Any] = {"goal": "sales", "budget": 3000, "days": 7, "start": "2027-03-21"}


@pytest.fixture
def ask(common: Asker) -> Asker:
    """Questions, and plans that are asked for without a key, leave nothing behind."""
    return common


def with_results(ask: Asker) -> Asker:
    record_results(home_of(ask), [past().drop("revenue")], now=datetime.now(UTC))
    return ask


@pytest.fixture
def rich(own: Callable[..., Asker]) -> Asker:
    """A home with results and without a model."""
    return with_results(own(model=False))


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> Asker:
    """Such a home for all that is refused."""
    return with_results(asker_of(Home(tmp_path_factory.mktemp("rich")), UNLIMITED, model=False))


def test_a_plan_is_that_of_the_command(rich: Asker, run: Callable[..., Said]) -> None:
    answer = rich.post(PLANS, json=ASKED)
    assert answer.status_code == 200, answer.text
    assert cents(answer.json) == 300_000
    said = run(
        home_of(rich), "plan", "--goal", "sales", "--budget", "3000", "--days", "7",
        "--start", "2027-03-21", "--json",
    )  # fmt: skip
    assert said.json["allocation"] == answer.json["allocation"]


def test_limits_are_obeyed(rich: Asker) -> None:
    limits = {
        "locks": [{"channel": "instagram", "segment_id": "seg-0", "amount": 123.45}],
        "maxima": [{"channel": "telegram", "amount": 500}],
        "minima": [{"channel": "x", "segment_id": "seg-1", "amount": 400.01}],
    }
    rows = rich.post(PLANS, json=ASKED | limits).json["allocation"]
    spend = {(row["channel"], row["segment_id"]): row["spend"] for row in rows}
    assert spend["instagram", "seg-0"] == 123.45
    assert spend["x", "seg-1"] >= 400.01
    assert sum(spend[place] for place in spend if place[0] == "telegram") <= 500.001


def test_the_same_key_gets_the_same_plan_and_computes_it_once(
    rich: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[object] = []
    plan = plans.make_plan

    def counted(*given: Any, **named: Any) -> dict[str, Any]:
        made.append(given)
        return plan(*given, **named)

    monkeypatch.setattr(plans, "make_plan", counted)
    headers = {"Idempotency-Key": '"plan-1"'}
    first, again = (rich.post(PLANS, json=ASKED, headers=headers) for _ in range(2))
    assert first.status_code == again.status_code == 200
    assert first.data == again.data
    assert len(made) == 1
    other = rich.post(PLANS, json=ASKED | {"budget": 1}, headers=headers)
    assert other.status_code == 422
    assert "make a new one" in other.json["detail"]


def test_a_refused_plan_keeps_nothing_and_may_be_asked_again(rich: Asker) -> None:
    headers = {"Idempotency-Key": "k"}
    wrong = ASKED | {"minima": [{"channel": "telegram", "amount": 3000.01}]}
    for _ in range(2):
        assert rich.post(PLANS, json=wrong, headers=headers).status_code == 422
    with sqlite3.connect(home_of(rich).catalog) as records:
        assert records.execute("SELECT count(*) FROM replies").fetchone() == (0,)
        assert records.execute("SELECT count(*) FROM inbox").fetchone() == (0,)
    records.close()
    assert rich.post(PLANS, json=ASKED, headers=headers).status_code == 200


BAD: list[tuple[dict[str, Any], int, str]] = [
    ({"budget": 0}, 422, "budget"),
    ({"budget": -1}, 422, "budget"),
    ({"budget": "3000"}, 422, "budget"),
    ({"budget": 1e300}, 422, "budget"),
    ({"days": 0}, 422, "days"),
    ({"days": 7.5}, 422, "days"),
    ({"goal": "fame"}, 422, "goal"),
    ({"start": "2027-02-30"}, 422, "start"),
    ({"start": "9999-12-30"}, 422, "start"),
    ({"currency": "euro"}, 422, "currency"),
    ({"risk": 1}, 422, "risk"),
    ({"exploration": -0.1}, 422, "exploration"),
    ({"seed": -1}, 422, "seed"),
    ({"team": 3}, 422, "team"),
    ({"channels": []}, 422, "channels"),
    ({"channels": ["fax"]}, 404, "fax"),
    ({"locks": [{"channel": "fax", "amount": 1}]}, 404, "fax"),
    ({"locks": [{"channel": "x", "segment_id": "seg-99", "amount": 1}]}, 404, "seg-99"),
    ({"locks": [{"channel": "x", "amount": -1}]}, 422, "locks"),
    ({"locks": [{"channel": "x", "amount": 1}, {"channel": "x", "amount": 2}]}, 422, "twice"),
    ({"minima": [{"channel": "x", "amount": 3000.01}]}, 422, "x"),
    ({"product_id": "p1"}, 503, "no model yet"),
    ({"product_id": "p\n1"}, 422, "product_id"),
]


@pytest.mark.parametrize(("change", "status", "told"), BAD)
def test_what_cannot_be_planned_is_a_problem_that_names_it(
    refusing: Asker, change: dict[str, Any], status: int, told: str
) -> None:
    answer = refusing.post(PLANS, json=ASKED | change)
    assert answer.status_code == status, answer.text
    assert answer.mimetype == "application/problem+json"
    assert told in answer.text


@pytest.mark.parametrize("budget", [b"NaN", b"Infinity", b"1e999"])
def test_a_budget_that_is_no_number_is_refused(refusing: Asker, budget: bytes) -> None:
    body = b'{"goal": "sales", "days": 7, "budget": ' + budget + b"}"
    answer = refusing.post(PLANS, data=body, content_type="application/json")
    assert answer.status_code in (400, 422)


def test_without_results_a_product_is_planned_for_and_the_plan_says_so(ask: Asker) -> None:
    answer = ask.post(PLANS, json=ASKED | {"product_id": FIRST})
    assert answer.status_code == 200, answer.text
    assert answer.json["basis"] == "prior"
    assert answer.json["notes"]
    assert answer.json["model_version"] == "v1"


def test_networks_come_best_first_with_reasons(ask: Asker) -> None:
    path = f"/v1/products/{of(FIRST)}/channels"
    answer = ask.get(f"{path}?goal=sales&country=DE&buyers=b2b").json
    ranks = [one["rank"] for one in answer["channels"]]
    assert ranks == list(range(1, len(ranks) + 1))
    assert len(ranks) >= 13
    for one in answer["channels"]:
        assert one["lower"] < one["score"] < one["upper"]
        assert one["reason"]
    telegram = next(one for one in answer["channels"] if one["channel"] == "telegram")
    assert "of the audience seen there" in telegram["reason"]
    assert answer["model_version"] == "v1"
    small = ask.get(f"{path}?goal=sales&budget=5").json["channels"]
    assert not all(one["usable"] for one in small)


@pytest.mark.parametrize("path", ["channels?goal=sales", "schedule?posts=3"])
def test_a_country_nobody_knows_is_not_found(ask: Asker, path: str) -> None:
    answer = ask.get(f"/v1/products/{of(FIRST)}/{path}&country=ZZ")
    assert answer.status_code == 404, answer.text
    assert "ZZ" in answer.text
    assert ask.get(f"/v1/products/{of(FIRST)}/{path}&country=de").status_code == 200


def test_results_move_networks(own: Callable[..., Asker]) -> None:
    ask = own()
    path = "/v1/products/product-003/channels?goal=sales"
    before = {one["channel"]: one for one in ask.get(path).json["channels"]}
    record_results(home_of(ask), [past().drop("revenue")], now=datetime.now(UTC))
    after = {one["channel"]: one for one in ask.get(path).json["channels"]}
    assert before["instagram"]["basis"] != "results"
    assert after["instagram"]["basis"] == "results"


def test_posts_of_a_week_lie_in_it_by_the_clock_of_the_audience(ask: Asker) -> None:
    path = "/v1/products/product-003/schedule"
    answer = ask.get(f"{path}?posts=5&start=2027-03-21&country=IR").json
    assert answer["zone"] == "Asia/Tehran"
    assert len(answer["schedule"]) == 5
    for slot in answer["schedule"]:
        assert slot["starts_at"].endswith("+03:30")
        assert "2027-03-21" <= slot["starts_at"][:10] <= "2027-03-27"
        assert slot["date"].startswith("1406-01-") or slot["date"].startswith("1405-12-")
        assert slot["lower"] <= slot["expected"] <= slot["upper"]
        assert slot["reason"]
    hours: dict[str, int] = {}
    for cell in answer["hours"]:
        hours[cell["channel"]] = hours.get(cell["channel"], 0) + 1
    assert set(hours) == {slot["channel"] for slot in answer["schedule"]}
    assert set(hours.values()) == {168}


@pytest.mark.parametrize(
    ("query", "status", "told"),
    [
        ("channel=fax", 404, "fax"),
        ("country=ZZ", 404, "ZZ"),
        ("zone=Mars", 422, "zone"),
        ("posts=0", 422, "posts"),
        ("posts=1000", 422, "posts"),
        ("start=2027-02-30", 422, "start"),
        ("start=9999-12-31", 422, "start"),
        ("start=0001-01-01", 422, "start"),
        ("hours=nan", 422, "hours"),
        ("hours=2&posts=3", 422, "hours"),
        ("posts=3&posts=4", 422, "2 times"),
        ("x=1", 422, "x"),
    ],
)
def test_a_week_that_cannot_be_is_a_problem(ask: Asker, query: str, status: int, told: str) -> None:
    answer = ask.get(f"/v1/products/product-003/schedule?{query}")
    assert answer.status_code == status, answer.text
    assert told in answer.text


def test_a_home_without_anything_still_plans_nothing_silently(
    own: Callable[..., Asker],
) -> None:
    ask = own(model=False)
    answer = ask.post(PLANS, json=ASKED)
    assert answer.status_code == 200, answer.text
    assert answer.json["basis"] == "prior"
    assert answer.json["notes"]


def test_a_plan_stores_no_rows(rich: Asker) -> None:
    home: Home = home_of(rich)
    before = {path for path in home.root.rglob("*") if path.is_file()}
    assert rich.post(PLANS, json=ASKED).status_code == 200
    assert {path for path in home.root.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(("what", "name"), [("channels", "Networks"), ("schedule", "Schedule")])
def test_answers_hold_what_the_description_promises_and_no_more(
    ask: Asker, what: str, name: str
) -> None:
    described = ask.get("/openapi.json").json["components"]["schemas"][name]
    answer = ask.get(f"/v1/products/product-003/{what}").json
    assert set(described["required"]) <= set(answer) <= set(described["properties"])
