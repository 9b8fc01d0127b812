"""The page at `/`, for people: what is watched, what is not as it should be and what to do about it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from exporter.overview import Overview, Problem
from exporter.schedule import monotonic
from exporter.values import PageMode
from exporter.web import runbooks, sections, sheet
from exporter.web.markup import el

ROWS = 50  # databases on one page
TOLD_OF = 10  # databases whose problems are told of at length
KEPT_SECONDS = 1.0  # a page is made at most so often, however many look at it
KEPT_PAGES = 32

LINKS = (("/metrics", "Metrics"), ("/-/ready", "Ready?"), ("/-/healthy", "Healthy?"))
API = ("/api/v1/openapi.json", "API (by token)")


@dataclass(frozen=True)
class Scene:
    """What there is to show."""

    mode: PageMode
    databases: Sequence[Overview]  # the worst first
    version: str
    not_ready: str | None = None
    problems: Sequence[Problem] = field(default=())  # of the exporter itself
    api: bool = False  # whether there are tokens for it


@dataclass(frozen=True)
class Source:
    """Where that comes from."""

    mode: Callable[[], PageMode]
    scene: Callable[[], Awaitable[Scene]]


class Page:
    """Makes the page of what is known already: nobody's look at it asks a database."""

    def __init__(self, source: Source, authenticates: Callable[[], bool]) -> None:
        """`authenticates()` tells whether only those get here whom a password or a certificate let in."""
        self._source = source
        self._making = asyncio.Lock()
        self._authenticates = authenticates
        self._kept: dict[tuple[str | None, int], tuple[float, bytes, bool]] = {}

    @property
    def routes(self) -> list[Route]:
        """Its paths."""

        async def page(request: Request) -> Response:
            if self._source.mode() == "off":
                raise HTTPException(404)
            target = request.query_params.get("target")
            number = request.query_params.get("page", "1")
            if not (number.isascii() and number.isdigit() and 0 < len(number) < 5):
                raise HTTPException(404)
            body, names = await self.body(target, int(number))
            tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
            headers = {
                "Content-Security-Policy": sheet.POLICY,
                "Cache-Control": "no-store" if names else "private, no-cache",
                "ETag": tag,
            }
            if tag in [
                given.strip().removeprefix("W/") for given in request.headers.get("if-none-match", "").split(",")
            ]:
                return Response(status_code=304, headers=headers)
            return Response(body, media_type="text/html; charset=utf-8", headers=headers)

        async def runbook(request: Request) -> Response:
            text = None if self._source.mode() == "off" else runbooks.read(request.path_params["name"])
            if text is None:
                raise HTTPException(404)
            return PlainTextResponse(text, headers={"Cache-Control": "private, max-age=3600"})

        return [Route("/", page), Route("/runbooks/{name}.md", runbook)]

    async def body(self, target: str | None, number: int) -> tuple[bytes, bool]:
        """The page, and whether it names what no metric names. Raises HTTPException where there is no such page."""
        async with self._making:
            known = self._kept.get((target, number))
            if known is not None and known[0] > monotonic():
                return known[1], known[2]
            return await self._make(target, number)

    async def _make(self, target: str | None, number: int) -> tuple[bytes, bool]:
        scene = await self._source.scene()
        names = scene.mode == "full" and self._authenticates()
        body = (Markup("<!DOCTYPE html>\n") + self._html(scene, target, number, names=names)).encode()
        if len(self._kept) >= KEPT_PAGES:
            self._kept.clear()
        self._kept[target, number] = monotonic() + KEPT_SECONDS, body, names
        return body, names

    def _html(self, scene: Scene, target: str | None, number: int, *, names: bool) -> Markup:
        title, content = self._content(scene, target, number, names=names)
        paths = (*LINKS, API) if scene.api else LINKS
        links = [el("li", el("a", text, href=path)) for path, text in paths]
        return el(
            "html",
            el(
                "head",
                el("meta", charset="utf-8"),
                el("meta", name="viewport", content="width=device-width, initial-scale=1"),
                el("meta", name="robots", content="noindex"),
                el("title", f"{title} - script-tracking-exporter"),
                el("style", Markup(sheet.STYLE)),
            ),
            el(
                "body",
                el("a", "Skip to the content", href="#content", class_="skip"),
                el(
                    "header",
                    el("h1", el("a", "script-tracking-exporter", href="/"), " ", el("small", scene.version)),
                    el("nav", el("ul", *links), aria_label="This exporter"),
                ),
                el("main", *content, id="content"),
            ),
            lang="en",
        )

    def _content(self, scene: Scene, target: str | None, number: int, *, names: bool) -> tuple[str, list[Markup]]:
        if target is not None:
            found = next((one for one in scene.databases if one.name == target), None)
            if found is None or number != 1:
                raise HTTPException(404)
            return sections.verdict_of(found), [sections.heading_of(found), *self._of_one(found, scene, names=names)]
        pages = max(1, -(-len(scene.databases) // ROWS))
        if not 1 <= number <= pages:
            raise HTTPException(404)
        title = sections.verdict(scene.databases)
        alone = len(scene.databases) == 1 and not scene.problems
        content = [sections.heading_of(scene.databases[0]) if alone else sections.heading(title)]
        if scene.not_ready is not None:
            content.append(el("p", f"Not ready to be scraped: {scene.not_ready}.", class_="quiet"))
        if alone:
            return title, content + self._of_one(scene.databases[0], scene, names=names)
        troubled = [one for one in scene.databases if one.problems]
        if troubled or scene.problems:
            content.append(el("h2", "What to do"))
            content += [sections.problems("This exporter", None, scene.problems, names=names)] * bool(scene.problems)
            content += [
                sections.problems(one.name, link_to(one), one.problems, names=names) for one in troubled[:TOLD_OF]
            ]
            if len(troubled) > TOLD_OF:
                content.append(
                    el("p", f"{len(troubled) - TOLD_OF} more databases have problems: the table tells which.")
                )
        content.append(el("h2", "Databases"))
        shown = scene.databases[(number - 1) * ROWS : number * ROWS]
        if not shown:
            content.append(el("p", "No database is watched: the key targets, or file_sd, names them."))
        else:
            content.append(sections.table_of_databases(shown, link_to, number, pages))
            content += [_turn(number, pages)] * (pages > 1)
        return title, content

    def _of_one(self, one: Overview, scene: Scene, *, names: bool) -> list[Markup]:
        content = []
        if one.problems:
            content += [el("h2", "What to do"), sections.problems(one.name, None, one.problems, names=names)]
        content += sections.of_one(one, names=names)
        if scene.mode == "full" and not names:
            content.append(
                el(
                    "p",
                    "Names and messages are shown to those alone whom a password or a client certificate let in: "
                    "web.config_file.",
                    class_="quiet",
                )
            )
        return content


def link_to(one: Overview) -> str:
    """Where one database is told of."""
    return "/?" + urlencode({"target": one.name}, errors="replace")


def _turn(number: int, pages: int) -> Markup:
    """Links to the other pages."""
    links = []
    for other in range(1, pages + 1):
        current = "page" if other == number else None
        links.append(el("li", el("a", f"Page {other}", href=f"/?page={other}", aria_current=current)))
    return el("nav", el("ul", *links), aria_label="Pages of databases")
