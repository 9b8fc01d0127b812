"""What is written to the log, and in what form."""

from __future__ import annotations

import ast
import json
import logging
from pathlib import Path
from typing import get_args

import pytest

from exporter import logs
from exporter.configfile import load
from exporter.errors import ConfigurationError

PACKAGE = Path(logs.__file__).parent


def written(capsys: pytest.CaptureFixture[str]) -> list[tuple[str, str]]:
    """Module and event of each line so far."""
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    return [(line["module"], line["event"]) for line in lines]


def test_a_module_has_the_level_that_it_is_given(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json", "warning", {"capture": "debug", "web": "error"})
    for module in ("capture", "web", "collect"):
        logger = logs.get_logger(module)
        for level in ("debug", "info", "warning", "error"):
            getattr(logger, level)(f"a_{level}")
    assert written(capsys) == [
        *(("capture", f"a_{level}") for level in ("debug", "info", "warning", "error")),
        ("web", "a_error"),
        ("collect", "a_warning"),
        ("collect", "a_error"),
    ]


def test_what_libraries_warn_of_is_written_alike_and_once(capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):  # a reload sets it again
        logs.configure("json", "info", {"library": "error"})
    logging.getLogger("asyncio").warning("slow")
    logging.getLogger("asyncio").error("never %s", "retrieved")
    (line,) = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert (line["event"], line["library"], line["reason"]) == ("library_warned", "asyncio", "never retrieved")


@pytest.mark.parametrize("sent", ["/a\x1b[2K\x1b[1A", "/a\x07", "/a\nfake", "/a\u202eb", "/a\x9b2J"])
@pytest.mark.parametrize("form", ["console", "json"])
def test_what_somebody_has_sent_is_one_line_without_signs_that_a_terminal_obeys(
    capsys: pytest.CaptureFixture[str], form: logs.Format, sent: str
) -> None:
    logs.configure(form)
    logs.get_logger("api").info("api_request", path=sent)
    written = capsys.readouterr().err
    assert written.endswith("\n")
    assert written[:-1].isprintable() and "/a" in written


def test_the_modules_that_may_be_named_are_those_that_log() -> None:
    named = set()
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "get_logger":
                named.add(ast.literal_eval(node.args[0]))
    assert named == set(get_args(logs.Module))


def test_a_module_that_there_is_not_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "exporter.yaml"
    file.write_text("log: {levels: {captur: debug}}\ntargets: [{dsn: host=a}]\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"log\.levels\.captur: unknown module; did you mean capture\?"):
        load(file)
    file.write_text("log: {levels: {capture: loud}}\ntargets: [{dsn: host=a}]\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"log\.levels\.capture: expected debug, info, warning or error"):
        load(file)
