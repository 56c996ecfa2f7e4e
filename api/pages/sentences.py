"""What the engine says in English sentences, in the language of a page.

In: notes and reasons of a plan. Out: the same, as far as their forms are known.
Never: a guess; a sentence of another form stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

BLANK = re.compile(r"\\\{(\w+)\\\}")
NUMBER = re.compile(r"[-+]?[\d,.:]+%?")
DAY = re.compile(r"\d{4}-[01]\d-[0-3]\d")
BETWEEN = "; "
Forms = list[tuple[re.Pattern[str], str]]


class Sentences:
    """Forms with blanks and what each becomes; English has none, and all stay as they are.

    Of the texts of a language `sentences` are the forms, `terms` words that may fill a blank.
    """

    def __init__(
        self,
        texts: Mapping[str, Any],
        digits: Callable[[str], str],
        day: Callable[[date], str],
    ) -> None:
        forms = texts.get("sentences", [])
        self._within, self._across = (
            [(_pattern(form["says"], blank), form["told"]) for form in forms]
            for blank in (f"(?:(?!{BETWEEN}).)+?", ".+?")
        )
        self._terms, self._between = texts.get("terms", {}), texts["between"]
        self._digits, self._day = digits, day

    def told(self, text: str) -> str:
        """The whole sentence, or else each of its parts that is known.

        A blank holds what joins parts, as a name may, only where the parts alone are not all known.
        """
        whole = self._found(text, self._within)
        if whole is not None:
            return whole
        parts = [(part, self._found(part, self._within)) for part in text.split(BETWEEN)]
        if not all(found for _, found in parts):
            whole = self._found(text, self._across)
        if whole is not None:
            return whole
        if not any(found for _, found in parts):
            return text
        return str(self._between).join(part if found is None else found for part, found in parts)

    def _found(self, text: str, forms: Forms) -> str | None:
        for pattern, told in forms:
            match = pattern.fullmatch(text)
            if match:
                return str(
                    told.format_map({k: self._term(v) for k, v in match.groupdict().items()})
                )
        return None

    def _term(self, value: str) -> str:
        if DAY.fullmatch(value):
            return self._day(date.fromisoformat(value))
        if NUMBER.fullmatch(value):
            return self._digits(value)
        return str(self._terms.get(value, f"\u2068{value}\u2069"))


def _pattern(form: str, blank: str) -> re.Pattern[str]:
    return re.compile(BLANK.sub(rf"(?P<\1>{blank})", re.escape(form)), re.DOTALL)
