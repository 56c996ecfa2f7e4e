"""Rows in a body: a JSON array, one JSON object, or NDJSON, read strictly.

In: bytes and their media type. Out: parsed values; a line that is no JSON is told apart by itself.
Never: NaN, a key given twice, text that is no UTF-8, or more rows than allowed.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pydantic_core
from flask import request
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, UnsupportedMediaType

from engine.signals.arrivals import Malformed
from engine.signals.named import once_each

LINES = ("application/x-ndjson", "application/ndjson", "application/jsonl")
JSON = "application/json"
ACTIVITIES = ("application/activity+json", "application/ld+json")
UTF_8 = ("utf-8", "utf8", "us-ascii")
QUOTE, COLON, SPACE = b'": '
AFTER_NAME = re.compile(rb'"\s*:')
HALF = re.compile(rb"\\u[dD][89a-fA-F]")


def form_of_rows(*, activities: bool) -> bool:
    """Whether the body of this request is NDJSON; else it is JSON.

    Raises:
        UnsupportedMediaType: it says that it is neither, in another encoding, or packed.
    """
    known = (JSON, *LINES, *(ACTIVITIES if activities else ()))
    if request.mimetype not in known:
        raise UnsupportedMediaType(f"send one of {', '.join(known)}")
    if request.mimetype_params.get("charset", "utf-8").lower() not in UTF_8:
        raise UnsupportedMediaType("send it in UTF-8")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("send it unpacked, without Content-Encoding")
    return request.mimetype in LINES


def body_of(largest: int) -> bytes:
    """The whole body; what is larger is refused before it is read, or as soon as it is too long.

    Raises:
        RequestEntityTooLarge: it is larger than so many bytes.
    """
    request.max_content_length = largest
    if (request.content_length or 0) > largest:
        raise RequestEntityTooLarge(f"at most {largest >> 10} KiB")
    body = request.get_data(cache=False)
    # A body that comes without a length is cut at the limit; whether more came is not known.
    if request.content_length is None and len(body) >= largest:
        raise RequestEntityTooLarge(f"less than {largest >> 10} KiB")
    return body


def parsed_rows(body: bytes, *, lines: bool, most: int) -> Sequence[Any]:
    """The rows of a body in their order; of NDJSON, empty lines are no rows.

    Raises:
        BadRequest: the body is malformed JSON, or neither an array nor an object.
        RequestEntityTooLarge: there are more rows than allowed.
    """
    rows = _of_lines(body, most) if lines else _of_array(body)
    if len(rows) > most:
        raise RequestEntityTooLarge(f"at most {most:,} rows")
    return rows


def _of_array(body: bytes) -> Sequence[Any]:
    try:
        content = parsed(body)
    except ValueError as error:
        rows = _around_halves(body)
        if rows is None:
            raise BadRequest(f"the body {error}") from None
        return rows
    if isinstance(content, dict):
        return [content]
    if not isinstance(content, list):
        raise BadRequest("the body is neither an array nor an object")
    return content


def _around_halves(body: bytes) -> list[Any] | None:
    """Rows of a body whose only fault are halves of characters: those that hold one are malformed.

    UTF-16 tells some characters by two numbers; an escape of one alone is no text.
    """
    if not HALF.search(body):
        return None
    try:
        content = json.loads(
            body, object_pairs_hook=once_each, parse_constant=_finite, parse_float=_finite
        )
    except (ValueError, RecursionError):
        return None
    rows = content if isinstance(content, list) else [content]
    return [row if _is_text(row) else Malformed("holds half of a character") for row in rows]


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("is not finite")
    return number


def _is_text(row: Any) -> bool:
    try:
        json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _of_lines(body: bytes, most: int) -> Sequence[Any]:
    rows: list[Any] = []
    for line in body.split(b"\n"):
        if not line.strip():
            continue
        if len(rows) > most:
            break
        try:
            rows.append(parsed(line))
        except ValueError as error:
            rows.append(Malformed(str(error)))
    return rows


def parsed(text: bytes) -> Any:
    """JSON, strictly.

    Raises:
        ValueError: it is none, nested too deep, no UTF-8, or names a key twice.
    """
    try:
        content = pydantic_core.from_json(text, allow_inf_nan=False)
    except ValueError:
        raise ValueError("is malformed JSON") from None
    # Each name is followed by a colon: as many names as colons after quotes are names given once.
    # Of more, some may stand within texts; that is looked at slowly, and seldom.
    if _colons(text) != _names(content, text):
        json.loads(text, object_pairs_hook=once_each)
    return content


def _colons(text: bytes) -> int:
    """How many quotes are followed by a colon, whether within texts or after names."""
    letters = np.frombuffer(text, np.uint8)
    quotes, after = letters[:-1] == QUOTE, letters[1:]
    if (quotes & (after <= SPACE)).any():
        return len(AFTER_NAME.findall(text))
    return int(np.count_nonzero(quotes & (after == COLON)))


def _names(content: Any, text: bytes) -> float:
    """How many names there are, where nothing is nested; else more than there can be."""
    rows = content if isinstance(content, list) else [content]
    if text.count(b"{") != len(rows) or text.count(b"[") > 1 or not all(map(_is_dict, rows)):
        return math.inf
    return sum(map(len, rows))


def _is_dict(row: Any) -> bool:
    return type(row) is dict
