"""Tables on their way out: NDJSON, CSV or Parquet, block by block.

In: blocks of a frame. Out: an answer that is sent while it is made.
Never: all of it in memory, or a cell that a spreadsheet would run.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import polars as pl
from flask import Response, current_app, request
from werkzeug.exceptions import NotAcceptable

from engine.store.files import safe_cells
from engine.store.spool import parquet_of

FORMATS = {
    "ndjson": "application/x-ndjson",
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
}
DESCRIBED: dict[str, Any] = {
    "description": "Ranked people: one row each, best first",
    "content": {
        FORMATS["ndjson"]: {"schema": {"type": "string"}},
        FORMATS["csv"]: {"schema": {"type": "string"}},
        FORMATS["parquet"]: {"schema": {"type": "string", "format": "binary"}},
    },
}


def wanted(chosen: str | None) -> str:
    """The format: the one that was named, else the best that `Accept` allows, else NDJSON.

    Raises:
        NotAcceptable: none of them is acceptable to the caller.
    """
    if chosen is not None:
        return chosen
    if not request.accept_mimetypes:
        return "ndjson"
    best = request.accept_mimetypes.best_match(list(FORMATS.values()))
    for form, media_type in FORMATS.items():
        if media_type == best:
            return form
    raise NotAcceptable(f"known: {', '.join(FORMATS.values())}")


def streamed(blocks: Iterator[pl.DataFrame], form: str, *, headers: dict[str, str]) -> Response:
    """The blocks as an answer in this format; the first is made before the answer begins."""
    first = next(blocks, pl.DataFrame())
    every = itertools.chain([first], blocks)
    body: Iterator[bytes]
    if form == "parquet":
        body = parquet_of(every, first.schema)
    elif form == "csv":
        body = _csv(every)
    else:
        body = (block.write_ndjson().encode() for block in every)
    response = current_app.response_class(body, mimetype=FORMATS[form])
    response.headers.update(headers)
    response.headers["Content-Disposition"] = f'attachment; filename="audience.{form}"'
    return response


def _csv(blocks: Iterator[pl.DataFrame]) -> Iterator[bytes]:
    header = True
    for block in blocks:
        yield block.with_columns(safe_cells()).write_csv(include_header=header).encode()
        header = False
