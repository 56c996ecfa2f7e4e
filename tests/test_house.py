"""Promises of the house: what a newcomer may rely on in every file, kept by reading them all.

In: the files that are tracked here. Out: the file that breaks a promise, by name.
Never: a matter of taste; each promise is written down in CONTRIBUTING or ARCHITECTURE.
"""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("engine", "training", "api")
LONGEST = 350
LONGEST_FUNCTION = 40
GROWN_FUNCTIONS = {"engine/store/artefacts.py": 46}  # `save`: one order of steps, none optional
WAIT_WORDS = ("TO" + "DO", "FIX" + "ME", "XX" + "X")
HOSTS = (
    "pypi" + ".org",
    "python" + "hosted",
    "registry.npm" + "js",
    "npmjs" + ".com",
    "deb." + "debian",
)
PLACES = re.compile(r"/(?:work|root|home/[a-z]+|Users/[A-Za-z]+)/")


def tracked() -> list[Path]:
    """Files of the checkout that git knows; of an unpacked archive, all but what builds leave."""
    try:
        named = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.split("\0")
    except (OSError, subprocess.CalledProcessError):
        named = [
            str(path.relative_to(ROOT))
            for path in ROOT.rglob("*")
            if path.is_file() and not any(part.startswith(".") for part in path.parts)
        ]
    return [ROOT / name for name in named if name and (ROOT / name).is_file()]


FILES = tracked()
MODULES = [
    path for path in FILES if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in PACKAGES
]
TEXTS = [path for path in FILES if path.suffix in {".py", ".toml", ".md", ".sh", ".yml"}]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def docstring(path: Path) -> str:
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""


def test_there_is_a_house_to_look_at():
    assert len(MODULES) > 60
    assert ROOT / "pyproject.toml" in FILES


@pytest.mark.parametrize("path", [p for p in MODULES if p.name != "__init__.py"], ids=name)
def test_a_module_says_what_comes_in_what_goes_out_and_what_it_never_does(path):
    text = docstring(path)
    assert text, "no docstring"
    first = text.splitlines()[0]
    assert first.endswith((".", ":")), f"the first line is no sentence: {first}"
    places = [re.search(rf"\b{word}: ", text.replace("\n", " ")) for word in ("In", "Out", "Never")]
    assert all(places), "lacks one of In, Out, Never"
    starts = [place.start() for place in places if place]
    assert starts == sorted(starts)


@pytest.mark.parametrize("path", [p for p in MODULES if p.name == "__init__.py"], ids=name)
def test_a_package_says_in_one_sentence_what_it_is(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    text = docstring(path)
    assert text.endswith((".", "?"))
    if path.parent.name != "migrations":
        assert "\n" not in text
        assert len(tree.body) == 1, "a package does nothing when it is imported"


@pytest.mark.parametrize("path", [p for p in FILES if p.suffix == ".py"], ids=name)
def test_no_file_is_longer_than_a_reader_can_hold(path):
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= LONGEST, f"{lines} lines"


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_no_function_is_longer_than_forty_lines_of_code(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body
            told = ast.get_docstring(node) is not None
            start = body[1].lineno if told and len(body) > 1 else body[0].lineno
            length = (node.end_lineno or start) - start + 1
            most = GROWN_FUNCTIONS.get(name(path), LONGEST_FUNCTION)
            assert length <= most, f"{node.name} has {length} lines"


def test_nothing_waits_to_be_written():
    found = {
        f"{name(path)}: {word}"
        for path in TEXTS
        for word in WAIT_WORDS
        if re.search(rf"\b{word}\b", path.read_text(encoding="utf-8"))
    }
    assert not found


def test_no_file_knows_a_machine_or_a_registry():
    found = set()
    for path in [p for p in FILES if p.suffix not in {".png", ".parquet", ".woff2"}]:
        text = path.read_bytes().decode("utf-8", errors="replace")
        found |= {f"{name(path)}: {host}" for host in HOSTS if host in text}
        found |= {f"{name(path)}: {place}" for place in PLACES.findall(text)}
    assert not found


def test_packages_are_those_of_this_checkout():
    """An installed copy elsewhere must not be what is tested."""
    for package in PACKAGES:
        assert Path(importlib.import_module(package).__file__ or "").parent == ROOT / package


def test_only_the_folders_of_the_house_hold_code():
    folders = {path.relative_to(ROOT).parts[0] for path in FILES if path.suffix == ".py"}
    assert folders == {*PACKAGES, "tests"}


def test_no_name_says_that_it_could_hold_anything():
    vague = {"utils", "helpers", "common", "base", "manager", "service", "misc"}
    assert not [name(path) for path in MODULES if path.stem in vague]


def test_tests_stand_where_what_they_test_stands():
    """Each folder of tests is named after a folder of the house, or is a kind of test."""
    kinds = {"benchmarks", "contracts", "faults", "browser"}
    for path in FILES:
        parts = path.relative_to(ROOT).parts
        if parts[0] == "tests" and len(parts) > 2 and parts[1] not in kinds:
            assert (ROOT / Path(*parts[1:-1])).is_dir(), name(path)


def test_nothing_is_unpickled_outside_of_warm_starts():
    opens = re.compile(r"\b(joblib\.load|pickle\.loads?|allow_pickle=True|np\.load\()")
    found = {name(path) for path in MODULES if opens.search(path.read_text(encoding="utf-8"))}
    assert found == {"training/warm.py", "engine/store/artefacts.py"}
    text = (ROOT / "engine/store/artefacts.py").read_text(encoding="utf-8")
    assert text.count("np.load(") == len(re.findall(r"np\.load\([^\n]*allow_pickle=False\)", text))
