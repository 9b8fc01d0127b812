"""What the runbooks tell an operator to ask and to type."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from exporter import cli, metricmap

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs" / "runbooks").glob("*.md"))
QUERY = re.compile(r"^```promql\n(.*?)^```$", re.DOTALL | re.MULTILINE)
METRIC = re.compile(r"\bscript_tracking_[a-z0-9_]+")
COMMAND = re.compile(r"(?:^|`)script-tracking-exporter ([a-z][^`\n]*)", re.MULTILINE)
SECTIONS = ["Meaning", "Impact", "Diagnosis", "Mending", "When to silence"]
SUBCOMMANDS = re.compile(r"`(schema [a-z]+)`")


def metrics() -> set[str]:
    """Names of all metrics as they are served; an info metric stands for itself."""
    collected = {metric.name for spec in metricmap.load() for metric in spec.metrics}
    return collected | {metric.name for metric in metricmap.load_own().values()}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_has_all_sections_in_their_order(page: Path) -> None:
    heading, *parts = re.split(r"^## ", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert heading.startswith(f"# {page.stem}\n")
    assert [part.partition("\n")[0] for part in parts] == SECTIONS
    assert [part.partition("\n")[0] for part in parts if not part.partition("\n")[2].strip()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_query_names_metrics_that_are_served(page: Path) -> None:
    queries = QUERY.findall(page.read_text(encoding="utf-8"))
    assert queries
    assert {name for query in queries for name in METRIC.findall(query)} <= metrics()


@pytest.mark.parametrize(
    "page", [*PAGES, ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda p: p.stem
)
def test_a_command_is_one_of_the_program(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = page.read_text(encoding="utf-8")
    for command in COMMAND.findall(text) + SUBCOMMANDS.findall(text):
        words = [word for word in command.split("#")[0].split() if word != "\\"]
        own = words[: words.index("--")] if "--" in words else words  # what follows is another program's
        with pytest.raises(SystemExit) as ended:
            cli.main([*own, "--help"])
        assert ended.value.code == 0, f"{command}: {capsys.readouterr().err}"


def test_no_metric_has_a_label_that_a_scrape_gives() -> None:
    """Prometheus would rename it (exported_job), and whoever asks by its name be answered by the scrape's."""
    specs = [metric for spec in metricmap.load() for metric in spec.metrics] + list(metricmap.load_own().values())
    assert {label for metric in specs for label in metric.labels} & {"job", "instance"} == set()
