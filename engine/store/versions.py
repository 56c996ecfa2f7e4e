"""Which versions of the model lie in a home, what each says of itself, and which one serves.

In: a home, a version. Out: versions, manifests, a pointer that moves in one step.
Never: a file of a model other than its manifest, and never the champion removed.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from typing import Any

from engine.errors import ArtefactCorrupt, NotTrained, UnknownEntity
from engine.store.files import replace_durably
from engine.store.home import Home

VERSION = re.compile(r"^[0-9A-Za-z_-]{1,64}$")


def versions(home: Home) -> list[str]:
    """Versions that lie complete in the home, oldest first."""
    if not home.models.is_dir():
        return []
    return sorted(path.parent.name for path in home.models.glob("[!.]*/manifest.json"))


def champion(home: Home) -> str:
    """The version the pointer names.

    Raises:
        NotTrained: there is no pointer yet.
    """
    try:
        return home.champion.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        raise NotTrained from None


def promote(home: Home, version: str) -> None:
    """Moves the pointer to a version in one atomic step.

    Raises:
        UnknownEntity: no such version lies in the home.
    """
    if version not in versions(home):
        raise UnknownEntity("model", version, tuple(versions(home)[-5:]))
    replace_durably(home.champion, (version + "\n").encode())


def remove(home: Home, version: str) -> None:
    """Removes a version that is not the champion; who has mapped it goes on until it lets go."""
    if home.champion.exists() and champion(home) == version:
        raise UnknownEntity("model that may go", version)
    shutil.rmtree(home.models / version, ignore_errors=True)
    shutil.rmtree(home.warm / version, ignore_errors=True)


def sweep(home: Home, keep: int) -> list[str]:
    """Removes staging folders left by killed runs and all but the newest `keep` versions.

    The champion is never removed. Returns the versions that went.
    """
    for staging in home.models.glob(".staging-*"):
        shutil.rmtree(staging, ignore_errors=True)
    current = home.champion.read_text().strip() if home.champion.exists() else ""
    gone = [version for version in versions(home)[:-keep] if version != current]
    for version in gone:
        shutil.rmtree(home.models / version, ignore_errors=True)
        shutil.rmtree(home.warm / version, ignore_errors=True)
    return gone


def read_manifest(home: Home, version: str) -> dict[str, Any]:
    """The manifest of a version, without looking at the files it names.

    Raises:
        UnknownEntity: no such version lies in the home.
        ArtefactCorrupt: the manifest is not readable.
    """
    path = home.models / version / "manifest.json"
    if not VERSION.match(version) or not path.is_file():
        raise UnknownEntity("model", version, tuple(versions(home)[-5:]))
    try:
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if manifest["version"] != version or not isinstance(manifest["files"], dict):
            raise ValueError("names another version")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ArtefactCorrupt(f"models/{version}/manifest.json", str(error)) from error
    return manifest


def note(home: Home, version: str, **known: int) -> None:
    """Writes into the window of a manifest what became known of a version; files stay as they are.

    Raises:
        UnknownEntity, ArtefactCorrupt: as `read_manifest`.
    """
    manifest = read_manifest(home, version)
    window = {**manifest.get("window", {}), **known}
    text = json.dumps(manifest | {"window": window}, indent=1, sort_keys=True, ensure_ascii=False)
    replace_durably(home.models / version / "manifest.json", text.encode())


def good_versions(home: Home) -> Iterator[str]:
    """The champion, then the other versions from newest to oldest: where serving may fall back."""
    first = champion(home)
    yield first
    yield from (version for version in reversed(versions(home)) if version != first)
