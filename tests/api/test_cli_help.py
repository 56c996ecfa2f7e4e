"""The command's help: at once, and a sentence for each verb."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from api.cli import app

ROOT = Path(__file__).parents[2]
HEAVY = ("polars", "lightfm", "optuna", "sklearn", "scipy", "numpy", "flask", "deltalake", "pandas")


COMMAND: Any = typer.main.get_command(app)


def verbs() -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for name, each in COMMAND.commands.items():
        inner = getattr(each, "commands", None)
        found += [(name, part) for part in inner] if inner else [(name,)]
    return found


def command_of(path: tuple[str, ...]) -> Any:
    found = COMMAND
    for name in path:
        found = found.commands[name]
    return found


def test_asking_for_help_imports_nothing_heavy():
    code = (
        "import sys; sys.argv = ['mokhatab', *sys.argv[1:]]\n"
        "from api.cli import main\n"
        "try:\n    main()\nexcept SystemExit as stop:\n    assert not stop.code\n"
        f"heavy = [name for name in {HEAVY} if name in sys.modules]\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)\n"
    )
    for words in (["--help"], ["segments", "--help"], ["models", "--help"]):
        done = subprocess.run(
            [sys.executable, "-c", code, *words], cwd=ROOT, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert "Usage" in done.stdout


@pytest.mark.parametrize("path", verbs(), ids=" ".join)
def test_every_verb_says_what_it_does(path):
    command = command_of(path)
    assert command.help
    assert command.help[0].isupper()
    assert command.help.rstrip().endswith((".", "probability"))
    example = command.epilog or ""
    if example.startswith("Example: "):
        assert example.startswith("Example: mokhatab ")
        assert " ".join(path) in example


@pytest.mark.parametrize("path", verbs(), ids=" ".join)
def test_every_verb_but_those_that_stay_speaks_json(path):
    options = {word for option in command_of(path).params for word in option.opts}
    assert ("--json" in options) == (path[0] not in ("serve", "demo"))


def test_the_verbs_people_script_against_are_there():
    assert {
        ("ingest",), ("tune",), ("retrain",), ("score",), ("segments",), ("audience",),
        ("curve",), ("plan",), ("models", "list"), ("models", "show"), ("models", "promote"),
        ("models", "rollback"), ("keys", "create"), ("doctor",), ("serve",), ("demo",),
    } <= set(verbs())  # fmt: skip
