"""An Airflow DAG whose tasks are recorded: a Python task by the client, a shell task by `track`.

Run by `airflow dags test tracked` with Airflow 3.3.2 against PostgreSQL 18, as `make test-examples` does. With
Airflow 2 `dag`, `task` and `get_current_context` come from airflow.decorators and airflow.operators.python.

The workers need script-tracking-exporter, and SCRIPT_TRACKING_DSN_FILE names a file with the DSN of a role with
script_tracking_app. Without a database the tasks run all the same.
"""

import os

import pendulum
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import dag, get_current_context, task

DSN_FILE = os.environ.get("SCRIPT_TRACKING_DSN_FILE", "/etc/script-tracking/dsn")


@dag(schedule=None, start_date=pendulum.datetime(2026, 1, 1, tz="UTC"), catchup=False, tags=["tracked"])
def tracked():
    @task
    def load() -> int:
        # made in the task: Airflow forks a process for each, and the scheduler, which reads this file, needs none
        from exporter.client import Tracker

        context = get_current_context()
        names = {"dag_run": context["run_id"], "try": context["ti"].try_number}
        with (
            Tracker(dsn_file=DSN_FILE) as tracker,
            tracker.operation("airflow.load", "AIRFLOW", metadata=names) as step,
        ):
            rows = 3
            step.affected_rows = rows
            return rows

    report = BashOperator(
        task_id="report",
        bash_command=f"script-tracking-exporter track --dsn-file {DSN_FILE} --name airflow.report --type AIRFLOW "
        "--metadata dag_run='{{ run_id }}' -- echo done",
    )
    load() >> report


tracked()
