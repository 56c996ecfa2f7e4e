"""Results that cannot be true are refused row by row, in files and over HTTP by one rule."""

import json
from datetime import UTC, datetime

import polars as pl
import pytest

from engine.frames import RESULTS
from engine.planning.history import check_results
from engine.settings import load, load_rows
from engine.signals.arrivals import judge_arrivals
from engine.signals.events import Limits
from engine.store import eventlog
from engine.store.home import Home
from training.ingest import ingest

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LIMITS = Limits.of(load("events")["limits"], load_rows("actions"))
GOOD = {"date": "2026-02-01", "channel": "web", "impressions": 10, "clicks": 10, "spend": 1.5}
WRONG = [
    ({"clicks": 1.5}, "clicks is not a whole number"),
    ({"clicks": "1.5"}, "clicks is not a whole number"),
    ({"impressions": 1e300}, "impressions is not a whole number"),
    ({"conversions": 0.25}, "conversions is not a whole number"),
    ({"clicks": [1]}, "clicks is not a whole number"),
    ({"date": [1]}, "date is not a date"),
    ({"clicks": 11}, "clicks are above the impressions"),
    ({"clicks": -1}, "clicks is negative"),
    ({"date": "2026-03-02"}, "date lies ahead of the clock"),
    ({"date": "9999-01-01"}, "date lies ahead of the clock"),
    ({"date": "1969-12-31"}, "date is before 1990"),
    ({"date": "soon"}, "date is not a date"),
    ({"segment_id": "a\u0007b"}, "segment_id holds a control character"),
    ({"channel": "a\nb"}, "channel holds a control character"),
    ({"campaign_id": "a\tb"}, "campaign_id holds a control character"),
    ({"segment_id": "s" * 300}, "segment_id is longer than 256 bytes"),
    ({"spend": -0.01}, "spend is negative"),
    ({"revenue": -5}, "revenue is negative"),
    ({"spend": "nan"}, "spend is not finite"),
    ({"revenue": "inf"}, "revenue is not finite"),
    ({"currency": "euro"}, "currency is not three capital letters"),
    ({"currency": "eur"}, "currency is not three capital letters"),
    ({"currency": "ÉUR"}, "currency is not three capital letters"),
    ({"currency": "EUR\n"}, "currency is not three capital letters"),
]
RIGHT = [
    {"currency": "EUR", "revenue": 0},
    {"date": "2026-03-01"},
    {"date": "1990-01-01"},
    {"clicks": 3.0},
    {"clicks": 0, "impressions": 2**53 + 1},
    {"clicks": 0, "segment_id": "سن"},
]


@pytest.fixture(scope="module")
def homes(tmp_path_factory):
    return tmp_path_factory.mktemp("homes")


def judged(*rows):
    return judge_arrivals(rows, RESULTS, now=NOW, limits=LIMITS, most_columns=99)


@pytest.mark.parametrize(("change", "reason"), WRONG)
def test_a_result_that_cannot_be_true_is_refused_with_its_field(change, reason):
    found = judged(GOOD | change, GOOD)
    assert found.refused.rows() == [(0, next(iter(change)), reason)]
    assert found.good.height == 1


def test_files_refuse_the_same_results_for_the_same_reasons(homes):
    home, path = Home(homes / "home"), homes / "r.ndjson"
    rows = [GOOD | change for change, _ in WRONG] + [GOOD | change for change in RIGHT]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    counts = ingest(home, now=NOW, results=path)
    told = pl.read_ndjson(counts.quarantine)
    assert told["reason"].to_list() == [reason for _, reason in WRONG]
    assert eventlog.scan_table(home, "results").collect().height == len(RIGHT)


def test_good_results_stay_exactly_as_they_are_and_plans_believe_them():
    found = judged(*(GOOD | change for change in RIGHT))
    assert found.refused.is_empty()
    assert found.good["impressions"][4] == 2**53 + 1
    check_results(found.good, NOW.date())
