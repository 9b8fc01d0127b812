"""The overview drawn with Grafana's own components, from the Prometheus that scraped the busy database."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.fix_browser import Browser
from tests.grafana.conftest import BUSY, Scraped
from tests.grafana.test_live import WITHOUT_TLS
from tests.pictures.drawing import Asked, draw
from tests.pictures.served import BUILD, GRAFANA, Sources, served
from tests.pictures.smaller import smaller

PACKAGE = GRAFANA / "pictures"
CHOICES = {"target": BUSY, "tenant": "acme"}


def test_the_components_are_of_the_version_that_the_dashboards_are_made_for() -> None:
    makefile = (GRAFANA.parent / "Makefile").read_text(encoding="utf-8")
    version = re.search(r"^GRAFANA := (\S+)$", makefile, re.MULTILINE)
    asked: dict[str, Any] = json.loads((PACKAGE / "package.json").read_text(encoding="utf-8"))["dependencies"]
    assert version is not None
    assert {asked[f"@grafana/{name}"] for name in ("data", "schema", "ui")} == {version[1]}


def test_the_lock_file_names_every_package_and_no_place_to_get_it_from() -> None:
    lock: dict[str, Any] = json.loads((PACKAGE / "package-lock.json").read_text(encoding="utf-8"))
    others = {name: package for name, package in lock["packages"].items() if name}
    assert others
    assert all("integrity" in package for package in others.values())
    assert not any("resolved" in package for package in others.values())


@pytest.mark.pictures
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_overview_is_drawn_and_shows_what_there_is(scraped: Scraped, browser: Browser, theme: str) -> None:
    assert (BUILD / "page.js").exists(), "make dashboard-page"
    asked = Asked("overview", theme, scraped.started, scraped.ended, scrape=1, expanded=True, choices=CHOICES)
    with served(Sources(scraped.monitoring.prometheus_url)) as address:
        picture = draw(browser, address, asked)
    assert {word for word in picture.problems() if WITHOUT_TLS not in word} == set()
    assert (picture.variables["target"], picture.variables["tenant"]) == (BUSY, "acme")
    shown = {panel["title"]: panel["shown"] for panel in picture.panels}
    assert shown["Targets tracked"] == "100%"
    assert shown["Records lost"] == "0"
    assert re.fullmatch(
        rf"acme on {BUSY} 2[3-7](\.\d+)?%", shown["Worst tenant's failure ratio"]
    )  # one of four of each round
    assert {"COMPLETED", "FAILED"} <= set(shown["Executions by status"].split())
    assert len(smaller(picture.png)) < len(picture.png)


@pytest.mark.pictures
def test_panels_that_show_nothing_are_told_of(scraped: Scraped, browser: Browser) -> None:
    choices = {"target": "nobody"}
    asked = Asked("overview", "light", scraped.started, scraped.ended, scrape=1, choices=choices)
    with served(Sources(scraped.monitoring.prometheus_url)) as address:
        told = list(draw(browser, address, asked).problems())
    assert any("Executions by type: no data" in word for word in told)
