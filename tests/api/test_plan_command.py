"""`mokhatab plan` from outside: an answer, a page, and clear words where it cannot be."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from engine.store.home import Home
from tests.api.conftest import Said

Run = Callable[..., Said]
ASKED = ("plan", "--goal", "sales", "--budget", "3000", "--days", "7")


def past(*, days: int = 30, cells: int = 6, seed: int = 1) -> pl.DataFrame:
    """Results of placements that saturate, in the columns of an ad platform's export."""
    random = np.random.default_rng(seed)
    worth, scale = random.lognormal(1.5, 1, cells), random.lognormal(3.6, 0.8, cells)
    rows = []
    for day in range(days):
        spend = random.lognormal(3.5, 0.6, cells)
        sales = random.poisson(worth * (1 - np.exp(-spend / scale)))
        for cell in range(cells):
            rows.append(
                {
                    "date": date.today() - timedelta(days - day),
                    "channel": ("instagram", "telegram", "x")[cell % 3],
                    "segment_id": f"seg-{cell // 3}",
                    "impressions": int(spend[cell] * 200),
                    "clicks": int(spend[cell] * 2),
                    "spend": round(float(spend[cell]), 2),
                    "conversions": int(sales[cell]),
                    "sales": float(sales[cell]),
                    "revenue": float(sales[cell]) * 30,
                }
            )
    return pl.DataFrame(rows)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "results.csv"
    past().write_csv(path)
    return path


def cents(answer: dict[str, Any]) -> int:
    return sum(round(row["spend"] * 100) for row in answer["allocation"])


def test_a_stranger_plans_with_a_file_of_results_alone(
    run: Run, tmp_path: Path, file: Path
) -> None:
    home = tmp_path / "home"
    said = run(home, *ASKED, "--results", str(file), "--json")
    assert said.code == 0
    answer = said.json
    assert cents(answer) == 300_000
    assert {row["channel"] for row in answer["allocation"]} == {"instagram", "telegram", "x"}
    assert 0 <= answer["gap"] <= 0.001
    assert answer["lower"] <= answer["expected"] <= answer["upper"]
    assert sum(round(day["spend"] * 100) for day in answer["pacing"]) == 300_000
    assert answer["basis"] == "results"
    assert not (home / "log").exists(), "a plan stores nothing"


def test_the_same_question_gets_the_same_answer(run: Run, tmp_path: Path, file: Path) -> None:
    asked = (*ASKED, "--results", str(file), "--start", "2027-03-21", "--json")
    assert run(tmp_path, *asked).out == run(tmp_path, *asked).out


def test_parquet_and_csv_are_the_same_results(run: Run, tmp_path: Path, file: Path) -> None:
    past().write_parquet(tmp_path / "results.parquet")
    asked = (*ASKED, "--start", "2027-03-21", "--json", "--results")
    one, other = (run(tmp_path, *asked, str(path)) for path in (file, file.with_suffix(".parquet")))
    assert one.json["allocation"] == other.json["allocation"]


def test_limits_are_obeyed_to_the_cent(run: Run, tmp_path: Path, file: Path) -> None:
    answer = run(
        tmp_path, *ASKED, "--results", str(file), "--json",
        "--lock", "instagram/seg-0=123.45", "--max", "telegram=500", "--min", "x/seg-1=400.01",
    ).json  # fmt: skip
    spend = {(row["channel"], row["segment_id"]): row["spend"] for row in answer["allocation"]}
    assert spend["instagram", "seg-0"] == 123.45
    assert sum(spend[place] for place in spend if place[0] == "telegram") <= 500.001
    assert spend["x", "seg-1"] >= 400.01
    assert cents(answer) == 300_000
    status = {(row["channel"], row["segment_id"]): row["status"] for row in answer["allocation"]}
    assert status["instagram", "seg-0"] == "locked"
    assert {status[place] for place in status if place[0] == "telegram"} <= {"at maximum", "off"}


def test_a_page_is_written_whole_in_either_language(run: Run, tmp_path: Path, file: Path) -> None:
    for language, way in (("en", "ltr"), ("fa", "rtl")):
        out = tmp_path / "pages" / f"{language}.html"
        said = run(
            tmp_path, *ASKED, "بهار", "--results", str(file),
            "--out", str(out), "--language", language,
        )  # fmt: skip
        assert said.code == 0, said.err
        html = out.read_text()
        assert f'<html lang="{language}" dir="{way}">' in html
        assert "بهار" in html
        assert html.endswith("</html>\n") or html.endswith("</html>")


def test_the_terminal_shows_the_proof(run: Run, tmp_path: Path, file: Path) -> None:
    said = run(tmp_path, *ASKED, "--results", str(file))
    assert said.code == 0, said.err
    assert "rows add up to 3,000.00 of 3,000.00, to the cent" in said.out


def test_without_any_history_a_plan_says_so(run: Run, planted_home: Home) -> None:
    said = run(planted_home, *ASKED, "--product", "product-003", "--json")
    assert said.code == 0, said.err
    answer = said.json
    assert answer["basis"] == "prior"
    assert answer["notes"]
    assert cents(answer) <= 300_000


BAD = {
    "budget of nothing": (("--budget", "0"), "budget"),
    "negative budget": (("--budget", "-5"), "budget"),
    "budget that is no number": (("--budget", "nan"), "budget"),
    "endless budget": (("--budget", "inf"), "budget"),
    "no day": (("--days", "0"), "days"),
    "another goal": (("--goal", "fame"), "goal"),
    "minima above the budget": (("--min", "telegram=3000.01"), "telegram"),
    "a lock on nothing": (("--lock", "fax=1"), "fax"),
    "a lock on no such segment": (("--lock", "x/seg-99=1"), "seg-99"),
    "a limit without amount": (("--max", "telegram"), "telegram"),
    "a limit that is no number": (("--max", "telegram=much"), "telegram"),
    "a limit twice": (("--max", "x=1", "--max", "x=2"), "twice"),
    "a negative limit": (("--min", "x=-1"), "negative"),
    "a lock above the maximum": (("--lock", "x/seg-0=9", "--max", "x=1"), "x"),
    "a channel that is not there": (("--channel", "fax"), "fax"),
    "a day that is none": (("--start", "2027-02-30"), "2027-02-30"),
    "a day too far away": (("--start", "9999-12-30"), "2199-12-31"),
    "risk of one": (("--risk", "1"), "risk"),
    "a share above one": (("--explore", "1.5"), "exploration"),
    "another measure": (("--measure", "joy"), "measure"),
    "a product without a model": (("--product", "p1"), "no model yet"),
    "another language": (("--out", "p.html", "--language", "de"), "language"),
    "a page of another kind": (("--out", "p.pdf"), "plan.html"),
    "no such file": (("--results", "nowhere.csv"), "does not exist"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_planned_is_told_in_one_line(
    run: Run, tmp_path: Path, file: Path, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words, told = BAD[case]
    home = tmp_path / "home"
    said = run(home, *ASKED, "--results", str(file), *words, "--json")
    assert said.code == 1
    assert said.out == ""
    assert said.err.startswith("mokhatab: ")
    assert told in said.err
    assert said.err.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir() if path != home) == ["results.csv"]


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "negative spend": ({"spend": -1.0}, "spend is negative"),
    "clicks above impressions": ({"clicks": 10**9}, "above the impressions"),
    "a result of the future": ({"date": date(2999, 1, 1)}, "2999"),
    "no number": ({"spend": float("nan")}, "spend"),
    "no channel": ({"channel": None}, "channel is missing"),
}


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("case", WRONG)
def test_results_that_cannot_be_true_are_refused(
    run: Run, tmp_path: Path, case: str, kind: str
) -> None:
    values, told = WRONG[case]
    frame = past(days=3)
    bad = frame.head(1).with_columns(
        pl.lit(value, frame.schema[name]).alias(name) for name, value in values.items()
    )
    path = tmp_path / f"bad.{kind}"
    both = pl.concat([frame, bad])
    both.write_csv(path) if kind == "csv" else both.write_parquet(path)
    said = run(tmp_path / "home", *ASKED, "--results", str(path))
    assert said.code == 1
    assert told in said.err


def test_two_currencies_are_not_added(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    frame = past(days=4)
    two = pl.Series("currency", ["EUR", "USD"] * (frame.height // 2))
    frame.with_columns(two).write_csv(path)
    said = run(tmp_path / "home", *ASKED, "--results", str(path))
    assert said.code == 1
    assert "EUR, USD" in said.err
    frame.with_columns(currency=pl.lit("EUR")).write_csv(path)
    asked = (*ASKED, "--results", str(path), "--currency")
    assert run(tmp_path / "home", *asked, "USD").code == 1
    assert run(tmp_path / "home", *asked, "EUR").code == 0


def test_one_placement_gets_all(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    past(cells=1).write_csv(path)
    answer = run(tmp_path / "home", *ASKED, "--results", str(path), "--json").json
    assert [row["spend"] for row in answer["allocation"] if row["spend"]] == [3000.0]
