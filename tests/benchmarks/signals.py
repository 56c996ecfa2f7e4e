"""What acts beside likes and dislikes are worth: a planted world where they carry taste.

In: nothing. Out: rows (what, unit, figure, command). Never: a like judged by that was learned from.

Half of the people who like something press no like: they save, share, buy or follow. The history
is cut in time; models learn from what came before and are judged by the likes that came after.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import polars as pl

from engine.frames import ACTION, POLARITY, PRODUCT, USER
from engine.store import eventlog
from engine.store.home import Home
from training.evaluate import judge
from training.learn import learn
from training.matrices import Pairs
from training.parts import Features
from training.simulate import grow
from training.tune_evidence import Bench, Window, open_bench, tune_evidence
from training.world.plan import plan_world

USERS, PRODUCTS, EVENTS, TRIALS = 4_000, 150, 160_000, 40
COMMAND = "python -m tests.benchmarks.signals"
OPINIONS = ["like", "dislike", "undo"]


def _home(folder: Path) -> Home:
    plan = plan_world(USERS, PRODUCTS, events=EVENTS, seed=11).changed("acts", quiet=0.5)
    home = Home(folder)
    eventlog.append_events(
        home, grow(plan).events.with_columns(target_user_id=pl.lit(None, pl.String))
    )
    return home


def _figures(
    bench: Bench, events: pl.DataFrame, everything: Pairs, held: Pairs
) -> dict[str, float]:
    """AUC and lift of the likes held out, among those whom no act of any kind betrays."""
    window = Window(events, bench.windows[1].held, bench.windows[1].cut)
    pairs, _, recipe = bench.pairs(window, {})
    scorer = learn(
        pairs, Features(), recipe, settings=bench.settings["compute"], seed=bench.seed
    ).scorer
    users = {name: row for row, name in enumerate(pairs.users)}
    columns = {name: row for row, name in enumerate(pairs.products)}
    rows = np.array([users.get(name, -1) for name in everything.users])
    head = scorer.interest

    def scores(product: int) -> np.ndarray:
        column = columns[everything.products[int(product)]]
        known = scorer.embeddings @ head.products[column] + head.user_terms
        return np.where(rows < 0, known.min(), known[rows])

    return judge(scores, scores, held, everything, most=1000, seed=0).figures


def run() -> list[tuple[str, str, float, str]]:
    """Learns from likes and dislikes alone, from all acts, and from all acts as tuned."""
    with tempfile.TemporaryDirectory() as folder:
        home = _home(Path(folder))
        bench = open_bench(home, 0)
        window = bench.windows[1]
        everything, later, _ = bench.pairs(window, {})
        # judged by likes alone: what people did quietly later is no like
        liked = bench.windows[1].held.filter(pl.col(POLARITY) > 0)
        events = eventlog.scan_events(home).filter(pl.col(ACTION) == "like")
        liked = liked.join(events.select(USER, PRODUCT).unique().collect(), on=[USER, PRODUCT])
        mask = _among(later, liked)
        held = later.part(mask, 1.0)
        alone = _figures(
            bench, window.events.filter(pl.col(ACTION).is_in(OPINIONS)), everything, held
        )
        whole = _figures(bench, window.events, everything, held)
        found = tune_evidence(home, trials=TRIALS)
        tuned = _figures(open_bench(home, 0), window.events, everything, held)
    rows = [
        ("lift5 from likes and dislikes alone, planted world", "", alone["lift5"], COMMAND),
        ("lift5 from all acts", "", whole["lift5"], COMMAND),
        ("all acts / likes and dislikes alone", "ratio", whole["lift5"] / alone["lift5"], COMMAND),
        ("AUC, all acts less likes and dislikes alone", "", whole["auc"] - alone["auc"], COMMAND),
        ("lift5 from all acts, table tuned", "", tuned["lift5"], COMMAND),
        ("tuned / default table", "ratio", tuned["lift5"] / whole["lift5"], COMMAND),
        ("tuned table kept", "values", float(len(found.changes)), COMMAND),
    ]
    return rows


def _among(pairs: Pairs, chosen: pl.DataFrame) -> np.ndarray:
    known = set(chosen.select(USER, PRODUCT).iter_rows())
    users, products = pairs.users, pairs.products
    return np.array(
        [
            (users[int(row)], products[int(column)]) in known
            for row, column in zip(pairs.rows, pairs.columns, strict=True)
        ]
    )


if __name__ == "__main__":
    for what, unit, figure, _ in run():
        sys.stdout.write(f"{what}: {figure:.4f} {unit}\n")
