"""Real applications' migrations, with tracking and without: the same catalog, each DDL statement recorded once."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg.rows import dict_row

from exporter.demo.server import embedded_binaries
from tests.fix_databases import new_database
from tests.harmless.applications import APPLICATIONS, Application, environment
from tests.harmless.statements import SETTINGS, logged, tags
from tests.installing import installed
from tests.postgres_server import LocalServer, Server

pytestmark = pytest.mark.majors

RECORD = """
select s.script_name, s.sql_command, s.execution_status
from script_tracking.script_execution_s as s
where s.script_type = 'DDL' and s.load_end_date is null
order by s.version_number
"""
OURS = r"--\n-- Name: (et_\w+; Type: EVENT TRIGGER|script_tracking_capture; Type: PUBLICATION);"
LOST = "select lost_records_total from script_tracking_internal.collect_capture()"


@pytest.fixture(scope="module")
def logging_server(postgres: Server) -> Iterator[LocalServer]:
    """A server of the same major that logs DDL."""
    assert isinstance(postgres, LocalServer)
    server = LocalServer(postgres.binaries, postgres.kind, SETTINGS)
    try:
        server.start()
        yield server
    finally:
        server.close()


def catalog(dsn: str) -> str:
    """What pg_dump makes of a database, without the tracker."""
    pg_dump = embedded_binaries()[18] / "pg_dump"  # reads all of the majors
    command = [str(pg_dump), "--schema-only", "--exclude-schema=script_tracking*", "--dbname", dsn]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    blocks = re.split(
        r"^(?=--\n-- (?:Name: |PostgreSQL ))",
        re.sub(r"^\\(un)?restrict .*$", "", text, flags=re.MULTILINE),
        flags=re.MULTILINE,
    )
    return "".join(block for block in blocks if not re.match(OURS, block))


def rows(dsn: str) -> dict[str, int]:
    """Number of rows of each table but the tracker's."""
    names = "select oid::regclass::text from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace"
    with psycopg.connect(dsn) as session:
        return {
            name: len(session.execute(f"select from {name}".encode()).fetchall()) for (name,) in session.execute(names)
        }


@pytest.mark.parametrize("application", APPLICATIONS, ids=lambda application: application.name)
async def test_migrations_make_the_same_catalog_and_each_statement_is_recorded_once(
    logging_server: LocalServer, application: Application, tmp_path: Path
) -> None:
    where = environment()
    if where is None:
        pytest.skip("the applications are missing: make applications")
    with new_database(logging_server) as plain, new_database(logging_server) as tracked:
        application.migrate(where, plain, tmp_path)
        await installed(tracked)
        before = len(list(logged(logging_server.log(), urlsplit(tracked).path[1:])))
        application.migrate(where, tracked, tmp_path)
        ran = list(logged(logging_server.log(), urlsplit(tracked).path[1:]))[before:]
        assert catalog(tracked) == catalog(plain)
        assert rows(tracked) == rows(plain)
        with psycopg.connect(tracked, row_factory=dict_row) as session:
            recorded = session.execute(RECORD).fetchall()
            assert session.execute(LOST).fetchall() == [{"lost_records_total": 0}]
    assert [row["script_name"] for row in recorded] == [tag for text in ran for tag in tags(text)]
    assert len(recorded) > 20
