"""The drawn error tree is the true one, and errors carry the data they tell of."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

from engine import errors
from engine.errors import EngineError

LINE = re.compile(r"^(?P<indent>[│├└─ ]*)(?P<name>[A-Z]\w+)(\((?P<fields>[^)]*)\))?$")


def drawn() -> dict[str, tuple[str | None, tuple[str, ...]]]:
    """Name -> (parent, fields) as the module's docstring draws them."""
    found: dict[str, tuple[str | None, tuple[str, ...]]] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        match = LINE.match(line)
        if match is None or not (match["indent"] or match["name"] == "EngineError"):
            continue
        depth = len(match["indent"]) // 4
        path[depth:] = [match["name"]]
        fields = tuple(filter(None, re.split(r",\s*", match["fields"] or "")))
        found[match["name"]] = (path[depth - 1] if depth else None, fields)
    return found


def classes() -> dict[str, type]:
    return {
        name: value
        for name, value in vars(errors).items()
        if inspect.isclass(value) and value.__module__ == errors.__name__
    }


def test_the_drawn_tree_is_the_tree_of_classes():
    tree = drawn()
    assert len(tree) > 15
    true = {
        name: None if kind is EngineError else kind.__bases__[0].__name__
        for name, kind in classes().items()
    }
    assert {name: parent for name, (parent, _) in tree.items()} == true


@pytest.mark.parametrize("name", sorted(drawn()))
def test_an_error_keeps_the_data_that_the_tree_names(name):
    kind, fields = classes()[name], drawn()[name][1]
    parameters = list(inspect.signature(kind.__init__).parameters)[1:]
    if kind.__init__ is Exception.__init__:
        assert fields == ()
        return
    given = {
        parameter: ("a",) if parameter == "near" else 3 if parameter == "minimum" else "said"
        for parameter in parameters
    }
    error = kind(**given)
    assert set(fields) <= set(parameters)
    assert set(parameters) - set(fields) <= {"detail"}
    for field in fields:
        assert getattr(error, field) == given[field]
    assert str(error)


def test_every_error_says_when_it_is_raised():
    assert all(kind.__doc__ and kind.__doc__.endswith(".") for kind in classes().values())


def test_every_error_raised_by_name_is_of_the_tree_or_tells_a_programmer():
    """Nobody raises a bare Exception; what a user can cause is an EngineError."""
    root = Path(errors.__file__).parents[1]
    for path in [
        p for folder in ("engine", "training", "api") for p in (root / folder).rglob("*.py")
    ]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
                name = getattr(node.exc.func, "id", "")
                assert name not in ("Exception", "BaseException", "RuntimeError"), path


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("می\u200cخواهم 👨\u200d👩", "می\u200cخواهم 👨\u200d👩"),
        ("a\0b\x1b[31m\n", r"a\x00b\x1b[31m\n"),
        ("\u202eabc\u2066", r"\u202eabc\u2066"),
        ("\udcff", r"\udcff"),
        ("x" * 80, "x" * 80),
        ("a" * 5000 + "b" * 5000, "a" * 40 + "…" + "b" * 40),
    ],
)
def test_a_foreign_text_is_shown_short_and_without_what_a_terminal_would_obey(text, told):
    assert errors.shown(text) == told
    assert told in str(errors.UnknownEntity("user", text, (text,)))
    assert told in str(errors.DuplicateEntity("key", text))
