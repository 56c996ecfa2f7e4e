"""Reports: how long the report of a campaign with ten thousand placement-days takes.

In: nothing; a campaign of a hundred placements over a hundred days is made, with all its results.
Out: rows (what, unit, figure, command). Never: a home that stays.
"""

from __future__ import annotations

import tempfile
import time
from datetime import timedelta
from pathlib import Path

from api.pages.report import page
from engine.operations.reports import Wish, report
from engine.store.home import Home
from tests.engine.measurement.running import plan_of
from tests.engine.operations.reported import MORNING, OWNER, open_campaign, play

Row = tuple[str, str, float, str]
COMMAND = "python -m tests.benchmarks.report"
ROUNDS = 5


def run() -> list[Row]:
    """The whole report with every placement and day, then its page: the median of some rounds."""
    with tempfile.TemporaryDirectory() as folder:
        home, plan = Home(Path(folder) / "home"), plan_of(10, 10, 100)
        open_campaign(home, plan)
        play(home, plan, 100, spread=0.3)
        wish = Wish(MORNING + timedelta(days=100), detail=True)
        answers, pages = [], []
        for _ in range(ROUNDS):
            start = time.perf_counter()
            found = report(home, OWNER, "c", wish)
            middle = time.perf_counter()
            page(found)
            answers.append(middle - start)
            pages.append(time.perf_counter() - start)
    assert found["results"]["cells"] == 10_000
    return [
        ("report of 10,000 placement-days", "s", sorted(answers)[ROUNDS // 2], COMMAND),
        ("the same with its page", "s", sorted(pages)[ROUNDS // 2], COMMAND),
    ]


if __name__ == "__main__":
    for what, unit, figure, _ in run():
        print(f"{what}: {figure:.3f} {unit}")
