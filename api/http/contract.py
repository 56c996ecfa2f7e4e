"""The one place that knows flask-openapi: nouns with routes, scopes, questions and answers.

In: view functions whose annotations say what they take. Out: a Flask app with an OpenAPI 3.1 text.
Never: a route without a scope, unless it is named open.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any, TypeVar, cast

import pydantic_core
from flask import Flask, Response
from flask.json.provider import JSONProvider
from flask_openapi.blueprint import APIBlueprint
from flask_openapi.openapi import OpenAPI
from pydantic import BaseModel, ConfigDict
from werkzeug.routing import BaseConverter

from api import problems
from api.http.rows import parsed

View = TypeVar("View", bound=Callable[..., Any])


class Strict(BaseModel):
    """What every question and answer is: no further fields, no NaN, no silent conversion."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)

    @classmethod
    def model_json_schema(cls, *args: Any, **options: Any) -> dict[str, Any]:
        # flask-openapi asks at every request, and at the start for each route that answers with it.
        return _schema(cls, args, tuple(options.items()))


@cache
def _schema(
    model: type[BaseModel], args: tuple[Any, ...], options: tuple[tuple[str, Any], ...]
) -> dict[str, Any]:
    """The schema as pydantic makes it, which takes milliseconds; who asks does not change it."""
    made = BaseModel.model_json_schema.__func__  # type: ignore[attr-defined]
    return cast("dict[str, Any]", made(model, *args, **dict(options)))


class Asked(Strict):
    """Parameters of a path or a query: they arrive as text, so numbers are read from it."""

    model_config = ConfigDict(strict=False)


class Problem(BaseModel):
    """RFC 9457. `fields` comes with 422, `near` with 404, `command` with 503."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str | None = None
    request_id: str


class Whole(Response):
    """An answer that lies in memory is handed to the server as a list, which it sends at once."""

    def get_app_iter(self, environ: Any) -> Any:
        plain = type(self.response) is list and not self._on_close
        if plain and environ["REQUEST_METHOD"] != "HEAD" and self.status_code >= 200:
            return self.response
        return super().get_app_iter(environ)


def json_of(body: bytes | dict[str, Any]) -> Response:
    """An answer in JSON, from a dict or from bytes that are JSON already."""
    text = body if isinstance(body, bytes) else pydantic_core.to_json(body, inf_nan_mode="null")
    return Whole(text, mimetype="application/json")


class Json(JSONProvider):
    """JSON as rows are read: exact about malformed text, safe with deep nesting, each key once."""

    def dumps(self, obj: Any, **_: Any) -> str:
        return pydantic_core.to_json(obj, inf_nan_mode="null").decode()

    def loads(self, s: str | bytes, **_: Any) -> Any:
        return parsed(s.encode() if isinstance(s, str) else s)


class Identifier(BaseConverter):
    """An id within a path: slashes, percent-encoded by the caller, belong to it."""

    regex = r"[\s\S]+?"  # line breaks too: what is wrong with them is said of the id
    part_isolating = False


PROBLEMS = {
    400: "Not readable: malformed JSON",
    401: "No key, or one that is not known",
    403: "The key lacks the scope, or the audience is too small",
    404: "Not known; `near` names what resembles it",
    405: "Another method; `Allow` names those there are",
    408: "The body came too slowly",
    406: "None of the formats that `Accept` names",
    413: "The body is too large",
    415: "Another content type than those that are taken",
    409: "At odds with what is there, or the same Idempotency-Key is being answered",
    412: "Changed since the version that `If-Match` names",
    422: "Not understood; `fields` says which",
    429: "Too many requests; see `Retry-After`",
    500: "Something went wrong",
    503: "No model yet, or none that is sound",
}
ALWAYS = (405, 500)
SCOPED = (401, 403, 404, 422, 429, 503)
"""What a route can answer that needs a key and asks the model about an id."""
OF_MODEL = (404, 503)
BODY = (400, 408, 413, 415)
TAKING = (400, 401, 403, 405, 408, 409, 413, 415, 422, 429, 500, 503)
"""What a route can answer that keeps rows."""
HANDED: list[dict[str, Any]] = [
    {
        "name": name,
        "in": "header",
        "description": about,
        "schema": {"type": "string"} | bounds,
    }
    for name, about, bounds in (
        ("Prefer", "handling=strict keeps all rows or none", {"enum": ["handling=strict"]}),
        (
            "Idempotency-Key",
            "The same request under the same key changes nothing, and gets the first answer",
            {"minLength": 1, "maxLength": 255, "pattern": "^[!#-~]+$"},
        ),
    )
]

MATCHED: dict[str, Any] = {
    "name": "If-Match",
    "in": "header",
    "description": "The `ETag` that was read; where it has changed since, nothing is done",
    "schema": {"type": "string"},
}


class Noun(APIBlueprint):
    """The routes of one noun. Each names its scope, and is closed to keys that lack it.

    `answers` holds what a route says when all is well; `refusals` the codes of `PROBLEMS` that it
    can end in beside those that follow from its scope and method. A noun that does not ask the
    model cannot lack one, and knows every id.
    """

    def __init__(self, name: str, about: str, prefix: str, *, asks_model: bool = True) -> None:
        super().__init__(
            name, __name__, abp_tags=[{"name": name, "description": about}], url_prefix=prefix
        )
        self.needed: dict[str, str | None] = {}
        self.taking: set[str] = set()
        self._spared = () if asks_model else OF_MODEL

    def read(
        self, rule: str, scope: str | None, answers: dict[int, Any], refusals: tuple[int, ...] = ()
    ) -> Callable[[View], View]:
        """A GET route; a scope of None leaves it open to everybody."""
        told = answers | _refused(scope, refusals)
        return self._route(self.get, rule, scope, self._kept(told, refusals))

    def ask(
        self, rule: str, scope: str | None, answers: dict[int, Any], refusals: tuple[int, ...] = ()
    ) -> Callable[[View], View]:
        """A POST route that changes nothing."""
        told = answers | _refused(scope, BODY + refusals)
        return self._route(self.post, rule, scope, self._kept(told, refusals))

    def replace(
        self, rule: str, scope: str, answers: dict[int, Any], refusals: tuple[int, ...] = ()
    ) -> Callable[[View], View]:
        """A PUT route: what is sent takes the place of what was, whether or not something was."""
        told = answers | _refused(scope, BODY + refusals)
        return self._route(self.put, rule, scope, self._kept(told, refusals))

    def take(
        self, rule: str, scope: str, answers: dict[int, Any], body: dict[str, Any]
    ) -> Callable[[View], View]:
        """A POST route that reads its body itself, as `body` tells it, and keeps rows."""
        refused: dict[Any, Any] = {code: _problem(PROBLEMS[code]) for code in TAKING}
        declare = self.post(
            rule,
            security=[{"key": [scope]}],
            responses=answers | refused,
            openapi_extensions={"requestBody": body, "parameters": HANDED},
        )

        def decorate(view: View) -> View:
            endpoint = f"{self.name}.{view.__name__}"
            self.needed[endpoint] = scope
            self.taking.add(endpoint)
            return cast("View", declare(view))

        return decorate

    def make(
        self,
        rule: str,
        scope: str,
        answers: dict[int, Any],
        refusals: tuple[int, ...] = (),
        *,
        body: dict[str, Any] | None = None,
    ) -> Callable[[View], View]:
        """A POST route whose answer is given once under an `Idempotency-Key`.

        With a `body`, as the text tells it, the view reads its body itself: it may be missing.
        Where 412 is among the refusals it heeds `If-Match`.
        """
        extra = self._extra(refusals, body)
        told = answers | _refused(scope, (*BODY, 409, *refusals))
        method = partial(self.post, openapi_extensions=extra)
        told = self._kept(told, refusals)
        return self._route(method, rule, scope, told, reads_itself=body is not None)

    def change(
        self, rule: str, scope: str, answers: dict[int, Any], refusals: tuple[int, ...] = ()
    ) -> Callable[[View], View]:
        """A PATCH route: fields that are sent take the place of what they were; as `make`."""
        told = answers | _refused(scope, (*BODY, 409, *refusals))
        method = partial(self.patch, openapi_extensions=self._extra(refusals, None))
        return self._route(method, rule, scope, self._kept(told, refusals))

    @staticmethod
    def _extra(refusals: tuple[int, ...], body: dict[str, Any] | None) -> dict[str, Any]:
        once = [one for one in HANDED if one["name"] == "Idempotency-Key"]
        extra: dict[str, Any] = {"parameters": once + [MATCHED] * (412 in refusals)}
        return extra if body is None else extra | {"requestBody": body}

    def remove(self, rule: str, scope: str, answers: dict[int, Any]) -> Callable[[View], View]:
        """A DELETE route: afterwards it is gone, whether or not it was there."""
        return self._route(self.delete, rule, scope, self._kept(answers | _refused(scope, ()), ()))

    def _kept(self, told: dict[int, Any], named: tuple[int, ...]) -> dict[int, Any]:
        """Answers without those that a noun is spared, unless the route names them itself."""
        return {
            code: one for code, one in told.items() if code not in self._spared or code in named
        }

    def _route(
        self,
        method: Any,
        rule: str,
        scope: str | None,
        answers: dict[int, Any],
        *,
        reads_itself: bool = False,
    ) -> Callable[[View], View]:
        security: list[dict[str, list[str]]] = [] if scope is None else [{"key": [scope]}]
        declare = method(rule, security=security, responses=answers)

        def decorate(view: View) -> View:
            endpoint = f"{self.name}.{view.__name__}"
            self.needed[endpoint] = scope
            if reads_itself:
                self.taking.add(endpoint)
            return cast("View", declare(view))

        return decorate


def _refused(scope: str | None, more: tuple[int, ...]) -> dict[int, Any]:
    codes = {*ALWAYS, *more, *(SCOPED if scope else ())}
    return {code: _problem(PROBLEMS[code]) for code in sorted(codes)}


def _problem(text: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": text, "content": {problems.MEDIA_TYPE: {"schema": schema}}}


def build(nouns: list[Noun], *, version: str) -> tuple[Flask, dict[str, str | None]]:
    """The application with its routes, and the scope that each endpoint needs."""
    app = OpenAPI(
        "api",
        info={"title": "Mokhatab", "version": version, "description": ABOUT},
        security_schemes={"key": {"type": "http", "scheme": "bearer", "description": KEYS}},
        validation_error_model=Problem,
        validation_error_status=200,  # where it is missing it is added: 422 is only where it occurs
        validation_error_callback=problems.invalid,
        doc_ui=False,
        static_folder=None,
    )
    app.openapi_version = "3.1.0"
    app.response_class = Whole
    app.json = Json(app)
    app.url_map.converters["id"] = Identifier
    app.url_map.merge_slashes = False
    needed: dict[str, str | None] = {}
    app.extensions["mokhatab.taking"] = taking = set[str]()
    for noun in nouns:
        app.register_api(noun)
        needed |= noun.needed
        taking |= noun.taking
    return app, needed


def text_of(app: Flask) -> dict[str, Any]:
    """The OpenAPI document of an application that `build` made."""
    return cast("dict[str, Any]", cast("OpenAPI", app).api_doc)


ABOUT = (
    "Which people to address for each product. Every answer about a model carries `model_version`, "
    "`as_of` and `valid_until`; errors are RFC 9457; limits are told in `RateLimit` headers."
)
KEYS = "A key from `mokhatab keys create`; the list beside it names the scope a route needs."
