"""Links, hub and names of objects, users: what is derived from the record, and the same when it is built anew."""

from __future__ import annotations

import random
import threading
from contextlib import suppress

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.fix_sessions import Login, MakeRole, Session, one, value
from tests.vault_steps import INTERNAL, LONG_AGO, RECORD, make_past, record, set_setting

DERIVE = f"select {INTERNAL}.derive_links(p_versions => %s)"
TABLES = (
    "script_tracking.database_object_h",
    "script_tracking.database_object_name_s",
    f"{INTERNAL}.execution_user",
    "script_tracking.script_execution_object",
    "script_tracking.script_execution_parent",
)


def derive(session: Session, versions: int = 10000) -> object:
    """Takes in what has come; how many versions that were."""
    return value(session, DERIVE, versions)


def content(session: Session) -> dict[str, list[object]]:
    """All that is derived."""
    found = {}
    for table in TABLES:
        rows = session.execute(f"select to_jsonb(t)::text as row from {table} as t order by 1".encode()).fetchall()
        found[table] = [row["row"] for row in rows]
    return found


def rebuilt(session: Session) -> dict[str, list[object]]:
    """The same after it was built anew."""
    session.execute(f"select {INTERNAL}.rebuild_links()".encode())
    return content(session)


def test_an_execution_is_linked_to_each_object_once(admin: Session) -> None:
    admin.execute("create table public.a (id serial primary key, n int)")
    admin.execute("alter table public.a drop column n")
    admin.execute("comment on column public.a.id is 'x'")
    admin.execute("create view public.v as select id from public.a")
    admin.execute("drop table public.a cascade")
    assert derive(admin) == 5
    linked = admin.execute(
        "select s.command, s.identity, s.object_status from script_tracking.database_object_s as s"
        " join script_tracking.script_execution_object_l as l"
        " on l.script_execution_hk = s.script_execution_hk and l.object_hk = s.object_hk"
        " where s.object_type in ('table', 'view') order by s.load_date, s.identity"
    ).fetchall()
    assert [tuple(row.values()) for row in linked] == [
        ("CREATE TABLE", "public.a", "present"),
        ("ALTER TABLE", "public.a", "present"),
        ("COMMENT", "public.a", "present"),
        ("CREATE VIEW", "public.v", "present"),
        ("DROP TABLE", "public.a", "dropped"),
        ("DROP TABLE", "public.v", "dropped"),
    ]
    assert derive(admin) == 0
    assert value(admin, "select bool_and(object_hk = sha256(object_bk::bytea)) from script_tracking.database_object_h")


def test_parents_and_users_are_linked(admin: Session, make_role: MakeRole, login: Login) -> None:
    role = make_role("script_tracking_app")
    parent = value(admin, "select script_tracking.track_operation('load', 'BATCH')")
    child = value(admin, "select script_tracking.track_operation('part', 'BATCH', parent_hk => %s)", parent)
    login(role).execute("select script_tracking.track_operation('of a role', 'BATCH')")
    derive(admin)
    assert content(admin)["script_tracking.script_execution_parent"] == [], "what runs is linked when it has ended"
    for key in (child, parent):
        value(admin, "select script_tracking.complete_operation(%s, true)", key)
    derive(admin)
    (link,) = admin.execute("select * from script_tracking.script_execution_parent_l").fetchall()
    assert (link["script_execution_hk"], link["parent_hk"]) == (child, parent)
    users = (
        "select u.user_bk from script_tracking.script_execution_user_l as l"
        " join script_tracking.user_h as u using (user_hk)"
    )
    named = {row["user_bk"] for row in admin.execute(users.encode()).fetchall()}
    assert named == {value(admin, "select current_user")}, "the other one's operation has not ended"


def test_points_in_time_follow_each_other(admin: Session) -> None:
    key = value(admin, "select script_tracking.track_operation('load', 'BATCH')")
    between = value(admin, "select clock_timestamp()")
    value(admin, "select script_tracking.complete_operation(%s, true)", key)
    at = (
        "select execution_status from script_tracking.script_execution_pit"
        " where script_execution_hk = %s and valid_from <= %s and valid_to > %s"
    )
    assert value(admin, at, key, between, between) == "RUNNING"
    now = value(admin, "select clock_timestamp()")
    assert value(admin, at, key, now, now) == "COMPLETED"
    as_of = "select execution_status from script_tracking.get_execution_as_of(%s, %s)"
    assert value(admin, as_of, key, between) == "RUNNING"
    assert value(admin, as_of, key, now) == "COMPLETED"
    assert admin.execute(as_of.encode(), (key, LONG_AGO)).fetchall() == []


def test_the_definition_is_told_once_the_catalogs_were_compared(admin: Session) -> None:
    definition = "select definition from script_tracking.get_object_history('public.t') limit 1"
    admin.execute("create table public.t (id int not null)")
    assert value(admin, definition) is None
    admin.execute(f"select {INTERNAL}.reconcile()".encode())
    found = value(admin, definition)
    assert isinstance(found, list)
    assert any(fact.startswith("column 1 id integer not null") for fact in found)
    admin.execute("alter table public.t add n int")
    rows = admin.execute("select definition from script_tracking.get_object_history('public.t')").fetchall()
    assert [row["definition"] for row in rows] == [None, None], "neither old nor unseen is guessed"


def test_a_schema_that_is_renamed_takes_its_tables_along(admin: Session) -> None:
    admin.execute("create schema s1; create table s1.t (id int)")
    admin.execute("alter schema s1 rename to s2")
    admin.execute(f"select {INTERNAL}.reconcile()".encode())
    rows = admin.execute("select script_name from script_tracking.get_object_history('s2.t')").fetchall()
    assert [row["script_name"] for row in rows] == ["CREATE TABLE"]


@pytest.mark.parametrize("asked", ["public.f(integer, text)", "public.f(integer,text)", "public.g(integer,text)"])
def test_a_function_is_found_however_its_arguments_are_written(admin: Session, asked: str) -> None:
    admin.execute("create function public.f(a int, b text) returns int language sql as 'select 1'")
    admin.execute("grant execute on function public.f(int, text) to public")
    admin.execute("alter function public.f(int, text) rename to g")
    admin.execute("drop function public.g(int, text)")
    for _ in range(2):
        rows = admin.execute(b"select script_name from script_tracking.get_object_history(%s)", (asked,)).fetchall()
        assert [row["script_name"] for row in rows] == ["DROP FUNCTION", "ALTER FUNCTION", "GRANT", "CREATE FUNCTION"]
        derive(admin)


def test_types_policies_and_what_hangs_on_a_table_keep_their_names(admin: Session) -> None:
    admin.execute("create type public.c as (a int)")
    admin.execute("alter type public.c add attribute b text")
    admin.execute("drop type public.c")
    admin.execute("create table public.t (id int)")
    admin.execute("create policy p on public.t using (true)")
    admin.execute("drop policy p on public.t")
    for _ in range(2):
        for identity, expected in {
            "public.c": ["DROP TYPE", "ALTER TYPE", "CREATE TYPE"],
            "p on public.t": ["DROP POLICY", "CREATE POLICY"],
        }.items():
            rows = admin.execute(b"select * from script_tracking.get_object_history(%s)", (identity,)).fetchall()
            assert [row["script_name"] for row in rows] == expected
            assert {row["object_identity"] for row in rows} == {identity}
        derive(admin)


@pytest.fixture
def owner(admin: Session, make_role: MakeRole) -> str:
    """A role that owns the schema shared."""
    role = make_role()
    admin.execute(f"create schema shared authorization {role}".encode())
    return role


@pytest.fixture
def two_tenants(admin: Session, owner: str, make_role: MakeRole, login: Login) -> tuple[Session, Session]:
    """Sessions of two tenants' roles, both members of the owner."""
    sessions = []
    for tenant in ("acme", "zeta"):
        role = make_role("script_tracking_reader", owner)
        admin.execute(b"select script_tracking.register_tenant(%s)", (tenant,))
        admin.execute(b"select script_tracking.grant_tenant(%s, %s)", (tenant, role))
        sessions.append(login(role))
    first, second = sessions
    return first, second


def test_each_tenant_sees_its_own_records_of_an_object_that_both_touched(
    admin: Session, owner: str, two_tenants: tuple[Session, Session], make_role: MakeRole, login: Login
) -> None:
    acme, zeta = two_tenants
    auditor = login(make_role("script_tracking_auditor"))
    for session, statement in (
        (acme, "create table shared.t (id int)"),
        (admin, f"alter table shared.t owner to {owner}"),
        (zeta, "alter table shared.t rename to of_zeta"),
        (zeta, "alter table shared.of_zeta add n int"),
        (acme, "drop table shared.of_zeta"),
    ):
        session.execute(statement.encode())
    ask = "select tenant, script_name from script_tracking.get_object_history(%s)"
    for derived in (False, True):
        if derived:
            derive(admin)
            auditor.execute("set script_tracking.tenant = 'acme'")
            for view in ("object_s", "object_pit", "object_name_s"):
                kept = "select count(*) filter (where tenant_hk <> sha256('acme')) as others, count(*) > 0 as some"
                found = one(auditor, f"{kept} from script_tracking.database_{view}")
                assert found == {"others": 0, "some": True}
            links = "select count(*) from script_tracking.script_execution_object_l where tenant_hk <> sha256('acme')"
            assert value(auditor, links) == 0
            auditor.execute("set script_tracking.tenant = 'zeta'")
            kept = "select identity from script_tracking.database_object_name_s where object_type = 'table' order by 1"
            assert [row["identity"] for row in auditor.execute(kept.encode()).fetchall()] == ["shared.of_zeta"]
            assert value(auditor, "select count(*) from script_tracking.user_h") == 1
        for identity in ("shared.t", "shared.of_zeta"):
            told = [tuple(row.values()) for row in acme.execute(ask.encode(), (identity,)).fetchall()]
            assert told == [("acme", "DROP TABLE"), ("acme", "CREATE TABLE")]
        told = [tuple(row.values()) for row in zeta.execute(ask.encode(), ("shared.of_zeta",)).fetchall()]
        assert told == [("zeta", "ALTER TABLE"), ("zeta", "ALTER TABLE")]
        assert zeta.execute(ask.encode(), ("shared.t",)).fetchall() == [], "a name that only the other tenant knows"
        standing = (
            "select object_identity from script_tracking.get_objects_as_of(clock_timestamp())"
            " where object_type = 'table'"
        )
        assert acme.execute(standing.encode()).fetchall() == []
        assert [row["object_identity"] for row in zeta.execute(standing.encode()).fetchall()] == ["shared.of_zeta"]


def test_what_commits_late_is_linked_once_and_shown_meanwhile(installed_database: str, admin: Session) -> None:
    ask = "select count(*) from script_tracking.get_object_history('public.early')"
    with psycopg.connect(installed_database) as late:
        late.execute("create table public.late (id int)")
        admin.execute("create table public.early (id int)")
        assert derive(admin) == 0, "the late transaction holds the horizon"
        assert value(admin, ask) == 1
        late.commit()
    assert value(admin, ask) == 1
    assert derive(admin) == 2
    assert value(admin, ask) == 1
    before = content(admin)
    assert len(before[TABLES[3]]) == 2
    assert rebuilt(admin) == before
    assert derive(admin) == 0


def test_a_prepared_transaction_is_waited_for(installed_database: str, admin: Session) -> None:
    with psycopg.connect(installed_database, autocommit=True) as other:
        other.execute(b"begin; create table public.forgotten (id int); prepare transaction 'forgotten'")
    admin.execute("create table public.known (id int)")
    derive(admin)
    assert value(admin, "select count(*) from script_tracking.get_object_history('public.known')") == 1
    assert value(admin, f"select {INTERNAL}.links_lag() > 0") is True
    admin.execute("commit prepared 'forgotten'")
    derive(admin)
    assert value(admin, f"select {INTERNAL}.links_lag()") == 0
    before = content(admin)
    assert len(before[TABLES[3]]) == 2
    assert rebuilt(admin) == before


@pytest.mark.parametrize("versions", [1, 2, 10000])
def test_what_many_sessions_did_is_linked_whatever_is_killed(
    installed_database: str, admin: Session, versions: int
) -> None:
    admin.execute("create table public.shared (id int)")

    def work(number: int) -> None:
        with psycopg.connect(installed_database) as session:
            for turn in range(8):
                session.execute(f"create table public.t{number}_{turn} (id int)".encode())
                session.execute(f"comment on table public.t{number}_{turn} is '{turn}'".encode())
                if turn % 4 == 1:
                    session.execute(f"prepare transaction 'p{number}_{turn}'".encode())
                else:
                    session.execute(f"comment on table public.shared is '{number}'".encode())
                if turn % 3 == number % 3:
                    session.rollback()
                session.commit()

    def move() -> None:
        dice = random.Random(versions)
        while any(thread.is_alive() for thread in workers):
            with psycopg.connect(installed_database, autocommit=True) as session:
                pid = session.info.backend_pid
                killer = threading.Timer(
                    dice.random() / 20, lambda pid=pid: admin.execute("select pg_terminate_backend(%s)", (pid,))
                )
                killer.start()
                with suppress(psycopg.OperationalError):
                    session.execute(DERIVE.encode(), (versions,))
                killer.join()

    workers = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    mover = threading.Thread(target=move)
    for thread in [*workers, mover]:
        thread.start()
    for thread in workers:
        thread.join()
    mover.join()
    for row in admin.execute("select gid from pg_prepared_xacts where database = current_database()").fetchall():
        admin.execute(f"commit prepared '{row['gid']}'".encode())
    derive(admin, versions)
    before = content(admin)
    assert len(before[TABLES[3]]) == value(
        admin,
        "select 1 + sum(case when split_part(tablename, '_', 2)::int % 4 = 1 then 2 else 3 end)"
        " from pg_tables where tablename ~ '^t[0-9]+_[0-9]+$'",
    )
    assert rebuilt(admin) == before
    assert rebuilt(admin) == before


def test_a_copy_goes_on_and_tells_its_objects_from_the_originals(admin: Session) -> None:
    admin.execute("create table public.t (id int)")
    admin.execute("alter table public.t add n int")
    admin.execute(f"update {INTERNAL}.installation set system_identifier = 'elsewhere'".encode())
    assert value(admin, f"select {INTERNAL}.ensure_incarnation()") == 2
    admin.execute("alter table public.t add m int")
    ask = "select count(*), count(distinct object_hk) as objects from script_tracking.get_object_history('public.t')"
    for step in ("nothing derived", "derived", "rebuilt"):
        if step == "derived":
            assert derive(admin, 1) == 3
            before = content(admin)
        elif step == "rebuilt":
            assert rebuilt(admin) == before
        assert tuple(admin.execute(ask.encode()).fetchall()[0].values()) == (3, 2), step


def test_hub_and_names_outlive_the_record(admin: Session) -> None:
    make_past(admin)
    set_setting(admin, "retention.disposable", "all")
    record(admin, at=LONG_AGO)
    admin.execute("create table public.t (id int)")
    derive(admin)
    key = value(admin, "select object_hk from script_tracking.database_object_h limit 1")
    # as if it had been found in what is removed
    admin.execute(b"update script_tracking.database_object_h set load_date = %s where object_hk = %s", (LONG_AGO, key))
    admin.execute(b"update script_tracking.database_object_name_s set load_date = %s", (LONG_AGO,))
    assert value(admin, "select script_tracking.cleanup_old_data(0)") == 1
    derive(admin)  # the removal is on record as well
    before = content(admin)
    assert rebuilt(admin) == before


def test_nobody_but_the_owner_writes_or_rebuilds(admin: Session, make_role: MakeRole, login: Login) -> None:
    roles = ("script_tracking_app", "script_tracking_reader", "script_tracking_auditor", "script_tracking_daemon")
    session = login(make_role(*roles))
    for statement in (
        f"select {INTERNAL}.rebuild_links()",
        "select from script_tracking.script_execution_object",
        "delete from script_tracking.database_object_h",
        "delete from script_tracking.script_execution_s",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute(statement.encode())


def test_what_a_tenants_retention_hides_is_hidden_here_too(
    admin: Session, two_tenants: tuple[Session, Session], make_role: MakeRole, login: Login
) -> None:
    acme, _ = two_tenants
    auditor = login(make_role("script_tracking_auditor"))
    auditor.execute("set script_tracking.tenant = 'acme'")
    told = {
        "evidence": "trigger",
        "objects": [{"type": "table", "schema": "shared", "name": "shared.t", "oid": "20000"}],
    }
    with admin.transaction():
        admin.execute("set local role script_tracking_owner")
        values = {
            "name": "CREATE TABLE",
            "type": "DDL",
            "status": "COMPLETED",
            "at": LONG_AGO,
            "us": 1,
            "tenant": "acme",
        }
        admin.execute(RECORD.encode(), {**values, "metadata": Jsonb(told)})
    derive(admin)
    counts = (
        "select count(*) from script_tracking.get_object_history('shared.t')",
        "select count(*) from script_tracking.get_objects_as_of(clock_timestamp())",
        "select count(*) from script_tracking.database_object_s",
        "select count(*) from script_tracking.database_object_pit",
        "select count(*) from script_tracking.script_execution_object_l",
        "select count(*) from script_tracking.script_execution_user_l",
        "select count(*) from script_tracking.script_execution_pit",
    )
    shown = [(acme, count) for count in counts[:2]] + [(auditor, count) for count in counts]
    assert [value(*each) for each in shown] == [1] * len(shown)
    admin.execute("select script_tracking.set_retention('acme', 1, 'of a test')")
    assert [value(*each) for each in shown] == [0] * len(shown)
