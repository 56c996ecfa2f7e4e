"""Files that would hurt a parser: each ends in a message, none takes a good row with it."""

import os
import signal
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from engine.errors import FrameError, UnreadableFile
from engine.store import eventlog
from engine.store.home import Home
from training.ingest import ingest

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HEADER = b"user_id,product_id,action,occurred_at,text\n"


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "home")


def good(name):
    return f"{name},p,like,2024-01-01,\n".encode()


def read(home, name, content, **settings):
    path = home.root.parent / name
    path.write_bytes(content)
    if settings:
        (home.root / "configs").mkdir(parents=True)
        lines = "".join(f"{key} = {value}\n" for key, value in settings.items())
        (home.root / "configs" / "events.toml").write_text("[reading]\n" + lines)
    return ingest(home, events=path, now=NOW)


def users(home):
    return eventlog.scan_events(home).select("user_id").collect().to_series().sort().to_list()


def reasons(counts):
    rows = pl.read_ndjson(counts.quarantine)
    return dict(zip(rows["row"], rows["reason"], strict=True))


def test_bad_lines_of_delimited_text_take_no_neighbour_with_them(home):
    content = HEADER + b"".join(
        [
            good("a"),
            b"u,p,like\n",
            good("b"),
            b"u,p,like,2024-01-01,,,\n",
            good("c"),
            b"u\x00,p,like,2024-01-01,\n",
            good("d"),
            b"\xff\xfe,p,like,2024-01-01,\n",
            good("e"),
            b'u,p,like,2024-01-01,"never closed\n',
            good("f"),
            b'u,p,like,2024-01-01,"a"b"\n',
            good("g"),
            b'\n\r\nh,p,like,2024-01-01,"two\nlines, and ""quotes"""\n',
            b"i,p,like,2024-01-01,the last line without an end",
        ]
    )
    counts = read(home, "e.csv", content)
    assert users(home) == list("abcdefghi")
    assert counts.tables["events"].read == 15
    assert reasons(counts) == {
        3: "has 3 values where 5 belong",
        5: "has 7 values where 5 belong",
        7: "holds a NUL",
        9: "is not UTF-8",
        11: "has a quote that is not closed before the next row",
        13: "has a quote that is not closed before the next row",
    }
    texts = eventlog.scan_events(home).filter(user_id="h").collect()["text"].to_list()
    assert texts == ['two\nlines, and "quotes"']


def test_bad_lines_of_json_take_no_neighbour_with_them(home):
    act = '{"user_id": "%s", "product_id": 7, "action": "like", "occurred_at": 1700000000%s}\n'
    content = "".join(
        [
            act % ("a", ""),
            "not json\n",
            act % ("b", ', "value": 2.5, "extra": [1, {"deep": null}]'),
            act % ("u", ', "value": NaN'),
            act % ("u", ', "value": 1e999'),
            "[" * 100_000 + "\n",
            act % (r"\ud800", ""),
            "[1, 2]\n\n",
            act % ("c", ', "value": ' + "9" * 5000),
            act % ("u", r', "\ud800": 1'),
            act % ("u", r', "extra": ["\udc00"]'),
            act % ("d", "")[: len(act % ("d", "")) - 1],
        ]
    )
    counts = read(home, "e.ndjson", content.encode())
    assert users(home) == ["a", "b", "d"]
    assert sorted(reasons(counts)) == [2, 4, 5, 6, 7, 8, 10, 11, 12]
    assert reasons(counts)[4] == reasons(counts)[5] == "value is not finite"


def test_rows_are_found_again_across_blocks(home):
    """A file of many blocks, with quoted values that run over their borders."""
    rows = [b'u%d,p,like,2024-01-01,"%s\nx"\n' % (n, b"t" * 900) for n in range(3000)]
    rows[1500] = b"broken\n"
    counts = read(home, "e.csv", HEADER + b"".join(rows), batch_megabytes=1, line_megabytes=1)
    assert counts.tables["events"].stored == 2999
    assert reasons(counts) == {3002: "has 1 values where 5 belong"}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("e.csv", b"", "is empty"),
        ("e.parquet", b"", "is empty"),
        ("e.csv", b" \n\r\n ", "nothing but blanks"),
        ("e.csv", HEADER, "has no rows; columns found: user_id, product_id"),
        ("e.parquet", b"user_id,product_id\n", "is not Parquet"),
        ("e.csv", b"\x1f\x8b\x08rest", "is compressed"),
        ("e.csv", "user_id,x\n".encode("utf-16"), "is UTF-16"),
        ("e.json", b'[{"user_id": "a"}]', "one object to a line"),
        ("e.csv", b"user_id,user_id\na,b\n", "one name twice"),
        ("e.csv", HEADER + b"x" * 5_000_000, "longer than 4 MB"),
        ("e.ndjson", b"{" + b"x" * 5_000_000, "longer than 4 MB"),
        ("e.csv", b",".join(b"c%d" % n for n in range(5000)) + b"\n", "more than 4096 columns"),
    ],
)
def test_a_file_that_is_no_table_says_why(home, name, content, message):
    with pytest.raises(UnreadableFile, match=message):
        read(home, name, content)
    assert users(home) == []


def test_a_truncated_parquet_file_is_refused_at_every_length(home, tmp_path):
    path = tmp_path / "whole.parquet"
    pl.DataFrame({"user_id": ["a"], "product_id": ["p"]}).write_parquet(path)
    content = path.read_bytes()
    for length in (4, len(content) // 2, len(content) - 1):
        with pytest.raises(UnreadableFile, match=r"damaged|failed"):
            read(home, "cut.parquet", content[:length])


@pytest.mark.slow
def test_a_parquet_file_with_any_byte_changed_ends_in_an_answer(home, tmp_path):
    path = tmp_path / "whole.parquet"
    rows = {"user_id": ["a", "b"], "product_id": ["p", "q"], "action": ["like"] * 2}
    pl.DataFrame(rows | {"occurred_at": [1_700_000_000, 1_700_000_001]}).write_parquet(path)
    content = bytearray(path.read_bytes())
    for place in range(4, len(content), max(1, len(content) // 40)):
        changed = content.copy()
        changed[place] ^= 0x55
        # Any other exception, or the end of this process, fails the test.
        with suppress(UnreadableFile, FrameError):
            read(home, "changed.parquet", bytes(changed))


def test_a_missing_file_and_a_folder_are_told_apart(home, tmp_path):
    with pytest.raises(UnreadableFile, match="does not exist"):
        ingest(home, events=tmp_path / "nowhere.csv", now=NOW)
    with pytest.raises(UnreadableFile, match="is a folder"):
        ingest(home, events=tmp_path, now=NOW)


def test_a_file_that_wants_too_much_memory_is_refused(home):
    content = HEADER + b'"u",p,like,2024-01-01,x\n' * 3_000_000
    with pytest.raises(UnreadableFile, match="needs more than 256 MB"):
        read(home, "e.csv", content, memory_megabytes=256, batch_megabytes=500)
    assert users(home) == []


def test_a_file_that_takes_too_long_is_given_up(home):
    content = HEADER + b'"u",p,like,2024-01-01,x\n' * 3_000_000
    with pytest.raises(UnreadableFile, match="not read within 1 seconds"):
        read(home, "e.csv", content, timeout_seconds=1)


def child_of(parent):
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            ours = int(status.read_text().rsplit(")", 1)[1].split()[1]) == parent
            if ours and b"training.reading" in (status.parent / "cmdline").read_bytes():
                return int(status.parent.name)
        except (OSError, IndexError):
            continue
    return None


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGSEGV])
def test_a_parser_that_dies_takes_nobody_with_it(home, blow):
    """The parsing process is really ended, as a crash or the kernel would end it."""

    def strike():
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            if child := child_of(os.getpid()):
                os.kill(child, blow)
                return
            time.sleep(0.005)

    striker = threading.Thread(target=strike)
    striker.start()
    long = good("a") * 1_000_000  # so that the blow comes before the end, even on a busy machine
    with pytest.raises(UnreadableFile, match=f"ended by {blow.name}"):
        read(home, "e.csv", HEADER + long)
    striker.join()
    assert users(home) == []
    assert not list(home.log.glob(".staging-*"))
    assert read(home, "e.csv", HEADER + good("a")).tables["events"].stored == 1
