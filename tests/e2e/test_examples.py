"""examples/: what an application is told to write is what works."""

from __future__ import annotations

import os
import py_compile
import re
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import yaml
from psycopg.rows import DictRow

from exporter.cli import main
from tests.fix_sessions import opened
from tests.harmless.tools import run

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"


def operations(dsn: str) -> dict[str, list[DictRow]]:
    """What was recorded, but for DDL, by name."""
    with opened(dsn) as session:
        rows = session.execute(
            "select * from script_tracking.get_execution_history(1) where script_type <> 'DDL'"
        ).fetchall()
    return {name: [row for row in rows if row["script_name"] == name] for name in {row["script_name"] for row in rows}}


def test_psql(installed_database: str) -> None:
    script = ("--no-psqlrc", "--file", str(EXAMPLES / "psql" / "invoices.sql"), installed_database)
    done = run("psql", 14, *script)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    (row,) = operations(installed_database)["invoices"]
    assert row["execution_status"] == "COMPLETED"
    again = run("psql", 14, *script)  # its rows are there already
    assert again.returncode == 3
    assert "duplicate key" in again.stderr
    failed = operations(installed_database)["invoices"][0]
    assert (failed["execution_status"], failed["error_sqlstate"]) == ("FAILED", "23505")
    assert "duplicate key" in failed["error_message"]


def test_python(installed_database: str) -> None:
    program = [sys.executable, str(EXAMPLES / "python" / "invoices.py")]
    environment = {**os.environ, "DATABASE_URL": installed_database, "PYTHONPATH": str(ROOT)}
    for code in (0, 1):  # a second time its rows are there already
        done = subprocess.run(program, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == code, done.stderr
    found = operations(installed_database)
    failed, completed = found["invoices"]
    assert (completed["execution_status"], completed["metadata"]["affected_rows"]) == ("COMPLETED", 3)
    assert (failed["execution_status"], failed["error_sqlstate"]) == ("FAILED", "23505")
    parents = {row["metadata"]["parent_hk"] for row in found["load-customers"]}
    assert parents == {row["execution_hk"].hex() for row in found["invoices"]}
    assert len(found["load-customers"]) == 4


def test_airflow_compiles_and_its_command_line_is_ours(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Airflow itself is run by `make test-examples`."""
    file = EXAMPLES / "airflow" / "tracked_dag.py"
    py_compile.compile(str(file), str(tmp_path / "compiled"), doraise=True)
    text = file.read_text(encoding="utf-8")
    options = set(re.findall(r"--[a-z][a-z-]+", text))
    assert options
    with pytest.raises(SystemExit):
        main(["track", "--help"])
    assert options <= set(re.findall(r"--[a-z][a-z-]+", capsys.readouterr().out))


def test_dbt_calls_what_there_is(installed_database: str) -> None:
    """dbt itself is run by `make test-examples`."""
    project = yaml.safe_load((EXAMPLES / "dbt" / "dbt_project.yml").read_text(encoding="utf-8"))
    macro = (EXAMPLES / "dbt" / "macros" / "record_results.sql").read_text(encoding="utf-8")
    assert project["on-run-end"] == ["{{ record_results(results) }}"]
    assert "macro record_results(results)" in macro
    statement = re.search(r"^ *(select script_tracking\..*)\n *{%- endif -%}", macro, re.DOTALL | re.MULTILINE)
    assert statement is not None
    begun = '[{"script_name": "model.a", "script_type": "DBT"}, {"script_name": "model.b", "script_type": "DBT"}]'
    ended = '[{"success": true, "affected_rows": 7}, {"success": false, "error_message": "boom"}]'
    sql = re.sub(r"{{ tojson\(begun\).*? }}", begun, statement[1])
    sql = re.sub(r"{{ tojson\(ended\).*? }}", ended, sql)
    with psycopg.connect(installed_database, autocommit=True) as session:
        assert session.execute(sql.encode()).fetchone() == ([True, True],)
    found = operations(installed_database)
    assert found["model.a"][0]["metadata"]["affected_rows"] == 7
    assert (found["model.b"][0]["execution_status"], found["model.b"][0]["error_message"]) == ("FAILED", "boom")
