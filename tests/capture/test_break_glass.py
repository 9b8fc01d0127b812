"""The documented ways out when the tracker itself blocks all DDL, word for word; the installer puts everything back."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.fix_sessions import Session, meddling, value
from tests.harmless.tools import tool
from tests.installing import failed_checks
from tests.postgres_server import LocalServer, Server
from tests.schema.steps import program, rows

pytestmark = pytest.mark.majors

S, SI = "script_tracking", "script_tracking_internal"
# not by DDL: a statement that breaks what its own end calls is undone by it
RAISING = (
    "update pg_proc set prosrc = 'begin raise exception ''broken''; end' "
    f"where oid = '{S}.event_trigger_ddl_end()'::regprocedure"
)
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "operations.md"
SECTION = DOCUMENT.read_text(encoding="utf-8").partition("## When the tracker blocks DDL")[2]
DROPPING, WITHOUT, SINGLE = re.findall(r"^ *```sh\n(.*?)^ *```$", SECTION, re.DOTALL | re.MULTILINE)
LANGUAGE = "update pg_proc set probin = '{}' where proname = 'plpgsql_call_handler'"

Break = Callable[[str], None]


def break_a_function(dsn: str) -> None:
    """The function of an event trigger raises."""
    rows(dsn, RAISING)


def break_the_language(dsn: str) -> None:
    """The library of plpgsql is gone, as after an upgrade of packages that failed halfway."""
    rows(dsn, LANGUAGE.format("$libdir/gone"))


def triggers(dsn: str) -> list[str]:
    """Names of the event triggers."""
    return [row["evtname"] for row in rows(dsn, "select evtname from pg_event_trigger")]


def blocked(dsn: str, options: str = "") -> str | None:
    """SQLSTATE of a DDL statement in a session of its own, None where it goes through."""
    with psycopg.connect(dsn, autocommit=True, options=options) as session:
        try:
            session.execute("create table public.probe (); drop table public.probe")
        except psycopg.Error as error:
            return error.sqlstate
    return None


def typed(block: str, dsn: str, major: int, then: str = "") -> None:
    """A block of the document as somebody types it, and what he types into the program that it begins."""
    path = f"{Path(tool('psql', major)).parent}{os.pathsep}{os.environ['PATH']}"
    command = ["bash", "-euo", "pipefail", "-c", block.replace("DATABASE", shlex.quote(dsn))]
    done = subprocess.run(
        command, input=then, env={**os.environ, "PATH": path}, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


async def restored(dsn: str) -> None:
    """The installer puts back what the way out took away, and DDL is recorded again."""
    upgrade = program("schema", "upgrade", "--dsn", dsn)
    assert (upgrade.returncode, upgrade.stderr) == (0, "")
    assert await failed_checks(dsn) == {}
    rows(dsn, "create table public.after_all ()")
    told = rows(dsn, f"select affected_objects from {S}.get_execution_history(1) where script_name = 'CREATE TABLE'")
    assert ["public.after_all"] in [row["affected_objects"] for row in told]


@pytest.mark.parametrize("breakage", [break_a_function, break_the_language])
async def test_dropping_the_event_triggers_fires_none(
    installed_database: str, postgres: Server, breakage: Break
) -> None:
    breakage(installed_database)
    assert blocked(installed_database) is not None
    typed(DROPPING, installed_database, postgres.major)
    assert triggers(installed_database) == []
    assert blocked(installed_database) is None
    rows(installed_database, LANGUAGE.format("$libdir/plpgsql"))
    await restored(installed_database)


def test_somebody_elses_event_trigger_is_left_in_place(installed_database: str, postgres: Server) -> None:
    rows(installed_database, "create function public.f() returns event_trigger language plpgsql as 'begin end'")
    rows(installed_database, "create event trigger et_mine on ddl_command_end execute function public.f()")
    typed(DROPPING, installed_database, postgres.major)
    assert triggers(installed_database) == ["et_mine"]


@pytest.mark.parametrize("breakage", [break_a_function, break_the_language])
async def test_a_superusers_session_can_do_without_event_triggers(
    installed_database: str, postgres: Server, breakage: Break
) -> None:
    breakage(installed_database)
    assert blocked(installed_database) is not None
    off = "-c event_triggers=off"
    if postgres.major < 17:  # the setting is not known yet, and no session is had with it
        with pytest.raises(psycopg.OperationalError, match="unrecognized configuration parameter"):
            psycopg.connect(installed_database, options=off)
        return
    assert blocked(installed_database, off) is None
    typed(WITHOUT, installed_database, postgres.major, "create table public.mended ();\n")
    assert rows(installed_database, "select to_regclass('public.mended') is not null as made") == [{"made": True}]
    rows(installed_database, LANGUAGE.format("$libdir/plpgsql"))
    program_options = f"{installed_database}?options=-c%20event_triggers%3Doff"
    upgrade = program("schema", "upgrade", "--dsn", program_options)
    assert (upgrade.returncode, upgrade.stderr) == (0, "")
    await restored(installed_database)


@pytest.mark.majors
async def test_in_single_user_mode_no_event_trigger_fires(installed_database: str, postgres: Server) -> None:
    assert isinstance(postgres, LocalServer)
    break_a_function(installed_database)
    assert SINGLE.split()[:3] == ["postgres", "--single", "-D"], "which single_user() runs"
    script = "".join(f"drop event trigger {name};\n" for name in triggers(installed_database))
    postgres.stop()
    told = postgres.single_user(installed_database.rsplit("/", 1)[1], script)
    postgres.start()
    assert "ERROR" not in told
    assert blocked(installed_database) is None
    await restored(installed_database)


async def test_the_installer_repairs_under_a_policy_that_fails_closed(installed_database: str) -> None:
    rows(installed_database, f"select {S}.set_capture_policy(null, null, true)")
    function = f"{SI}.record_execution"
    with pytest.raises(psycopg.Error) as error:
        rows(installed_database, meddling(f"drop function {function}"))
    assert error.value.sqlstate == "ST005"
    rows(installed_database, meddling(f"set script_tracking_internal.installing = 'on'; drop function {function}"))
    assert blocked(installed_database) == "ST005"
    await restored(installed_database)
    assert [row["fail_closed"] for row in rows(installed_database, f"select * from {S}.get_capture_policies()")] == [
        True
    ]


FILL = f"""
insert into {S}.script_execution_s
  (script_execution_hk, load_date, hash_diff, script_name, script_type, execution_status, execution_timestamp, metadata,
   record_source, tenant_hk, incarnation)
select sha256(n::text::bytea), now(), ''::bytea, 'fill', 'TEST', 'COMPLETED', now(),
  jsonb_build_object('x', repeat('x', 1700)),  -- short enough not to be compressed
  'test', sha256('system'), 1
from generate_series(1, 9000) as n
"""


@pytest.mark.majors
def test_a_full_disk_lets_ddl_through_and_counts_the_loss(admin: Session, postgres: Server) -> None:
    """No file of this session may grow past a segment of the write-ahead log: the satellite's is longer already."""
    assert isinstance(postgres, LocalServer)
    admin.execute(FILL.encode())
    admin.execute("create table public.t ()")
    before = value(admin, f"select count(*) from {S}.script_execution_s where script_type = 'DDL'")
    postgres.limit_file_size(admin.info.backend_pid, 16 * 1024 * 1024)
    for number in range(40):
        admin.execute(f"comment on table public.t is '{number}'".encode())
    recorded = value(admin, f"select count(*) from {S}.script_execution_s where script_type = 'DDL'")
    lost = value(admin, f"select lost_records_total from {SI}.collect_capture()")
    assert isinstance(recorded, int)
    assert isinstance(before, int)
    assert isinstance(lost, int)
    assert lost > 0
    assert recorded - before + lost == 40
    assert value(admin, "select obj_description('public.t'::regclass)") == "39"
    # and where a policy fails closed the same is refused
    admin.execute(f"insert into {SI}.capture_policy (tag, fail_closed) values ('COMMENT', true)".encode())
    with pytest.raises(psycopg.Error) as error:
        admin.execute("comment on table public.t is 'refused'")
    assert error.value.sqlstate == "ST005"
    assert value(admin, f"select count(*) from {S}.script_execution_s where script_type = 'DDL'") == recorded
