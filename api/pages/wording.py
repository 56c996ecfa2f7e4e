"""Words, numbers and dates of a page in its language: English or Persian.

In: the name of a language, figures. Out: texts as people of that language write them.
Never: a text that came from elsewhere; ids and names are the template's, which escapes them.
"""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from api.pages.sentences import Sentences
from engine.errors import InvalidValue
from engine.planning.calendars import to_jalali

LANGUAGES = ("en", "fa")
PERSIAN = str.maketrans("0123456789,.%", "۰۱۲۳۴۵۶۷۸۹٬٫٪")
NOTHING = "–"
LEAST = 0.0001
FINEST = 2
"""Significant figures of what is less than one."""


@cache
def wording(language: str) -> Wording:
    """The words of a language.

    Raises:
        InvalidValue: pages do not speak it.
    """
    if language not in LANGUAGES:
        raise InvalidValue("language", f"is {' or '.join(LANGUAGES)}")
    file = Path(__file__).with_name("words") / f"{language}.toml"
    return Wording(language, tomllib.loads(file.read_text(encoding="utf-8")))


@dataclass(frozen=True, eq=False)
class Wording:
    """How one language says it."""

    language: str
    texts: dict[str, Any]

    @property
    def right_to_left(self) -> bool:
        """Whether lines begin at the right."""
        return self.language == "fa"

    def say(self, key: str, /, **parts: str) -> str:
        """The text under a key with dots, its blanks filled with these parts."""
        found: Any = self.texts
        for step in key.split("."):
            found = found[step]
        return str(found).format(**parts)

    def choose(self, group: str, name: str) -> str:
        """A text for a word of the answer; a word that nobody translated stands for itself."""
        return str(self.texts[group].get(name, name))

    def number(self, value: float | None, *, decimals: int | None = None) -> str:
        """A figure, to the precision that its size deserves; a dash where there is none."""
        if value is None or not math.isfinite(value):
            return NOTHING
        if decimals is None and 0 < abs(value) < LEAST:
            return self.say("short.less", number=self.digits(f"{LEAST:f}".rstrip("0")))
        return self.digits(f"{value:,.{_decimals(value) if decimals is None else decimals}f}")

    def told(self, sentence: str) -> str:
        """A note or a reason of the engine in this language, as far as its form is known."""
        return _sentences(self.language).told(sentence)

    def count(self, count: int) -> str:
        """A number of things."""
        return self.digits(f"{count:,d}")

    def money(self, value: float | None, currency: str | None = None) -> str:
        """An amount to the cent, with the currency where it is known."""
        amount = self.number(value, decimals=2)
        return (
            f"{amount} {self.choose('currencies', currency)}"
            if currency and amount != NOTHING
            else amount
        )

    def percent(self, value: float | None, *, decimals: int = 0) -> str:
        """A share of one as a percentage."""
        if value is None or not math.isfinite(value):
            return NOTHING
        least = 10.0 ** (-2 - decimals)
        if 0 < value < least / 2:
            return self.say("short.less", number=self.digits(f"{least:.{decimals}%}"))
        return self.digits(f"{value:.{decimals}%}")

    def short(self, value: float) -> str:
        """A figure of an axis: thousands and millions by their names."""
        for size, name in ((1e9, "billion"), (1e6, "million"), (1e3, "thousand")):
            if abs(value) >= 10 * size or (abs(value) >= size and value % (size / 10) == 0):
                return self.say(f"short.{name}", number=self.digits(f"{value / size:,.4g}"))
        return self.digits(f"{value:,.4g}")

    def day(self, day: date, *, year: bool = False) -> str:
        """A date by the calendar of the language."""
        counted = (day.year, day.month, day.day)
        if self.language == "fa":
            try:
                counted = to_jalali(day)
            except InvalidValue:  # centuries away, where that calendar is not reckoned
                return self.digits(day.isoformat())
        named = f"{counted[2]} {self.texts['months'][counted[1] - 1]}"
        return self.digits(f"{named} {counted[0]}" if year else named)

    def hour(self, hour: int) -> str:
        """An hour of the day."""
        return self.digits(f"{hour:02d}")

    def time(self, hour: int) -> str:
        """A full hour as a clock shows it."""
        return self.digits(f"{hour:02d}:00")

    def weekdays(self) -> list[tuple[int, str, str]]:
        """Weekdays in the order of a week of this language: number (0 Monday), name, short name."""
        first = self.texts["first_weekday"]
        order = [(first + step) % 7 for step in range(7)]
        return [
            (day, self.texts["weekdays"][day], self.texts["weekdays_short"][day]) for day in order
        ]

    def digits(self, text: str) -> str:
        """A text of figures and their signs in the digits of the language."""
        return text.translate(PERSIAN) if self.language == "fa" else text


@cache
def _sentences(language: str) -> Sentences:
    words = wording(language)
    return Sentences(words.texts, words.digits, words.day)


def _decimals(value: float) -> int:
    size = float(f"{abs(value):.{FINEST}g}")
    if size >= 100 or size == 0:
        return 0
    if size >= 1:
        return 1
    return min(6, FINEST - 1 - math.floor(math.log10(size)))
