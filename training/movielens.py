"""The real MovieLens 100K, taken from the one package that carries it, as events and tables.

In: a home and a way to the package registry. Out: events, users and products as Parquet.
Never: an installed package, a file of another hash, or a copy of the data in this project.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import polars as pl
from rich.console import Console

from engine.errors import DataError
from engine.frames import ACTION, AT, NAME, PRODUCT, TAGS, USER, UTC, VALUE
from engine.store.files import write_table
from engine.store.home import Home

PACKAGE, WHEEL = "recbole==1.2.1", "recbole-1.2.1-py3-none-any.whl"
WHEEL_SHA256 = "9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407"
FOLDER = "recbole/dataset_example/ml-100k/ml-100k"
LICENCE = (
    "MovieLens 100K: GroupLens Research, University of Minnesota. For research use; not to be "
    "sold or redistributed without permission. Cite Harper and Konstan (2015), "
    "doi:10.1145/2827872."
)
LIKED, DISLIKED = 4, 2
"""Ratings from the first up are likes, up to the second dislikes, between them views."""
PATIENCE = 300
"""Seconds until a download is given up."""
TABLES = ("events", "users", "products")


def fetch_movielens(home: Home, *, console: Console | None = None) -> dict[str, Path]:
    """Fetches MovieLens 100K once into the home; prints its licence; returns paths by table.

    Raises:
        DataError: the package cannot be fetched, or is not the one that was pinned.
    """
    (console or Console()).print(LICENCE, style="dim")
    found = {name: home.root / "movielens" / f"{name}.parquet" for name in TABLES}
    if all(path.is_file() for path in found.values()):
        return found
    home.root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home.root, prefix=".movielens-") as staging:
        wheel = download_wheel(Path(staging))
        check_hash(wheel, WHEEL_SHA256)
        tables = read_wheel(wheel)
    for name, path in found.items():
        write_table(path, tables[name].lazy())
    return found


def download_wheel(folder: Path) -> Path:
    """Downloads the package without its dependencies, through pip or, without it, through uv.

    Raises:
        DataError: neither is there, or the download fails; the message holds pip's last line.
    """
    command = [
        *_installer(),
        *("download", "--no-deps", "--only-binary", ":all:", "--disable-pip-version-check"),
        *("--timeout", "15", "--retries", "1", "--quiet", "--dest", str(folder), PACKAGE),
    ]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        raise _cannot_fetch(f"no answer within {PATIENCE} seconds") from None
    except OSError as error:
        raise _cannot_fetch(str(error)) from error
    wheel = folder / WHEEL
    if run.returncode or not wheel.is_file():
        lines = (run.stderr.strip() or run.stdout.strip() or "pip gave no reason").splitlines()
        raise _cannot_fetch(lines[-1])
    return wheel


def _installer() -> list[str]:
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if uv:
        return [uv, "tool", "run", "pip"]
    raise _cannot_fetch("neither pip nor uv is installed")


def _cannot_fetch(reason: str) -> DataError:
    return DataError(
        f"cannot fetch MovieLens 100K ({PACKAGE}): {reason}; "
        "run `mokhatab demo` for the planted world"
    )


def check_hash(path: Path, wanted: str) -> None:
    """Compares a file with its pinned SHA-256.

    Raises:
        DataError: they differ.
    """
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != wanted:
        raise _cannot_fetch(f"{path.name} has SHA-256 {found}, not the pinned {wanted}")


def read_wheel(wheel: Path) -> dict[str, pl.DataFrame]:
    """Reads the three files of MovieLens out of the wheel; nothing is unpacked to disk.

    Raises:
        DataError: one of them is not in the wheel.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            inter, item, user = (
                _read(archive.read(f"{FOLDER}.{ending}")) for ending in ("inter", "item", "user")
            )
    except (KeyError, zipfile.BadZipFile) as error:
        raise _cannot_fetch(f"{wheel.name}: {error}") from error
    return {"events": rate(inter), "users": describe_users(user), "products": name_films(item)}


def _read(content: bytes) -> pl.DataFrame:
    # Columns are named `user_id:token`; what follows the colon is the package's own type.
    frame = pl.read_csv(io.BytesIO(content), separator="\t", quote_char=None, infer_schema=False)
    return frame.rename(lambda name: name.partition(":")[0])


def rate(ratings: pl.DataFrame) -> pl.DataFrame:
    """Ratings as events: a like, a dislike or a view, the rating kept as the value."""
    rating = pl.col("rating").cast(pl.Float64)
    opinion = pl.when(rating >= LIKED).then(pl.lit("like"))
    seconds = pl.col("timestamp").cast(pl.Float64).cast(pl.Int64)
    return ratings.select(
        pl.col("user_id").alias(USER),
        pl.col("item_id").alias(PRODUCT),
        opinion.when(rating <= DISLIKED)
        .then(pl.lit("dislike"))
        .otherwise(pl.lit("view"))
        .alias(ACTION),
        (seconds * 1_000_000).cast(UTC).alias(AT),
        rating.alias(VALUE),
    ).sort(AT, USER, PRODUCT)


def describe_users(users: pl.DataFrame) -> pl.DataFrame:
    """Users with age, gender, occupation, and the first two digits of the zip code as region."""
    return users.select(
        pl.col("user_id").alias(USER),
        pl.col("age").cast(pl.Int64),
        "gender",
        "occupation",
        pl.col("zip_code").str.slice(0, 2).alias("region"),
    )


def name_films(items: pl.DataFrame) -> pl.DataFrame:
    """Films with title and year as name, and genres as tags."""
    year = pl.col("release_year").fill_null("")
    title = pl.col("movie_title").fill_null("")
    return items.select(
        pl.col("item_id").alias(PRODUCT),
        pl.when(year != "").then(pl.format("{} ({})", title, year)).otherwise(title).alias(NAME),
        pl.col("class").fill_null("").str.split(" ").list.filter(pl.element() != "").alias(TAGS),
    )
