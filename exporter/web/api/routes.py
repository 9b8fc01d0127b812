"""The FastAPI application of the API, and its OpenAPI. Annotations are evaluated, as FastAPI reads its endpoints'."""

import json
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import FastAPI, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import StreamingResponse
from starlette.exceptions import HTTPException

from exporter import __version__
from exporter.apiconfig import ApiToken
from exporter.logs import get_logger
from exporter.target import Target
from exporter.watch import Watch
from exporter.web.api import cursors, formats, problems
from exporter.web.api.asking import Desk
from exporter.web.api.columns import Column, record
from exporter.web.api.description import listed, refused, single
from exporter.web.api.formats import Format, Record
from exporter.web.api.listings import EXECUTION, LISTS, NODE, TARGET, VERSION, List
from exporter.web.api.problems import Problem
from exporter.web.api.questions import DEFAULT_ROWS, MOST_ROWS, Key, Listing, OfTarget, Question

log = get_logger("api")

BASE = "/api/v1"
TREE_ROWS = 1000
PARTS = {"versions": VERSION, "tree": NODE}  # of one execution, by statement
_MESSAGES = {"extra_forbidden": "there is no such parameter", "missing": "is needed"}
HEADERS = {"Vary": "Accept, Authorization"}


def build(watches: Callable[[], Sequence[Watch]]) -> FastAPI:
    """The application. The token of a request is in its scope: who has none does not come so far."""
    app = FastAPI(
        title="script-tracking-exporter",
        version=__version__,
        description="The record of DDL statements and operations, read-only, as a role of the database.",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        exception_handlers={
            Problem: problems.answer,
            HTTPException: _refused,
            RequestValidationError: _invalid,
            Exception: _failed,
        },
    )
    desk = Desk(watches)
    for one in LISTS:
        _add_list(app, desk, one)
    _add_execution(app, desk)
    _add_targets(app, desk)
    _add_openapi(app)
    return app


def _add_list(app: FastAPI, desk: Desk, one: List) -> None:
    question = one.question

    async def endpoint(request: Request, asked: Annotated[question, Query()]) -> Response:  # type: ignore[valid-type]
        return await _list(desk, one, request, asked)

    app.get(
        BASE + one.path,
        summary=one.summary,
        description=one.description,
        operation_id=one.statement,
        responses=listed(one.columns, paged=True),
        response_model=None,
    )(endpoint)


async def _list(desk: Desk, one: List, request: Request, asked: Listing) -> Response:
    token = _token(request)
    form = _format(request, asked)
    target = desk.target(token, asked.target)
    values = asked.values()
    asking = {"list": one.path, "target": target.name, **values}
    start = None if asked.cursor is None else cursors.read(asked.cursor, asking, len(one.keys))
    # what is not asked for in pages comes as a whole, each page of it a transaction of its own
    whole = asked.limit is None and form != "json"
    size = MOST_ROWS if whole else asked.limit or DEFAULT_ROWS

    async def page(place: list[str] | None) -> tuple[list[Record], list[str] | None]:
        afters = {f"after_{number}": None if place is None else place[number] for number in range(len(one.keys))}
        rows = await desk.rows(token, target, one.statement, {**values, **afters, "limit": size + 1})
        records = [record(one.columns, row) for row in rows[:size]]
        return records, [str(records[-1][key] or "") for key in one.keys] if len(rows) > size else None

    records, place = await page(start)

    async def pages() -> AsyncIterator[Sequence[Record]]:
        found, after = records, place
        yield found
        while whole and after is not None:
            try:
                found, after = await page(after)
            except Problem as problem:
                log.warning("api_cut_short", target=target.name, token=token.name, reason=problem.detail)
                raise _CutShort from None  # the connection is closed amid the body, which tells the client
            yield found

    headers, following = dict(HEADERS), None
    if place is not None and not whole:
        following = cursors.written(asking, place)
        parameters = [(key, value) for key, value in request.query_params.multi_items() if key != "cursor"]
        headers["Link"] = f'<{BASE}{one.path}?{urlencode([*parameters, ("cursor", following)])}>; rel="next"'
    return _written(form, one.columns, records, pages(), headers, following)


class _CutShort(Exception):
    """An answer ends before its end."""


def _written(
    form: Format,
    columns: tuple[Column, ...],
    records: Sequence[Record],
    pages: AsyncIterator[Sequence[Record]],
    headers: dict[str, str],
    following: str | None = None,
) -> Response:
    match form:
        case "json":
            body = formats.document(records, following)
        case "csv":
            body = formats.csv(columns, pages)
        case "ndjson":
            body = formats.ndjson(pages)
    return StreamingResponse(body, headers={**headers, "Content-Type": formats.MEDIA_TYPES[form]})


async def _once(records: Sequence[Record]) -> AsyncIterator[Sequence[Record]]:
    yield records


def _add_execution(app: FastAPI, desk: Desk) -> None:
    key = Annotated[Key, Path()]

    async def found(
        request: Request, asked: Question, execution_hk: str, offered: Sequence[Format], name: str | None
    ) -> tuple[ApiToken, Target, Format, Record]:
        token = _token(request)
        form = _format(request, asked, offered)
        target = desk.target(token, name)
        rows = await desk.rows(token, target, "execution", {"execution_hk": bytes.fromhex(execution_hk)})
        if not rows:
            raise Problem(404, "there is no such execution")
        return token, target, form, record(EXECUTION, rows[0])

    async def part(token: ApiToken, target: Target, execution_hk: str, name: str) -> list[Record]:
        values = {"execution_hk": bytes.fromhex(execution_hk), "limit": TREE_ROWS}
        return [record(PARTS[name], row) for row in await desk.rows(token, target, name, values)]

    async def execution(request: Request, execution_hk: key, asked: Annotated[OfTarget, Query()]) -> Response:
        token, target, _, one = await found(request, asked, execution_hk, ("json",), asked.target)
        parts = {name: await part(token, target, execution_hk, name) for name in PARTS}
        return Response(formats.dumped({"execution": one, **parts}) + "\n", 200, HEADERS, "application/json")

    app.get(
        f"{BASE}/executions/{{execution_hk}}",
        summary="One execution with its versions and its tree",
        operation_id="execution",
        responses=single({"execution": EXECUTION}, PARTS),
        response_model=None,
    )(execution)

    def add(name: str, summary: str) -> None:
        async def endpoint(request: Request, execution_hk: key, asked: Annotated[OfTarget, Query()]) -> Response:
            every: Sequence[Format] = ("json", "csv", "ndjson")
            token, target, form, _ = await found(request, asked, execution_hk, every, asked.target)
            records = await part(token, target, execution_hk, name)
            return _written(form, PARTS[name], records, _once(records), HEADERS)

        app.get(
            f"{BASE}/executions/{{execution_hk}}/{name}",
            summary=summary,
            operation_id=f"execution_{name}",
            responses=listed(PARTS[name]),
            response_model=None,
        )(endpoint)

    add("versions", "Its versions, oldest first")
    add("tree", f"What it belongs together with by parents, outermost first, {TREE_ROWS} at most")


def _add_targets(app: FastAPI, desk: Desk) -> None:
    async def targets(request: Request, asked: Annotated[Question, Query()]) -> Response:
        form = _format(request, asked)
        records: list[Record] = [
            {
                "target": one.name,
                "up": one.up,
                "standby": one.standby,
                "schema_version": one.schema_version if one.schema_known.is_set() else None,
            }
            for one in desk.targets(_token(request))
        ]
        return _written(form, TARGET, records, _once(records), HEADERS)

    app.get(
        f"{BASE}/targets",
        summary="Targets that this token reads",
        operation_id="targets",
        responses=listed(TARGET, asks=False),
        response_model=None,
    )(targets)


def _add_openapi(app: FastAPI) -> None:
    written: list[bytes] = []

    async def openapi(_request: Request) -> Response:
        if not written:
            described = app.openapi()
            described["components"] = {
                **described.get("components", {}),
                "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            }
            described["security"] = [{"token": []}]
            written.append(json.dumps(described).encode())
        return Response(written[0], media_type="application/json")

    app.get(
        f"{BASE}/openapi.json",
        summary="This description",
        operation_id="openapi",
        responses={
            200: {"content": {"application/json": {"schema": {"type": "object"}}}},
            401: refused(401),
            429: refused(429),
        },
        response_model=None,
    )(openapi)


def _token(request: Request) -> ApiToken:
    token = request.scope["exporter.token"]
    assert isinstance(token, ApiToken)
    return token


def _format(request: Request, asked: Question, offered: Sequence[Format] = ("json", "csv", "ndjson")) -> Format:
    given = [name for name, _ in request.query_params.multi_items()]
    twice = next((name for name in given if given.count(name) > 1), None)
    if twice is not None:  # else the last would be taken, and the answer be to another question
        raise Problem(422, f"{twice[:100]}: given twice")
    return formats.chosen(asked.format, ", ".join(request.headers.getlist("accept")), offered)


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    detail = {404: "there is nothing at this path", 405: "this can only be read: GET"}.get(
        error.status_code, error.detail
    )
    headers = dict(error.headers or {})
    if "Allow" in headers:
        headers["Allow"] = "GET, HEAD"  # which is answered as a GET is
    return problems.response(error.status_code, detail, headers)


async def _invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    told: list[dict[str, Any]] = [
        {
            "parameter": str(found["loc"][1])[:100],  # what follows are pydantic's own names of kinds
            "message": _MESSAGES.get(found["type"]) or str(found["msg"]).removeprefix("Value error, "),
        }
        for found in error.errors()[:20]
        if found["type"] != "none_required"  # of one that may be left out: it was not
    ]
    detail = "; ".join(f"{one['parameter']}: {one['message']}" for one in told)
    return problems.response(422, detail, errors=told)


async def _failed(_request: Request, _error: Exception) -> Response:
    return problems.response(500, "a fault of the exporter; its log tells more")
