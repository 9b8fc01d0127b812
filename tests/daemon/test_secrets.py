"""No secret of a DSN, whatever its form, is shown anywhere: logs, errors, check-config, metrics, the command line."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.conninfo import make_conninfo

from exporter import cli
from exporter.configfile import load
from exporter.daemon import Daemon
from exporter.errors import ConfigurationError
from tests.fix_exporter import StartExporter, eventually

pytestmark = pytest.mark.majors

MARK = "Zq7"  # begins, parts and ends each secret, so that a part of one is found too
EXAMPLES = int(os.environ.get("SECRET_EXAMPLES", "16"))

# letters, and what quoting, URIs, YAML, shells and regular expressions make something of
secrets = st.lists(
    st.text(st.sampled_from("ab1 '\"\\%@:/?#&=+$*()[]{}|^-,;!~ü\t"), max_size=5), min_size=1, max_size=3
).map(lambda parts: MARK + MARK.join(parts) + MARK)


def word(value: str) -> str:
    """A value of a key=value list, in quotes."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def option(value: str) -> str:
    """A word of libpq's `options`."""
    return "-c statement_timeout=" + "".join(f"\\{c}" if c in "\\ \t" else c for c in value)


PLACE = "host=127.0.0.1 port=1 user=me dbname=shop"
Form = Callable[[str], str]
# the right ways to write one, and those that are torn apart or refused
FORMS: Mapping[str, Form] = {
    "URI": lambda s: f"postgresql://me:{quote(s, safe='')}@127.0.0.1:1/shop",
    "URI, all percent-encoded": lambda s: f"postgres://me:{''.join(f'%{b:02x}' for b in s.encode())}@127.0.0.1:1/shop",
    "URI, by parameter": lambda s: f"postgresql://me@127.0.0.1:1/shop?password={quote(s, safe='')}",
    "URI of several hosts": lambda s: (
        f"postgresql://me:{quote(s, safe='')}@127.0.0.1:1,127.0.0.2:1/shop?sslmode=disable"
    ),
    "URI as it is": lambda s: f"postgresql://me:{s}@127.0.0.1:1/shop",
    "URI of several hosts as it is": lambda s: f"postgresql://me:{s}@127.0.0.1:1,127.0.0.2:1/shop",
    "URI, by parameter as it is": lambda s: f"postgresql://127.0.0.1:1/shop?user=me&password={s}",
    "URI, of options": lambda s: f"postgresql://me@127.0.0.1:1/shop?options={quote(option(s), safe='')}",
    "list": lambda s: f"{PLACE} password={word(s)}",
    "list, first": lambda s: f"password={word(s)} {PLACE}",
    "list, spaces about": lambda s: f"password = {word(s)} {PLACE}",
    "list, of several hosts": lambda s: f"host=127.0.0.1,127.0.0.2 port=1,1 password={word(s)}",
    "list, as it is": lambda s: f"password={s} {PLACE}",
    "list, in wrong quotes": lambda s: f'{PLACE} password="{s}"',
    "list, key mistyped": lambda s: f"{PLACE} pasword={word(s)}",
    "list, of options": lambda s: f"{PLACE} options={word(option(s))}",
    "list, password of the key": lambda s: f"{PLACE} sslpassword={word(s)}",
    "made by libpq": lambda s: make_conninfo(PLACE, password=s),
    "not a DSN": lambda s: s,
}


def amiss(text: str, where: str) -> None:
    """Fails where a part of a secret is in a text."""
    assert MARK not in text, f"{where}: {text}"


async def _watched(file: Path) -> str:
    """What is served and told of a configuration whose databases do not answer."""
    config = load(file)
    daemon = Daemon(config, lambda: load(file))
    (watch,) = daemon.fleet.build(config, config.targets)
    with contextlib.suppress(Exception):
        await watch.schema.settle()
    await watch.collector.collect_all()
    await watch.target.close()
    shown = [repr(part) for part in (config, config.targets, config.targets[0].dsn, vars(watch))]
    return daemon.snapshot.exposition(openmetrics=True).decode() + "\n".join(shown)


@pytest.mark.parametrize("form", FORMS)
@settings(
    max_examples=EXAMPLES,
    derandomize="SECRET_EXAMPLES" not in os.environ,
    suppress_health_check=list(HealthCheck),
    deadline=None,
)
@given(secret=secrets)
def test_no_form_of_a_dsn_shows_its_secret(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], form: str, secret: str
) -> None:
    dsn = FORMS[form](secret)
    file = tmp_path / "exporter.yaml"
    (tmp_path / "dsn").write_text(dsn, encoding="utf-8")
    quoted = "'" + dsn.replace("'", "''").replace("$", "$$").replace("\t", " ") + "'"
    for target in (f"{{name: a, dsn: {quoted}}}", "{name: a, dsn_file: dsn}"):
        file.write_text(f"log: {{format: json, level: debug}}\nschema: check\ntargets: [{target}]\n", encoding="utf-8")
        cli.main(["check-config", "--config", str(file)])
        try:
            amiss(asyncio.run(_watched(file)), "served")
        except ConfigurationError as error:
            amiss("".join(traceback.format_exception(error)) + repr(error), "exception")
    cli.main(["check-config", "--dsn", dsn])
    for words in (["run", dsn], [dsn], ["check-config", "--dns", dsn], ["schema", dsn], ["collect", f"--dsn{dsn}"]):
        with contextlib.suppress(SystemExit):
            cli.main(words)
    structlog.reset_defaults()
    out, err = capfd.readouterr()
    amiss(out + err, "told")


@settings(max_examples=EXAMPLES // 3 or 1, suppress_health_check=list(HealthCheck), deadline=None, derandomize=True)
@given(secret=secrets.filter(lambda text: "\t" not in text))
def test_no_file_of_secrets_is_shown(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    services, passwords, password = (tmp_path / name for name in ("services", "pgpass", "password"))
    services.write_text(f"[shop]\nhost=127.0.0.1\nport=1\npassword={secret}\n{secret}\n", encoding="utf-8")
    passwords.write_text(f"*:*:*:*:{secret}\n{secret}\n", encoding="utf-8")
    passwords.chmod(0o600)
    password.write_text(secret, encoding="utf-8")
    monkeypatch.setenv("PGSERVICEFILE", str(services))
    monkeypatch.setenv("PGPASSFILE", str(passwords))
    file = tmp_path / "exporter.yaml"
    for target in ("dsn: service=shop", f"dsn: {PLACE}", f"dsn: {PLACE}, password_file: password"):
        file.write_text(f"log: {{format: json, level: debug}}\nschema: check\ntargets: [{{name: a, {target}}}]\n")
        cli.main(["check-config", "--connect", "--config", str(file)])
        amiss(asyncio.run(_watched(file)), "served")
    structlog.reset_defaults()
    out, err = capfd.readouterr()
    amiss(out + err, "told")


def test_what_a_server_says_of_an_option_is_shown_without_it(database: str, exporter: StartExporter) -> None:
    """It quotes the value that it refuses."""
    secret = f"{MARK}secret{MARK}"
    running = exporter(make_conninfo(database, options=f"-c statement_timeout={secret}"))
    reason = str(running.wait_for_event("target_down")["reason"])
    assert 'parameter "statement_timeout": "***"' in reason
    amiss(running.get("/metrics").body.decode(), "served")


def test_the_list_of_processes_does_not_show_the_dsn() -> None:
    dsn = f"postgresql://me:{MARK}@127.0.0.1:1/shop"
    environment = {**os.environ, "SCRIPT_TRACKING_LISTEN": "127.0.0.1:0"}
    command = [sys.executable, "-m", "exporter", "run", "--dsn", dsn]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, env=environment)
    try:
        line = Path(f"/proc/{running.pid}/cmdline")
        eventually(lambda: line.read_bytes().split(b"\0")[4:6] == [b"--dsn", b"x" * len(dsn)], 40)
        assert running.stderr is not None
        told = running.stderr.readline().decode()  # it goes on with what it was given
        while "target_down" not in told and running.poll() is None:
            told += running.stderr.readline().decode()
        assert "127.0.0.1:1/shop" in told
        amiss(told, "told")
    finally:
        running.kill()
        running.communicate()


def test_the_help_does_not_show_the_environment(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"postgresql://me:{MARK}@127.0.0.1:1/shop")
    for words in (["--help"], ["run", "--help"], ["schema", "--help"], ["--version"], []):
        with contextlib.suppress(SystemExit):
            cli.main(words)
    out, err = capfd.readouterr()
    amiss(out + err, "told")
    assert "usage:" in out
