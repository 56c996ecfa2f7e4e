"""Segments of a product over HTTP beside an empty Flask view on the same server.

In: nothing. Out: rows (what, unit, figure, command). Never: a figure from another run.
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path
from urllib.parse import quote

from engine.operations.keys import create_key
from engine.store import artefacts, versions
from engine.store.home import Home
from tests.api.planted import planted
from tests.benchmarks.served import cycle, measure, require_wrk, served

PRODUCTS, ROUNDS, SECONDS = 300, 5, 4
COMMAND = "python -m tests.benchmarks.http"


def run() -> list[tuple[str, str, float, str]]:
    """Both servers run at once and are asked in turn; the ratio is the median over the rounds.

    Keys, limits, the log and figures are on, as they ship; all products are asked in turn.
    """
    require_wrk()
    with tempfile.TemporaryDirectory() as folder:
        home, key = _home(Path(folder))
        products = artefacts.open_model(home).products["product_id"].to_list()
        paths = [f"/v1/products/{quote(id, safe='')}/segments" for id in products]
        ours = cycle(Path(folder), paths, key)
        theirs = cycle(Path(folder), ["/v1/empty"], None)
        with (
            served(home) as api,
            served(home, "tests.benchmarks.served:empty", ready="/v1/empty") as flask,
        ):
            measure(api.address, ours, seconds=SECONDS)
            measure(flask.address, theirs, seconds=1)
            rounds = [
                (
                    measure(flask.address, theirs, seconds=SECONDS),
                    measure(api.address, ours, seconds=SECONDS),
                )
                for _ in range(ROUNDS)
            ]
    return _rows(rounds)


def _home(folder: Path) -> tuple[Home, str]:
    home = Home(folder / "home")
    artefacts.save(home, planted("v1", users=2_000, products=PRODUCTS))
    versions.promote(home, "v1")
    (home.root / "configs").mkdir()
    (home.root / "configs" / "serving.toml").write_text(
        "[limits]\nrequests_per_minute = 1000000000\n"
    )
    return home, create_key(home, name="benchmark", scopes=["segments:read"])


def _rows(
    rounds: list[tuple[tuple[float, float], tuple[float, float]]],
) -> list[tuple[str, str, float, str]]:
    def middle(values: list[float]) -> float:
        return statistics.median(values)

    return [
        ("empty Flask view", "requests/s", middle([theirs[0] for theirs, _ in rounds]), COMMAND),
        (
            f"segments of a product, {PRODUCTS} in turn, keys on",
            "requests/s",
            middle([ours[0] for _, ours in rounds]),
            COMMAND,
        ),
        (
            "segments of a product / empty Flask view",
            "ratio",
            middle([ours[0] / theirs[0] for theirs, ours in rounds]),
            COMMAND,
        ),
        ("empty Flask view, p99", "ms", middle([theirs[1] for theirs, _ in rounds]), COMMAND),
        ("segments of a product, p99", "ms", middle([ours[1] for _, ours in rounds]), COMMAND),
    ]


if __name__ == "__main__":
    for what, unit, figure, _ in run():
        print(f"{what}: {figure:.2f} {unit}")
