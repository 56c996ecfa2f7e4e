"""Who may ask what, and how often: before each request, deny by default.

In: the `Authorization` header and the route. Out: nothing, or a problem that ends the request.
Never: a key in clear in memory longer than the request, or anywhere else.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from flask import Flask, Response, abort, current_app, g, request
from limits import RateLimitItemPerMinute
from limits.storage import Storage, storage_from_string
from limits.strategies import FixedWindowRateLimiter
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge

from api import problems
from engine.errors import UnknownEntity
from engine.operations.keys import MARK, Key, actor_of_key, find_key, peppered, prefix_of
from engine.operations.ownership import Bounds, bounds_of
from engine.operations.permissions import Actor
from engine.store.catalog import Catalog, pepper
from engine.store.home import Home

WRITING = frozenset({"POST", "PUT", "PATCH"})
LONGEST_KEY = 128
REMEMBERED = 10_000
"""Digests whose fate is remembered; beyond it all are forgotten, which costs one lookup each."""


@dataclass(frozen=True)
class Caller:
    """A key, and the products that are for its member's eyes; None: all of them."""

    key: Key
    bounds: Bounds | None


class KeyRing:
    """Keys by digest, each looked up again after `cache_seconds`."""

    def __init__(self, home: Home, *, cache_seconds: float, clock: Callable[[], float]) -> None:
        self._home, self._catalog, self._pepper = home, Catalog(home), pepper(home)
        self._seconds, self._clock = cache_seconds, clock
        self._known: dict[bytes, tuple[float, Caller | None]] = {}
        self._lock = Lock()

    def find(self, sent: str) -> Caller | None:
        """Whose key this is, or nothing where it is not one, or was ended."""
        if not sent.startswith(MARK) or len(sent) > LONGEST_KEY or not sent.isascii():
            return None
        digest, now = peppered(self._pepper, sent), self._clock()
        until, caller = self._known.get(digest, (-math.inf, None))
        if now < until:
            return caller
        key = find_key(self._catalog, digest, prefix_of(sent))
        caller = None if key is None else self._caller(key)
        with self._lock:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[digest] = (now + self._seconds, caller)
        return caller

    def _caller(self, key: Key) -> Caller | None:
        if key.member is None:
            return Caller(key, None)
        try:
            return Caller(key, bounds_of(self._home, actor_of_key(self._home, key)))
        except UnknownEntity:
            return None  # the member was removed, and with them the key


class Counts(Storage):
    """Counters of one process: the library's own start a thread for every request or so.

    Moments are those of the monotonic clock: a clock that is set back shall lock nobody out.
    """

    STORAGE_SCHEME = ["mokhatab"]  # noqa: RUF012 the library declares it so

    def __init__(self) -> None:
        super().__init__()
        self._counts: dict[str, tuple[int, float]] = {}
        self._lock = Lock()

    @property
    def base_exceptions(self) -> type[Exception]:
        return ValueError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Counts; the first of a window says when it ends."""
        now = time.monotonic()
        with self._lock:
            count, until = self._counts.get(key, (0, 0.0))
            if now >= until:
                if len(self._counts) >= REMEMBERED:
                    self._counts = {k: v for k, v in self._counts.items() if v[1] > now}
                count, until = 0, now + expiry
            self._counts[key] = (count + amount, until)
            return count + amount

    def get(self, key: str) -> int:
        count, until = self._counts.get(key, (0, 0.0))
        return count if time.monotonic() < until else 0

    def get_expiry(self, key: str) -> float:
        return self._counts.get(key, (0, time.monotonic()))[1]

    def check(self) -> bool:
        return True

    def reset(self) -> int | None:
        counted, self._counts = len(self._counts), {}
        return counted

    def clear(self, key: str) -> None:
        self._counts.pop(key, None)


class Meter:
    """Requests counted by name within a minute; `share` is this process's part of the limit."""

    def __init__(self, policy: str, per_minute: int, *, share: float) -> None:
        address = os.environ.get("MOKHATAB_LIMITS_URL")
        quota = per_minute if address else max(1, math.ceil(per_minute * share))
        self._limit = RateLimitItemPerMinute(quota, namespace=policy)
        self._window = FixedWindowRateLimiter(storage_from_string(address) if address else Counts())
        self._clock = time.time if address else time.monotonic
        self._policy = policy
        self.policy = f'"{policy}";q={quota};w=60'

    def count(self, name: str) -> tuple[bool, str, int]:
        """Counts one: whether it is within the limit, the `RateLimit` header, seconds to wait."""
        within = self._window.hit(self._limit, name)
        reset, remaining = self._window.get_window_stats(self._limit, name)
        wait = max(1, math.ceil(reset - self._clock()))
        return within, f'"{self._policy}";r={max(0, remaining)};t={wait}', wait


class Gate:
    """Runs before each request: key, scope, limit, then the form of query and body."""

    def __init__(
        self,
        ring: KeyRing,
        needed: dict[str, str | None],
        *,
        requests: Meter,
        failures: Meter,
    ) -> None:
        self.ring, self.needed = ring, needed
        self.requests, self.failures = requests, failures

    def admit(self, authorization: str, scope: str) -> list[tuple[str, str]] | None:
        """Headers about the limit, where this key may have what needs this scope now."""
        caller = self._caller(authorization)
        if caller is None or scope not in caller.key.scopes or caller.bounds is not None:
            return None  # inside it is looked at more closely
        within, told, _ = self.requests.count(caller.key.prefix)
        return [("RateLimit", told), ("RateLimit-Policy", self.requests.policy)] if within else None

    def check(self) -> Response | None:
        """Before a view: nothing where the request may go on, else the problem that ends it."""
        rule = request.url_rule
        if rule is None or request.routing_exception is not None:
            return None  # no such route, or another method: routing says so itself
        request.environ["mokhatab.route"] = rule.rule
        scope = self.needed.get(rule.endpoint)
        if scope is None and rule.endpoint in self.needed:
            return None
        authorization = request.headers.get("Authorization", "")
        caller = self._caller(authorization)
        if caller is None:
            return self._unknown(given=bool(authorization))
        key, g.caller = caller.key, caller
        if scope is None or scope not in key.scopes:
            return _lacking(scope)
        request.environ |= {"mokhatab.scope": scope, "mokhatab.key": key.prefix}
        within, g.limits, wait = self.requests.count(key.prefix)
        if not within:
            return _too_many(self.requests.policy, wait)
        if request.view_args and "product_id" in request.view_args:
            see_product(request.view_args["product_id"])
        reads_itself = rule.endpoint in current_app.extensions["mokhatab.taking"]
        looked_into = request.method in WRITING and not reads_itself
        return _form_of_query() or (_form_of_body() if looked_into else None)

    def _caller(self, authorization: str) -> Caller | None:
        scheme, _, sent = authorization.partition(" ")
        return self.ring.find(sent.strip()) if scheme.lower() == "bearer" else None

    def tell(self, response: Response) -> Response:
        """Adds what is left of the limit to an answer that counted."""
        told = g.get("limits")
        if told is not None:
            response.headers["RateLimit"] = told
            response.headers["RateLimit-Policy"] = self.requests.policy
        return response

    def _unknown(self, *, given: bool) -> Response:
        if given:
            within, _, wait = self.failures.count(request.remote_addr or "unknown")
            if not within:
                return _too_many(self.failures.policy, wait)
        return _unauthorised(given=given)


def asking(home: Home) -> Actor:
    """Who acts in this request: the key's member, or the key itself as a platform.

    The request ends with 401 where the member was removed a moment ago.
    """
    caller: Caller = g.caller
    try:
        return actor_of_key(home, caller.key)
    except UnknownEntity:
        abort(_unauthorised(given=True))


def bounds_here() -> Bounds | None:
    """The products that are for the eyes of who asks; None: all of them."""
    caller: Caller | None = g.get("caller")
    return caller.bounds if caller else None


def see_product(product_id: str | None) -> None:
    """Goes on where a product is for the eyes of who asks.

    Raises:
        UnknownEntity: it is not, and nothing tells it from one that does not exist.
    """
    bounds = bounds_here()
    if product_id is not None and bounds is not None and not bounds.hold(product_id):
        raise UnknownEntity("product", product_id)


def install(app: Flask, gate: Gate) -> None:
    """Puts the gate before every route of the application."""
    app.before_request(gate.check)
    app.after_request(gate.tell)


def _unauthorised(*, given: bool) -> Response:
    challenge = 'Bearer realm="mokhatab"' + (', error="invalid_token"' if given else "")
    detail = "this key is not known, or was revoked" if given else "send a key"
    return problems.problem(
        401,
        "Who asks?",
        f"{detail}: `Authorization: Bearer mk_…`; `mokhatab keys create` makes one",
        headers={"WWW-Authenticate": challenge},
    )


def _lacking(scope: str | None) -> Response:
    challenge = f'Bearer realm="mokhatab", error="insufficient_scope", scope="{scope or ""}"'
    return problems.problem(
        403,
        "Not allowed",
        f"this key lacks the scope {scope}" if scope else "no key opens this route",
        headers={"WWW-Authenticate": challenge},
    )


def _too_many(policy: str, wait: int) -> Response:
    return problems.problem(
        429,
        "Too many requests",
        f"try again in {wait} s",
        headers={"Retry-After": str(wait)},
        type=problems.QUOTA_EXCEEDED,
        **{"violated-policies": [policy.split('"')[1]]},
    )


def _form_of_query() -> Response | None:
    """A parameter is given once: of two values none is taken silently."""
    twice = {name: len(values) for name, values in request.args.lists() if len(values) > 1}
    if not twice:
        return None
    return problems.not_understood({name: f"given {times} times" for name, times in twice.items()})


def _form_of_body() -> Response | None:
    """A body is JSON or nothing: what is malformed is 400 here, what is only wrong 422 later."""
    if not request.is_json:
        return problems.problem(415, "Not JSON", "send `Content-Type: application/json`")
    # A body that comes without a length is cut at the limit; whether more came is not known.
    cut = request.max_content_length or math.inf
    if request.content_length is None and len(request.get_data()) >= cut:
        raise RequestEntityTooLarge
    try:
        request.get_json()
    except BadRequest:
        return problems.problem(400, "Not readable", "the body is malformed JSON")
    return None
