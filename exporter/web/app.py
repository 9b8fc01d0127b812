"""The application: what is not the API. It is Starlette's, which starts and answers in a fraction of FastAPI's time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from exporter.probe import Prober, Refusal
from exporter.web.absolute import OriginForm
from exporter.web.auth import BasicAuth
from exporter.web.bodies import BodyLimit
from exporter.web.exposition import Exposition, Render
from exporter.web.gate import Gate
from exporter.web.headers import ResponseHeaders
from exporter.web.metrics import METHODS, PATH, Metrics, MetricsFirst
from exporter.web.negotiation import OPENMETRICS, TEXT, accepts_gzip, wants_openmetrics
from exporter.web.page import Page, Source
from exporter.web.rate import RateLimited
from exporter.web.settings import WebSettings
from exporter.web.tally import Tally
from exporter.web.traffic import Counted, Traffic
from exporter.web.turns import InTurn

if TYPE_CHECKING:
    from exporter.apiconfig import ApiToken
    from exporter.watch import Watch

Reload = Callable[[], Awaitable[tuple[str, ...]]]


def create(
    render: Render,
    not_ready: Callable[[], str | None],
    reload: Callable[[], Reload | None],
    settings: WebSettings | None = None,
    source: Source | None = None,
    tokens: Callable[[], Sequence[ApiToken]] = tuple,
    watches: Callable[[], Sequence[Watch]] = tuple,
    prober: Prober | None = None,
    tally: Tally | None = None,
    traffic: Traffic | None = None,
) -> ASGIApp:
    """`render(openmetrics)` gives the text, `not_ready()` why the daemon is not ready to be scraped, or None.

    `reload()` gives what reads the configuration anew and tells what is wrong with it; None where nobody may ask so.
    `source` tells what the page for people shows; without it there is none.
    `prober` answers `/probe`.
    With one of `tokens()` the API answers from `watches()`, and `tally` counts what it is asked; `traffic` counts all
    requests.
    """
    settings = settings or WebSettings()
    metrics = Metrics(Exposition(render))

    async def healthy(_: Request) -> Response:
        return PlainTextResponse("healthy\n")

    async def ready(_: Request) -> Response:
        reason = not_ready()
        if reason is None:
            return PlainTextResponse("ready\n")
        return PlainTextResponse(f"{reason}\n", status_code=503)

    async def reloaded(_: Request) -> Response:
        allowed = reload()
        if allowed is None:
            return PlainTextResponse("not enabled: web.enable_lifecycle\n", status_code=403)
        problems = await allowed()
        if problems:
            return PlainTextResponse("".join(f"{problem}\n" for problem in problems), status_code=500)
        return PlainTextResponse("reloaded\n")

    routes = [
        Route(PATH, metrics, methods=METHODS),
        Route("/-/healthy", healthy),
        Route("/-/ready", ready),
        Route("/-/reload", reloaded, methods=["POST", "PUT"]),
    ]
    if prober is not None:
        probing = prober

        async def probe(request: Request) -> Response:
            query, headers = request.query_params, request.headers
            openmetrics = wants_openmetrics(", ".join(headers.getlist("accept")))
            answer = await probing.answer(
                query.getlist("target"),
                query.getlist("module"),
                headers.get("x-prometheus-scrape-timeout-seconds"),
                openmetrics=openmetrics,
            )
            if isinstance(answer, Refusal):
                return PlainTextResponse(f"{answer.text}\n", status_code=answer.status)
            told = {"Vary": "Accept, Accept-Encoding"}
            packs = accepts_gzip(", ".join(headers.getlist("accept-encoding")))
            if packs:
                told["Content-Encoding"] = "gzip"
            body = await asyncio.to_thread(answer.packed) if packs else answer.plain
            return Response(body, media_type=OPENMETRICS if openmetrics else TEXT, headers=told)

        routes.append(Route("/probe", probe))

    if source is not None:
        routes += Page(source, lambda: settings.current.authenticates).routes

    async def refused(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        headers = dict(error.headers or {})
        if "Allow" in headers:
            headers["Allow"] = ", ".join(sorted(headers["Allow"].split(", ")))
        return PlainTextResponse(f"{error.detail}\n", status_code=error.status_code, headers=headers)

    app = Starlette(routes=routes, exception_handlers={HTTPException: refused})
    app.router.redirect_slashes = False  # a redirection would go to wherever the request's Host says
    allowed = BasicAuth(BodyLimit(MetricsFirst(metrics, app)), lambda: settings.current.users)
    limited = RateLimited(Gate(allowed, tokens, watches, tally or Tally()), lambda: settings.current.rate_limit)
    answered = ResponseHeaders(InTurn(limited), lambda: settings.current.headers)
    return OriginForm(Counted(answered, traffic or Traffic()))
