"""Files become rows of the log: mapped, judged, counted once, and stored in one step."""

import json
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from engine.errors import ConfigError, FrameError, UnknownEntity, UnreadableFile
from engine.settings import load_rows
from engine.signals.evidence import weigh_events
from engine.store import eventlog
from engine.store.home import Home
from training.ingest import ingest
from training.layouts import Mapping, change_mapping, load_mapping
from training.reading import Reading

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HEADER = "user_id,product_id,action,occurred_at\n"


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "home")


@pytest.fixture
def write(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def quarantined(counts):
    return pl.read_ndjson(counts.quarantine).to_dicts()


def stored(home, *columns):
    return eventlog.scan_events(home).select(columns).sort(pl.all()).collect().rows()


def test_a_ratings_file_needs_no_script(home, write):
    path = write(
        "u.data", "196\t242\t3\t881250949\n186\t302\t5\t891717742\n22\t377\t1\t878887116\n"
    )
    mapping = change_mapping(
        Mapping(), columns="user_id,product_id,value,occurred_at", like_at=4, dislike_at=2
    )
    counts = ingest(home, events=path, mapping=mapping, now=NOW)
    assert counts.to_dict()["events"] == {
        "read": 3,
        "stored": 3,
        "duplicates": 0,
        "quarantined": {},
    }
    assert stored(home, "user_id", "action", "value", "occurred_at") == [
        ("186", "like", 5.0, datetime(1998, 4, 4, 19, 22, 22, tzinfo=UTC)),
        ("196", "view", 3.0, datetime(1997, 12, 4, 15, 55, 49, tzinfo=UTC)),
        ("22", "dislike", 1.0, datetime(1997, 11, 7, 7, 18, 36, tzinfo=UTC)),
    ]


def test_a_mapping_file_says_the_same_as_flags(write):
    path = write(
        "mapping.toml",
        """
        [events]
        columns = ["u", "p", "value", "occurred_at"]
        separator = "|"
        rename = { u = "user_id", p = "product_id" }
        [rating]
        like_at = 4
        dislike_at = 2.5
        [defaults]
        channel = "cinema"
        """,
    )
    flags = change_mapping(
        Mapping(),
        columns="u,p,value,occurred_at",
        separator="|",
        rename=["u=user_id", "p=product_id"],
        like_at=4,
        dislike_at=2.5,
        defaults=["channel=cinema"],
    )
    assert load_mapping(path) == flags


@pytest.mark.parametrize(
    ("content", "key"),
    [
        ("[event]", "event"),
        ("[events]\ncolumn = []", "events.column"),
        ("[events]\nrename = 3", "events.rename"),
        ("[rating]\nlike_at = 'x'", "rating.like_at"),
        ("[rating]\nlike_at = 2\ndislike_at = 3", "dislike_at"),
        ("[defaults]\nproduct_id = 'x'", "defaults.product_id"),
        ("[", "file"),
    ],
)
def test_a_wrong_mapping_is_told_by_its_key(write, content, key):
    with pytest.raises(ConfigError, match=key):
        load_mapping(write("mapping.toml", content))


def test_names_and_gaps_are_mapped(home, write):
    path = write("e.csv", "who,what,action,stars,user_id\nu,p,,5,x\nv,p,hide,5,y\nw,p,,,z\n")
    mapping = change_mapping(
        Mapping(),
        rename=["who=user_id", "what=product_id", "stars=value"],
        like_at=4,
        defaults=["occurred_at=2024-01-01", "channel=mastodon"],
    )
    counts = ingest(home, events=path, mapping=mapping, now=NOW)
    assert stored(home, "user_id", "action", "channel") == [
        ("u", "like", "mastodon"),
        ("v", "hide", "mastodon"),
    ]
    assert counts.tables["events"].quarantined == {"action is missing": 1}


def test_three_formats_store_the_same_events(home, tmp_path):
    frame = pl.DataFrame(
        {
            "user_id": ["ب", "🙂"],
            "product_id": ["p", "q, r"],
            "action": ["like", "view"],
            "occurred_at": ["2024-01-01T00:00:00", "2024-01-02T00:00:00"],
            "value": [1.5, None],
        }
    )
    typed = frame.with_columns(pl.col("occurred_at").str.to_datetime())
    frame.write_csv(tmp_path / "e.csv")
    frame.write_ndjson(tmp_path / "e.ndjson")
    typed.write_parquet(tmp_path / "e.parquet")
    tallies = [
        ingest(home, events=tmp_path / name, now=NOW).tables["events"]
        for name in ("e.csv", "e.ndjson", "e.parquet")
    ]
    assert [(tally.stored, tally.duplicates) for tally in tallies] == [(2, 0), (0, 2), (0, 2)]


def slices(reading, rows):
    return (part for path in reading.batches for part in pl.read_parquet(path).iter_slices(rows))


@pytest.mark.parametrize("rows_at_once", [1, 100])
def test_an_act_against_one_with_its_id_is_refused_wherever_that_stands(
    home, tmp_path, monkeypatch, rows_at_once
):
    """Within a batch, over batches, and beside the log: one rule."""
    act = {"event_id": "1", "user_id": "a", "action": "like", "occurred_at": "2024-01-01"}
    act |= {"product_id": "p"}
    path = tmp_path / "e.parquet"
    rows = [act, act | {"user_id": "b", "text": "mine"}, act | {"event_id": "2"}, act]
    counts = []
    monkeypatch.setattr(Reading, "frames", lambda self: slices(self, rows_at_once))
    for given in (rows, rows[1:], rows[::2] + rows[:1]):
        pl.DataFrame(given).write_parquet(path)
        counts.append(ingest(home, events=path, now=NOW + timedelta(seconds=len(counts))))
    tallies = [count.tables["events"] for count in counts]
    numbers = [(tally.read, tally.stored, tally.duplicates) for tally in tallies]
    assert numbers == [(4, 2, 1), (3, 0, 2), (3, 0, 3)]
    named = "event_id is that of row 1, which says something else"
    known = "event_id is that of a known act, which says something else"
    an_earlier = "event_id is that of an earlier row, which says something else"
    assert [dict(tally.quarantined) for tally in tallies] == [{an_earlier: 1}, {known: 1}, {}]
    told = [[(row["row"], row["reason"]) for row in quarantined(count)] for count in counts[:2]]
    assert told == [[(2, named)], [(1, known)]]
    assert "mine" not in counts[0].quarantine.read_text()
    assert counts[2].quarantine is None
    assert stored(home, "user_id") == [("a",), ("a",)]


def test_reordered_and_repeated_rows_give_the_same_evidence(tmp_path, write):
    rows = [
        f"u{n % 7},p{n % 5},{('like', 'hide', 'view')[n % 3]},2024-01-{n % 9 + 1:02}\n"
        for n in range(60)
    ]
    tables = []
    for name, lines in (("a", rows), ("b", rows[::-2] + rows + rows[3:9])):
        home = Home(tmp_path / name)
        ingest(home, events=write(f"{name}.csv", HEADER + "".join(lines)), now=NOW)
        events = eventlog.scan_events(home)
        tables.append(weigh_events(events, actions=load_rows("actions"), now=NOW).collect())
    assert tables[0].equals(tables[1])
    assert tables[0].height == 35


def test_bad_rows_lie_in_quarantine_with_number_and_reason(home, write):
    path = write(
        "e.csv", HEADER + "u,p,like,2024-01-01\n,p,like,2024-01-01\nu,p\nu,q,like,1970-01-01\n"
    )
    counts = ingest(home, events=path, now=NOW)
    assert counts.tables["events"].to_dict() == {
        "read": 4,
        "stored": 1,
        "duplicates": 0,
        "quarantined": {
            "user_id is missing": 1,
            "has 2 values where 4 belong": 1,
            "occurred_at is before 1990": 1,
        },
    }
    refused = quarantined(counts)
    assert [(row["table"], row["row"]) for row in refused] == [("events", n) for n in (3, 4, 5)]
    assert refused[1]["raw"] == "u,p"
    assert json.loads(refused[2]["raw"])["occurred_at"] == "1970-01-01"
    assert counts.to_dict()["quarantine"] == str(counts.quarantine)


def test_one_bad_file_stores_nothing_of_the_others(home, write):
    events = write("e.csv", HEADER + "u,p,like,2024-01-01\n")
    users = write("u.csv", "age\n3\n")
    with pytest.raises(FrameError, match=r"users\.user_id: missing; found age.*--rename"):
        ingest(home, events=events, users=users, now=NOW)
    assert stored(home, "user_id") == []
    assert not list(home.log.glob(".staging-*"))


def test_attributes_get_the_type_that_all_values_fit(home, write):
    path = write("u.csv", "user_id,age,zip,score,vip\n1,20,01234,1.5,true\n2,,99999,2,False\n")
    ingest(home, users=path, now=NOW)
    users = eventlog.scan_table(home, "users").collect()
    assert users.to_dicts() == [
        {"user_id": "1", "age": 20, "zip": "01234", "score": 1.5, "vip": True},
        {"user_id": "2", "age": None, "zip": "99999", "score": 2.0, "vip": False},
    ]


def test_products_follows_and_results_have_tables_of_their_own(home, write):
    counts = ingest(
        home,
        products=write("p.csv", 'product_id,name,tags\n1,"a, b",x|y\n2,ب,"[""q""]"\n3,,\n'),
        follows=write("f.csv", "follower_id,followee_id\na,b\na,b\n,c\n"),
        results=write(
            "r.csv",
            "date,channel,impressions,clicks,spend\n2024-01-01,x,5,1,0.5\n2024-01-01,x,5,1,0.5\n"
            "soon,x,5,1,1\n2024-01-01,x,-5,1,1\n2024-01-01,x,5,1,inf\n",
        ),
        now=NOW,
    )
    assert eventlog.scan_table(home, "products").collect().rows() == [
        ("1", "a, b", ["x", "y"]),
        ("2", "ب", ["q"]),
        ("3", None, None),
    ]
    assert eventlog.scan_table(home, "follows").collect().rows() == [("a", "b")]
    results = eventlog.scan_table(home, "results").collect()
    assert results["date"].to_list() == [date(2024, 1, 1)] * 2
    assert [row["reason"] for row in quarantined(counts)] == [
        "follower_id is missing",
        "date is not a date",
        "impressions is negative",
        "spend is not finite",
    ]


def test_a_table_that_does_not_exist_is_told(home, write):
    with pytest.raises(UnknownEntity, match="people"):
        ingest(home, people=write("x.csv", "a\n"), now=NOW)


def test_a_file_without_a_usable_row_says_what_was_found(home, write):
    path = write("e.csv", HEADER + "u,p,stare,2024-01-01\n")
    with pytest.raises(
        UnreadableFile, match=r"1 x action is unknown; columns found: user_id"
    ) as told:
        ingest(home, events=path, now=NOW)
    assert str(home.quarantine) in str(told.value)


def test_a_file_without_a_header_says_how_to_name_its_columns(home, write):
    with pytest.raises(FrameError, match=r"found 196, 242, 3.*--columns"):
        ingest(home, events=write("u.data", "196\t242\t3\n1\t2\t3\n"), now=NOW)


def test_latin_1_is_read_where_it_is_named(home, write):
    mapping = load_mapping(write("m.toml", '[products]\nencoding = "latin-1"\nseparator = "|"'))
    path = write("p.txt", "product_id|name\n1|Café\n".encode("latin-1"))
    ingest(home, products=path, mapping=mapping, now=NOW)
    assert eventlog.scan_table(home, "products").collect()["name"].to_list() == ["Café"]


def test_progress_is_told(home, write):
    told = []
    path = write("e.csv", HEADER + "u,p,like,2024-01-01\n")
    ingest(home, events=path, now=NOW, progress=lambda what, rows: told.append((what, rows)))
    assert told == [("reading events", 0), ("judging events", 1), ("storing events", 1)]


def test_a_hundred_thousand_rows_come_back_as_they_went_in(home, tmp_path):
    frame = pl.select(n=pl.int_range(100_000)).select(
        pl.format("user {}", pl.col("n") % 9_973).alias("user_id"),
        pl.format("p{}", pl.col("n") % 1_009).alias("product_id"),
        pl.lit("like").alias("action"),
        (pl.col("n") + 1_700_000_000).cast(pl.String).alias("occurred_at"),
        pl.format('said "{}",\nand left', "n").alias("text"),
    )
    frame.write_csv(tmp_path / "e.csv")
    assert ingest(home, events=tmp_path / "e.csv", now=NOW).tables["events"].stored == 100_000
    columns = ["user_id", "product_id", "action", "text"]
    log = eventlog.scan_events(home).sort("occurred_at").select(columns).collect()
    assert log.equals(frame.select(columns))


@pytest.mark.parametrize("encoding", ["klingon", "rot13", "a\0"])
def test_an_encoding_that_nobody_knows_is_told_by_its_name(write, encoding):
    with pytest.raises(ConfigError, match="is not known") as told:
        change_mapping(Mapping(), encoding=encoding)
    assert repr(encoding) in str(told.value)
    with pytest.raises(ConfigError, match="encoding"):
        load_mapping(write("m.toml", f"[users]\nencoding = {json.dumps(encoding)}"))
    assert change_mapping(Mapping(), encoding="cp1256").layout("events").encoding == "cp1256"


def test_rows_of_nobody_say_how_to_name_their_user(home, write):
    path = write("e.csv", "product_id,action,occurred_at,user_id\np,like,2024-01-01,\n")
    with pytest.raises(UnreadableFile, match="--default user_id=ID"):
        ingest(home, events=path, now=NOW)


@pytest.mark.parametrize(
    "twice",
    [
        '"user_id":"v"',
        '"user_id" : "v"',
        '"user_id"\t:"v"',
        '"x":{"a":1,"a":2}',
    ],
)
def test_a_line_that_names_a_key_twice_is_refused_as_over_http(home, write, twice):
    fine = '"user_id":"u","product_id":"p","action":"like","occurred_at":"2024-01-01"'
    told = '"text":"a \\"b\\": c","x":{"a":[{"a":1}]}'
    path = write("e.ndjson", f"{{{fine},{twice}}}\n{{{fine},{told}}}\n{{{fine}, {told} }}\n")
    counts = ingest(home, events=path, now=NOW)
    assert counts.tables["events"].quarantined == {"names a key twice": 1}
    assert [row["row"] for row in quarantined(counts)] == [1]
    assert eventlog.scan_events(home).collect().height == 1
