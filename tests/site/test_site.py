"""The documents as a site: strict, complete, without anything of somebody else's, and readable on a phone at night."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urljoin
from urllib.request import urlopen

import html5lib
import pytest

from tests.fix_browser import Browser

pytestmark = pytest.mark.majors

ROOT = Path(__file__).resolve().parents[2]
LOADS = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src"}


def elements(file: Path) -> list[tuple[str, dict[str, str]]]:
    """Names and attributes of all of a page's elements."""
    tree = html5lib.parse(file.read_text(encoding="utf-8"), namespaceHTMLElements=False)
    return [(str(element.tag), dict(element.attrib)) for element in tree.iter()]


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    loaded = {
        (file.name, attributes[LOADS[name]])
        for file in site.rglob("*.html")
        for name, attributes in elements(file)
        if name in LOADS and LOADS[name] in attributes and attributes.get("rel") != "canonical"
    }
    assert {name for name, _ in loaded} >= {"index.html", "levels.html"}
    assert [pair for pair in loaded if re.match(r"(\w+:)?//", pair[1])] == []
    styles = "".join(file.read_text(encoding="utf-8") for file in site.rglob("*.css"))
    assert re.findall(r"(?:@import|url\()\s*['\"]?(?:https?:)?//[^)\s]*", styles) == []


def test_every_link_within_the_site_leads_to_a_page_and_a_place_on_it(site: Path) -> None:
    pages = {file: elements(file) for file in site.rglob("*.html")}
    places = {file: {attributes.get("id", "") for _, attributes in found} for file, found in pages.items()}
    broken, followed = [], 0
    for file, found in pages.items():
        for name, attributes in found:
            path, _, fragment = unquote(attributes.get("href", "")).partition("#")
            if name != "a" or re.match(r"\w+:", path):
                continue
            target = (file.parent / path).resolve() if path else file
            followed += 1
            if not target.exists() or (fragment and fragment not in places[target]):
                broken.append((file.name, attributes["href"]))
    assert broken == []
    assert followed > 1000


def test_what_alerts_name_is_a_page_of_the_site(served: str) -> None:
    rules = "".join(file.read_text() for file in (ROOT / "deploy" / "prometheus" / "rules").glob("*.yaml"))
    names = set(re.findall(r'"docs/runbooks" \}\}/(\w+\.md)', rules))
    assert names
    for name in names:
        with urlopen(f"{served}/docs/runbooks/{name}") as answer:  # which leads to the folder's index
            (url,) = re.findall(r"; url=([^\"]+)", answer.read().decode())
            with urlopen(urljoin(answer.url, url)) as page:
                assert f"<h1>{name.removesuffix('.md')}" in page.read().decode()


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("page", ["index", "metrics", "sql", "levels", "runbooks/ScriptTrackingErrorSpike"])
def test_a_page_fits_its_screen(browser: Browser, served: str, page: str, width: int) -> None:
    browser.ask("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=width < 600)
    browser.open(f"{served}/docs/{page}.html")
    assert browser.value("document.documentElement.scrollWidth") <= width


def test_it_is_dark_where_the_reader_has_it_dark(browser: Browser, served: str) -> None:
    shades = {}
    for scheme in ("light", "dark"):
        browser.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        browser.open(f"{served}/docs/index.html")
        color = browser.value("getComputedStyle(document.body).backgroundColor")
        shades[scheme] = sum(map(int, re.findall(r"\d+", color)[:3])) / 3
    assert shades["light"] > 200
    assert shades["dark"] < 60


def test_the_search_finds_without_anybody_elses_server(browser: Browser, served: str) -> None:
    browser.open(f"{served}/search.html?q=script_tracking_rollup_lag_seconds")
    browser.wait_for("[...document.querySelectorAll('.search a')].some(a => a.href.includes('docs/metrics'))", True)
    asked = browser.value("performance.getEntriesByType('resource').map(entry => new URL(entry.name).origin)")
    assert set(asked) == {served}
