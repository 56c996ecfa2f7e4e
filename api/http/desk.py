"""What all views share: the model of this process, and how an answer about it leaves.

In: a verb. Out: JSON that says which version answered and until when.
Never: two versions in one answer: each request takes the model once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pydantic_core
from flask import Response, request

from api.http.answers import Answers, Kept, question_of
from api.http.contract import json_of
from engine.operations.models import InUse, ModelHolder, valid_until
from engine.store.artefacts import Model

VERSION = "Mokhatab-Model-Version"


class Desk:
    """Where views get the model and hand in their answers."""

    def __init__(self, holder: ModelHolder, *, answers: Answers, valid_hours: float) -> None:
        self.holder = holder
        self._answers, self._valid_hours = answers, valid_hours

    def answer(self, verb: Callable[[Model], dict[str, Any]], *, keep: bool) -> Response:
        """The verb's answer as JSON; kept for the next one who asks the same of this version."""
        used = self.holder.in_use()
        answer = verb(used.model) | self._stamp(used)
        body = pydantic_core.to_json(answer, inf_nan_mode="null")
        response = json_of(body)
        response.headers[VERSION] = used.model.version
        if keep:
            environ = request.environ
            kept = Kept(
                body,
                tuple(response.headers.items()),
                environ["mokhatab.route"],
                environ["mokhatab.scope"],
            )
            self._answers.keep(question_of(environ, used), kept)
        return response

    def headers(self, used: InUse) -> dict[str, str]:
        """The stamp of an answer that is no JSON."""
        stamp = self._stamp(used)
        return {
            VERSION: stamp["model_version"],
            "Mokhatab-As-Of": stamp["as_of"],
            "Mokhatab-Valid-Until": stamp["valid_until"],
        }

    def _stamp(self, used: InUse) -> dict[str, str]:
        return {
            "model_version": used.model.version,
            "as_of": used.model.as_of,
            "valid_until": valid_until(used.since, self._valid_hours),
        }
