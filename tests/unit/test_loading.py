"""What the command loads: no more than what it was asked for needs."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

SLOW = ("asyncio", "fastapi", "prometheus_client", "psycopg", "pydantic", "structlog", "uvicorn", "yaml")
LEAVING = "import atexit, sys; atexit.register(lambda: print(*sys.modules, file=sys.stderr)); "


def loaded(*words: str, code: int = 0) -> set[str]:
    """Slow modules that are there when the command ends."""
    script = f"{LEAVING}from exporter.cli import main; sys.exit(main({list(words)!r}))"
    environment = {key: text for key, text in os.environ.items() if not key.startswith(("COV_", "DATABASE_URL"))}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == code, done.stderr
    modules = done.stderr.splitlines()[-1].split()
    assert "exporter.cli" in modules
    return set(SLOW) & set(modules)


@pytest.mark.parametrize("words", ["--help", "track --help", "schema --help"])
def test_to_tell_something_nothing_slow_is_loaded(words: str) -> None:
    assert loaded(*words.split()) == set()


def test_to_tell_the_version_the_driver_is_loaded_whose_own_it_tells() -> None:
    assert loaded("--version") == {"asyncio", "psycopg"}


def test_to_complain_of_usage_nothing_slow_is_loaded() -> None:
    assert loaded("schema", "nonesuch", code=2) == set()


def test_to_track_a_command_the_driver_is_loaded_and_nothing_of_the_daemon() -> None:
    assert loaded("track", "--dsn", "postgresql://127.0.0.1:1/none", "--timeout", "0.2", "--", "true") == {
        "asyncio",
        "psycopg",
    }
    assert loaded("track", "--", "true") == {"asyncio", "psycopg"}


def test_what_checks_a_configuration_loads_it() -> None:
    assert {"pydantic", "yaml"} <= loaded("check-config", "--dsn", "dbname=x")


def found(what: str) -> set[str]:
    """Modules that are there when something is imported."""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys, {what}; print(*sys.modules)"],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return set(done.stdout.split())


def test_to_serve_metrics_nothing_of_the_api_is_loaded() -> None:
    modules = found("exporter.service, exporter.web.app, exporter.web.page, exporter.web.server")
    assert "starlette" in modules
    assert not {"fastapi", "exporter.web.api.routes"} & modules


def test_to_collect_nothing_of_what_serves_is_loaded() -> None:
    """That is loaded while the first snapshot is collected."""
    assert not {"starlette", "uvicorn", "h11", "exporter.overview"} & found("exporter.service")


def test_it_listens_before_what_answers_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("SCRIPT_TRACKING_LISTEN", f"127.0.0.1:{taken.getsockname()[1]}")
        assert not {"uvicorn", "starlette"} & loaded("run", "--dsn", "dbname=x", code=2)
