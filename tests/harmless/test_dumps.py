"""Dumps restored into a new database: with the tracker or without it, by a superuser or by an ordinary owner."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from exporter.errors import ForeignSchema
from tests.fix_databases import new_database
from tests.fix_sessions import MakeRole, Session, history, meddling, opened, value
from tests.harmless.tools import run
from tests.installing import failed_checks, installed
from tests.postgres_server import Server
from tests.vault_steps import VERSIONS, counted, roll_up

WITHOUT = ("--exclude-schema=script_tracking", "--exclude-schema=script_tracking_internal")
INCARNATION = "select script_tracking_internal.ensure_incarnation()"


@pytest.fixture
def original(admin: Session) -> Session:
    """A database with a table and a function, and what was recorded of them and of an operation."""
    admin.execute("create table public.orders (id int primary key, note text not null default 'none')")
    admin.execute("insert into public.orders select n from generate_series(1, 10) as n")
    admin.execute("create function public.twice(n int) returns int language sql as 'select 2 * n'")
    key = value(admin, "select script_tracking.track_operation('nightly', 'BATCH')")
    value(admin, "select script_tracking.complete_operation(%s, true)", key)
    roll_up(admin)
    admin.execute("alter table public.orders add column amount numeric")
    return admin


@pytest.fixture
def copy(postgres: Server) -> Iterator[str]:
    """DSN of the database to restore into."""
    with new_database(postgres) as dsn:
        yield dsn


def errors(text: str) -> list[str]:
    """The errors that psql or pg_restore told of, in their order."""
    return re.findall(r"(?:ERROR|could not execute query: ERROR):  (.*)", text)


@pytest.mark.parametrize("form", ["plain", "custom"])
async def test_a_superusers_copy_keeps_the_record_and_goes_on_with_it(
    original: Session, installed_database: str, copy: str, postgres: Server, tmp_path: Path, form: str
) -> None:
    file = str(tmp_path / "dump")
    dumped = run("pg_dump", postgres.major, "--format", form, "--file", file, "--dbname", installed_database)
    assert (dumped.returncode, dumped.stderr) == (0, "")
    if form == "plain":
        restored = run(
            "psql", postgres.major, "-Xq", "-v", "ON_ERROR_STOP=1", "-o", "/dev/null", "-f", file, "-d", copy
        )
    else:
        restored = run("pg_restore", postgres.major, "--exit-on-error", "--dbname", copy, file)
    assert (restored.returncode, restored.stderr) == (0, "")
    with opened(copy) as there:
        assert there.execute(VERSIONS).fetchall() == original.execute(VERSIONS).fetchall()
        there.execute("create table public.before_upkeep ()")
        assert value(there, INCARNATION) == 2
        there.execute("drop table public.orders")
        dropped = there.execute(VERSIONS).fetchall()[-1]
        assert dropped["incarnation"] == 2
        assert f"/{there.info.dbname}/" in dropped["record_source"]
        original.execute("create table public.one_more ()")
        original.execute("create table public.another ()")
        assert counted(there) == counted(original)
        roll_up(there)
        roll_up(original)
        assert counted(there) == counted(original)
        assert value(there, INCARNATION) == 2
    assert await failed_checks(copy) == {}
    assert value(original, INCARNATION) == 1


def test_what_is_restored_into_a_tracked_database_is_recorded(
    original: Session, installed_database: str, postgres: Server, tmp_path: Path
) -> None:
    """The dump leaves the tracker out, but for event triggers and publication, which stand here."""
    file = str(tmp_path / "dump")
    dumped = run("pg_dump", postgres.major, *WITHOUT, "--format=custom", "--file", file, "-d", installed_database)
    assert (dumped.returncode, dumped.stderr) == (0, "")
    before = len(history(original))
    original.execute("drop table public.orders")
    original.execute("drop function public.twice")
    restored = run("pg_restore", postgres.major, "--dbname", installed_database, file)
    triggers = original.execute("select evtname from pg_event_trigger order by evtname").fetchall()
    assert sorted(errors(restored.stderr)) == [
        *(f'event trigger "{row["evtname"]}" already exists' for row in triggers),
        'publication "script_tracking_capture" already exists',
    ]
    rows = [row for row in history(original)][before + 2 :]
    assert {("CREATE TABLE", "public.orders"), ("CREATE FUNCTION", "public.twice(integer)")} <= {
        (row["script_name"], name) for row in rows for name in row["affected_objects"] or []
    }
    assert value(original, "select count(*) from public.orders") == 10


@pytest.fixture
def owned_copy(copy: str, make_role: MakeRole) -> Iterator[tuple[str, str]]:
    """A role, and the DSN as that role of the database to restore into, which is its own."""
    role = make_role()
    with opened(copy) as there:
        there.execute(f"alter database {there.info.dbname} owner to {role}".encode())
        there.execute(f"grant all on schema public to {role}".encode())
        yield role, make_conninfo(copy, user=role)
        there.execute(f"alter database {there.info.dbname} owner to {there.info.user}".encode())
        there.execute(f"drop owned by {role}".encode())


def restore(major: int, form: str, file: str, dsn: str) -> list[str]:
    """Restores as far as it goes; the errors."""
    if form == "plain":
        return errors(run("psql", major, "-Xq", "-o", "/dev/null", "-f", file, "-d", dsn).stderr)
    return errors(run("pg_restore", major, "--dbname", dsn, file).stderr)


@pytest.mark.parametrize("form", ["plain", "custom"])
def test_what_an_ordinary_owner_dumps_and_restores_has_no_tracker(
    original: Session,
    installed_database: str,
    owned_copy: tuple[str, str],
    postgres: Server,
    tmp_path: Path,
    form: str,
) -> None:
    """The record is not his to dump; of event triggers and publication, which are in any dump, he gets errors."""
    role, into = owned_copy
    original.execute(f"alter table public.orders owner to {role}".encode())
    original.execute(f"alter function public.twice owner to {role}".encode())
    file = str(tmp_path / "dump")
    theirs = make_conninfo(installed_database, user=role)
    whole = run("pg_dump", postgres.major, "--file", file, "-d", theirs)
    assert whole.returncode == 1
    assert "permission denied for" in whole.stderr
    dumped = run("pg_dump", postgres.major, *WITHOUT, "--format", form, "--file", file, "-d", theirs)
    assert (dumped.returncode, dumped.stderr) == (0, "")
    found = restore(postgres.major, form, file, into)
    triggers = original.execute("select evtname from pg_event_trigger order by evtname").fetchall()
    for row in triggers:
        assert f'permission denied to create event trigger "{row["evtname"]}"' in found
    # what cannot be created cannot be altered either, nor a publication given to its owner
    also = re.compile(r'event trigger "et_\w+" does not exist|must be (able to SET ROLE|member of role) "\w+"')
    assert len([text for text in found if not also.fullmatch(text)]) == len(triggers), found
    with opened(into) as there:
        assert value(there, "select count(*) from public.orders") == 10
        there.execute("create table public.more ()")


async def test_a_whole_dump_that_an_ordinary_owner_restores_leaves_schemas_that_have_to_go(
    original: Session, installed_database: str, copy: str, owned_copy: tuple[str, str], postgres: Server, tmp_path: Path
) -> None:
    _, into = owned_copy
    file = str(tmp_path / "dump")
    run("pg_dump", postgres.major, "--format=custom", "--file", file, "-d", installed_database)
    assert 'permission denied to create event trigger "et_sql_drop"' in restore(postgres.major, "custom", file, into)
    with opened(into) as theirs:
        assert value(theirs, "select count(*) from public.orders") == 10
        theirs.execute("create table public.more ()")
        with pytest.raises(ForeignSchema, match="somebody else's schema stands in the way: script_tracking"):
            await installed(copy)
        theirs.execute(meddling("drop schema script_tracking, script_tracking_internal cascade").encode())
        await installed(copy)
    with opened(copy) as there:
        there.execute("drop table public.more")
        assert [row["script_name"] for row in history(there)] == ["DROP TABLE"]


async def test_a_copy_made_as_a_template_is_told_from_its_original(
    original: Session, installed_database: str, postgres: Server
) -> None:
    """Two tracked databases of one cluster share roles and nothing else."""
    name = original.info.dbname
    stood = original.execute(VERSIONS).fetchall()
    original.close()
    with new_database(postgres, template=name) as dsn, opened(dsn) as there, opened(installed_database) as here:
        assert there.execute(VERSIONS).fetchall() == stood
        assert value(there, INCARNATION) == 2
        assert value(here, INCARNATION) == 1
        there.execute("create table public.there ()")
        here.execute("create table public.here ()")
        for own, other in ((there, "public.here"), (here, "public.there")):
            row = own.execute(VERSIONS).fetchall()[-1]
            assert f"/{own.info.dbname}/" in row["record_source"]
            assert other not in str(history(own))
        assert await failed_checks(dsn) == {}
