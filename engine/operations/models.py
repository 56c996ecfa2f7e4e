"""Models by version: listed, shown, promoted, rolled back, and held open for serving.

In: a home. Out: manifests in words, a moved pointer, one verified model for each request.
Never: a file that fails its manifest, or a request that sees two versions.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from engine.errors import ArtefactCorrupt, ModelError, NotTrained
from engine.operations.permits import Permits
from engine.store import artefacts, versions
from engine.store.artefacts import Model
from engine.store.catalog import open_catalog
from engine.store.home import Home


class NoEarlierModel(ModelError):
    """Nothing older than the champion lies in the home whole."""

    def __init__(self, champion: str) -> None:
        super().__init__(f"no sound version is older than {champion}")
        self.champion = champion


def list_models(home: Home) -> list[dict[str, Any]]:
    """Every version in the home, oldest first, each with `champion` and `sound`.

    `sound` is false where the manifest cannot be read; files are not compared here.
    """
    first = _champion_or_none(home)
    return [
        _summary(home, version, champion=version == first) for version in versions.versions(home)
    ]


def show_model(home: Home, version: str | None = None) -> dict[str, Any]:
    """The manifest of a version (the champion by default) with `champion` and `promotions`.

    Raises:
        NotTrained: no version was named and there is no champion.
        UnknownEntity: no such version lies in the home.
        ArtefactCorrupt: its manifest cannot be read.
    """
    version = versions.champion(home) if version is None else version
    manifest = versions.read_manifest(home, version)
    with open_catalog(home) as catalog:
        moves = [move for move in catalog.promotions() if move.version == version]
    return manifest | {
        "champion": version == _champion_or_none(home),
        "promotions": [
            {"at": move.at.isoformat(), "actor": move.actor, "reason": move.reason}
            for move in moves
        ],
    }


def promote_model(home: Home, version: str, *, actor: str, reason: str = "") -> dict[str, Any]:
    """Makes a version the champion after comparing every file with its manifest.

    Serving processes follow without a restart. The move is noted in the catalog.

    Raises:
        UnknownEntity: no such version lies in the home.
        ArtefactCorrupt: a file fails the manifest; the pointer stays.
    """
    artefacts.verify(home, version)
    previous = _champion_or_none(home)
    versions.promote(home, version)
    with open_catalog(home) as catalog:
        catalog.add_promotion(version=version, previous=previous, actor=actor, reason=reason)
    return {"version": version, "previous": previous}


def rollback_model(home: Home, *, actor: str, reason: str = "") -> dict[str, Any]:
    """Makes the newest sound version that is older than the champion the champion.

    Raises:
        NotTrained: there is no champion.
        NoEarlierModel: no older version passes its manifest.
    """
    current = versions.champion(home)
    for version in reversed([one for one in versions.versions(home) if one < current]):
        try:
            return promote_model(home, version, actor=actor, reason=reason or "rollback")
        except ArtefactCorrupt:
            continue
    raise NoEarlierModel(current)


def valid_until(since: datetime, hours: float) -> str:
    """When an answer should be asked for again: so long after its model was promoted."""
    end = (since + timedelta(hours=hours)).astimezone(UTC)
    return end.isoformat(timespec="seconds").replace("+00:00", "Z")


@dataclass(frozen=True)
class InUse:
    """The model that answers, and when it was promoted: when the pointer was moved to it."""

    model: Model
    since: datetime


@dataclass(frozen=True)
class Held:
    """What a holder has: the model in use, what the pointer names, and what was refused."""

    in_use: InUse | None = None
    champion: str | None = None
    refused: dict[str, str] = field(default_factory=dict)

    @property
    def degraded(self) -> bool:
        """Another version than the champion answers, because the champion was refused."""
        return bool(self.refused)


class ModelHolder:
    """The open model of one process.

    A moved pointer is noticed at a request, at most once in `check_seconds`; the new version is
    verified and opened in a thread beside the requests, which go on with the old one until then.
    `alert` hears of each refused version: (version, reason). With `permits` each request's model
    has beside it who may not be addressed at that moment.
    """

    def __init__(
        self,
        home: Home,
        *,
        check_seconds: float,
        clock: Callable[[], float],
        alert: Callable[[str, str], None],
        permits: Permits | None = None,
    ) -> None:
        self._home, self._alert, self._permits = home, alert, permits
        self._check_seconds, self._clock = check_seconds, clock
        self._loading = threading.Lock()
        self._thread: threading.Thread | None = None
        self._seen: tuple[int, ...] | None = None
        self._held = Held()
        self._next_check = clock() + check_seconds
        with self._loading:
            self._load(self._fingerprint())

    @property
    def held(self) -> Held:
        """What is in use now; one reference, never changed after it was handed out."""
        return self._held

    def in_use(self) -> InUse:
        """The model for one request: keep this reference until the answer is whole.

        Raises:
            NotTrained: there is no champion yet.
            ArtefactCorrupt: there is one, and neither it nor any other version is sound.
        """
        if self._clock() >= self._next_check:
            self._check()
        held = self._held
        if held.in_use is None:
            if held.champion is None:
                raise NotTrained
            raise ArtefactCorrupt(f"models/{held.champion}", held.refused[held.champion])
        if self._permits is None:
            return held.in_use
        return InUse(self._permits.permitted(held.in_use.model), held.in_use.since)

    def model(self) -> Model:
        """The model of `in_use`, for who needs no more."""
        return self.in_use().model

    def wait(self) -> None:
        """Returns when no swap is under way."""
        thread = self._thread
        if thread is not None:
            thread.join()

    def _check(self) -> None:
        self._next_check = self._clock() + self._check_seconds
        found = self._fingerprint()
        if found == self._seen or not self._loading.acquire(blocking=False):
            return
        try:
            self._thread = threading.Thread(
                target=self._load_and_release, args=(found,), name="model-swap", daemon=True
            )
            self._thread.start()
        except BaseException:
            self._loading.release()
            raise

    def _load_and_release(self, fingerprint: tuple[int, ...] | None) -> None:
        try:
            self._load(fingerprint)
        finally:
            self._loading.release()

    def _fingerprint(self) -> tuple[int, ...] | None:
        try:
            found = self._home.champion.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    def _load(self, fingerprint: tuple[int, ...] | None) -> None:
        # The fingerprint was taken before the pointer is read: a move in between is seen next time.
        try:
            if fingerprint is not None:
                moved = datetime.fromtimestamp(fingerprint[1] / 1e9, UTC)
                self._held = self._open(versions.champion(self._home), moved)
        except NotTrained:
            pass  # a pointer that vanished takes no model away from those who are being served
        except ValueError as error:
            self._alert("champion", f"the pointer is not readable: {error}")
        self._seen = fingerprint

    def _open(self, champion: str, moved: datetime) -> Held:
        current, refused = self._held.in_use, dict[str, str]()
        if current is not None and current.model.version == champion:
            return Held(InUse(current.model, moved), champion)
        for version in self._candidates(champion):
            if current is not None and version == current.model.version:
                break
            try:
                found = artefacts.open_model(self._home, version)
                return Held(InUse(found, moved), champion, refused)
            except Exception as error:
                # Whatever is wrong with the files, requests must go on: the reason is told.
                refused[version] = str(error)
                self._alert(version, str(error))
        return Held(current, champion, refused)

    def _candidates(self, champion: str) -> list[str]:
        """The champion, the version in use, and those before it; a newer one lost at the gate."""
        current = self._held.in_use
        if current is not None:
            return [champion, current.model.version]
        return [champion, *(one for one in versions.good_versions(self._home) if one < champion)]


def _champion_or_none(home: Home) -> str | None:
    try:
        return versions.champion(home)
    except NotTrained:
        return None


def _summary(home: Home, version: str, *, champion: bool) -> dict[str, Any]:
    try:
        manifest = versions.read_manifest(home, version)
    except ArtefactCorrupt as error:
        return {"version": version, "champion": champion, "sound": False, "detail": str(error)}
    return {
        "version": version,
        "champion": champion,
        "sound": True,
        "as_of": manifest.get("as_of", ""),
        "metrics": manifest.get("metrics", {}),
    }
