"""What words say of a text: sentiment, purchase intent and aspects, each with its proof.

In: texts as words, and a lexicon. Out: scores by text, and the tokens that say most.
Never: a text that is looked at alone; all are scored by the same few array operations.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.settings import Section
from engine.signals.text_lexicon import AFTER, BEFORE, BOOST, BREAK, BUT, Feelings, Lexicon
from engine.signals.text_matching import Matches
from engine.signals.text_tokens import STOPS, Tokens

Array = NDArray[Any]


@dataclass(frozen=True)
class Scores:
    """(texts,) value, and first and last token of its proof, -1 where nothing is said."""

    value: Array
    first: Array
    last: Array


@dataclass(frozen=True)
class Spoken:
    """(mentions,) text, aspect, sentiment of the clauses it stands in, and its first mention."""

    text: Array
    aspect: Array
    sentiment: Array
    first: Array
    last: Array


@dataclass
class Feeling:
    """(words of feeling,) the match of each and what it says in its place.

    `first` and `last` are its tokens together with what changes it; `clause` is (tokens,).
    """

    match: Array
    amount: Array
    first: Array
    last: Array
    clause: Array


def feel(tokens: Tokens, feelings: Feelings, settings: Section) -> Feeling:
    """Strength of every word of feeling, boosted and turned by what stands beside it.

    After the rules of VADER (Hutto & Gilbert 2014), and one more for verbs that come last.
    """
    found = feelings.phrases.find(tokens)
    role = feelings.role[found.row]
    match = np.flatnonzero(feelings.strength[found.row] != 0)
    said = Feeling(
        match,
        feelings.strength[found.row[match]],
        found.first[match].copy(),
        found.last[match].copy(),
        _clauses(tokens, found, role),
    )
    _boost(said, found, np.where(role == BOOST, feelings.boost[found.row], 1.0))
    _turn(said, found, role, settings)
    _weigh_contrast(said, tokens, found.first[role == BUT], settings)
    return said


def _clauses(tokens: Tokens, found: Matches, role: Array) -> Array:
    """Numbers clauses, which end with a text, a stop, or a word like `but` or `because`."""
    stops = np.array([word in STOPS for word in tokens.words] or [False])
    ends = stops[tokens.word] if tokens.word.size else np.zeros(0, bool)
    ends[1:] |= tokens.text[1:] != tokens.text[:-1]
    ends[found.first[(role == BUT) | (role == BREAK)]] = True
    return np.cumsum(ends)


def _boost(said: Feeling, found: Matches, boost: Array) -> None:
    beside = np.ones(said.clause.size)
    beside[found.last] = boost
    before = np.maximum(said.first - 1, 0)
    same = (said.first > 0) & (said.clause[before] == said.clause[said.first])
    factor = np.where(same, beside[before], 1.0)
    said.amount *= factor
    said.first -= factor != 1.0


def _turn(said: Feeling, found: Matches, role: Array, settings: Section) -> None:
    begin, end, size = found.first[said.match], found.last[said.match], said.clause.size
    turned, used = np.zeros(begin.size, bool), np.zeros(role.size, bool)
    for kind, way, origin in ((BEFORE, -1, begin), (AFTER, 1, end)):
        at = np.full(size, -1)
        turners = np.flatnonzero(role == kind)
        at[(found.last if way < 0 else found.first)[turners]] = turners
        for step in range(1, (settings.before if way < 0 else settings.after) + 1):
            there = np.clip(origin + way * step, 0, max(size - 1, 0))
            hit = (there == origin + way * step) & ~turned & (at[there] >= 0)
            hit &= said.clause[there] == said.clause[origin]
            turner = at[there[hit]]
            turned[hit], used[turner] = True, True
            said.first[hit] = np.minimum(said.first[hit], found.first[turner])
            said.last[hit] = np.maximum(said.last[hit], found.last[turner])
    said.amount[turned] *= settings.turned
    # a word that turned another has said what it had to say
    said.amount[used[said.match]] = 0.0


def _weigh_contrast(said: Feeling, tokens: Tokens, buts: Array, settings: Section) -> None:
    """What follows the last `but` of a text counts more, what precedes it less."""
    last = np.full(len(tokens.texts), -1)
    last[tokens.text[buts]] = buts
    contrast = last[tokens.text[said.first]]
    after = np.where(said.last >= contrast, settings.after_but, settings.before_but)
    said.amount *= np.where(contrast >= 0, after, 1.0)


def sentiment(tokens: Tokens, feeling: Feeling, settings: Section) -> Scores:
    """Sentiment of each text, between -1 and 1, 0 where nothing is said."""
    text, count = tokens.text[feeling.first], len(tokens.texts)
    total = np.bincount(text, feeling.amount, count)
    agreeing = feeling.amount * np.sign(total)[text]
    best = _strongest(text, agreeing, count)
    return Scores(_bounded(total, settings), _at(feeling.first, best), _at(feeling.last, best))


def intent(tokens: Tokens, lexicon: Lexicon, settings: Section) -> Scores:
    """Probability that the author is about to buy, with the sign that speaks most for it."""
    found, count = lexicon.intents.find(tokens), len(tokens.texts)
    weight, text = lexicon.weight[found.row], tokens.text[found.first]
    total = np.bincount(text, weight, count)
    best = _strongest(text, weight, count)
    odds = settings.steepness * (total - settings.threshold)
    return Scores(1 / (1 + np.exp(-odds)), _at(found.first, best), _at(found.last, best))


def forget_returns(wanted: Scores, tokens: Tokens, lexicon: Lexicon) -> Scores:
    """No intent, and no proof of it, in texts that speak of giving back what was bought.

    Trained readers are shown what `intent` says as it is, and learn returns from their own texts.
    """
    back = np.zeros(len(tokens.texts), bool)
    back[tokens.text[lexicon.returns.find(tokens).first]] = True
    first, last = (np.where(back, -1, side) for side in (wanted.first, wanted.last))
    return Scores(np.where(back, 0.0, wanted.value), first, last)


def speak(tokens: Tokens, lexicon: Lexicon, feeling: Feeling, settings: Section) -> Spoken:
    """Aspects that each text speaks of, by text and aspect, with the tone of their clauses."""
    found = lexicon.subjects.find(tokens)
    match, aspect = np.nonzero(lexicon.speaks[found.row])
    first, last = found.first[match], found.last[match]
    names = len(lexicon.aspects)
    key = tokens.text[first] * names + aspect
    keys, earliest, group = np.unique(key, return_index=True, return_inverse=True)
    tone = np.bincount(
        feeling.clause[feeling.first], feeling.amount, int(feeling.clause.max(initial=0)) + 1
    )
    heard = np.unique(np.stack([group, feeling.clause[first]]), axis=1)
    total = np.bincount(heard[0], tone[heard[1]], keys.size)
    return Spoken(
        keys // names, keys % names, _bounded(total, settings), first[earliest], last[earliest]
    )


def _bounded(total: Array, settings: Section) -> Array:
    bounded: Array = total / np.sqrt(total**2 + settings.half)
    return bounded


def _strongest(text: Array, amount: Array, texts: int) -> Array:
    """(texts,) the position of the greatest positive amount of each text, the first of ties; -1."""
    best = np.full(texts, -1)
    positive = np.flatnonzero(amount > 0)
    order = positive[np.lexsort((-positive, amount[positive]))]
    best[text[order]] = order  # what is written last is the greatest
    return best


def _at(tokens: Array, chosen: Array) -> Array:
    return np.where(chosen >= 0, np.append(tokens, -1)[chosen], -1)
