"""What the page says of a check, held to the checks, runbooks and words that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from exporter.collect.digest import Capture, Check, Digest
from exporter.overview import LACKS, NAMING, RUNBOOKS, STATES, _of_check, amount
from exporter.web import runbooks

ROOT = Path(__file__).resolve().parents[2]


def test_every_runbook_that_the_page_names_is_there() -> None:
    code = (ROOT / "exporter" / "overview.py").read_text()
    named = {*RUNBOOKS.values(), *re.findall(r'"(ScriptTracking\w+)"', code)}
    assert [name for name in named if runbooks.read(name) is None] == []
    assert set(STATES) == {"critical", "warning", "waiting", "ok"}


def test_of_objects_that_no_record_accounts_for_the_page_says_what_to_do() -> None:
    """The check's own advice says what it counts."""
    problem = _of_check(Check("catalog_coverage", "warning", 0.95, 1.0, "ratio", "Share of the objects."), Digest())
    assert problem.runbook is not None and "catalog_coverage" in (runbooks.read(problem.runbook) or "")


def test_every_word_for_what_the_capture_lacks_is_known() -> None:
    """The label `lacks`, as the SQL makes it."""
    files = [*(ROOT / "sql" / "code").glob("*/probe_*.sql"), *(ROOT / "sql" / "migrations").glob("*attempts.sql")]
    made = {word for file in files for word in re.findall(r"lacks +(?::=|text).*?'([a-z_]+)'[;,\n]", file.read_text())}
    assert len(made) > 8
    assert made <= {*LACKS, "nothing"}


@pytest.mark.parametrize("word", [*LACKS, "nothing"])
def test_what_the_capture_lacks_is_a_sentence_and_no_name_in_it_is_changed(word: str) -> None:
    fallen = Check("capture_level", "warning", 0.0, 1.0, "level", "")
    advice = _of_check(fallen, Digest(capture=Capture("basic", word, 0))).advice
    assert re.match(r"[A-Z][a-z]* ", advice) and advice.endswith(".")
    assert advice[1:-1].endswith(LACKS.get(word, "(capture_failed)")[1:])


def test_advice_that_may_name_something_is_known() -> None:
    """Of every other check it is one and the same text, whatever stands in the database."""
    checks, naming = set(), set()
    code = ROOT / "sql" / "code"
    for file in [*sorted(code.glob("health/health_*.sql")), code / "report" / "get_system_health.sql"]:
        parts = re.split(r"select '([a-z_]+)',", file.read_text(encoding="utf-8"))[1:]
        for name, body in zip(parts[::2], parts[1::2], strict=True):
            advice = re.split(r"(?:true|false),\s+", body)[-1]
            checks.add(name)
            if not re.match(r"'(?:[^']|'')*'\s*(?:from |union all|;\s+end\s+\$function\$|\$function\$|--|$)", advice):
                naming.add(name)
    assert len(checks) > 25
    assert naming == NAMING
    assert set(RUNBOOKS) <= checks


@pytest.mark.parametrize(
    ("value", "unit", "told"),
    [(1, "pauses", "1 pause"), (2, "pauses", "2 pauses"), (1, "policies", "1 policy"), (0, "changes", "0 changes"),
     (1, "databases", "1 database"), (1.5, "roles", "1.5 roles"), (1, "bytes", "1 byte"), (1, "level", "1"),
     (90, "seconds", "90 s"), (3 * 2**20, "bytes", "3 MiB"), (None, "roles", "unknown")],
)  # fmt: skip
def test_amounts_are_written_for_people(value: float | None, unit: str, told: str) -> None:
    assert amount(value, unit) == told
