"""schemathesis asks a running daemon what its OpenAPI allows and forbids: no fault, no leak, answers as described."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.api.conftest import Api

CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance,negative_data_rejection,unsupported_method,ignored_auth"
)
LEAKS = ("psycopg", "traceback", '"pid"', "postgresql://")
OF_OTHERS = ("rival", "select ", "script_tracking_internal")  # what an auditor's checks and records may hold


def fuzzed(api: Api, token: str, examples: int, har: Path) -> list[str]:
    """Bodies of all answers to a token; each was as described."""
    command = [
        *(sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()", "run"),
        f"{api.exporter.url}/api/v1/openapi.json",
        *("--header", f"Authorization: Bearer {api.tokens[token]}", "--checks", CHECKS),
        *("--phases", "examples,coverage,fuzzing", "--max-examples", str(examples), "--seed", "1", "--no-shrink"),
        *("--suppress-health-check", "all", "--request-timeout", "60", "--warnings", "off"),
        *("--continue-on-failure", "--report", "har", "--report-har-path", str(har), "--no-color"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1500, check=False, cwd=har.parent)
    assert done.returncode == 0, "\n".join(line[:300] for line in (done.stdout + done.stderr).splitlines()[-150:])
    bodies = []
    for entry in json.loads(har.read_text())["log"]["entries"]:
        content = entry["response"]["content"]
        text = content.get("text") or ""
        bodies.append(base64.b64decode(text).decode(errors="replace") if content.get("encoding") == "base64" else text)
    return bodies


@pytest.mark.majors  # thousands of requests
def test_the_api_is_as_it_describes_itself(api: Api, tmp_path: Path) -> None:
    assert json.loads(api.ask("/openapi.json").body)["openapi"].startswith("3.1")
    for token, examples in (("acme", 12), ("auditor", 4)):
        bodies = fuzzed(api, token, examples, tmp_path / f"{token}.har")
        assert len(bodies) > 200 and sum("load acme" in body for body in bodies) > 5
        forbidden = (*LEAKS, *OF_OTHERS) if token == "acme" else LEAKS
        assert [leak for leak in forbidden if any(leak in body.lower() for body in bodies)] == []
    assert not api.exporter.events("http_error") and not api.exporter.events("api_failed")
