"""Exact best 1 % of two million users beside one pass over the same bytes in memory.

In: nothing. Out: rows (what, unit, figure, command). Never: a figure from another run.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from engine.audiences.ranking import best_users, best_users_of_each

USERS, WIDTH, SHARE, BLOCK = 2_000_000, 64, 0.01, 16
COMMAND = "python -m tests.benchmarks.ranking"


def _quickest(*works: Callable[[], object], rounds: int) -> list[float]:
    """Least seconds of each, measured in turns, so that a busy machine slows all alike."""
    best = [float("inf")] * len(works)
    for _ in range(rounds):
        for at, work in enumerate(works):
            start = time.perf_counter()
            work()
            best[at] = min(best[at], time.perf_counter() - start)
    return best


def run() -> list[tuple[str, str, float, str]]:
    """Measures one product and a block of products; the pass is a bare GEMV or GEMM (BLAS)."""
    random = np.random.default_rng(11)
    users = random.standard_normal((USERS, WIDTH), dtype=np.float32)
    users *= random.gamma(4.0, 0.25, (USERS, 1)).astype(np.float32)
    terms = random.standard_normal(USERS, dtype=np.float32)
    products = random.standard_normal((BLOCK, WIDTH), dtype=np.float32)
    count = int(SHARE * USERS)
    scores = np.empty(USERS, np.float32)
    one_pass, one = _quickest(
        lambda: np.matmul(users, products[0], out=scores),
        lambda: best_users(users, products[0], terms, count),
        rounds=21,
    )
    block_pass, block = _quickest(
        lambda: products @ users.T,
        lambda: best_users_of_each(users, products, terms, count),
        rounds=3,
    )
    return [
        ("one pass over 2 M x 64 float32 (GEMV)", "ms", one_pass * 1e3, COMMAND),
        ("exact best 1 % of 2 M users, one product", "ms", one * 1e3, COMMAND),
        ("exact best 1 % / one pass", "ratio", one / one_pass, COMMAND),
        (
            f"exact best 1 %, {BLOCK} products at once / bare GEMM",
            "ratio",
            block / block_pass,
            COMMAND,
        ),
    ]


if __name__ == "__main__":
    for what, unit, figure, _ in run():
        print(f"{what}: {figure:.2f} {unit}")
