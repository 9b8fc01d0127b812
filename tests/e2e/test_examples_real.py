"""The examples for dbt and Airflow, run by the real programs: `make test-examples`, which gets them by pip once."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import DictRow

from tests.e2e.test_examples import EXAMPLES, ROOT, operations
from tests.fix_servers import binaries_cache

pytestmark = pytest.mark.examples
HERE = Path(__file__).parent


def programs(name: str) -> Path:
    """The programs of a virtual environment that `make examples` has made of a list of requirements."""
    requirements = HERE / f"examples-{name}.txt"
    number = hashlib.sha256(requirements.read_bytes()).hexdigest()[:16]
    folder = binaries_cache().parent / "examples" / f"{name}-{number}"
    if not (folder / "complete").exists():
        pytest.skip(f"{name} is missing (make examples)")
    return folder / "bin"


def run(program: Path, *arguments: str, folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Runs one, with this project's command and packages to be found."""
    path = os.pathsep.join([str(program.parent), str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    kept = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "VIRTUAL_ENV")}
    environment = {**kept, "PATH": path, "PYTHONPATH": str(ROOT), "DO_NOT_TRACK": "1", "HOME": str(folder), **settings}
    command = [str(program), *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False
    )


def only(rows: list[DictRow]) -> DictRow:
    (row,) = rows
    return row


def test_dbt_records_each_model_seed_and_test(installed_database: str, tmp_path: Path) -> None:
    dbt = programs("dbt") / "dbt"
    shutil.copytree(EXAMPLES / "dbt", tmp_path / "project")
    project = tmp_path / "project"
    where = conninfo_to_dict(installed_database)
    (project / "profiles.yml").write_text(
        "tracked:\n  target: dev\n  outputs:\n    dev:\n      type: postgres\n      threads: 2\n      schema: marts\n"
        f"      host: {where['host']}\n      port: {where['port']}\n      user: {where['user']}\n"
        f"      password: {where.get('password', 'none')}\n      dbname: {where['dbname']}\n",
        encoding="utf-8",
    )
    (project / "models" / "broken.sql").write_text(
        "{{ config(materialized='table') }} select 1 / 0 as \"it's\"\n", encoding="utf-8"
    )
    (project / "models" / "checks.yml").write_text(
        "models:\n  - name: customers\n    columns:\n      - name: id\n        data_tests: [unique]\n", encoding="utf-8"
    )
    (project / "seeds").mkdir()
    (project / "seeds" / "regions.csv").write_text("region\nnorth\nsouth\n", encoding="utf-8")
    options = ("--project-dir", str(project), "--profiles-dir", str(project))
    done = run(dbt, "--no-send-anonymous-usage-stats", "build", *options, folder=project)
    assert done.returncode == 1, done.stdout + done.stderr  # as the broken one does
    found = operations(installed_database)
    assert {row["script_type"] for rows in found.values() for row in rows} == {"DBT"}
    model, seed = only(found["model.tracked.customers"]), only(found["seed.tracked.regions"])
    assert [row["execution_status"] for row in (model, seed)] == ["COMPLETED", "COMPLETED"]
    assert seed["metadata"]["affected_rows"] == 2
    (check,) = [name for name in found if name.startswith("test.tracked.unique_customers_id")]
    assert only(found[check])["execution_status"] == "COMPLETED"
    broken = only(found["model.tracked.broken"])
    assert broken["execution_status"] == "FAILED" and "division by zero" in broken["error_message"]
    assert len({row["metadata"]["invocation_id"] for rows in found.values() for row in rows}) == 1
    assert all(0 < row["duration_seconds"] < 600 for rows in found.values() for row in rows)


def test_airflow_records_both_tasks(installed_database: str, tmp_path: Path) -> None:
    airflow = programs("airflow") / "airflow"
    (tmp_path / "dsn").write_text(installed_database, encoding="utf-8")
    settings = {
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__DAGS_FOLDER": str(EXAMPLES / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "SCRIPT_TRACKING_DSN_FILE": str(tmp_path / "dsn"),
    }
    made = run(airflow, "db", "migrate", folder=tmp_path, **settings)
    assert made.returncode == 0, made.stdout + made.stderr
    done = run(airflow, "dags", "test", "tracked", folder=tmp_path, **settings)
    assert done.returncode == 0, done.stdout + done.stderr
    found = operations(installed_database)
    load, report = only(found["airflow.load"]), only(found["airflow.report"])
    assert {row["script_type"] for row in (load, report)} == {"AIRFLOW"}
    assert [row["execution_status"] for row in (load, report)] == ["COMPLETED", "COMPLETED"], done.stdout
    assert load["metadata"]["affected_rows"] == 3
    assert load["metadata"]["dag_run"] == report["metadata"]["dag_run"] != ""
    assert report["metadata"]["exit_code"] == 0
