"""What stands between the record and a change of it: taken away round the event triggers and put back between two
looks, it is an untracked change all the same; what is on record, or the tracker's own upkeep and installer, is none."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.capture.reconciling import Watched, around, only, watched_database
from tests.fix_sessions import history, meddling, refusal, value
from tests.installing import installed
from tests.postgres_server import Server
from tests.vault_steps import DAYS_AGO, LONG_AGO, make_past, record

S, SI = "script_tracking", "script_tracking_internal"
SAT = f"{S}.script_execution_s"
PARTITION = f"{SI}.script_execution_s_first"


@pytest.fixture(scope="module")
def watched(postgres: Server, _template: str) -> Iterator[Watched]:
    with watched_database(postgres, _template) as found:
        yield found


OFF_AND_ON = {
    "a trigger": f"alter table {SAT} disable trigger protect_updates; update {SAT} set script_name = 'forged';"
    f" alter table {SAT} enable always trigger protect_updates",
    "a partition's trigger": f"alter table {PARTITION} disable trigger protect_truncate;"
    f" alter table {PARTITION} enable always trigger protect_truncate",
    "all triggers": f"alter table {S}.tenant_h disable trigger all; alter table {S}.tenant_h enable always trigger"
    f" protect_columns; alter table {S}.tenant_h enable always trigger protect_deletes;"
    f" alter table {S}.tenant_h enable always trigger protect_truncate; alter table {S}.tenant_h enable trigger all",
    "a trigger made anew": f"drop trigger protect_truncate on {SAT};"
    f" create trigger protect_truncate before truncate on {SAT} execute function {SI}.protect_record();"
    f" alter table {SAT} enable always trigger protect_truncate",
    "past the commands": f"update pg_trigger set tgenabled = 'D' where tgrelid = '{SAT}'::regclass;"
    f" update pg_trigger set tgenabled = 'A' where tgrelid = '{SAT}'::regclass",
    "a policy": f"alter policy read_visible on {SAT} rename to elsewhere;"
    f" alter policy elsewhere on {SAT} rename to read_visible",
}
TOLD = {
    "a partition's trigger": ("ALTER", "table", PARTITION),
    "all triggers": ("ALTER", "table", f"{S}.tenant_h"),
}


@pytest.mark.parametrize("guard", OFF_AND_ON)
def test_a_guard_that_was_off_for_a_moment_is_seen(watched: Watched, guard: str) -> None:
    """With the event triggers off meanwhile, which shows as well."""
    found = watched.report(around(watched, OFF_AND_ON[guard]))
    assert only(found) == [TOLD.get(guard, ("ALTER", "table", SAT))]
    told = history(watched.session, "UNTRACKED ALTER TABLE")[-1]["metadata"]
    assert any(fact.startswith("transaction ") for fact in told["before"])
    assert any(fact.startswith("transaction ") for fact in told["after"])


@pytest.mark.parametrize("function", ["protect_record", "refuse_foreign_ddl"])
def test_a_guards_body_that_was_another_for_a_moment_is_seen(watched: Watched, function: str) -> None:
    session = watched.session
    kind, name = value(session, "select %s::regproc::regprocedure::text", f"{SI}.{function}"), f"{SI}.{function}"
    body = str(value(session, "select pg_get_functiondef(%s::regproc)", name))
    empty = body.partition("AS $function$")[0] + "AS $function$ begin return null; end $function$"
    if function == "refuse_foreign_ddl":
        empty = empty.replace("return null", "return")
    assert only(watched.report(around(watched, f"{empty}; {body}"))) == [("ALTER", "function", kind)]


def test_the_setting_that_keeps_event_triggers_from_firing_hides_nothing(watched: Watched) -> None:
    """It leaves no other trace, once it is reset."""
    if watched.session.info.server_version < 170000:
        with pytest.raises(psycopg.errors.UndefinedObject):
            watched.session.execute("set event_triggers = off")
        return
    hidden = f"set event_triggers = off; {OFF_AND_ON['a trigger']}; reset event_triggers"
    assert watched.report(hidden) == [("ALTER", "table", SAT)]


def test_rights_that_were_given_and_row_security_that_was_lifted_are_told(watched: Watched) -> None:
    for change, back in (
        (f"grant update on {SAT} to pg_monitor", f"revoke update on {SAT} from pg_monitor"),
        (f"alter table {SAT} no force row level security", f"alter table {SAT} force row level security"),
    ):
        for statement in (change, back):
            assert only(watched.report(around(watched, statement))) == [("ALTER", "table", SAT)]
    grant = around(watched, f"grant execute on function {SI}.protect_record() to public")
    assert only(watched.report(grant)) == [("ALTER", "function", f"{SI}.protect_record()")]
    revoke = around(watched, f"revoke execute on function {SI}.protect_record() from public")
    assert only(watched.report(revoke)) == [("ALTER", "function", f"{SI}.protect_record()")]


def test_what_is_refused_or_on_record_is_no_untracked_change(watched: Watched) -> None:
    for mode in ("origin", "replica", "local"):  # the event triggers fire always
        for guard in OFF_AND_ON:
            statement = f"set local session_replication_role = {mode}; {OFF_AND_ON[guard]}"
            assert refusal(watched.session, statement) == (None if guard == "past the commands" else "ST009"), statement
        assert watched.report("select 1") == [("ALTER", "table", SAT)]  # what goes past the commands
    for statement in (
        *(OFF_AND_ON[guard] for guard in OFF_AND_ON if guard != "past the commands"),
        f"grant select on {SAT} to pg_monitor; revoke select on {SAT} from pg_monitor",
        f"grant execute on function {SI}.protect_record() to public;"
        f" revoke execute on function {SI}.protect_record() from public",
        f"alter function {SI}.protect_record() cost 101; alter function {SI}.protect_record() cost 100",
        f"create function {SI}.mine() returns int language sql as 'select 1'; drop function {SI}.mine()",
        f"create table {SI}.mine (id int); create policy p on {SI}.mine; drop policy p on {SI}.mine;"
        f" drop table {SI}.mine",
        f"grant usage on schema {S} to pg_monitor; revoke usage on schema {S} from pg_monitor",
    ):
        assert watched.report(meddling(statement)) == [], statement


def test_whoever_passes_for_the_installer_is_seen(watched: Watched) -> None:
    """A superuser who says so and holds its lock: the installer's DDL is neither refused nor recorded."""
    passing = f"set local script_tracking_internal.installing = 'on'; {OFF_AND_ON['a trigger']}"
    assert watched.report(meddling(passing)) == [("ALTER", "table", SAT)]


def test_upkeep_and_maintenance_are_none(watched: Watched) -> None:
    session = watched.session
    session.execute(f"update {SI}.setting set value = '7' where name = 'partitions.ahead'".encode())
    assert int(str(value(session, f"select {SI}.ensure_partitions()"))) > 0
    assert watched.report(f"vacuum full {SAT}") == []
    assert watched.report("vacuum full pg_trigger") == []
    assert watched.report(f"analyze {SAT}") == []
    assert watched.report(f"reindex table {S}.tenant_h") == []
    assert watched.report(f"create table public.mine (tenant bytea references {S}.tenant_h)") == []
    assert watched.report("drop table public.mine") == []


def test_upkeep_accounts_for_nothing_that_it_has_not_done(postgres: Server, _template: str) -> None:
    """Between two passes: neither for rights nor for row-level security, of which no transaction is told."""
    with watched_database(postgres, _template) as watched:
        session = watched.session
        change = f"grant update on {SAT} to pg_monitor; alter table {S}.tenant_s no force row level security"
        session.execute(around(watched, change).encode())
        session.execute(f"update {SI}.setting set value = '7' where name = 'partitions.ahead'".encode())
        assert int(str(value(session, f"select {SI}.ensure_partitions()"))) > 0
        assert only(watched.report("select 1")) == [("ALTER", "table", SAT), ("ALTER", "table", f"{S}.tenant_s")]


def test_partitions_come_and_go_and_one_that_is_taken_away_is_seen(postgres: Server, _template: str) -> None:
    with watched_database(postgres, _template) as watched:
        session = watched.session
        make_past(session, DAYS_AGO)
        record(session, at=LONG_AGO)
        assert watched.report("select 1") == []
        session.execute(f"update {SI}.setting set value = 'all' where name = 'retention.disposable'".encode())
        assert value(session, "select script_tracking.cleanup_old_data(1)") == 1
        assert watched.report("select 1") == []
        newest = f"select partition::text from {SI}.vault_partition where relation = %s and upper_bound = 'infinity'"
        gone = str(value(session, newest, "script_execution_s"))
        assert only(watched.report(around(watched, f"drop table {gone}"))) == [("DROP", "table", gone)]


async def test_an_installer_accounts_for_what_it_does_and_for_nothing_else(postgres: Server, _template: str) -> None:
    """It makes the triggers of the tables anew, those of a partition only where one is missing."""
    with watched_database(postgres, _template) as watched:
        session = watched.session
        session.execute(meddling(f"drop function {SI}.hex_key(text)").encode())
        session.execute(around(watched, OFF_AND_ON["a partition's trigger"]).encode())
        assert (await installed(watched.dsn, restore=True)).changed
        assert only(watched.report("select 1")) == [("ALTER", "table", PARTITION)]
        assert watched.report("select 1") == []
