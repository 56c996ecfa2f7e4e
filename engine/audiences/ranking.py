"""The best users of a product, exactly, in one pass over memory.

In: embeddings (mapped or not), one product or a block of 8 to 64, a term for each user.
Out: row numbers, best first, with their scores. Never: all scores of a block at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_ROWS = 1 << 21  # rows scored at a time by one product: few enough calls for BLAS's threads
_CELLS = 1 << 20  # scores held at a time by a block of products
_SAMPLE = 1 << 12  # rows that guess the first threshold
_RESCORED = 1 << 10  # rows rescored at a time, in the cache
_SPARE = 1 << 16  # candidates that may always be held
_LOWEST = float(np.finfo(np.float32).min)  # above the minus infinity of those excluded


def best_users(
    embeddings: Array,
    products: Array,
    user_terms: Array,
    count: int,
    *,
    exclude: Array | None = None,
    block: int | None = None,
) -> tuple[Array, Array]:
    """Finds the users with the highest `embeddings @ product + user_terms`.

    A strided sample guesses a threshold; one pass in blocks of rows keeps those above it; they
    are scored again in double precision, rounded to float32, and sorted, ties by row number. So
    the answer depends neither on the block nor on threads. Rounding of the first pass is bounded
    by the longest sampled embedding, doubled. Held in memory: one block of scores, and a few
    times `count` candidates for each product.

    Args:
        products: (width,) or (products, width) float32.
        count: how many; capped at the number of users that are not excluded.
        exclude: (users,) bool, True for users who may not be found.
        block: rows at a time; by default chosen by the number of products.

    Returns:
        Rows (int64) and scores (float32), each (count,) or (products, count), best first.
    """
    queries = np.ascontiguousarray(np.atleast_2d(products), dtype=np.float32)
    embeddings, user_terms = np.asarray(embeddings), np.asarray(user_terms)  # views of a mapping
    users = embeddings.shape[0]
    free = users if exclude is None else users - int(np.count_nonzero(exclude))
    count = max(0, min(count, free))
    if count == 0:
        shape = (0,) if products.ndim == 1 else (queries.shape[0], 0)
        return np.zeros(shape, np.int64), np.zeros(shape, np.float32)
    lists = _shortlists(embeddings, queries, user_terms, count, exclude)
    step = block or max(1024, min(_ROWS, _CELLS // queries.shape[0]))
    pending = lists
    while pending:
        _pass(pending, embeddings, user_terms, exclude, step)
        pending = [each for each in pending if not each.settled()]
    rows = np.stack([each.rows for each in lists])
    scores = np.stack([each.scores for each in lists])
    return (rows[0], scores[0]) if products.ndim == 1 else (rows, scores)


class _Shortlist:
    """Candidates of one product: everyone whose first score reached the threshold."""

    def __init__(
        self, source: tuple[Array, Array], query: Array, count: int, guess: tuple[float, float]
    ) -> None:
        self.embeddings, self.user_terms = source
        self.query, self.count = query, count
        self.threshold, self.slack = guess
        self.rows: Array = np.zeros(0, np.int64)  # rising
        self.scores: Array = np.zeros(0, np.float32)
        self._found: list[tuple[Array, Array]] = []
        self._held = 0

    def offer(self, scores: Array, start: int) -> None:
        found = np.flatnonzero(scores >= np.float32(max(self.threshold - self.slack, _LOWEST)))
        if found.size:
            self._found.append((found + start, scores[found]))
            self._held += found.size
            if self._held > 4 * self.count + _SPARE:
                self.prune()

    def prune(self) -> None:
        """Keeps the best `count` of those seen so far and raises the threshold to the last."""
        rows, scores = self._likely()
        if rows.size >= self.count:
            kept = np.sort(_best_first(scores)[: self.count])
            rows, scores = rows[kept], scores[kept]
            self.threshold = max(self.threshold, float(scores.min()))
        self.rows, self.scores = rows, scores

    def settled(self) -> bool:
        """Ends a pass; where the guess was too high, the next pass takes everybody."""
        rows, scores = self._likely()
        if rows.size < self.count:
            self.threshold = _LOWEST
            self.rows, self.scores = rows[:0], scores[:0]
            return False
        order = _best_first(scores)[: self.count]
        self.rows, self.scores = rows[order], scores[order]
        return True

    def _likely(self) -> tuple[Array, Array]:
        """Candidates that may be among the best, rows rising, with their exact scores."""
        rows = np.concatenate([self.rows, *(rows for rows, _ in self._found)])
        scores = np.concatenate([self.scores, *(scores for _, scores in self._found)])
        self._found, self._held = [], 0
        if rows.size > self.count:
            rows = rows[scores >= _nth(scores, self.count) - 2 * self.slack]
        return rows, self._exact(rows)

    def _exact(self, rows: Array) -> Array:
        query, scores = self.query.astype(np.float64), np.empty(rows.size, np.float32)
        for start in range(0, rows.size, _RESCORED):
            part = rows[start : start + _RESCORED]
            # `take` gathers rows three times as fast as an index does.
            users = np.take(self.embeddings, part, axis=0, mode="clip").astype(np.float64)
            scores[start : start + part.size] = np.vecdot(users, query) + self.user_terms[part]
        return scores


def _nth(scores: Array, count: int) -> float:
    return float(np.partition(scores, scores.size - count)[scores.size - count])


def _best_first(scores: Array) -> Array:
    """Orders by falling score, then by position: both packed into one integer, sorted at once."""
    bits = (scores + np.float32(0)).view(np.uint32)  # adding zero makes minus zero zero
    rising = np.where(bits >> 31 == 1, ~bits, bits | np.uint32(1 << 31))
    keys = (~rising).astype(np.uint64) << np.uint64(32)
    keys |= np.arange(scores.size, dtype=np.uint64)
    keys.sort()
    return (keys & np.uint64(0xFFFFFFFF)).astype(np.int64)


def _shortlists(
    embeddings: Array, queries: Array, user_terms: Array, count: int, exclude: Array | None
) -> list[_Shortlist]:
    users, width = embeddings.shape
    # An odd stride: an even one would see only some residues of data laid out in turns.
    stride = max(1, users // _SAMPLE) | 1
    sample = embeddings[::stride]
    scores = queries @ sample.T + user_terms[::stride]
    if exclude is not None:
        scores = scores[:, ~np.asarray(exclude[::stride])]
    seen = scores.shape[1]
    free = users if exclude is None else users - int(np.count_nonzero(exclude))
    expected = seen * count / free
    # Four standard deviations above the expected number: one guess in 30,000 is too high.
    wanted = int(expected + 4 * np.sqrt(expected) + 4)
    longest = float(np.sqrt(np.einsum("ij,ij->i", sample, sample).max()))
    largest = float(np.abs(user_terms[::stride]).max())
    lists = []
    for query, row in zip(queries, scores, strict=True):
        last = max(seen - wanted, 0)
        guess = float(np.partition(row, last)[last]) if last else _LOWEST
        reach = 2 * longest * float(np.linalg.norm(query.astype(np.float64))) + 2 * largest
        slack = (width + 2) * float(np.finfo(np.float32).eps) * reach
        lists.append(_Shortlist((embeddings, user_terms), query, count, (guess, slack)))
    return lists


def _pass(
    lists: list[_Shortlist],
    embeddings: Array,
    user_terms: Array,
    exclude: Array | None,
    step: int,
) -> None:
    users = embeddings.shape[0]
    queries = np.stack([each.query for each in lists])
    space = np.empty(len(lists) * min(step, users), np.float32)
    for start in range(0, users, step):
        stop = min(start + step, users)
        scores = space[: len(lists) * (stop - start)].reshape(len(lists), stop - start)
        np.matmul(queries, embeddings[start:stop].T, out=scores)
        scores += user_terms[start:stop]
        if exclude is not None:
            scores[:, exclude[start:stop]] = -np.inf
        for each, row in zip(lists, scores, strict=True):
            each.offer(row, start)
