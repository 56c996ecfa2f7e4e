"""The API described: its OpenAPI text, and a page that shows it from local files.

In: the application. Out: `/openapi.json` and `/docs`. Never: a script from elsewhere, or inline.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import flask_openapi_swagger
from flask import Flask, Response, send_from_directory

from api.http.contract import json_of, text_of

ASSETS = Path(flask_openapi_swagger.__file__).parent / "templates" / "swagger"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"
)
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Mokhatab</title>
<link rel="stylesheet" href="/docs/files/css/swagger-ui.css">
<div id="api"></div>
<script src="/docs/files/js/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</html>
"""
START = 'SwaggerUIBundle({url: "/openapi.json", dom_id: "#api", deepLinking: true});\n'


def add_docs(app: Flask) -> tuple[str, ...]:
    """Adds the pages; returns their endpoints, which are open to everybody."""

    def text() -> Response:
        response = json_of(text_of(app))
        response.headers["Cache-Control"] = "public, max-age=300"
        return response

    def page() -> Response:
        return _open(Response(PAGE, mimetype="text/html"))

    def start() -> Response:
        return _open(Response(START, mimetype="text/javascript"))

    def files(name: str) -> Response:
        return _open(send_from_directory(ASSETS, name))

    pages: dict[str, tuple[str, Callable[..., Response]]] = {
        "openapi": ("/openapi.json", text),
        "docs": ("/docs", page),
        "docs_start": ("/docs/start.js", start),
        "docs_files": ("/docs/files/<path:name>", files),
    }
    for endpoint, (rule, view) in pages.items():
        app.add_url_rule(rule, endpoint, view)
    return tuple(pages)


def _open(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = POLICY
    return response
