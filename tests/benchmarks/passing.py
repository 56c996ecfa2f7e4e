"""Who passes on whose word: learned chances beside true ones, and whose word will be reshared.

In: nothing, or folders with `actions.parquet` (user_id, target_user_id, occurred_at, action), or
with `cascades.parquet` (cascade_id, user_id, at_seconds) and `follows.parquet`.
Out: rows (what, unit, figure, command). Never: a setting chosen by what is judged.

Where actions are given, each split learns from the days before its cut and is judged by the shares
after it: of fifty people, the rank correlation of their expected pace with how often they are
reshared, and of their degree, how many distinct people reshared them until then. The fifty are
those whose word is carried furthest, whom an advertiser would ask; beside them stand those of the
highest pace and those of the highest degree.

Where cascades are given, chances are learned from the first 70 % of them, and judged by who of
those that hear of each later one adopts it too: everybody who is tied to somebody before them.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.frames import ACTION, AT, FOLLOWEE, FOLLOWER, TARGET, USER
from engine.reach.carry import Draws, expected_carry
from engine.reach.credit import Done, divided
from engine.reach.graph import Graph, Rows, build_graph
from engine.reach.passing import NOWHERE, Passed, learn_chances
from engine.store.home import Home
from tests.benchmarks.advocates import network
from tests.engine.reach.cascading import Plan, planted
from training.carriers import Told, learn_carriers

Array = NDArray[Any]
Row = tuple[str, str, float, str]
COMMAND = "python -m tests.benchmarks.passing"
SPLITS = ((5, 7), (4, 7), (4.5, 7), (5.5, 7), (6, 7))
"""Days that are learned from, and until when is judged; the first is the one that counts."""
FIFTIES = {
    "carry": "the fifty whose word is carried furthest",
    "pace": "the fifty of the highest pace",
    "degree": "the fifty of most resharers",
}
ASKED, TRIED = 50, 20
DELAYS = 30.0
NONE = np.zeros(0, np.int64)
NOBODY = Passed(NONE, NONE, NONE.astype(float), NONE > 0, NONE.astype(np.int16))


def run(*folders: Path) -> Iterator[Row]:
    """Of what the folders hold; a planted network and a large one where none is given."""
    if not folders:
        yield from planted_rows()
        yield from large_rows(1_000_000)
    for folder in folders:
        known = (folder / "cascades.parquet").exists()
        yield from adopted_rows(folder) if known else reshared_rows(folder)


def planted_rows() -> Iterator[Row]:
    """Learned chances, usual ones and ratios beside the truth and beside what came later."""
    takes, truth, words = planted(Plan(people=5_000), seed=0)
    later = np.random.default_rng(7).binomial(TRIED, truth)
    for known in (True, False):
        done = words.done(known=known)
        found, credit = learn_chances(takes, NOBODY, done, delays=DELAYS), divided(
            takes, done, delays=DELAYS
        )  # fmt: skip
        assert found is not None
        ratio = credit.good / np.maximum(credit.trials, 1)
        what = f"planted, {'with' if known else 'without'} moments"
        ways = {"learned": found.good, "ratios": ratio, "1 / followed": takes.chances,
                "the truth": truth}  # fmt: skip
        for name, chances in ways.items():
            yield f"{what}: rank correlation, {name}", "", ranked_alike(chances, truth), COMMAND
            yield f"{what}: log likelihood a tie, {name}", "", _likely(chances, later), COMMAND
        parts = np.array_split(np.argsort(found.good), 10)
        told = np.array([found.good[part].mean() for part in parts])
        came = np.array([later[part].mean() / TRIED for part in parts])
        yield f"{what}: error of tenths", "", float(np.abs(told - came).max()), COMMAND
        yield f"{what}: learned over come", "", float(told.mean() / came.mean()), COMMAND


def _likely(chances: Array, later: Array) -> float:
    sure = np.clip(chances, 1e-3, 1 - 1e-3)
    return float((later * np.log(sure) + (TRIED - later) * np.log(1 - sure)).mean())


def ranked_alike(one: Array, other: Array) -> float:
    """Spearman's rank correlation; equal values share their mean rank."""
    ranks = [pl.Series(np.asarray(values, float)).rank().to_numpy() for values in (one, other)]
    return float(np.corrcoef(*ranks)[0, 1])


def large_rows(people: int) -> Iterator[Row]:
    """Seconds and memory for ten ties, seven acts on objects and three named acts a person."""
    rng = np.random.default_rng(1)
    graph = build_graph(network(people))
    takes, size = graph.takes, len(graph)
    who = (rng.pareto(1.5, 10 * people) * size / 50).astype(np.int64) % size
    what = (rng.pareto(0.8, 10 * people) * 50).astype(np.int64) % (size // 5)
    keys = np.unique(who * size + what)
    ones = np.ones(keys.size, np.float32)
    done = Done(
        (keys // size).astype(np.int32), (keys % size).astype(np.int32),
        -300 * rng.random(keys.size), ones > 0, ones, rng.random(keys.size) > 0.9,
    )  # fmt: skip
    at = rng.integers(0, takes.others.size, 3 * people)
    taker = np.searchsorted(takes.starts, at, side="right") - 1
    ones = np.ones(at.size, np.float32)
    channels = rng.integers(NOWHERE, 3, at.size).astype(np.int16)
    named = Passed(taker, takes.others[at].astype(np.int64), ones, ones > 0, channels)
    told = f"{size:,} people, {takes.others.size:,} ties"
    began = time.perf_counter()
    found = learn_chances(takes, named, done, delays=DELAYS)
    assert found is not None
    yield f"{told}: chances", "s", time.perf_counter() - began, COMMAND
    began = time.perf_counter()
    learned = Graph(graph.users, Rows(takes.starts, takes.others, found.good))
    expected_carry(learned, Draws(131_072, 128, 100_000_000, 0))
    yield f"{told}: how far each is carried", "s", time.perf_counter() - began, COMMAND
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    yield f"{told}: most memory", "GiB", most, COMMAND


def reshared_rows(folder: Path) -> Iterator[Row]:
    """Whose word will be reshared, by pace and by how many reshared it so far."""
    acts = pl.read_parquet(folder / "actions.parquet")
    start = acts.select(pl.col(AT).min()).item()
    for first, last in SPLITS:
        cut, end = (start + timedelta(days=days) for days in (first, last))
        began = time.perf_counter()
        known = acts.filter(pl.col(AT) < cut)
        came = acts.filter((pl.col(AT) >= cut) & (pl.col(AT) < end), pl.col(ACTION) == "share")
        told = _told(known, came)
        spent = time.perf_counter() - began
        what = f"first {first:g} days, judged until day {last:g}"
        for chosen, name in FIFTIES.items():
            top = told.sort(chosen, USER, descending=[True, False]).head(ASKED)
            for by in ("pace", "degree"):
                alike = ranked_alike(top[by].to_numpy(), top["came"].to_numpy())
                yield f"{what}: rank correlation of {by}, {name}", "", alike, COMMAND
            yield f"{what}: reshares of {name}", "", float(top["came"].sum()), COMMAND
        yield f"{what}: to learn", "s", spent, COMMAND


def _told(known: pl.DataFrame, came: pl.DataFrame) -> pl.DataFrame:
    """user_id, pace, carry, degree (distinct resharers), came (reshares in the judged days)."""
    with tempfile.TemporaryDirectory() as folder:
        told = Told(known.lazy(), known.lazy(), known.select(pl.col(AT).max()).item())
        carriers = learn_carriers(Home(Path(folder)), told, pl.Series(USER, [], pl.String), seed=0)
    assert carriers is not None
    others = pl.col(USER) != pl.col(TARGET)
    shared = known.filter(others, pl.col(ACTION) == "share")
    degree = shared.group_by(TARGET).agg(pl.col(USER).n_unique().alias("degree"))
    later = came.filter(others).group_by(TARGET).agg(pl.len().alias("came"))
    rates = {"pace": carriers.pace, "carry": carriers.carry}
    table = carriers.people.select(USER).with_columns(pl.Series(k, v) for k, v in rates.items())
    for counts in (degree, later):
        table = table.join(counts, left_on=USER, right_on=TARGET, how="left")
    return table.with_columns(pl.col("degree", "came").fill_null(0))


def adopted_rows(folder: Path) -> Iterator[Row]:
    """Learned chances and usual ones beside who adopted later."""
    ties = pl.read_parquet(folder / "follows.parquet").select(FOLLOWER, FOLLOWEE)
    turned = ties.select(pl.col(FOLLOWEE).alias(FOLLOWER), pl.col(FOLLOWER).alias(FOLLOWEE))
    graph = build_graph(pl.concat([ties, turned]))  # a tie is of both
    acts = pl.read_parquet(folder / "cascades.parquet")
    acts = acts.with_columns(person=pl.Series(graph.rows_of(acts[USER]))).filter(
        pl.col("person") >= 0
    )
    first = acts.group_by("cascade_id").agg(pl.min("at_seconds")).sort("at_seconds", "cascade_id")
    known = first["cascade_id"].head(int(0.7 * first.height)).implode()
    before, later = (acts.filter(pl.col("cascade_id").is_in(known) == one) for one in (True, False))
    found = learn_chances(graph.takes, NOBODY, _done(before), delays=DELAYS)
    assert found is not None
    flat = np.full(found.good.size, found.good.mean())
    for name, chances in (("learned", found.good), ("1 / followed", graph.takes.chances),
                          ("one for all", flat)):  # fmt: skip
        told, came = _heard(graph, later, np.clip(chances, 1e-6, 0.999))
        rank = pl.Series(told).rank().to_numpy()[came].mean()
        area = (rank - (came.sum() + 1) / 2) / (~came).sum()
        likely = float(np.log(np.where(came, told, 1 - told)).mean())
        yield f"later cascades, {came.size:,} who heard: AUC, {name}", "", float(area), COMMAND
        yield f"later cascades: log likelihood a person, {name}", "", likely, COMMAND


def _done(acts: pl.DataFrame) -> Done:
    once = acts.group_by("person", "cascade_id").agg(pl.min("at_seconds"))
    once = once.with_columns(pl.col("cascade_id").rank("dense")).sort("person", "cascade_id")
    ones = np.ones(once.height, np.float32)
    return Done(
        once["person"].to_numpy().astype(np.int32), once["cascade_id"].to_numpy().astype(np.int32),
        once["at_seconds"].to_numpy() / 86_400, ones > 0, ones, ones < 0,
    )  # fmt: skip


def _heard(graph: Graph, later: pl.DataFrame, chances: Array) -> tuple[Array, Array]:
    """Of everybody who heard of a cascade: the chance that they adopt it, and whether they did."""
    takes, size = graph.takes, len(graph)
    taker = np.repeat(np.arange(size), takes.lengths)
    miss = np.log1p(-chances.astype(np.float64))
    told, came = [], []
    for _, acts in later.sort("at_seconds", USER).group_by("cascade_id", maintain_order=True):
        order = np.full(size, size + 1)
        who = acts["person"].unique(maintain_order=True).to_numpy()
        order[who] = np.arange(who.size)
        heard = (order[takes.others] <= size) & (order[taker] > order[takes.others])
        left = np.bincount(taker[heard], miss[heard], size)
        some = np.flatnonzero(left < 0)
        told.append(1 - np.exp(left[some]))
        came.append(order[some] <= size)
    return np.concatenate(told), np.concatenate(came)


if __name__ == "__main__":
    for what, unit, figure, _ in run(*(Path(carriers) for carriers in sys.argv[1:])):
        print(f"{what}: {figure:.3g} {unit}", flush=True)
