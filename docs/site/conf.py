"""The documents as a site, by `make docs`; its source folder is the repository: links lead where they do in a clone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from exporter import __version__

ROOT = Path(__file__).resolve().parents[2]

project = "script-tracking-exporter"
version = release = __version__
project_copyright = "the authors; Apache-2.0"
extensions = ["myst_parser"]
root_doc = "docs/index"
include_patterns = ["docs/**", "examples/README.md", "*.md"]
# so that nothing of them is looked through
exclude_patterns = [".*", "benchmarks", "build", "deploy", "dist", "exporter", "grafana", "sql", "tests"]

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4
nitpicky = True
# what colours the code knows neither commands of psql within SQL nor names of recording rules
suppress_warnings = ["misc.highlighting_failure"]

html_theme = "furo"
html_title = f"{project} {version}"
html_show_sphinx = False
html_copy_source = False
html_static_path = ["static"]
html_css_files = ["wide.css"]
html_theme_options = {"source_repository": "", "top_of_page_buttons": []}

_ELSEWHERE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<meta http-equiv="refresh" content="0; url={url}"><link rel="canonical" href="{url}"><a href="{url}">{title}</a></html>
"""


def _point_to_pages(app: Any, failure: Exception | None) -> None:
    """The site's first page, and each runbook under the address that alerts name: `runbook_base` and `NAME.md`."""
    if failure is not None or app.builder.name != "html":
        return
    out = Path(app.outdir)
    (out / "index.html").write_text(_ELSEWHERE.format(title=project, url="docs/index.html"), encoding="utf-8")
    for page in sorted(out.glob("docs/runbooks/*.html")):
        folder = page.with_suffix(".md")
        folder.mkdir(exist_ok=True)
        text = _ELSEWHERE.format(title=page.stem, url=f"../{page.name}")
        (folder / "index.html").write_text(text, encoding="utf-8")


def _for_the_site(app: Any, docname: str, source: list[str]) -> None:
    """Fences name their language alone, without what they tell the tests; the alerts lead to their runbooks."""
    source[0] = re.sub(r"(?m)^(\s*```\w+) [\w-]+$", r"\1", source[0])
    if docname == "docs/alerts":
        source[0] += "\n```{toctree}\n:hidden:\n:glob:\n\nrunbooks/*\n```\n"


def setup(app: Any) -> None:
    """What Sphinx asks for."""
    app.connect("build-finished", _point_to_pages)
    app.connect("source-read", _for_the_site)
