"""The page for people by itself: valid, usable without eyes, mouse and JavaScript, and it repeats nothing unescaped."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import html5lib
import httpx
import pytest

from exporter.collect.course import SLOTS, Stretch
from exporter.collect.digest import Capture, Check, Day, Digest, Failure
from exporter.collect.names import Named, Names
from exporter.collect.packing import Text
from exporter.overview import Overview, Problem, State
from exporter.values import PageMode
from exporter.web import app as web
from exporter.web import page as pages
from exporter.web import sheet
from exporter.web.markup import el, value, visible
from exporter.web.page import Scene, Source
from exporter.web.settings import Settings, WebSettings
from tests.texts import giving

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(1)'>",
    "</title></style></table><h1>owned",
    "name\u202egnp.exe\u2066\u200f",
    "{{ 7 * 7 }} {0} %s &amp; &lt;",
    "line\nbreak\x00\x1b[31m\x07",
    "\ud800 lone",
    "a" * 5000,
    "  ",
]
NAMED = Named(datetime(2026, 1, 2, tzinfo=UTC), "acme", "BATCH", "<b>payroll", "23505", "<i>boom", (), "joe", 3)
DIGEST = Digest(
    checks=(
        Check("lost_records", "critical", 3.0, 0.0, "records", "See the log."),
        Check("storage", "unknown", None, None, "bytes", ""),
        Check("rollup_lag", "ok", 0.2, 600.0, "seconds", "."),
    ),
    capture=Capture("failures", "server_log", 3),
    failures=(Failure("acme", "BATCH", "23", 7, 1764400000.0), Failure("acme", "BATCH", "unknown", 1, None)),
    days=(Day("acme", 1234, 7, 1764400000.0), Day("globex", 0, 0, None)),
    ddl={"COMPLETED": 12, "FAILED": 0},
    names=Names((NAMED,), (replace(NAMED, errors=None, objects=("public.a", "<b>")),)),
    stretch=Stretch((0, 3, 12), (1, 0, 0), 1764399600.0, 1764400000.0),
)
LOST = Problem("critical", "lost_records: 3", "See the log.", "ScriptTrackingRecordsLost", "a detail")


def database(name: str = "shop", state: State = "ok", *problems: Problem, digest: Digest = DIGEST) -> Overview:
    """One that is watched."""
    return Overview(name, state, "healthy", problems, False, 20, digest)


class _Known(Settings):
    """By these everybody has shown who he is."""

    @property
    def authenticates(self) -> bool:
        """Everybody has."""
        return True


def source_of(scene: Scene) -> Source:
    """Tells of this scene."""

    async def tell() -> Scene:
        return scene

    return Source(lambda: scene.mode, tell)


def client(*databases: Overview, mode: PageMode = "summary", known: bool = False) -> httpx.AsyncClient:
    """Talks to an application with this page; `known` is whoever asks."""
    settings = WebSettings(current=_Known() if known else Settings())
    source = source_of(Scene(mode, databases, "1.2.3"))
    app = web.create(giving(Text([b""])), lambda: None, lambda: None, settings, source)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://exporter.example")


async def shown(*databases: Overview, path: str = "/", mode: PageMode = "summary", known: bool = False) -> Element:
    """The page, parsed strictly: html5lib raises where it finds a fault."""
    answer = await client(*databases, mode=mode, known=known).get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
    found: Element = parser.parse(answer.text)
    return found


def words(element: Element) -> str:
    """Its text."""
    return "".join(element.itertext())


def named(text: str) -> Named:
    """Something whose every word is this text."""
    return Named(NAMED.at, text, text, text, text, text, (text,), text, 1)


SCENES: dict[str, Sequence[Overview]] = {
    "none": [],
    "one": [database()],
    "one in trouble": [database("shop", "critical", LOST)],
    "unknown": [database(digest=Digest())],
    "some": [database("down", "critical", LOST), database(), database("new", "waiting", digest=Digest())],
    "many": [database(f"db{number}", "warning", LOST) for number in range(120)],
    "hostile": [
        database(
            text, "critical", Problem("critical", text, text, None, text),
            digest=Digest(
                checks=(Check(text, text, 1.0, 2.0, text, text),), capture=Capture(text, text, 1),
                failures=(Failure(text, text, text, 1, 1.0),), days=(Day(text, 1, 1, 1.0),), ddl={text: 1},
                names=Names((named(text),), (named(text),)),
            ),
        )
        for text in HOSTILE
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", SCENES)
async def test_the_page_is_valid_and_usable_without_eyes_or_mouse(name: str) -> None:
    shows: dict[str, Any] = {"mode": "full", "known": True}
    found = [await shown(*SCENES[name], **shows)]
    some = [one for one in SCENES[name][:10] if "\ud800" not in one.name]
    found += [await shown(one, path=pages.link_to(one), **shows) for one in some]
    found += [await shown(replace(one, digest=replace(one.digest, names=Names(refused="<u>")))) for one in some]
    for page in found:
        assert page.get("lang") == "en"
        assert words(page.findall(".//title")[0]).endswith("script-tracking-exporter")
        headings = [int(e.tag[1]) for e in page.iter() if re.fullmatch("h[1-6]", str(e.tag))]
        assert headings.count(1) == 1
        assert all(after <= before + 1 for before, after in pairwise(headings))
        ids = [e.get("id") for e in page.iter() if e.get("id")]
        assert len(ids) == len(set(ids))
        (skip,) = page.findall(".//a[@class='skip']")
        assert str(skip.get("href")).removeprefix("#") in ids
        assert len(page.findall(".//main")) == 1
        assert all(nav.get("aria-label") for nav in page.iter("nav"))
        assert all(words(link).strip() for link in page.iter("a"))
        for table in page.iter("table"):
            assert words(table.findall("./caption")[0]).strip()
            assert {th.get("scope") for th in table.iter("th")} <= {"row", "col"}
            assert all(row[0].tag == "th" for row in table.iter("tr"))
        for region in page.findall(".//*[@class='wide']"):
            assert region.get("tabindex") == "0"
            assert region.get("aria-label")
        addresses = [e.get(key, "/") for e in page.iter() for key in ("href", "src", "action", "data", "srcset")]
        assert [address for address in addresses if not re.match(r"[/#](?!/)", address)] == []
        assert not [e for e in page.iter() if e.tag in ("script", "iframe", "object", "form", "img", "base")]
        assert not [key for e in page.iter() for key in e.attrib if key == "style" or key.startswith("on")]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_written_is_what_is_read_and_nothing_of_it_is_invisible(text: str) -> None:
    page = el("p", text, title=text)
    fragment = html5lib.parseFragment(str(page).encode(), namespaceHTMLElements=False, override_encoding="utf-8")
    assert [child.tag for child in fragment.iter()][1:] == ["p"]
    assert words(fragment) == fragment[0].get("title") == visible(text)
    assert len(value(text)) < 2000
    assert not re.search("[\u202a-\u202e\u2066-\u2069\u200e\u200f\x00-\x1f\x7f\ud800-\udfff]", visible(text))


def test_letters_of_any_language_are_left_as_they_are() -> None:
    assert visible("Überweisung żółw 注文 заказы طلبات") == "Überweisung żółw 注文 заказы طلبات"
    assert visible("a\u202eb\n") == "a\\u{202e}b\\u{a}"


async def test_style_is_let_in_by_its_hash_and_nothing_else() -> None:
    answer = await client(database()).get("/")
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    (style,) = re.findall("<style>(.*?)</style>", answer.text, re.DOTALL)
    assert style == sheet.STYLE


async def test_an_unchanged_page_is_not_sent_again_and_head_has_no_other_headers() -> None:
    talk = client(database())
    first = await talk.get("/")
    assert first.headers["cache-control"] == "private, no-cache"
    again = await talk.get("/", headers={"If-None-Match": f'"other", W/{first.headers["etag"]}'})
    assert (again.status_code, again.content) == (304, b"")
    head = await talk.head("/")
    assert (head.status_code, head.headers["content-length"]) == (200, first.headers["content-length"])
    assert (await talk.post("/")).status_code == 405


@pytest.mark.parametrize(
    "path", ["/?target=other", "/?page=0", "/?page=2", "/?page=-1", "/?page=1e3", "/?page=", "/?target=shop&page=2"]
)
async def test_a_page_that_is_not_there_is_404(path: str) -> None:
    assert (await client(database(), database("b")).get(path)).status_code == 404


@pytest.mark.parametrize("path", ["/", "/?target=shop", "/runbooks/ScriptTrackingTargetDown.md"])
async def test_switched_off_there_is_none(path: str) -> None:
    assert (await client(database(), mode="off").get(path)).status_code == 404


async def test_hundreds_of_databases_are_told_of_page_by_page_and_the_worst_first() -> None:
    many = [
        database(f"db{number:03}", "critical" if number < 20 else "ok", *[LOST] * (number < 20))
        for number in range(500)
    ]
    first = await shown(*many)
    assert "20 of 500 databases need attention" in words(first)
    assert len(first.findall(".//article")) == pages.TOLD_OF
    assert "10 more databases have problems" in words(first)
    named = [words(row[0]) for row in first.iter("tr")][1:]
    assert named == [one.name for one in many[:50]]
    last = await shown(*many, path="/?page=10")
    assert [words(row[0]) for row in last.iter("tr")][1:] == [one.name for one in many[450:]]
    (current,) = last.findall(".//a[@aria-current='page']")
    assert words(current) == "Page 10"


async def test_however_many_look_the_page_is_made_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    async def scene() -> Scene:
        made.append(1)
        return Scene("summary", [database()], "1.2.3")

    clock = [100.0]
    monkeypatch.setattr(pages, "monotonic", lambda: clock[0])
    page = pages.Page(Source(lambda: "summary", scene), lambda: False)
    await asyncio.gather(*(page.body(None, 1) for _ in range(5)))
    assert len(made) == 1
    clock[0] += pages.KEPT_SECONDS
    await page.body(None, 1)
    assert len(made) == 2


async def test_names_are_shown_to_those_alone_who_showed_who_they_are() -> None:
    troubled = database("shop", "critical", LOST)
    for mode in ("summary", "full"):
        page = words(await shown(troubled, mode=mode))
        assert "a detail" not in page
        assert ("web.config_file" in page) == (mode == "full")
        assert "<b>payroll" not in page
    page = words(await shown(troubled, mode="full", known=True))
    assert "a detail" in page
    assert "<b>payroll" in page
    answer = await client(troubled, mode="full", known=True).get("/")
    assert answer.headers["cache-control"] == "no-store"
    assert "a detail" not in words(await shown(troubled, mode="summary", known=True))


async def test_a_runbook_is_served_as_it_came_with_the_release_and_nothing_else() -> None:
    talk = client(database())
    answer = await talk.get("/runbooks/ScriptTrackingTargetDown.md")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.text == (ROOT / "docs" / "runbooks" / "ScriptTrackingTargetDown.md").read_text()
    assert (await talk.head("/runbooks/ScriptTrackingTargetDown.md")).status_code == 200
    for name in ("Nonesuch", "../operations", "..%2foperations", "%2e%2e/operations", "", "a" * 200, "x%00"):
        assert (await talk.get(f"/runbooks/{name}.md")).status_code == 404


async def test_the_last_hours_are_drawn_and_told_in_words() -> None:
    page = await shown(database())
    (picture,) = page.findall(".//{http://www.w3.org/2000/svg}svg")
    assert picture.get("role") == "img"
    ddl, failed = (picture.findall(f".//*[@class='{name}']")[0].get("d", "") for name in ("ddl", "failed"))
    assert re.findall(r"M(\d+) 11v-(\d+)", ddl) == [(str(3 * (SLOTS - 2)), "2"), (str(3 * (SLOTS - 1)), "10")]
    assert re.findall(r"M(\d+) 13v(\d+)", failed) == [(str(3 * (SLOTS - 3)), "10")]
    assert words(page).count("15 DDL statements, 1 failure since 07:06 UTC") == 2, "in the picture and beside it"
    several = await shown(database(), database("new", "waiting", digest=Digest()))
    assert len(several.findall(".//{http://www.w3.org/2000/svg}svg")) == 1


async def test_hours_in_which_nothing_was_are_an_empty_line() -> None:
    page = await shown(database(digest=Digest(stretch=Stretch((0,) * SLOTS, (0,) * SLOTS, 0.0, 0.0))))
    drawn = [e.get("d") for e in page.iter() if e.get("d") is not None]
    assert drawn == [f"M0 12H{3 * SLOTS}", "", ""]
    assert "0 DDL statements, 0 failures since 00:00 UTC" in words(page)
