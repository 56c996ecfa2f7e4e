"""What all views share: the model of this process, and how an answer about it leaves.

In: a question as a tuple, and a verb. Out: JSON that says which version answered and until when.
Never: two versions in one answer: each request takes the model once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pydantic_core
from flask import Response

from api.http.answers import Answers
from api.http.contract import json_of
from engine.operations.models import ModelHolder, valid_until
from engine.store.artefacts import Model

VERSION = "Mokhatab-Model-Version"


class Desk:
    """Where views get the model and hand in their answers."""

    def __init__(self, holder: ModelHolder, *, answers: Answers, valid_hours: float) -> None:
        self.holder = holder
        self._answers, self._valid_hours = answers, valid_hours

    def answer(
        self,
        question: tuple[Any, ...],
        verb: Callable[[Model], dict[str, Any]],
        *,
        keep: bool = True,
    ) -> Response:
        """The verb's answer as JSON; kept for the next one who asks the same of this version."""
        model = self.holder.model()

        def render() -> bytes:
            return pydantic_core.to_json(self.stamped(model, verb(model)), inf_nan_mode="null")

        body = self._answers.get((model.version, *question), render) if keep else render()
        response = json_of(body)
        response.headers[VERSION] = model.version
        return response

    def stamped(self, model: Model, answer: dict[str, Any]) -> dict[str, Any]:
        """The answer with the version, the time of its data, and when to ask again."""
        return answer | {
            "model_version": model.version,
            "as_of": model.as_of,
            "valid_until": valid_until(model, self._valid_hours),
        }

    def headers(self, model: Model) -> dict[str, str]:
        """The same for an answer that is no JSON."""
        stamp = self.stamped(model, {})
        return {
            VERSION: stamp["model_version"],
            "Mokhatab-As-Of": stamp["as_of"],
            "Mokhatab-Valid-Until": stamp["valid_until"],
        }
