"""A question that may be asked again: one effect, one answer.

In: a ticket, and how to answer. Out: the answer, or the one that was given before.
Never: two effects of one question, or an answer to another question under the same key.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

from engine.errors import DataError
from engine.store.inbox import Inbox, Reply, Ticket


class KeyReused(DataError):
    """Another question was asked under this key before."""

    def __init__(self) -> None:
        super().__init__("this Idempotency-Key came with another request before; make a new one")


class AnswerUnderWay(DataError):
    """The same key is being answered at this moment."""

    def __init__(self) -> None:
        super().__init__("a request with this Idempotency-Key is being answered; ask again soon")


def answer_once(inbox: Inbox, ticket: Ticket | None, answer: Callable[[], Reply]) -> Reply:
    """The answer to a question; where its ticket was answered before, that answer and no effect.

    `answer` keeps what it gives by `inbox.add`, in one step with its effect; where it raises,
    nothing is kept, and the question may be asked again.

    Raises:
        KeyReused: the ticket has the key of another question.
        AnswerUnderWay: another request with the ticket is being answered.
    """
    with inbox.claimed(ticket) if ticket else nullcontext(True) as mine:
        if not mine:
            raise AnswerUnderWay
        known = inbox.reply_to(ticket) if ticket else None
        if known is None:
            return answer()
        reply, same = known
        if not same:
            raise KeyReused
        return reply
