"""Phrases found in words: every place where a phrase of a list begins, the longest first.

In: phrases with the row they stand for, and texts as words. Out: matches in the order of the words.
Never: a match over the end of a text, or two matches on the same word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.signals.text_tokens import Tokens

Array = NDArray[Any]
_DOUBLED = re.compile(r"(.)\1")
_STEM = 3
"""Letters that must be left when an ending is taken off."""


@dataclass(frozen=True)
class Matches:
    """Places of phrases: (matches,) first and last token, and the row of the phrase."""

    first: Array
    last: Array
    row: Array


class Phrases:
    """A set of phrases as a tree of words, walked by all words of all texts at once."""

    def __init__(self, phrases: Mapping[tuple[str, ...], int], endings: Iterable[str]) -> None:
        self.endings = frozenset(endings)
        self.longest = max(map(len, self.endings), default=0)
        spelled = sorted({word for phrase in phrases for word in phrase})
        self.number = {word: at for at, word in enumerate(spelled)}
        self.stems = {word[:-1]: at for word, at in self.number.items() if word.endswith("*")}
        self.heads = frozenset(stem[:_STEM] for stem in self.stems)
        tree: dict[tuple[int, int], int] = {}
        row = [-1]
        for phrase, value in phrases.items():
            state = 0
            for word in phrase:
                edge = (state, self.number[word])
                if edge not in tree:
                    tree[edge] = len(row)
                    row.append(-1)
                state = tree[edge]
            row[state] = value
        self.row = np.array(row)
        width = len(spelled) + 1
        edges = np.array([state * width + word for state, word in tree], np.int64)
        order = np.argsort(edges)
        self.edges, self.goal = edges[order], np.array(list(tree.values()), np.int64)[order]
        self.width, self.depth = width, max(map(len, phrases), default=0)

    def find(self, tokens: Tokens) -> Matches:
        """The longest phrase that begins at each word, without those that an earlier one covers."""
        code = self._codes(tokens.words)[tokens.word]
        size = code.size
        at = np.arange(size)
        state = np.zeros(size, np.int64)
        row, last = np.full(size, -1), np.full(size, -1)
        for step in range(self.depth):
            there = at + step
            open_ = there < size
            at, state, there = at[open_], state[open_], there[open_]
            wanted = state * self.width + code[there]
            place = np.minimum(np.searchsorted(self.edges, wanted), self.edges.size - 1)
            found = (
                (self.edges[place] == wanted)
                & (code[there] < self.width - 1)
                & (tokens.text[there] == tokens.text[at])
            )
            at, state, there = at[found], self.goal[place[found]], there[found]
            ends = self.row[state] >= 0
            row[at[ends]], last[at[ends]] = self.row[state[ends]], there[ends]
        first = np.flatnonzero(row >= 0)
        covered = np.maximum.accumulate(last[first]) if first.size else first
        kept = first[np.append(True, first[1:] > covered[:-1])] if first.size else first
        return Matches(kept, last[kept], row[kept])

    def _codes(self, words: list[str]) -> Array:
        """Number of each word in the tree, by its endings where it is not there as it stands."""
        unknown, known = self.width - 1, self.number.get
        found = [known(word, -1) for word in words]
        pairs = zip(found, words, strict=True)
        near = [at if at >= 0 else self._near(word, unknown) for at, word in pairs]
        return np.array(near or [unknown], np.int64)

    def _near(self, word: str, unknown: int) -> int:
        """Number of the word once a doubled letter or an ending is taken off, or of its stem."""
        if len(word) <= _STEM:
            return unknown
        doubled = _DOUBLED.search(word)
        while doubled:
            shorter = word[: doubled.start()] + word[doubled.start() + 1 :]
            if shorter in self.number:
                return self.number[shorter]
            doubled = _DOUBLED.search(word, doubled.start() + 1)
        if word[-1] >= "\u0600":
            for cut in range(min(self.longest, len(word) - _STEM), 0, -1):
                if word[-cut:] in self.endings and word[:-cut] in self.number:
                    return self.number[word[:-cut]]
        elif word[:_STEM] in self.heads:
            for cut in range(len(word), _STEM - 1, -1):
                if word[:cut] in self.stems:
                    return self.stems[word[:cut]]
        return unknown
