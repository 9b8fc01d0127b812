"""The record itself: append-only every way, and its partitions."""

from __future__ import annotations

import time
from datetime import timedelta

import psycopg
import pytest
from psycopg.rows import DictRow

from tests.fix_sessions import Login, MakeRole, Session, history, meddling, value
from tests.installing import failed_checks
from tests.vault_steps import INTERNAL, THIS_MONTH, counted, make_past, record, set_setting

WHO = {
    "superuser": "select 1",
    "owner": "set role script_tracking_owner",
    "replica": "set session_replication_role = replica",
}
OTHER = {  # what differs from any value of the column
    "bytea": "{0} || '\\x00'::bytea",
    "timestamp with time zone": "{0} - interval '1 microsecond'",
    "bigint": "{0} + 1",
    "integer": "coalesce({0}, 0) - 1",
    "character varying": "{0} || ' '",
    "text": "coalesce({0}, '') || ' '",
    "text[]": "coalesce({0}, '{{}}') || 'x'::text",
    "inet": "coalesce({0} + 1, '192.0.2.1')",
    "jsonb": """'{{"n": 1.00}}'::jsonb""",
    "xid8": "(({0}::text::bigint) + 1)::text::xid8",
}
PARTITIONED = (
    "script_execution_change_s",
    "script_execution_h",
    "script_execution_object",
    "script_execution_parent",
    "script_execution_s",
)
SATELLITE, HUB = "script_tracking.script_execution_s", "script_tracking.script_execution_h"
CHANGES = (
    # the row with a metadata that is equal as jsonb, but not the same bytes
    f"update {SATELLITE} set metadata = '{{\"n\": 1.0}}' where script_name = 'equal'",
    f"update {SATELLITE} set load_end_date = load_date - interval '1 second' where load_end_date is null",
    f"update {SATELLITE} set load_end_date = now() + interval '1 day' where load_end_date is not null",
    f"update {SATELLITE} set load_end_date = null where load_end_date is not null",
    f"update {INTERNAL}.script_execution_s_first set error_message = 'x'",
    f"update {INTERNAL}.script_execution_h_first set record_source = 'x'",
    f"insert into {SATELLITE} select * from {SATELLITE} on conflict (execution_timestamp, version_number)"
    " do update set error_message = 'x'",
    f"insert into {HUB} select * from {HUB} on conflict (script_execution_hk, load_date)"
    " do update set record_source = 'x'",
    f"with gone as (delete from {HUB} returning *) select count(*) from gone",
    f"delete from {INTERNAL}.script_execution_s_first",
    f"truncate {HUB}, {SATELLITE}",
    f"truncate {INTERNAL}.script_execution_h_first",
    "truncate script_tracking.tenant_h cascade; truncate script_tracking.script_execution_h",
)
MERGES = (
    f"merge into {SATELLITE} as s using (select 1) as x on true when matched then update set error_message = 'x'",
    f"merge into {HUB} as h using (select 1) as x on true when matched then delete",
)


def layout(session: Session) -> list[DictRow]:
    """Partitions with their bounds."""
    return session.execute(
        f"select relation, partition_name, lower_bound::text as low, upper_bound::text as high"
        f" from {INTERNAL}.vault_partition order by 1, lower_bound".encode()
    ).fetchall()


@pytest.fixture
def filled(admin: Session) -> Session:
    """A superuser's session on a record with a running and an ended operation."""
    admin.execute("select script_tracking.track_operation('running', 'BATCH')")
    admin.execute("select script_tracking.track_operation('equal', 'BATCH', metadata => '{\"n\": 1}')")
    admin.execute(
        "select script_tracking.complete_operation(script_tracking.track_operation('ended', 'BATCH'), false, 'boom')"
    )
    admin.execute("create table public.t (id int)")
    return admin


@pytest.mark.parametrize("who", WHO)
def test_no_column_of_the_record_can_be_changed(filled: Session, who: str) -> None:
    columns = filled.execute(
        "select c.relname, a.attname, format_type(a.atttypid, a.atttypmod) as type from pg_attribute as a"
        " join pg_class as c on c.oid = a.attrelid where a.attnum > 0 and not a.attisdropped"
        " and a.attname <> 'load_end_date' and c.relkind = 'p'"
        " and c.relname in ('script_execution_h', 'script_execution_s')"
    ).fetchall()
    assert len(columns) == 5 + 19
    before = filled.execute(f"select * from {SATELLITE} order by version_number".encode()).fetchall()
    filled.execute(WHO[who].encode())
    changed = []
    for column in columns:
        other = OTHER[column["type"]].format(column["attname"])
        end = ", load_end_date = coalesce(load_end_date, now() + interval '1 day')"
        for ending in ("", end if column["relname"].endswith("_s") else ""):
            change = f"update script_tracking.{column['relname']} set {column['attname']} = {other}{ending}"
            try:
                filled.execute(change.encode())
                changed.append(change)
            except psycopg.Error as error:
                assert error.sqlstate == "ST001", f"{change}: {error}"
    assert changed == []
    filled.execute("reset role")
    assert filled.execute(f"select * from {SATELLITE} order by version_number".encode()).fetchall() == before


@pytest.mark.parametrize("who", WHO)
def test_no_way_round_the_triggers(filled: Session, who: str) -> None:
    filled.execute(WHO[who].encode())
    passed = []
    for change in (*CHANGES, *(MERGES if filled.info.server_version >= 150000 else ())):
        try:
            with filled.transaction():
                filled.execute(change.encode())
            passed.append(change)
        except psycopg.Error as error:
            assert error.sqlstate == "ST001", f"{change}: {error}"
    assert passed == []


def test_a_version_ends_once(filled: Session) -> None:
    end = f"update {SATELLITE} set load_end_date = clock_timestamp() where script_name = 'running'"
    filled.execute("set role script_tracking_owner")
    assert filled.execute(f"{end} and load_end_date is null".encode()).rowcount == 1
    with pytest.raises(psycopg.Error) as error:
        filled.execute(end.encode())
    assert error.value.sqlstate == "ST001"


def test_a_key_has_one_current_version(filled: Session) -> None:
    """The mutex of loading: a second current version for a key is refused, whatever its load_date and number."""
    other = {"load_date": "load_date + interval '1 second'", "version_number": "version_number + 1000000"}
    columns = [
        row["attname"]
        for row in filled.execute(
            "select attname from pg_attribute"
            " where attrelid = 'script_tracking.script_execution_s'::regclass and attnum > 0"
        )
    ]
    later = ", ".join(other.get(name, name) for name in columns)
    again = f"insert into {SATELLITE} select {later} from {SATELLITE} where script_name = 'running'"
    with pytest.raises(psycopg.errors.UniqueViolation) as error:
        filled.execute(again.encode())
    assert "script_execution_hk" in str(error.value.diag.message_detail)


@pytest.mark.parametrize("roles", [(), ("script_tracking_app",), ("script_tracking_reader", "script_tracking_auditor")])
def test_nobody_writes_past_the_functions(
    admin: Session, make_role: MakeRole, login: Login, roles: tuple[str, ...]
) -> None:
    session = login(make_role(*roles))
    for table in (SATELLITE, HUB, "script_tracking.tenant_h", f"{INTERNAL}.script_execution_s_first"):
        for statement in (f"insert into {table} select * from {table}", f"copy {table} from stdin"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), session.cursor() as cursor:
                if statement.startswith("copy"):
                    with cursor.copy(statement.encode()):
                        pass
                else:
                    cursor.execute(statement.encode())


def test_a_partition_shows_no_more_than_its_table(filled: Session, make_role: MakeRole, login: Login) -> None:
    """Even a right on a partition by mistake shows nothing: row security is forced on each of them."""
    role = make_role("script_tracking_reader")
    partitions = [row["partition_name"] for row in layout(filled)]
    filled.execute(meddling(f"grant usage on schema {INTERNAL} to {role}").encode())
    for partition in partitions:
        filled.execute(meddling(f"grant select on {INTERNAL}.{partition} to {role}").encode())
    session = login(role)
    assert value(filled, f"select count(*) > 5 from {INTERNAL}.script_execution_s_first") is True
    assert {value(session, f"select count(*) from {INTERNAL}.{partition}") for partition in partitions} == {0}


def test_the_first_layout_is_this_month_and_three_ahead(admin: Session) -> None:
    months = [THIS_MONTH]
    for _ in range(3):
        months.append((months[-1] + timedelta(days=32)).replace(day=1))
    bounds = ["-infinity", *(f"{month:%Y-%m-%d} 00:00:00+00" for month in months[1:]), "infinity"]
    names = ["first", *(f"{month:%Y%m}" for month in months[1:])]
    assert [tuple(row.values()) for row in layout(admin)] == [
        (table, f"{table}_{name}", low, high)
        for table in PARTITIONED
        for name, low, high in zip(names, bounds, bounds[1:], strict=False)
    ]
    assert value(admin, f"select {INTERNAL}.ensure_partitions()") == 0


async def test_more_months_are_split_off_the_newest_while_it_is_empty(installed_database: str, admin: Session) -> None:
    before = layout(admin)
    set_setting(admin, "partitions.ahead", "6")
    assert value(admin, f"select {INTERNAL}.ensure_partitions()") == 3 * len(PARTITIONED)
    after = layout(admin)
    assert len(after) == len(before) + 3 * len(PARTITIONED)
    for table in PARTITIONED:
        own = [row for row in after if row["relation"] == table]
        assert [row["low"] for row in own[1:]] == [row["high"] for row in own[:-1]], "no gap, no overlap"
        assert (own[0]["low"], own[-1]["high"]) == ("-infinity", "infinity")
    assert await failed_checks(installed_database) == {}
    assert value(admin, f"select {INTERNAL}.ensure_partitions()") == 0
    assert value(admin, f"select count(*) from {HUB}") == 0, "upkeep leaves no record of itself"


def test_nobody_else_can_keep_upkeep_waiting_or_pass_for_it(admin: Session, make_role: MakeRole, login: Login) -> None:
    other = login(make_role("script_tracking_daemon"))  # may read the table that upkeep locks
    other.execute("select pg_advisory_lock(6001874101)")
    with pytest.raises(psycopg.errors.InsufficientPrivilege), other.transaction():
        other.execute(f"lock table {INTERNAL}.schema_migration in share row exclusive mode".encode())
    set_setting(admin, "partitions.ahead", "6")
    with admin.transaction():
        admin.execute("set local role script_tracking_daemon")
        assert value(admin, f"select {INTERNAL}.ensure_partitions()") == 3 * len(PARTITIONED)
        reading = f"select count(*) > 0 from {INTERNAL}.schema_migration"
        assert value(other, reading) is True
    assert history(admin) == []


async def test_a_newest_partition_that_is_in_use_stays_wide_and_takes_everything(
    installed_database: str, admin: Session
) -> None:
    before = layout(admin)
    record(admin, at=THIS_MONTH + timedelta(days=400))
    set_setting(admin, "partitions.ahead", "20")
    assert value(admin, f"select {INTERNAL}.ensure_partitions()") == 0
    assert layout(admin) == before
    record(admin, at=THIS_MONTH + timedelta(days=4000))
    assert counted(admin) == 2
    assert await failed_checks(installed_database) == {}


def test_upkeep_gives_a_lock_up_quickly_and_changes_nothing(installed_database: str, admin: Session) -> None:
    before = layout(admin)
    set_setting(admin, "partitions.ahead", "6")
    with psycopg.connect(installed_database) as reader:
        reader.execute(f"select count(*) from {SATELLITE}".encode())
        took = []
        for _ in range(3):
            began = time.monotonic()
            with pytest.raises(psycopg.errors.LockNotAvailable):
                admin.execute(f"select {INTERNAL}.ensure_partitions()".encode())
            took.append(time.monotonic() - began)
        assert min(took) < 2, "of three, as what else the machine does may hold one up"
        assert layout(admin) == before
        admin.execute("create table public.t (id int)")
    assert value(admin, f"select {INTERNAL}.ensure_partitions()") == 3 * len(PARTITIONED)


async def test_a_past_partition_takes_its_records(installed_database: str, admin: Session) -> None:
    make_past(admin)
    record(admin, at=THIS_MONTH - timedelta(seconds=1))
    record(admin, at=THIS_MONTH)
    rows = admin.execute(
        f"select tableoid::regclass::text as name, count(*) as n from {HUB}"
        " where script_execution_bk like 'job%' group by 1".encode()
    )
    assert {row["name"]: row["n"] for row in rows} == {
        f"{INTERNAL}.script_execution_h_past": 1,
        f"{INTERNAL}.script_execution_h_first": 1,
    }
    assert await failed_checks(installed_database) == {}


def test_a_running_version_has_no_duration(filled: Session) -> None:
    found = filled.execute(
        f"select distinct execution_duration_ms from {SATELLITE} where execution_status = 'RUNNING'".encode()
    ).fetchall()
    assert [row["execution_duration_ms"] for row in found] == [None]


@pytest.mark.parametrize(("us", "ms"), [(0, 0), (999, 0), (1000, 1), (2147483647999, 2147483647), (10**15, 2147483647)])
def test_a_duration_saturates_and_its_exact_value_is_kept(admin: Session, us: int, ms: int) -> None:
    key = record(admin, us=us)
    found = f"select execution_duration_ms as ms, metadata ->> 'duration_us' as us from {SATELLITE}"
    rows = admin.execute(f"{found} where script_execution_hk = %s".encode(), (key,)).fetchall()
    assert rows == [{"ms": ms, "us": str(us)}]


def test_the_tenant_system_stands_from_the_start(admin: Session) -> None:
    key = "select tenant_hk from script_tracking.tenant_h where tenant_bk = 'system'"
    assert value(admin, f"select ({key}) = script_tracking.calculate_hash_key('system')") is True
    assert value(admin, f"select script_tracking.register_tenant('system') = ({key})") is True
    with pytest.raises(psycopg.Error) as error:
        admin.execute("select script_tracking.register_tenant('system', 'x')")
    assert error.value.sqlstate == "ST003"
