"""The API as one plain WSGI application.

In: a home and its settings. Out: a Flask app that holds the champion open.
Never: training, LightFM or Optuna, and no server: `api/serve.py` starts one.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any, BinaryIO

import pydantic_core
import structlog
from flask import Flask

from api import problems
from api.http import (
    access,
    accounts,
    advocates,
    campaigns,
    consent,
    docs,
    health,
    intake,
    members,
    plans,
    products,
    reports,
    users,
    word,
)
from api.http.answers import Answers, Shelf
from api.http.contract import Noun, build
from api.http.desk import Desk
from api.http.edge import Edge
from api.http.metrics import Metrics
from api.http.turns import Pace, Turns
from engine import settings
from engine.operations.intake import Rules
from engine.operations.models import ModelHolder
from engine.operations.permits import Permits
from engine.store.catalog import Catalog
from engine.store.home import Home
from engine.store.inbox import Inbox

KIB, MIB = 1 << 10, 1 << 20


def create_app(
    home: Home,
    *,
    workers: int = 1,
    log_to: BinaryIO | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Flask:
    """Builds the application; the champion is opened and verified before it returns.

    Without a champion the application answers 503 until one is promoted. `workers` is the
    number of processes that share the limits.
    """
    chosen = settings.load("serving", home.root)
    log = _logger(log_to or sys.stderr.buffer)
    metrics = Metrics()

    def alert(refused: str, reason: str) -> None:
        metrics.refused()
        log.error("model_refused", version=refused, reason=reason)

    privacy = settings.load("privacy", home.root)["serving"]
    holder = ModelHolder(
        home,
        check_seconds=chosen["models"].pointer_check_seconds,
        clock=clock,
        alert=alert,
        permits=Permits(home, check_seconds=privacy.check_seconds, clock=clock),
    )
    answers = Answers(
        entries=chosen["answers"].entries, largest=int(chosen["answers"].mebibytes * MIB)
    )
    desk = Desk(holder, answers=answers, valid_hours=chosen["models"].valid_hours)
    nouns = _nouns(desk, home, chosen, metrics)
    app, needed = _with_routes(nouns)
    app.extensions |= {"mokhatab.log": log, "mokhatab.holder": holder, "mokhatab.answers": answers}
    app.config["MAX_CONTENT_LENGTH"] = chosen["requests"].largest_body_kib * 1024
    problems.register(app)
    ring = access.KeyRing(home, cache_seconds=chosen["keys"].cache_seconds, clock=clock)
    gate = _gate(ring, needed, chosen["limits"], share=1 / workers)
    access.install(app, gate)
    shelf = Shelf(app.wsgi_app, holder, answers, gate)
    app.wsgi_app = Edge(_turns(shelf, chosen["server"]), metrics, log)  # type: ignore[method-assign, assignment]
    return app


def _nouns(
    desk: Desk, home: Home, chosen: dict[str, settings.Section], metrics: Metrics
) -> list[Noun]:
    newcomers_of = home if chosen["newcomers"].fold_in else None
    hatch = _hatch(home, chosen["intake"])
    return [
        products.routes(desk, block_rows=chosen["audiences"].block_rows),
        accounts.routes(desk),
        advocates.routes(desk, home),
        users.routes(desk, newcomers_of),
        consent.routes(home),
        *members.routes(home),
        intake.routes(hatch),
        plans.routes(desk, hatch.inbox, replay_hours=chosen["intake"].replay_hours),
        campaigns.routes(desk, hatch.inbox, replay_hours=chosen["intake"].replay_hours),
        reports.routes(home),
        word.routes(desk, home),
        health.routes(desk, metrics),
    ]


def _turns(shelf: Shelf, chosen: settings.Section) -> Turns:
    pace = Pace(
        chosen.body_read_seconds,
        slowest=int(chosen.slowest_body_kib * KIB),
        stalled=chosen.stalled_send_seconds,
    )
    return Turns(shelf, at_once=chosen.blocking_threads, pace=pace)


def _hatch(home: Home, chosen: settings.Section) -> intake.Hatch:
    return intake.Hatch(Inbox(home, Catalog(home)), Rules.of(home, chosen), chosen)


def _gate(
    ring: access.KeyRing, needed: dict[str, str | None], limits: settings.Section, *, share: float
) -> access.Gate:
    return access.Gate(
        ring,
        needed,
        requests=access.Meter("key", limits.requests_per_minute, share=share),
        failures=access.Meter("address", limits.failures_per_minute, share=share),
    )


def _with_routes(nouns: list[Noun]) -> tuple[Flask, dict[str, str | None]]:
    app, needed = build(nouns, version=version("mokhatab"))
    for endpoint in docs.add_docs(app):
        needed[endpoint] = None
    return app, needed


def _logger(file: BinaryIO) -> Any:
    """Lines of JSON with the time in UTC."""
    return structlog.wrap_logger(
        structlog.BytesLogger(file),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(
                serializer=lambda event, **_: pydantic_core.to_json(event)
            ),
        ],
        wrapper_class=structlog.BoundLogger,
        context_class=dict,
        cache_logger_on_first_use=True,
    ).bind()
