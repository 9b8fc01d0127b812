"""The page of real databases in Chromium, light and dark, wide and narrow: nothing overflows.

`make page-pictures` keeps the pictures of docs/.
"""

from __future__ import annotations

import base64
import os
import random
import time
from pathlib import Path

import psycopg
import pytest

from tests.fix_browser import Browser
from tests.fix_exporter import Exporter, StartExporter, eventually
from tests.fix_injected import Injected

pytestmark = pytest.mark.majors  # a browser takes seconds to start

PICTURES = os.environ.get("WRITE_PICTURES")  # a folder
SLOT_SECONDS = 2
WORK_SECONDS = 100.0 if PICTURES else 5.0
WIDTHS = (1000, 360)
TENANTS = ("acme", "globex", "initech")
TYPES = ("LOAD", "BATCH", "REPORT")
STATES = ("22012", "23505", "40001")

ACKNOWLEDGE = """
select script_tracking.acknowledge_change(change_id, 'made by the test') from script_tracking.get_untracked_changes()
where acknowledged_at is null
"""


def work(dsns: list[str]) -> None:
    """What there is to be seen: DDL, and operations of some tenants, of which some fail."""
    chance = random.Random(7)
    sessions = [psycopg.connect(dsn, autocommit=True) for dsn in dsns]
    for session in sessions:
        for tenant in TENANTS:
            session.execute("select script_tracking.register_tenant(%s)", (tenant,))
    end = time.monotonic() + WORK_SECONDS
    number = 0
    while time.monotonic() < end:
        number += 1
        for session in sessions:
            for _ in range(chance.randrange(3)):
                session.execute(f"create table if not exists orders_{chance.randrange(10**9)} (id int)".encode())
            for _ in range(chance.randrange(4)):
                kind, well = chance.choice(TYPES), chance.random() > 0.05
                told = None if well else chance.choice(STATES)
                session.execute(
                    "select script_tracking.complete_operation("
                    "script_tracking.track_operation(%s, %s, %s), %s, %s, %s)",
                    (f"{kind.lower()}-{number}", kind, chance.choice(TENANTS), well, None if well else "no", told),
                )
        time.sleep(0.5)
    for session in sessions:
        session.close()


def picture(browser: Browser, width: int) -> bytes:
    """The whole page as it is, in PNG."""
    browser.ask("Emulation.setDeviceMetricsOverride", width=width, height=700, deviceScaleFactor=1, mobile=False)
    height = browser.value("document.documentElement.scrollHeight")
    browser.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
    return base64.b64decode(browser.ask("Page.captureScreenshot", format="png")["data"])


def shown(running: Exporter) -> bool:
    """Whether all that the picture is to show has been collected."""
    text = running.get("/?target=orders").body.decode()
    return all(word in text for word in TENANTS) and "unknown" not in text


def is_known(running: Exporter, dsns: list[str]) -> bool:
    """Whether the page tells of no change round the tracker any more. Such is the other database; whichever comparison
    finds it, however late, it is acknowledged.
    """
    for dsn in dsns:
        with psycopg.connect(dsn, autocommit=True) as admin:
            admin.execute(ACKNOWLEDGE)
    return "untracked_changes" not in running.get("/").body.decode()


def test_the_page_fits_wide_and_narrow_screens_in_light_and_dark(
    tmp_path: Path,
    installed_database: str,
    second_database: str,
    exporter: StartExporter,
    injected: Injected,
    browser: Browser,
) -> None:
    injected.set("slot", str(SLOT_SECONDS))
    targets = [
        {"name": "orders", "dsn": installed_database},
        {"name": "billing", "dsn": second_database},
        {"name": "warehouse", "dsn": "postgresql://nobody@127.0.0.1:1/none"},
    ]
    sooner = {name: {"interval": "1s"} for name in ("operations", "errors", "dashboard", "health")}
    running = exporter("", environment=injected.environment, targets=targets, collectors=sooner)
    for name in ("orders", "billing"):
        running.wait_for_value(1, "script_tracking_collector_success", 90, target=name, collector="dashboard")
    work([installed_database, second_database])
    with psycopg.connect(second_database, autocommit=True) as admin:
        admin.execute("select script_tracking.pause_tracking('a major upgrade')")
    eventually(lambda: shown(running), 90)
    eventually(lambda: "fallen to basic" in (text := running.get("/").body.decode()) and "tracking_paused" in text, 90)
    eventually(lambda: is_known(running, [installed_database, second_database]), 180)
    for scheme in ("light", "dark"):
        browser.prefer(scheme)
        for width in WIDTHS:
            for path, name in (("/", "light"), ("/?target=orders", "dark")):
                browser.open(running.url + path)
                made = picture(browser, width)
                assert browser.value("document.documentElement.scrollWidth <= innerWidth"), (path, width)
                if PICTURES:
                    wanted = (scheme, width) == (name, WIDTHS[0])
                    folder = Path(PICTURES) if wanted else tmp_path
                    (folder / (f"page-{name}.png" if wanted else f"{scheme}-{width}-{name}.png")).write_bytes(made)
    assert running.process.poll() is None
