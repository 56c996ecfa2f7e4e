"""What a text says: its language, its sentiment, whether its author is about to buy, and of what.

In: texts, and lists of words. Out: a reading of each, with the phrases that prove it.
Never: a text in a language that is not read taken for one that is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.frames import LANGUAGE
from engine.settings import Section
from engine.signals.text_lexicon import LANGUAGES, Lexicon
from engine.signals.text_scores import feel, forget_returns, intent, sentiment, speak
from engine.signals.text_tokens import LINK, PERSON, Tokens, tokenise

Array = NDArray[Any]
Settings = dict[str, Section]

SENTIMENT, INTENT, ASPECT, PHRASE = "sentiment", "intent", "aspect", "phrase"
SENTIMENT_PHRASE, INTENT_PHRASE = "sentiment_phrase", "intent_phrase"
SIGNS = "zxx"
"""Language of texts of nothing but signs (ISO 639-2): they are read too."""
READ = (*LANGUAGES, SIGNS)

READINGS = {
    LANGUAGE: pl.String,
    SENTIMENT: pl.Float64,
    SENTIMENT_PHRASE: pl.String,
    INTENT: pl.Float64,
    INTENT_PHRASE: pl.String,
}
MENTIONS = {
    "row": pl.UInt32,
    ASPECT: pl.String,
    SENTIMENT: pl.Float64,
    PHRASE: pl.String,
}


def detect_languages(texts: pl.Series, lexicon: Lexicon, settings: Settings) -> pl.Series:
    """`en`, `fa`, `zxx` (signs only), or null for other languages and for what has no words."""
    found = [_languages(tokens, lexicon) for tokens in _cut(texts, settings)]
    return pl.concat([pl.Series(LANGUAGE, [], pl.String), *found])


def read_texts(texts: pl.Series, lexicon: Lexicon, settings: Settings) -> pl.DataFrame:
    """A reading of each text, in the order of the texts.

    Columns: language (see `detect_languages`); sentiment, -1 to 1, and the phrase that says most
    of it; intent, the probability that the author is about to buy, and the phrase that says most
    of it. Phrases are as they were written, null where nothing was found. All are null for
    languages that are not read.
    """
    frames = [_read(tokens, lexicon, settings) for tokens in _cut(texts, settings)]
    return pl.concat([pl.DataFrame(schema=READINGS), *frames])


def find_aspects(texts: pl.Series, lexicon: Lexicon, settings: Settings) -> pl.DataFrame:
    """What the texts speak of: row of the text, aspect, sentiment of its clauses, first phrase.

    Sorted by row, then in the order of the aspects' list; each aspect of a text once.
    """
    frames, before = [pl.DataFrame(schema=MENTIONS)], 0
    for tokens in _cut(texts, settings):
        spoken = _mentions(tokens, lexicon, settings)
        frames.append(spoken.with_columns(pl.col("row") + before))
        before += len(tokens.texts)
    return pl.concat(frames)


def _cut(texts: pl.Series, settings: Settings) -> list[Tokens]:
    reading = settings["reading"]
    return [
        tokenise(texts[at : at + reading.texts_at_once], longest=reading.longest)
        for at in range(0, len(texts), reading.texts_at_once)
    ]


def _read(tokens: Tokens, lexicon: Lexicon, settings: Settings) -> pl.DataFrame:
    feeling = feel(tokens, lexicon.feelings, settings[SENTIMENT])
    felt = sentiment(tokens, feeling, settings[SENTIMENT])
    wanted = forget_returns(intent(tokens, lexicon, settings[INTENT]), tokens, lexicon)
    frame = pl.DataFrame(
        {
            LANGUAGE: _languages(tokens, lexicon),
            SENTIMENT: felt.value,
            SENTIMENT_PHRASE: tokens.spans(felt.first, felt.last),
            INTENT: wanted.value,
            INTENT_PHRASE: tokens.spans(wanted.first, wanted.last),
        },
        schema=READINGS,
    )
    unread = pl.col(LANGUAGE).is_null()
    return frame.with_columns(
        pl.when(~unread).then(pl.col(name)) for name in READINGS if name != LANGUAGE
    )


def _mentions(tokens: Tokens, lexicon: Lexicon, settings: Settings) -> pl.DataFrame:
    feeling = feel(tokens, lexicon.feelings, settings[SENTIMENT])
    spoken = speak(tokens, lexicon, feeling, settings[SENTIMENT])
    read = _languages(tokens, lexicon).is_not_null().to_numpy()[spoken.text]
    return pl.DataFrame(
        {
            "row": spoken.text,
            ASPECT: pl.Series(lexicon.aspects, dtype=pl.String).gather(spoken.aspect),
            SENTIMENT: spoken.sentiment,
            PHRASE: tokens.spans(spoken.first, spoken.last),
        },
        schema_overrides=MENTIONS,
    ).filter(pl.Series(read, dtype=pl.Boolean))


def _languages(tokens: Tokens, lexicon: Lexicon) -> pl.Series:
    """The script of most letters, then the language of that script with most little words."""
    texts = len(tokens.texts)
    scripts = np.array([_script(word) for word in tokens.words] or [0])[tokens.word]
    letters = np.array([len(word) for word in tokens.words] or [0])[tokens.word]
    weight = [np.bincount(tokens.text, letters * (scripts == script), texts) for script in range(4)]
    script = np.argmax(weight[1:], axis=0) + 1
    names = ["latin", "arabic"]
    found = np.full(texts, "", object)
    for at, name in enumerate(names, 1):
        known = [each for each, (used, _) in lexicon.little_words.items() if used == name]
        home = next(each for each in known if each in LANGUAGES)
        counts = np.stack([_hits(tokens, lexicon.little_words[each][1]) for each in known])
        # a tie goes to the language that is read
        counts = counts + 0.5 * (np.arange(len(known)) == known.index(home))[:, None]
        found = np.where(script == at, np.array(known, object)[counts.argmax(axis=0)], found)
    silent = np.sum(weight[1:], axis=0) == 0
    words = np.bincount(tokens.text, minlength=texts) > 0
    found = np.where(silent, np.where(words, SIGNS, ""), found)
    return pl.Series(LANGUAGE, [each if each in READ else None for each in found], pl.String)


def _hits(tokens: Tokens, words: frozenset[str]) -> Array:
    hit = np.array([word in words for word in tokens.words] or [False])[tokens.word]
    counts: Array = np.bincount(tokens.text, hit, len(tokens.texts))
    return counts


def _script(word: str) -> int:
    """0 no letters, 1 Latin, 2 Arabic, 3 another; by the first letter."""
    if word in (LINK, PERSON) or not word[:1].isalpha():
        return 0
    if word[0] < "\u0250":
        return 1
    return 2 if "\u0600" <= word[0] <= "\u06ff" else 3
