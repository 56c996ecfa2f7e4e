"""Hours of posts on real data: what kind, hour, weekday and month tell of posts that were held out.

In: a folder with a brand's posts.parquet: kind, month, weekday, hour, comments, likes, shares,
engaged_users. Out: rows (what, unit, figure, command). Never: a post that was learned from.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
from scipy.stats import rankdata

from engine import settings
from engine.planning.calendars import choose_calendar
from engine.planning.hours import COLUMNS, capped
from engine.planning.weeks import Ground, cells_of, learn_channel

Row = tuple[str, str, float, str]
COMMAND = "python -m tests.benchmarks.timing FOLDER"
CHANNEL, FOLDS, ROUNDS, RESAMPLES = "facebook", 5, 6, 1000
MEASURES = {
    "likes, comments and shares": pl.sum_horizontal(
        pl.col("likes", "comments", "shares").fill_null(0)
    ),
    "engaged people": pl.col("engaged_users"),
}
"""The first is what an event log holds, so it decides; the second also counts mere clicks."""
BEST = 0.1
"""Part of the hours that a brand posted at which is recommended."""
FLAT = {"night": 1.0, "second_height": 1.0, "weekend": 1.0}


def ground(*, usual: bool) -> Ground:
    """The settings as they are shipped; no time zone is told, so the usual day may not fit."""
    facts = dict(settings.load_rows("channels")[CHANNEL])
    facts |= {} if usual else FLAT
    return Ground({CHANNEL: facts}, choose_calendar({}), settings.load("timing"))


def read_posts(folder: Path, response: pl.Expr) -> pl.DataFrame:
    """Each post as one counted unit, its hour as it stands."""
    posts = pl.read_parquet(folder / "posts.parquet")
    return posts.select(
        pl.lit(CHANNEL).alias("channel"),
        pl.lit(None, pl.String).alias("segment_id"),
        pl.col("kind").cast(pl.String),
        (pl.col("month") - 1).alias("month"),
        (pl.col("weekday") - 1).alias("weekday"),
        (pl.col("hour") % 24).alias("hour"),
        pl.lit(False).alias("holiday"),
        pl.lit(1.0).alias("units"),
        response.cast(pl.Float64).alias("total"),
        pl.lit(0.0).alias("squares"),
    ).cast(dict(COLUMNS))  # type: ignore[arg-type]


@dataclass(frozen=True)
class HeldOut:
    """(ROUNDS, posts) what was said of each post while it was held out, by ours and by means."""

    truth: np.ndarray  # (posts,)
    ours: np.ndarray
    kind: np.ndarray
    hour: np.ndarray
    best: np.ndarray  # whether its hour is recommended
    without: np.ndarray  # by kind and month alone

    def gain(self, other: str, some: np.ndarray) -> float:
        """Spearman above another way, on some of the posts."""
        ranks = rankdata(self.truth[some])
        return spearman(self.ours[:, some], ranks) - spearman(getattr(self, other)[:, some], ranks)

    def ratio(self, response: np.ndarray, some: np.ndarray) -> float:
        """Mean of the posts in recommended hours against that of all."""
        weight = self.best[:, some].mean(axis=0)
        return float(weight @ response[some] / weight.sum() / response[some].mean())

    def likened(self, some: np.ndarray) -> float:
        """The same, each post against what its kind and month lead to expect."""
        weight = self.best[:, some].mean(axis=0)
        expected = self.without.mean(axis=0)[some]
        inside = weight @ self.truth[some] / (weight @ expected)
        return float(inside / (self.truth[some].sum() / expected.sum()))


def learn(posts: pl.DataFrame, held: pl.DataFrame, on: Ground) -> tuple[np.ndarray, ...]:
    """Of held-out posts: response as logarithm, whether the hour is recommended, without hours."""
    cap = float(on.settings["learning"].cap)
    cut = posts.with_columns(total=capped(pl.col("total"), cap))
    learned = learn_channel(cut.with_columns(squares=pl.col("total") ** 2), CHANNEL, on)
    cells = cells_of(held, learned.kinds, on.calendar)
    week = learned.usual + learned.rhythm.week()[0]
    used = np.unique(posts["weekday"].to_numpy() * 24 + posts["hour"].to_numpy())
    best = used[np.argsort(-week[used], kind="stable")[: int(BEST * used.size)]]
    expected = learned.rhythm.at(cells)
    without = np.exp(expected - learned.rhythm.week()[0][cells.week])
    return learned.usual[cells.week] + expected, np.isin(cells.week, best), without


def mean_by(column: str, posts: pl.DataFrame, held: pl.DataFrame) -> np.ndarray:
    """The plain mean of a column's groups; of a group that was never seen, everybody's."""
    means = posts.group_by(column).agg(pl.col("total").mean().alias("mean"))
    found = held.join(means, on=column, how="left", maintain_order="left")["mean"]
    return found.fill_null(posts["total"].mean()).to_numpy()


def hold_out(posts: pl.DataFrame, on: Ground) -> HeldOut:
    """Every post is held out once in each round."""
    names = ("ours", "kind", "hour", "best", "without")
    found = {name: np.zeros((ROUNDS, posts.height)) for name in names}
    for at in range(ROUNDS):
        fold = np.random.default_rng(at).permutation(posts.height) % FOLDS
        for number in range(FOLDS):
            out = np.flatnonzero(fold == number)
            rest, held = posts.filter(fold != number), posts[out]
            told = learn(rest, held, on)
            for name, values in zip(("ours", "best", "without"), told, strict=True):
                found[name][at, out] = values
            for name in ("kind", "hour"):
                found[name][at, out] = mean_by(name, rest, held)
    return HeldOut(posts["total"].to_numpy(), **found)


def spearman(predicted: np.ndarray, ranks: np.ndarray) -> float:
    """Mean over rounds of the correlation of ranks."""
    return float(np.mean([np.corrcoef(rankdata(each), ranks)[0, 1] for each in predicted]))


def with_interval(figure: Callable[[np.ndarray], float], size: int) -> tuple[str, float]:
    """A figure of all posts, and its 95 % interval by bootstrap over them."""
    random = np.random.default_rng(1)
    drawn = [figure(random.integers(0, size, size)) for _ in range(RESAMPLES)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return f"[{low:.3f}, {high:.3f}]", figure(np.arange(size))


def rows(folder: Path) -> Iterator[Row]:
    """Figures for both measures; with the usual day of the channel before data, and with none."""
    for measure, response in MEASURES.items():
        posts = read_posts(folder, response)
        for usual in (True, False):
            name = f"{measure}, {'usual day' if usual else 'no usual day'}"
            found = hold_out(posts, ground(usual=usual))
            cut = np.minimum(found.truth, 3 * np.median(found.truth))
            ranks, size = rankdata(found.truth), found.truth.size
            yield f"{name}: Spearman", "", spearman(found.ours, ranks), COMMAND
            for other in ("kind", "hour"):
                alone = spearman(getattr(found, other), ranks)
                yield f"{name}: Spearman of {other} alone", "", alone, COMMAND
                gain = with_interval(partial(found.gain, other), size)
                yield f"{name}: above {other}", *gain, COMMAND
            what = f"{name}: best tenth of hours / average"
            yield what, *with_interval(partial(found.ratio, found.truth), size), COMMAND
            yield f"{what}, cut", *with_interval(partial(found.ratio, cut), size), COMMAND
            yield f"{what}, like posts", *with_interval(found.likened, size), COMMAND


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(f"name the folder of the posts: {COMMAND}")
    for what, unit, figure, _ in rows(Path(sys.argv[1])):
        print(f"{what}: {figure:.3f} {unit}", flush=True)
