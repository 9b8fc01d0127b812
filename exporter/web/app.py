"""The FastAPI application."""

from __future__ import annotations

import gzip
from collections.abc import Callable

from fastapi import FastAPI, Request, Response
from fastapi.responses import PlainTextResponse

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS_1 = "application/openmetrics-text; version=1.0.0; charset=utf-8"
GZIP_LEVEL = 1
GZIP_FROM_BYTES = 1024

Exposition = Callable[[bool], bytes]


def create(exposition: Exposition, is_ready: Callable[[], bool]) -> FastAPI:
    """`exposition(openmetrics)` gives the text, `is_ready()` whether a first snapshot stands."""
    app = FastAPI(
        title="script-tracking-exporter",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,  # a redirection would go to wherever the request's Host says
    )

    @app.api_route("/metrics", methods=["GET", "HEAD"])
    async def metrics(request: Request) -> Response:
        openmetrics = wants_openmetrics(request.headers.get("accept", ""))
        body = exposition(openmetrics)
        headers = {"Vary": "Accept, Accept-Encoding", "Cache-Control": "no-store"}
        if len(body) >= GZIP_FROM_BYTES and accepts_gzip(request.headers.get("accept-encoding", "")):
            body = gzip.compress(body, GZIP_LEVEL)
            headers["Content-Encoding"] = "gzip"
        return Response(body, media_type=OPENMETRICS_1 if openmetrics else TEXT, headers=headers)

    @app.api_route("/-/healthy", methods=["GET", "HEAD"])
    async def healthy() -> Response:
        return PlainTextResponse("healthy\n")

    @app.api_route("/-/ready", methods=["GET", "HEAD"])
    async def ready() -> Response:
        if is_ready():
            return PlainTextResponse("ready\n")
        return PlainTextResponse("no snapshot yet\n", status_code=503)

    return app


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        key, _, value = parameter.strip().partition("=")
        if key == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


def _offers(header: str) -> dict[str, float]:
    """Names of an Accept or Accept-Encoding header with their quality; the highest where one stands twice."""
    offers: dict[str, float] = {}
    for part in header.split(","):
        name, *parameters = part.split(";")
        name = name.strip().lower()
        offers[name] = max(_quality(parameters), offers.get(name, 0.0))
    return offers


def wants_openmetrics(accept: str) -> bool:
    """Whether OpenMetrics is asked for at least as much as the text format."""
    offers = _offers(accept)
    openmetrics = offers.get("application/openmetrics-text", 0.0)
    return openmetrics > 0 and openmetrics >= offers.get("text/plain", 0.0)


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether gzip is accepted."""
    return _offers(accept_encoding).get("gzip", 0.0) > 0
