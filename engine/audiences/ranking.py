"""The best users of a product, exactly, in one pass over memory.

In: embeddings (mapped or not), one product or a block of 8 to 64, a term for each user, perhaps
rows to leave out. Out: row numbers, best first, with their scores. Never: all scores at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
_NOBODY: Array = np.zeros(0, np.uint32)

_ROWS = 1 << 21  # rows scored at a time by one product: few enough calls for BLAS's threads
_CELLS = 1 << 20  # scores held at a time by a block of products
_SAMPLE = 1 << 12  # rows that guess the first threshold
_RESCORED = 1 << 10  # rows rescored at a time, in the cache
_SPARE = 1 << 16  # candidates that may always be held
_LOWEST = float(np.finfo(np.float32).min)  # above the minus infinity of those excluded


def best_users(
    embeddings: Array,
    product: Array,
    user_terms: Array,
    count: int,
    *,
    exclude: Array | None = None,
    block: int | None = None,
) -> tuple[Array, Array]:
    """Finds the users with the highest `embeddings @ product + user_terms`.

    See `best_users_of_each`, of which this is the case of one product, (width,) float32.
    """
    excluded = None if exclude is None else [exclude]
    products = np.asarray(product)[None]
    return best_users_of_each(
        embeddings, products, user_terms, count, exclude=excluded, block=block
    )[0]  # fmt: skip


def best_users_of_each(
    embeddings: Array,
    products: Array,
    user_terms: Array,
    count: int,
    *,
    exclude: Sequence[Array] | None = None,
    block: int | None = None,
) -> list[tuple[Array, Array]]:
    """Finds, for each product, the users with the highest `embeddings @ product + user_terms`.

    A strided sample guesses a threshold; one pass in blocks of rows keeps those above it; they
    are scored again in double precision, rounded to float32, and sorted, ties by row number. So
    the answer depends neither on the block nor on threads. Rounding of the first pass is bounded
    by the longest sampled embedding, doubled. Held in memory: one block of scores, and a few
    times `count` candidates for each product.

    Args:
        products: (products, width) float32.
        count: how many of each; products with fewer users who are not excluded have fewer.
        exclude: for each product the rows, rising, each once, of users who may not be found.
        block: rows at a time; by default chosen by the number of products.

    Returns:
        For each product rows (int64) and scores (float32), best first.
    """
    queries = np.ascontiguousarray(products, dtype=np.float32)
    embeddings, user_terms = np.asarray(embeddings), np.asarray(user_terms)  # views of a mapping
    barred = [_NOBODY] * len(queries) if exclude is None else [np.asarray(e) for e in exclude]
    lists = _shortlists(embeddings, queries, user_terms, count, barred)
    step = block or max(1024, min(_ROWS, _CELLS // max(len(queries), 1)))
    pending = [each for each in lists if each.count]
    while pending:
        _pass(pending, embeddings, user_terms, step)
        pending = [each for each in pending if not each.settled()]
    return [(each.rows, each.scores) for each in lists]


class _Shortlist:
    """Candidates of one product: everyone whose first score reached the threshold."""

    def __init__(
        self,
        source: tuple[Array, Array],
        query: Array,
        count: int,
        exclude: Array,
        guess: tuple[float, float],
    ) -> None:
        self.embeddings, self.user_terms = source
        self.query, self.count, self.exclude = query, count, exclude
        self.threshold, self.slack = guess
        self.rows: Array = np.zeros(0, np.int64)  # rising
        self.scores: Array = np.zeros(0, np.float32)
        self._found: list[tuple[Array, Array]] = []
        self._held = 0

    def offer(self, scores: Array, start: int) -> None:
        """Takes the scores of the rows from `start` on; those of the excluded are spoilt."""
        if self.exclude.size:
            edges = np.array([start, start + scores.size], self.exclude.dtype)
            first, last = self.exclude.searchsorted(edges)
            scores[self.exclude[first:last] - edges[0]] = -np.inf
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
    embeddings: Array, queries: Array, user_terms: Array, count: int, exclude: list[Array]
) -> list[_Shortlist]:
    users, width = embeddings.shape
    # An odd stride: an even one would see only some residues of data laid out in turns.
    stride = max(1, users // _SAMPLE) | 1
    sample = embeddings[::stride]
    scores = queries @ sample.T + user_terms[::stride]
    longest = float(np.sqrt(np.einsum("ij,ij->i", sample, sample).max(initial=0)))
    largest = float(np.abs(user_terms[::stride]).max(initial=0))
    lists = []
    for query, row, barred in zip(queries, scores, exclude, strict=True):
        if barred.size:
            row = np.delete(row, barred[barred % stride == 0] // stride)
        free = users - barred.size
        wanted = max(0, min(count, free))
        threshold = _guess(row, row.size * wanted / max(free, 1))
        reach = 2 * longest * float(np.linalg.norm(query.astype(np.float64))) + 2 * largest
        slack = (width + 2) * float(np.finfo(np.float32).eps) * reach
        source = embeddings, user_terms
        lists.append(_Shortlist(source, query, wanted, barred, (threshold, slack)))
    return lists


def _guess(scores: Array, expected: float) -> float:
    """A score that the sampled ones reach a few more times than expected."""
    # Four standard deviations above the expected number: one guess in 30,000 is too high.
    last = max(scores.size - int(expected + 4 * np.sqrt(expected) + 4), 0)
    return float(np.partition(scores, last)[last]) if last else _LOWEST


def _pass(lists: list[_Shortlist], embeddings: Array, user_terms: Array, step: int) -> None:
    users = embeddings.shape[0]
    queries = np.stack([each.query for each in lists])
    space = np.empty(len(lists) * min(step, users), np.float32)
    for start in range(0, users, step):
        stop = min(start + step, users)
        scores = space[: len(lists) * (stop - start)].reshape(len(lists), stop - start)
        np.matmul(queries, embeddings[start:stop].T, out=scores)
        scores += user_terms[start:stop]
        for each, row in zip(lists, scores, strict=True):
            each.offer(row, start)
