"""`mokhatab results` and `mokhatab campaign report` from outside: files in, reports out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from engine.operations.members import LOCAL, Card, put_member
from engine.operations.teams import create_team
from engine.store.home import Home
from engine.store.results import newest
from tests.api.conftest import Said
from tests.engine.measurement.running import plan_of, results_of
from tests.engine.operations.reported import open_campaign

Run = Callable[..., Said]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.delenv("MOKHATAB_DATABASE_URL", raising=False)
    monkeypatch.delenv("MOKHATAB_MEMBER", raising=False)
    made = Home(tmp_path / "home")
    open_campaign(made)
    return made


def export(path: Path, rows: pl.DataFrame, **changed: Any) -> str:
    typed = {name: pl.lit(value).cast(rows.schema[name]) for name, value in changed.items()}
    rows.with_columns(**typed).write_csv(path)
    return str(path)


def tally(said: Said) -> dict[str, Any]:
    assert said.code == 0, said.err
    found: dict[str, Any] = json.loads(said.out)["results"]
    return found


def test_the_same_file_twice_changes_nothing_and_says_so(
    run: Run, home: Home, tmp_path: Path
) -> None:
    file = export(tmp_path / "r.csv", results_of(plan_of(), 3))
    first = tally(run(home, "results", "import", file, "--json"))
    assert (first["stored"], first["corrected"], first["duplicates"]) == (12, 0, 0)
    again = run(home, "results", "import", file)
    assert "nothing changed: all of it was known" in again.out
    by_ingest = tally(run(home, "ingest", "--results", file, "--json"))
    assert (by_ingest["stored"], by_ingest["duplicates"]) == (0, 12)
    assert newest(home).height == 12


def test_a_correction_replaces_and_its_history_is_told(
    run: Run, home: Home, tmp_path: Path
) -> None:
    rows = results_of(plan_of(), 3)
    run(home, "results", "import", export(tmp_path / "a.csv", rows))
    changed = tally(
        run(home, "results", "import", export(tmp_path / "b.csv", rows.head(2), clicks=7), "--json")
    )
    assert (changed["stored"], changed["corrected"]) == (2, 2)
    history = json.loads(run(home, "results", "history", "--campaign", "c", "--json").out)
    assert (history["rows"], history["replaced"]) == (14, 2)
    shown = json.loads(run(home, "results", "show", "--json").out)["results"]
    assert sum(row["clicks"] == 7 for row in shown) == 2
    long_ago = json.loads(run(home, "results", "show", "--as-of", "2020-01-01", "--json").out)
    assert long_ago["rows"] == 0
    assert "2 of them replaced since" in run(home, "results", "history").out
    assert run(home, "results", "show", "--as-of", "soon").code == 1


def test_what_is_wrong_with_a_row_is_told_by_row(run: Run, home: Home, tmp_path: Path) -> None:
    rows = results_of(plan_of(), 1)
    odd = pl.concat(
        [
            rows,
            rows.head(1).with_columns(channel=pl.lit("tv")),
            rows.head(1).with_columns(clicks=pl.lit(10**9, pl.Int64)),
            rows.head(1).with_columns(campaign_id=pl.lit("elsewhere")),
        ]
    )
    said = run(home, "results", "import", export(tmp_path / "r.csv", odd), "--json")
    told = json.loads(said.out)
    assert told["results"]["quarantined"] == {
        "channel is tv, where campaign c plans nothing": 1,
        "clicks are above the impressions": 1,
    }
    assert "1 row of campaigns that are not known here: elsewhere" in told["results"]["notices"][0]
    refused = pl.read_ndjson(told["quarantine"])
    assert refused["row"].to_list() == [6, 7]  # lines of the file, its header the first
    assert newest(home).height == 5


def test_a_correction_that_names_the_product_replaces_what_did_not(
    run: Run, home: Home, tmp_path: Path
) -> None:
    rows = results_of(plan_of(), 1)
    whole = rows["spend"].sum()
    run(home, "results", "import", export(tmp_path / "a.csv", rows.drop("product_id")))
    file = export(tmp_path / "b.csv", rows, product_id="product-7")
    assert tally(run(home, "results", "import", file, "--json"))["duplicates"] == 4
    file = export(tmp_path / "c.csv", rows, product_id="product-7", clicks=1)
    assert tally(run(home, "results", "import", file, "--json"))["corrected"] == 4
    file = export(tmp_path / "d.csv", rows.drop("product_id"), clicks=2)
    assert tally(run(home, "results", "import", file, "--json"))["corrected"] == 4
    found = newest(home)
    assert found["product_id"].to_list() == ["product-7"] * 4
    assert found["spend"].sum() == pytest.approx(whole)


def test_a_file_of_another_teams_results_is_refused(run: Run, home: Home, tmp_path: Path) -> None:
    put_member(home, LOCAL, "ada", Card(role="owner"))
    create_team(home, LOCAL, "books")
    put_member(home, LOCAL, "eve", Card(role="marketer"))
    open_campaign(home, id="secret", team="books")
    rows = pl.concat([results_of(plan_of(), 1), results_of(plan_of(), 1)])
    ids = ["c"] * 4 + ["secret"] * 3 + ["nothing"]
    file = export(tmp_path / "r.csv", rows.with_columns(campaign_id=pl.Series(ids)))
    told = tally(run(home, "results", "import", file, "--as", "eve", "--json"))
    assert told["stored"] == 4
    assert told["quarantined"] == {
        "campaign_id is secret: no campaign of yours": 3,
        "campaign_id is nothing: no campaign of yours": 1,
    }
    told = tally(run(home, "results", "import", file, "--as", "ada", "--json"))
    assert (told["stored"], told["duplicates"]) == (4, 4)


def test_a_correction_older_than_what_it_corrects_is_refused(
    run: Run, home: Home, tmp_path: Path
) -> None:
    rows = results_of(plan_of(), 1)
    moment = pl.lit("2026-01-07T00:00:00Z")
    new = rows.drop("reported_at").with_columns(reported_at=moment)
    new.write_csv(tmp_path / "new.csv")
    old = new.with_columns(clicks=pl.lit(1), reported_at=pl.lit("2026-01-06T00:00:00Z"))
    old.write_csv(tmp_path / "old.csv")
    run(home, "results", "import", str(tmp_path / "new.csv"))
    said = run(home, "results", "import", str(tmp_path / "old.csv"))
    assert said.code == 1
    assert "reported_at is 2026-01-06T00:00:00" in said.err
    assert 1 not in newest(home)["clicks"].to_list()


def test_a_report_is_printed_written_and_told_as_json(run: Run, home: Home, tmp_path: Path) -> None:
    run(home, "results", "import", export(tmp_path / "r.csv", results_of(plan_of(), 9, pace=1.4)))
    printed = run(home, "campaign", "report", "c")
    assert printed.code == 0, printed.err
    for word in ("Spring poetry", "ahead", "planned by then", "recommended", "Who did what"):
        assert word in printed.out
    out = tmp_path / "report.html"
    assert run(home, "campaign", "report", "c", "--out", str(out), "--language", "fa").code == 0
    assert 'dir="rtl"' in out.read_text()
    assert run(home, "campaign", "report", "c", "--format", "markdown").out.startswith("# How ")
    found = json.loads(run(home, "campaign", "report", "c", "--json", "--detail").out)
    assert len(found["results"]["placement_days"]) == 36
    assert found["pacing"]["spend"]["status"] == "ahead"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("nothing",), "no campaign 'nothing'"),
        (("c", "--format", "pdf"), "none of terminal, markdown, html"),
        (("c", "--out", "r.pdf"), "name it report.html or report.md"),
        (("c", "--language", "de"), "en or fa"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(
    run: Run, home: Home, words: tuple[str, ...], told: str
) -> None:
    said = run(home, "campaign", "report", *words)
    assert said.code == 1
    assert told in said.err
    assert said.err.count("\n") == 1
