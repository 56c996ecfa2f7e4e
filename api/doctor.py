"""What is wrong with a home or a machine, and what to do about it.

In: a home. Out: checks, each with a finding in words. Never: a repair.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from typing import Any

from engine import settings
from engine.errors import EngineError, NotTrained, counted
from engine.store import artefacts, eventlog, versions
from engine.store.home import Home

LEAST_FREE = 1 << 30
SHOWN = 10
"""Accounts held out of training that are told by name."""


def examine(home: Home) -> dict[str, Any]:
    """Runs every check; `well` is true where all of them are."""
    checks: dict[str, Callable[[Home], str]] = {
        "python": _python,
        "lightfm": _lightfm,
        "settings": _settings,
        "space": _space,
        "events": _events,
        "inbox": _inbox,
        "champion": _champion,
        "integrity": _integrity,
    }
    found = [_checked(what, check, home) for what, check in checks.items()]
    return {"home": str(home.root), "well": all(one["well"] for one in found), "checks": found}


def _checked(what: str, check: Callable[[Home], str], home: Home) -> dict[str, Any]:
    try:
        return {"what": what, "well": True, "finding": check(home)}
    except OSError as error:
        finding = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        return {"what": what, "well": False, "finding": finding}
    except (EngineError, ImportError) as error:
        return {"what": what, "well": False, "finding": str(error)}


def _python(home: Home) -> str:
    return ".".join(map(str, sys.version_info[:3]))


def _lightfm(home: Home) -> str:
    from lightfm import __version__

    return f"{__version__}, compiled"


def _settings(home: Home) -> str:
    return f"{len(settings.check_all(home.root))} files hold"


def _space(home: Home) -> str:
    place = home.root if home.root.exists() else home.root.absolute().parent
    free = shutil.disk_usage(place).free
    if free < LEAST_FREE:
        raise OSError(f"only {free >> 20} MiB free; make room before ingesting or retraining")
    return f"{free >> 30} GiB free"


def _events(home: Home) -> str:
    import polars as pl

    count = eventlog.scan_events(home).select(pl.len()).collect().item()
    return counted(count, "event") if count else "none yet: run `mokhatab ingest EVENTS`"


def _inbox(home: Home) -> str:
    from engine.store.catalog import open_catalog
    from engine.store.inbox import ASIDE, Inbox, may_wait

    if not may_wait(home):
        return "nothing waits"
    with open_catalog(home) as catalog:
        inbox = Inbox(home, catalog)
        waiting, aside = sum(inbox.waiting().values()), inbox.aside()
    if aside:
        told = ", ".join(f"{counted(rows, 'row')} of {name}" for name, rows in aside.items())
        raise OSError(
            f"{told} cannot be read and are set aside: hand them in again, "
            f"or restore table inbox of the catalog, where their kind begins with {ASIDE!r}"
        )
    return f"{counted(waiting, 'row')} waiting" if waiting else "nothing waits"


def _champion(home: Home) -> str:
    try:
        version = versions.champion(home)
    except NotTrained as error:
        return str(error)
    artefacts.verify(home, version)
    return f"{version}, every file as its manifest says"


def _integrity(home: Home) -> str:
    from engine.operations.integrity import list_suspects

    held = list_suspects(home)["held"]
    if not held:
        return "no account is held out of training"
    named = "; ".join(f"{one['user_id']}: {one['reason']}" for one in held[:SHOWN])
    more = f"; and {len(held) - SHOWN} more" if len(held) > SHOWN else ""
    told = f"{counted(len(held), 'account')} held out of training: {named}{more}"
    return f"{told} (`mokhatab integrity list` tells all)"
