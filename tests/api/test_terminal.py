"""What people are shown does nothing to their terminal, whatever others call themselves."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from api import printing
from api.terminal import say

NAMES = {
    "turned": ("\u202egnp.exe", "\\u202egnp.exe"),
    "coloured": ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
    "isolated": ("a\u2067b", "a\\u2067b"),
    "half": ("a\udcffb", "a\\udcffb"),
    "Persian": ("کتاب\u200cها é 👍🏽", "کتاب\u200cها é 👍🏽"),
}


@pytest.mark.parametrize("kind", NAMES)
def test_foreign_names_are_shown_escaped(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    name, shown = NAMES[kind]
    window = datetime(2026, 1, 1, tzinfo=UTC)
    burst = {"people": 2, "product_id": name, "window": window, "expected": 0.0}
    held = [{"user_id": name, "reason": f"likes of {name}"}]
    say({"held": held, "bursts": [burst]}, False, printing.suspects)
    assert capsys.readouterr().out.count(shown) == 3
    say({"user_id": name, name: {"of": [name]}}, False, printing.as_lines)
    assert capsys.readouterr().out.count(shown) == 3


def test_json_keeps_ids_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    say({"user_id": NAMES["turned"][0]}, True, printing.as_lines)
    assert json.loads(capsys.readouterr().out) == {"user_id": NAMES["turned"][0]}
