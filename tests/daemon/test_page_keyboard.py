"""The page in a browser, by keyboard alone: what can be reached, in which order, and that it shows where one is."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from exporter.collect.packing import Text
from exporter.overview import Overview
from exporter.web import app as web
from exporter.web.listener import listen
from exporter.web.page import KEPT_SECONDS, Scene, Source
from exporter.web.server import Server
from exporter.web.settings import Settings, WebSettings
from tests.fix_browser import Browser
from tests.texts import giving
from tests.unit.test_page import LOST, SCENES, database

pytestmark = pytest.mark.majors  # a browser takes seconds to start

MOST_STOPS = 200


@dataclass
class Site:
    """A server with the page; which scene it shows can be changed."""

    url: str
    scene: Scene

    def show(self, *databases: Overview) -> str:
        """Shows these from now on; the address."""
        self.scene = Scene("summary", databases, "1.2.3")
        time.sleep(KEPT_SECONDS)  # so long the page may be the one before
        return f"{self.url}/"


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """Serves in a thread of its own."""
    listener = listen("127.0.0.1", 0)
    made = Site(f"http://127.0.0.1:{listener.getsockname()[1]}", Scene("summary", (), "1.2.3"))

    async def tell() -> Scene:
        return made.scene

    async def serve() -> None:
        settings = WebSettings(current=Settings())
        source = Source(lambda: made.scene.mode, tell)
        app = web.create(giving(Text([])), lambda: None, lambda: None, settings, source)
        server = Server(app, listener, settings.security)
        ending.append((asyncio.get_running_loop(), server))
        await server.serve()

    ending: list[tuple[asyncio.AbstractEventLoop, Server]] = []
    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    yield made
    for loop, server in ending:
        loop.call_soon_threadsafe(setattr, server, "should_exit", True)
    thread.join(10)


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest, browser: Browser) -> str:
    browser.prefer(request.param)
    return str(request.param)


def stops(browser: Browser) -> list[dict[str, object]]:
    """What the key Tab leads to, one after the other, until the page is left; each is seen, and seen to be focused."""
    found: list[dict[str, object]] = []
    for _ in range(MOST_STOPS):
        focused = browser.press("Tab")
        if focused["tag"] == "body" or (found and focused == found[0]):  # without a window there is nowhere else to go
            return found
        assert focused["seen"], focused
        assert focused["outline"] >= 2, focused
        found.append(focused)
    raise AssertionError("a trap: the page is never left")


REACHABLE = "document.querySelectorAll('a[href], summary, [tabindex=\"0\"]').length"


@pytest.mark.parametrize("name", ["one in trouble", "some", "many"])
def test_everything_is_reached_in_the_order_of_reading(browser: Browser, site: Site, name: str, scheme: str) -> None:
    url = site.show(*SCENES[name])
    browser.open(url)
    found = stops(browser)
    folded = browser.value("document.querySelectorAll('details:not([open]) [tabindex]').length")
    assert len(found) == browser.value(REACHABLE) - folded
    assert found[0]["text"] == "Skip to the content"
    assert [stop["href"] for stop in found[1:4]] == ["/", "/metrics", "/-/ready"]
    ground = browser.value("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(255, 255, 255)") == (scheme == "light")
    # and back again, from the last one: beyond it the browser hands the focus on when it finds the time
    browser.open(url)
    assert [browser.press("Tab") for _ in found] == found
    back = [browser.press("Tab", shift=True) for _ in found[1:]]
    assert [stop["href"] for stop in reversed(back)] == [stop["href"] for stop in found[:-1]]


def test_the_first_link_skips_what_is_the_same_on_every_page(browser: Browser, site: Site) -> None:
    browser.open(site.show(database("shop", "critical", LOST), database("b")))
    first = browser.press("Tab")
    assert first["text"] == "Skip to the content" and first["seen"]
    browser.press("Enter")
    after = browser.press("Tab")
    assert after["href"] == "/?target=shop", "the first link of the content"


def test_what_is_folded_away_is_opened_and_closed_by_a_key(browser: Browser, site: Site) -> None:
    browser.open(site.show(database()))
    while (focused := browser.press("Tab"))["tag"] != "summary":
        assert focused["tag"] != "body", "it is never reached"
    is_open = "document.querySelector('details').open"
    assert browser.value(is_open) is False
    browser.press("Enter")
    assert browser.value(is_open) is True
    inside = browser.press("Tab")
    assert inside["label"] == "1 checks of the tracker itself are ok", "its table can be scrolled by keys"
    browser.press("Tab", shift=True)
    browser.press("Enter")
    assert browser.value(is_open) is False


def test_a_link_is_followed_by_a_key(browser: Browser, site: Site) -> None:
    browser.open(site.show(database("shop", "critical", LOST), database("b")))
    assert any(browser.press("Tab")["href"] == "/?target=b" for _ in range(MOST_STOPS)), "it is never reached"
    browser.press("Enter")
    browser.wait_for("document.readyState + location.search", "complete?target=b")
    assert "b: healthy" in browser.value("document.querySelector('.verdict').textContent")
