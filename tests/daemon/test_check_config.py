"""check-config against a real server: services, password files and pgpass, and what is shown of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.fix_passwords import PasswordRole


def check(config: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs the command on a configuration file."""
    return subprocess.run(
        [sys.executable, "-m", "exporter", "check-config", "--config", str(config), *options],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def four_ways(tmp_path: Path, installed_database: str, password_role: PasswordRole) -> tuple[Path, dict[str, str]]:
    """A configuration with a target for each way in which a password comes in, and its environment."""
    fields = conninfo_to_dict(password_role.dsn(installed_database))
    entry = ":".join(str(fields[key]).replace(":", "\\:") for key in ("host", "port", "dbname", "user"))
    service = tmp_path / "services"
    service.write_text("[shop]\n" + "".join(f"{key}={value}\n" for key, value in fields.items()))
    pgpass = tmp_path / "pgpass"
    pgpass.write_text(f"{entry}:{password_role.password}\n")
    pgpass.chmod(0o600)
    (tmp_path / "dsn").write_text(password_role.dsn(installed_database, password=True))
    (tmp_path / "password").write_text(password_role.password + "\n")
    config = tmp_path / "exporter.yaml"
    config.write_text(
        f"""
        listen: 127.0.0.1:0
        collectors: {{health: {{enabled: false}}}}
        targets:
          - {{name: by_service_and_pgpass, dsn: service=shop}}
          - {{name: by_pgpass, dsn: "{password_role.dsn(installed_database)}"}}
          - {{name: by_dsn_file, dsn_file: dsn, capture: {{slot: off}}}}
          - {{name: by_password_file, dsn: "{password_role.dsn(installed_database)}", password_file: password}}
          - {{name: by_environment, dsn: "{password_role.dsn(installed_database)} password='${{PW}}'", auth: true}}
        """,
        encoding="utf-8",
    )
    escaped = password_role.password.replace("'", "\\'")
    return config, {"PGSERVICEFILE": str(service), "PGPASSFILE": str(pgpass), "PW": escaped}


def test_it_says_what_will_be_watched_and_no_secret(
    four_ways: tuple[Path, dict[str, str]], password_role: PasswordRole
) -> None:
    config, environment = four_ways
    done = check(config, **environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert password_role.password not in done.stdout
    assert "s3cr3t" not in done.stdout
    lines = done.stdout.splitlines()
    assert lines[0] == "configuration is valid: 5 target(s), listening on 127.0.0.1:0"
    assert any(line.startswith("collectors: ") and line.endswith("; off: health") for line in lines)
    about = {line.split()[1].rstrip(":"): line for line in lines if line.startswith("target ")}
    assert about["by_service_and_pgpass"] == "target by_service_and_pgpass: service=shop"
    assert f"as {password_role.role}" in about["by_pgpass"]
    assert f"DSN from {config.parent / 'dsn'}; without a replication slot" in about["by_dsn_file"]
    assert f"password from {config.parent / 'password'}" in about["by_password_file"]
    assert about["by_environment"].endswith("with the login wrappers")


def test_it_connects_only_when_it_is_told_to_and_by_each_of_libpqs_ways(
    four_ways: tuple[Path, dict[str, str]], password_role: PasswordRole
) -> None:
    config, environment = four_ways
    done = check(config, "--connect", **environment)
    answers = [line for line in done.stdout.splitlines() if f"answers as {password_role.role}, PostgreSQL" in line]
    assert (done.returncode, done.stderr, len(answers)) == (0, "", 5)
    assert f"PostgreSQL {password_role.server.major}" in answers[0]
    was = password_role.password
    password_role.change_password("another")
    assert check(config, **environment).returncode == 0, "without --connect nobody asks the server"
    done = check(config, "--connect", **environment)
    assert done.returncode == 1
    assert done.stderr.count("password authentication failed") == 5
    assert was not in done.stderr + done.stdout


@pytest.mark.parametrize(
    ("place", "problem"), [("there", None), ("nowhere", "No such file"), ("a file", "Not a directory")]
)
def test_a_folder_for_archives_that_cannot_be_written_to_is_named(
    tmp_path: Path, place: str, problem: str | None
) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "a file").touch()
    config = tmp_path / "exporter.yaml"
    config.write_text("archive: {directory: '${PLACE}'}\ntargets: [{name: shop, dsn: host=db.example}]\n")
    done = check(config, PLACE=place)
    assert done.returncode == (0 if problem is None else 2), done.stderr
    shown = f"archive: {tmp_path / place}, " if problem is None else f"archive.directory: {tmp_path / place}: {problem}"
    assert shown in (done.stdout if problem is None else done.stderr)
    config.write_text(
        "archive: {directory: there, compression_level: 10}\ntargets: [{name: shop, dsn: host=db.example}]\n"
    )
    assert "archive.compression_level: expected at most 9, found 10" in check(config).stderr
