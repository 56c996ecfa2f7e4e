"""Named sources: files that people have are read without a flag, ratings on their own scale."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from engine import settings
from engine.errors import ConfigError, UnknownEntity
from engine.settings import load_rows
from engine.signals.evidence import weigh_events
from engine.store import eventlog
from engine.store.home import Home
from training.ingest import ingest
from training.layouts import load_mapping
from training.sources import choose_mapping, source_mapping

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FILES = {
    "movielens": "userId,movieId,rating,timestamp\n1,2,4.5,964982703\n1,3,0.5,964982703\n",
    "movielens-100k": "1\t2\t5\t881250949\n1\t3\t1\t881250949\n",
    "movielens-1m": "1::2::5::978300760\n1::3::2::978300760\n",
    "stars": "user_id,product_id,value,occurred_at\n1,2,4,2020-01-01\n1,3,2,2020-01-01\n",
    "points": "user_id,product_id,value,occurred_at\n1,2,7,2020-01-01\n1,3,0,2020-01-01\n",
    "balance": "user_id,product_id,value,occurred_at\n1,2,9.5,2020-01-01\n1,3,-4,2020-01-01\n",
}


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "home")


def write(home, content):
    path = home.root.parent / "file.csv"
    path.write_text(content)
    return path


@pytest.mark.parametrize("name", FILES)
def test_a_ratings_file_is_read_by_its_name(home, name):
    path = write(home, FILES[name])
    ingest(home, events=path, mapping=source_mapping(name, home.root), now=NOW)
    events = eventlog.scan_events(home).select("user_id", "product_id", "action")
    assert sorted(events.collect().rows()) == [("1", "2", "like"), ("1", "3", "dislike")]


def test_every_source_maps_onto_columns_of_events(home):
    for name in settings.load_rows("sources", Path("nowhere")):
        mapping = source_mapping(name, home.root)
        assert set(mapping.layout("events").rename.values()) <= {
            "user_id",
            "product_id",
            "value",
            "occurred_at",
        }


def test_an_unknown_source_names_those_that_are_known(home):
    with pytest.raises(UnknownEntity, match="youtube"):
        source_mapping("friendster", home.root)
    with pytest.raises(ConfigError, match="exclude each other"):
        choose_mapping(home.root, source="x", mapping=Path("m.toml"))


def test_a_home_may_draw_the_line_elsewhere(home):
    override = home.root / "configs" / "sources.toml"
    override.parent.mkdir(parents=True)
    override.write_text("[rows.movielens]\nlike_at = 5.0\n")
    assert source_mapping("movielens", home.root).like_at == 5.0


def reviews(home, scale, values):
    mapping = home.root.parent / "m.toml"
    mapping.write_text(f"[rating]\n{scale}\n")
    rows = "".join(f"u,p{at},Review,2025-01-01,{value}\n" for at, value in enumerate(values))
    path = write(home, "user_id,product_id,action,occurred_at,value\n" + rows)
    counts = ingest(home, events=path, mapping=load_mapping(mapping), now=NOW)
    pairs = weigh_events(eventlog.scan_events(home), actions=load_rows("actions"), now=NOW)
    return counts, pairs.collect()["polarity"].to_list()


@pytest.mark.parametrize(
    ("scale", "values"),
    [
        ("low = 1\nhigh = 5", [5, 4, 3, 2, 1]),
        ("low = 0\nhigh = 10", [10, 7.5, 5, 2.5, 0]),
        ("low = -10\nhigh = 10", [10, 5, 0, -5, -10]),
    ],
)
def test_reviews_speak_by_their_rating_on_whatever_scale(home, scale, values):
    counts, polarity = reviews(home, scale, values)
    assert polarity == [1, 1, 0, -1, -1]
    stars = eventlog.scan_events(home).sort("product_id").collect()["value"].to_list()
    assert stars == [5.0, 4.0, 3.0, 2.0, 1.0]
    assert counts.tables["events"].quarantined == {}


def test_a_rating_that_is_no_number_is_refused_and_an_amount_stays(home):
    mapping = home.root.parent / "m.toml"
    mapping.write_text("[rating]\nlow = 0\nhigh = 10\n")
    rows = "u,p,review,2025-01-01,good\nu,p,review,2025-01-01,\nu,p,purchase,2025-01-01,99.5\n"
    path = write(home, "user_id,product_id,action,occurred_at,value\n" + rows)
    counts = ingest(home, events=path, mapping=load_mapping(mapping), now=NOW)
    assert counts.tables["events"].quarantined == {"value is not a number": 1}
    events = eventlog.scan_events(home).select("action", "value").sort("action").collect()
    assert events.rows() == [("purchase", 99.5), ("review", None)]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_rating_outside_its_scale_is_refused_and_an_amount_stays(home, ending):
    mapping = home.root.parent / "m.toml"
    mapping.write_text("[rating]\nlow = 0\nhigh = 10\nlike_at = 7\n")
    frame = pl.DataFrame(
        {
            "user_id": ["u", "v", "w", "x", "y"],
            "product_id": ["p"] * 5,
            "action": ["Review", "review", "review", "purchase", None],
            "occurred_at": ["2025-01-01"] * 5,
            "value": [10.0, 10.5, -1.0, 99.5, 11.0],
            "text": ["kept out of quarantine"] * 5,
        }
    )
    path = home.root.parent / f"e.{ending}"
    getattr(frame, f"write_{ending}")(path)
    counts = ingest(home, events=path, mapping=load_mapping(mapping), now=NOW)
    reason = "value is outside the scale from 0 to 10"
    assert counts.tables["events"].quarantined == {reason: 3}
    events = eventlog.scan_events(home).select("user_id", "value").sort("user_id").collect()
    assert events.rows() == [("u", 5.0), ("x", 99.5)]
    told = pl.read_ndjson(counts.quarantine)
    first = 2 if ending == "csv" else 1
    assert told["row"].to_list() == [first + 1, first + 2, first + 4]
    assert "kept out" not in "".join(told["raw"])


def test_typed_ratings_become_stars_too(home):
    frame = pl.DataFrame(
        {
            "user_id": ["u"],
            "product_id": ["p"],
            "action": ["review"],
            "occurred_at": [datetime(2025, 1, 1)],
            "value": [10],
        }
    )
    frame.write_parquet(home.root.parent / "e.parquet")
    mapping = home.root.parent / "m.toml"
    mapping.write_text("[rating]\nlow = 0\nhigh = 10\n")
    path = home.root.parent / "e.parquet"
    ingest(home, events=path, mapping=load_mapping(mapping), now=NOW)
    assert eventlog.scan_events(home).collect()["value"].to_list() == [5.0]


@pytest.mark.parametrize("scale", ["low = 1", "low = 5\nhigh = 1"])
def test_a_scale_has_two_ends(tmp_path, scale):
    path = tmp_path / "m.toml"
    path.write_text(f"[rating]\n{scale}\n")
    with pytest.raises(ConfigError, match="two ends"):
        load_mapping(path)
