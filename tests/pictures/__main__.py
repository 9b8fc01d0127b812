"""`python -m tests.pictures [DASHBOARD ...]`: pictures of the dashboards, and what their panels show."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.fix_browser import Browser
from tests.pictures.drawing import Asked, Picture, draw
from tests.pictures.served import BUILD, DASHBOARDS, Sources, served
from tests.pictures.smaller import smaller
from tests.pictures.stage import Stage, set_stage
from tests.pictures.watched import SCRAPE_SECONDS

DURATION_SECONDS = 600.0
ALSO_DARK = {"overview"}  # the others differ from it in the theme alone
FIRST_SCREEN = 920  # pixels: verdict, rates and durations


def main() -> int:
    """Exit code 0, or 1 where a panel shows an error, nothing, or what is not a number."""
    parser = argparse.ArgumentParser(prog="python -m tests.pictures", description=__doc__)
    parser.add_argument("--write", type=Path, metavar="FOLDER", help="where the pictures go")
    parser.add_argument("--whole", type=Path, metavar="FOLDER", help="where pictures with every row open go")
    parser.add_argument("--seconds", type=float, default=DURATION_SECONDS, help="how long the databases work")
    parser.add_argument("--keep", action="store_true", help="keep all of it running, and say where it is")
    parser.add_argument("dashboards", nargs="*", metavar="DASHBOARD", help="only these, such as overview")
    arguments = parser.parse_args()
    if not (BUILD / "page.js").exists():
        parser.error("grafana/pictures is not built: make dashboard-page")
    return asyncio.run(_show(arguments))


async def _show(arguments: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory(prefix="script-tracking-pictures-") as place:
        folder = Path(place)
        folder.chmod(0o711)
        async with set_stage(folder, arguments.seconds) as stage:
            with served(Sources(stage.prometheus_url, stage.dsn)) as address:
                problems = _draw_all(arguments, stage, address, folder / "browser")
                if arguments.keep:
                    told = {"address": address, "start": stage.start, "end": stage.end, "choices": stage.choices}
                    print(json.dumps(told), flush=True)
                    await asyncio.Event().wait()
    return 1 if problems else 0


def _draw_all(arguments: argparse.Namespace, stage: Stage, address: str, home: Path) -> bool:
    """Whether anything is amiss; prints as JSON what each dashboard's panels show."""
    names = arguments.dashboards or sorted(file.stem for file in DASHBOARDS.glob("*.json"))
    report: dict[str, Any] = {}
    browser = Browser(home)
    try:
        for name in names:
            choices = stage.choices.get(name, {})
            asked = Asked(name, "light", stage.start, stage.end, SCRAPE_SECONDS, choices=choices)
            whole = draw(browser, address, replace(asked, expanded=True))
            _keep(whole, arguments.whole, name)
            problems = list(whole.problems())
            report[name] = {"problems": problems, "panels": whole.panels}
            if arguments.write is not None:
                light = draw(browser, address, asked) if _has_folded_rows(name) else whole
                _keep(light, arguments.write, f"{name}-light")
                if name in ALSO_DARK:
                    _keep(draw(browser, address, replace(asked, theme="dark")), arguments.write, f"{name}-dark")
    finally:
        browser.close()
    json.dump(report, sys.stdout, indent=1)
    print(flush=True)
    for name, found in report.items():
        for problem in found["problems"]:
            print(f"{name}: {problem}", file=sys.stderr)
    return any(found["problems"] for found in report.values())


def _has_folded_rows(name: str) -> bool:
    model = json.loads((DASHBOARDS / f"{name}.json").read_text(encoding="utf-8"))
    return any(panel.get("collapsed") for panel in model["panels"])


def _keep(picture: Picture, folder: Path | None, name: str) -> None:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.png").write_bytes(smaller(picture.png))
        if name == "overview-light":
            (folder / "overview-first.png").write_bytes(smaller(picture.png, FIRST_SCREEN))


if __name__ == "__main__":
    sys.exit(main())
