"""Files that were damaged at random: each is taken or refused in words, and none of these is its secret."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporter import configfile, yamlfile
from exporter.errors import ConfigurationError

SECRET = "hunter2"
WHOLE = f"""\
listen: 127.0.0.1:10187
schema: auto
log: {{format: json, level: info}}
web: {{enable_lifecycle: true}}
collectors:
  health: {{interval: 1m, timeout: 500ms}}
capture: &capture
  slot: auto
  slot_max_bytes: 1GiB
file_sd: {{files: ["targets.d/*.yaml"], interval: 30s}}
targets:
  - &first
    name: orders
    dsn: "postgresql://me:{SECRET}@db1:5432/orders?sslmode=require"
    auth: true
  - name: billing
    dsn: host=db2 dbname=billing password={SECRET}
    capture: *capture
  - name: main
    dsn: 'host=db3 user=me password=''{SECRET}'''
    discover: {{include: [a, "b*"], exclude: [], limit: 10}}
  - {{<<: *first, name: again, dsn: "host=${{HOST:-db4}} password=$${SECRET}"}}
"""
PIECES = [
    "\t",
    "\n",
    "  ",
    ": ",
    "- ",
    "'",
    '"',
    "&a ",
    "*a ",
    "!t ",
    "{",
    "}",
    "[",
    "]",
    "#",
    "${X}",
    "${",
    "@",
    "%",
    ",",
    "\\",
    "\x01",
]
damages = st.lists(
    st.tuples(st.integers(0, len(WHOLE)), st.integers(0, 4), st.sampled_from([*PIECES, "", "x"])),
    min_size=1,
    max_size=4,
)


def damage(text: str, done: list[tuple[int, int, str]]) -> str:
    """The text with pieces taken out and put in, but never within the secret."""
    for at, length, piece in done:
        taken = text[:at] + piece + text[at + length :]
        if taken.count(SECRET) == text.count(SECRET):
            text = taken
    return text


@pytest.mark.parametrize("loader", ["CSafeLoader", "SafeLoader"])
@settings(
    max_examples=int(os.environ.get("CONFIG_EXAMPLES", "200")),
    derandomize="CONFIG_EXAMPLES" not in os.environ,
    suppress_health_check=list(HealthCheck),
    deadline=None,
)
@given(done=damages)
def test_a_damaged_file_is_taken_or_refused_without_a_secret(
    tmp_path: Path, loader: str, done: list[tuple[int, int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    if not hasattr(yaml, loader):
        pytest.skip("PyYAML without libyaml")
    monkeypatch.setattr(yamlfile, "LOADER", getattr(yaml, loader))
    file = tmp_path / "exporter.yaml"
    file.write_text(damage(WHOLE, done), encoding="utf-8")
    try:
        configfile.load(file)
    except ConfigurationError as error:
        assert SECRET not in str(error)
        assert all(problem.startswith(f"{file}") for problem in error.problems)


def test_it_is_whole_without_damage(tmp_path: Path) -> None:
    file = tmp_path / "exporter.yaml"
    file.write_text(WHOLE, encoding="utf-8")
    assert [target.name for target in configfile.load(file).targets] == ["orders", "billing", "main", "again"]
