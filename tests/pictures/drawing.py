"""Pictures of dashboards in Chromium, and what their panels show."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from tests.fix_browser import Browser

WIDTH = 1500
NOTE = "Drawn with Grafana's own components from a real Prometheus' data; not a screenshot of a Grafana server."
DRAWN_WITHIN_SECONDS = 180.0
TALLEST, MARGIN = 8000, 16  # pixels
BOTTOM = "Math.ceil(document.querySelector('#page > div').lastElementChild.getBoundingClientRect().bottom)"


@dataclass(frozen=True)
class Asked:
    """What to draw; times in seconds since 1970, `scrape` the seconds between two scrapes."""

    dashboard: str
    theme: str
    start: float
    end: float
    scrape: int = 15
    expanded: bool = False
    width: int = WIDTH
    choices: dict[str, str] = field(default_factory=dict)

    def query(self) -> str:
        """As the page's address says it."""
        fields = {
            "dashboard": f"dashboards/{self.dashboard}.json",
            "theme": self.theme,
            "from": round(self.start * 1000),
            "to": round(self.end * 1000),
            "scrape": self.scrape,
            "expanded": int(self.expanded),
            "note": NOTE,
            **{f"var-{name}": value for name, value in self.choices.items()},
        }
        return urlencode(fields)


@dataclass(frozen=True)
class Picture:
    """A PNG, and of each panel what it shows."""

    png: bytes
    panels: list[dict[str, Any]]
    variables: dict[str, str]

    def problems(self) -> Iterator[str]:
        """Panels that show an error, nothing, or what is not a number."""
        for panel in self.panels:
            where = f"{panel['id']} {panel['title']}"
            if "error" in panel:
                yield f"{where}: {panel['error']}"
            elif panel["notANumber"]:
                yield f"{where}: {panel['notANumber']} values that are not finite numbers"
            elif panel["queries"] and not (panel["values"] and panel["shown"]):
                yield f"{where}: no data, shows {panel['shown']!r}"
            elif "NaN" in panel["shown"] or "No data" in panel["shown"]:
                yield f"{where}: shows {panel['shown']!r}"


class NotDrawn(AssertionError):
    """The page failed, with its own words."""


def draw(browser: Browser, address: str, asked: Asked) -> Picture:
    """Opens the page, waits until every panel is drawn, and takes the whole of it."""
    # tables are filled only where they are in sight
    _resize(browser, asked.width, TALLEST)
    browser.open(f"{address}?{asked.query()}")
    end = time.monotonic() + DRAWN_WITHIN_SECONDS
    while (told := browser.value("window.drawn")) is None:
        if time.monotonic() > end:
            raise NotDrawn(f"{asked.dashboard} is not drawn within {DRAWN_WITHIN_SECONDS:g} s")
        time.sleep(0.2)
    if "error" in told:
        raise NotDrawn(told["error"])
    height = browser.value(BOTTOM) + MARGIN
    _resize(browser, asked.width, height)
    time.sleep(0.5)
    png = base64.b64decode(browser.ask("Page.captureScreenshot", format="png")["data"])
    return Picture(png, told["panels"], told["variables"])


def _resize(browser: Browser, width: int, height: int) -> None:
    browser.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
