"""Rows in over HTTP: judged, kept durably with their answer, and moved to the event log later.

In: parsed rows and a ticket where the sender may ask again. Out: receipts; the event log, grown.
Never: an act lost or counted twice, whenever and however a process ends.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import polars as pl

from engine import settings
from engine.frames import EVENTS, FOLLOWS, RECORDED, RESULTS, Schema
from engine.frames import UTC as MOMENT
from engine.operations.consent import admit
from engine.operations.members import LOCAL, Actor
from engine.operations.quarantine import keep_aside, refused_for_ids
from engine.operations.replies import answer_once
from engine.operations.results import judge_results
from engine.settings import Section
from engine.signals.arrivals import Judged, judge_arrivals
from engine.signals.events import Limits
from engine.signals.tables import type_attributes
from engine.store import eventlog, results
from engine.store.catalog import open_catalog
from engine.store.home import Home
from engine.store.inbox import Batch, Inbox, Reply, Ticket, may_wait
from engine.store.locks import moving

REFUSED, SET_ASIDE = "refused", "set_aside"


@dataclass(frozen=True)
class Rules:
    """What rows are judged by; read once, since it does not change while a process serves."""

    limits: Limits
    most_columns: int

    @classmethod
    def of(cls, home: Home, intake: Section) -> Rules:
        """Takes section `intake` of the settings of serving."""
        limits = settings.load("events", home.root)["limits"]
        actions = settings.load_rows("actions", home.root)
        return cls(Limits.of(limits, actions), intake.most_columns)


@dataclass(frozen=True)
class Delivery:
    """One request: rows for a table, parsed when they are needed; `strict` keeps all or none."""

    kind: Schema
    rows: Callable[[], Sequence[Any]]
    strict: bool = False
    ticket: Ticket | None = None
    actor: Actor = LOCAL


def receive(
    inbox: Inbox,
    delivery: Delivery,
    *,
    rules: Rules,
    now: datetime,
    answer: Callable[[Judged, bool], Reply],
) -> Reply:
    """Keeps the good rows of a delivery and returns the answer to it, both durable.

    Rows of people who may not be stored are passed over without a word: they are nobody's fault,
    and no reason to refuse the others. A delivery with a ticket that was answered before changes
    nothing and gets that answer.

    Args:
        inbox: where rows wait.
        delivery: the request.
        rules: what rows are judged by.
        now: with a time zone.
        answer: makes the answer from the judgement and whether rows were kept.

    Raises:
        KeyReused: its ticket has the key of another question.
        AnswerUnderWay: another request with its ticket is being answered.
    """
    return answer_once(
        inbox, delivery.ticket, lambda: _taken(inbox, delivery, rules=rules, now=now, answer=answer)
    )


def _taken(
    inbox: Inbox,
    delivery: Delivery,
    *,
    rules: Rules,
    now: datetime,
    answer: Callable[[Judged, bool], Reply],
) -> Reply:
    judged = judge_arrivals(
        delivery.rows(),
        delivery.kind,
        now=now,
        limits=rules.limits,
        most_columns=rules.most_columns,
    )
    if delivery.kind is RESULTS and judged.good.height:
        judged = _fitting(inbox, judged, delivery.actor)
    kept = judged.accepted > 0 and not (delivery.strict and judged.refused.height)
    reply = answer(judged, kept)
    good = judged.good if kept else judged.good.clear()
    if delivery.kind is FOLLOWS:
        good = good.with_columns(pl.lit(now, MOMENT).alias(RECORDED))
    rows, _ = admit(inbox.home, delivery.kind.name, good)
    inbox.add(delivery.kind.name, rows, delivery.ticket, reply)
    return reply


def _fitting(inbox: Inbox, judged: Judged, actor: Actor) -> Judged:
    """Results judged beside their campaigns and what is known; of what waits only the last."""
    chosen = settings.load("results", inbox.home.root)["intake"]
    waiting = inbox.latest(RESULTS.name, int(chosen.waiting_batches))
    found = judge_results(inbox.home, judged.good, waiting, actor=actor)
    told = {name: found.counts.get(name, 0) for name in (results.KNOWN, results.CORRECTION)}
    return replace(judged, good=found.rows).without(
        found.reasons, told | {"notices": list(found.notices)}
    )


def compact(home: Home, only: str | None = None) -> dict[str, int]:
    """Moves everything that waits to the event log, table by table; returns how many rows were new.

    Of one table only where one is named; then nothing is locked while none of its rows wait.

    Under `REFUSED` it tells how many events were against one with their id that came before (see
    `engine.repeats`): these go to the quarantine. Under `SET_ASIDE`, how many rows lie in blocks
    that cannot be read: these stay where they are, and hold up no other.

    Rows of people who do not allow it by now, or were erased, are dropped. May be ended at any
    point, and run again: what the log holds already is not added again, and rows leave the inbox
    after the log has them. Rows that come meanwhile wait for the next time.
    """
    if not may_wait(home) or (only is not None and not _waits(home, only)):
        return {}
    chosen = settings.load("events", home.root)["inbox"]
    moved: dict[str, int] = {}
    with moving(home), open_catalog(home) as catalog:
        inbox = Inbox(home, catalog)
        border, origin = inbox.border(), inbox.origin()
        for name in eventlog.KINDS if only is None else (only,):
            parts = inbox.parts(
                name, border, most_rows=chosen.part_rows, most_bytes=chosen.part_megabytes << 20
            )
            for part in parts:
                move = _move_events if name == EVENTS.name else _move
                for what, rows in move(home, name, part, origin).items():
                    moved[what] = moved.get(what, 0) + rows
                inbox.remove(part)
        if aside := sum(inbox.aside().values()):
            moved[SET_ASIDE] = aside
    return moved


def _waits(home: Home, name: str) -> bool:
    with open_catalog(home) as catalog:
        return name in Inbox(home, catalog).waiting()


def _move_events(home: Home, name: str, part: list[Batch], origin: str) -> dict[str, int]:
    added = eventlog.add_events(home, pl.concat(_admitted(home, name, part)))
    if added.against.is_empty():
        return {name: added.stored}
    refused = {name: refused_for_ids(home, added.against)}
    keep_aside(home, f"inbox-{origin[:8]}-{part[-1].id:012}", refused)
    return {name: added.stored, REFUSED: added.against.height}


def _admitted(home: Home, name: str, part: list[Batch]) -> list[pl.DataFrame]:
    return [admit(home, name, batch.rows)[0] for batch in part]


def _move(home: Home, name: str, part: list[Batch], origin: str) -> dict[str, int]:
    return {name: _moved(home, name, part, origin)}


def _moved(home: Home, name: str, part: list[Batch], origin: str) -> int:
    frames = _admitted(home, name, part)
    if name == FOLLOWS.name:
        return eventlog.add_follows(home, pl.concat(frames, how="diagonal"))
    if name == RESULTS.name:
        steps = (origin, [batch.id for batch in part])
        return results.record_results(home, frames, now=datetime.now(UTC), steps=steps).stored
    rows = type_attributes(pl.concat(frames, how="diagonal"), eventlog.KINDS[name])
    return eventlog.upsert(home, name, rows, step=(origin, part[-1].id))
