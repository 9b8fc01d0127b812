"""As a tenant's role: own functions that PostgreSQL runs while somebody else maintains a table gain nothing."""

from __future__ import annotations

import psycopg
import pytest

from tests.fix_exporter import eventually
from tests.fix_sessions import Login, MakeRole, Session, history, value
from tests.sql.adversarial.conftest import READS, Spy, Victim, seen

S = "script_tracking"
# an index expression may not change anything; what it calls may
TRAP = """
create table lair.loot (told text);
create table lair.bait (id int);
create function lair.steal() returns void language plpgsql volatile as $steal$
declare
  v_what text;
begin
  foreach v_what in array %s loop
    begin
      execute format('insert into lair.loot select r::text from (%%s) as r', v_what);
    exception when others then
      insert into lair.loot values (format('failed: %%s %%s %%s', sqlstate, sqlerrm, v_what));
    end;
  end loop;
  perform set_config('script_tracking.tenant', 'victim', false);
  create table if not exists lair.forged ();
  insert into lair.loot values ('sprung');
end $steal$;
create function lair.trap(id int) returns int language plpgsql immutable as
$trap$ begin perform lair.steal(); return id; end $trap$;
create function lair.tame(id int) returns int language sql immutable as 'select id';
create index trap on lair.bait (lair.tame(id));
insert into lair.bait select generate_series(1, 3);
create or replace function lair.tame(id int) returns int language plpgsql immutable as
$tame$ begin return lair.trap(id); end $tame$;
"""
WRITES = (
    f"select {S}.track_operation('forged', 'BATCH', 'victim')",
    f"select {S}.track_operation('unclaimed', 'BATCH')",
    f"""select {S}.track_operations('[{{"script_name": "forged", "script_type": "B", "tenant": "victim"}}]')""",
)
MAINTENANCE = (
    "analyze lair.bait",
    "vacuum analyze lair.bait",
    "reindex table lair.bait",
    "cluster lair.bait using trap",
    "create index on lair.bait (lair.trap(id))",
)


def loot(spy: Spy) -> str:
    """What the trap has brought, in lower case."""
    return str(value(spy.session, "select string_agg(told, ' ') from lair.loot")).lower().replace("\\x", "")


@pytest.fixture
def trapped(spy: Spy, victim: Victim) -> Spy:
    key = f"'\\x{victim.running.hex()}'"
    ends = (f"select {S}.heartbeat({key})", f"select {S}.complete_operation({key}, true, 'forged')")
    reads = ", ".join(f"$q${read}$q$" for read in (*READS, *WRITES, *ends))
    assert "42" not in spy(TRAP % f"array[{reads}]")
    return spy


def nothing_gained(spy: Spy, victim: Victim, admin: Session) -> None:
    assert seen(loot(spy), victim) == []
    for name in ("forged", "unclaimed"):
        assert [row for row in history(admin, name) if row["tenant"] == "victim"] == []
    assert value(admin, "select current_setting('script_tracking.tenant', true)") in (None, "")
    (made,) = admin.execute(
        f"select tenant, metadata -> 'refused_tenant_claim' as refused from {S}.get_execution_history(1)"
        " where 'lair.forged' = any (affected_objects)".encode()
    ).fetchall()
    assert made["tenant"] != "victim" and made["refused"] is not None
    assert value(victim.session, f"select {S}.complete_operation(%s, true)", victim.running) is True


@pytest.mark.parametrize("maintenance", MAINTENANCE)
def test_whoever_maintains_a_table_lends_its_functions_nothing(
    trapped: Spy, victim: Victim, admin: Session, maintenance: str
) -> None:
    admin.execute(maintenance.encode())
    assert "sprung" in loot(trapped)
    nothing_gained(trapped, victim, admin)


def test_autovacuum_lends_a_tables_functions_nothing(trapped: Spy, victim: Victim, admin: Session) -> None:
    """Nobody has to do anything for it."""
    trapped("alter table lair.bait set (autovacuum_analyze_threshold = 1, autovacuum_analyze_scale_factor = 0)")
    admin.execute("alter system set autovacuum_naptime = '1s'")
    admin.execute("select pg_reload_conf()")
    try:
        eventually(lambda: "sprung" in loot(trapped), 120)
    finally:
        admin.execute("alter system reset autovacuum_naptime")
        admin.execute("select pg_reload_conf()")
    nothing_gained(trapped, victim, admin)


def test_a_materialized_view_of_somebody_elses_is_filled_with_nothing(spy: Spy, victim: Victim, admin: Session) -> None:
    spy(f"create materialized view lair.m as select h::text as told from {S}.get_execution_history(30) as h")
    own = value(spy.session, "select count(*) from lair.m")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        admin.execute("refresh materialized view lair.m")
    assert value(spy.session, "select count(*) from lair.m") == own
    assert seen(spy("table lair.m"), victim) == []


def test_an_auditor_keeps_what_the_record_s_tables_and_views_show_and_no_answer_of_a_function(
    admin: Session, make_role: MakeRole, login: Login, victim: Victim
) -> None:
    role = make_role("script_tracking_auditor")
    admin.execute(f"create schema audit authorization {role}".encode())
    auditor = login(role)
    for name, source in (("s", "script_execution_s"), ("h", "script_execution_user_l"), ("t", "tenant_h")):
        auditor.execute(f"create materialized view audit.{name} as select * from {S}.{source}".encode())
        auditor.execute(f"refresh materialized view audit.{name}".encode())
    rows = f"select count(*) from {S}.script_execution_s"
    assert value(auditor, "select count(*) from audit.t") == 2
    assert 0 < value(auditor, "select count(*) from audit.s") <= value(auditor, rows)  # type: ignore[operator]
    assert value(auditor, "select count(*) from audit.h") != 0
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="while a table is maintained"):
        auditor.execute(f"create materialized view audit.r as select * from {S}.get_execution_history(30)".encode())


def test_health_is_told_there_as_to_somebody_without_a_tenant(admin: Session, victim: Victim) -> None:
    """And is not taken for broken."""
    health = f"select check_name, status, value from {S}.get_system_health()"
    with admin.transaction(force_rollback=True):
        admin.execute(f"create materialized view public.health as {health}".encode())
        kept = {row["check_name"]: row for row in admin.execute(b"table public.health")}
    asked = {row["check_name"]: row for row in admin.execute(health.encode())}
    assert kept.keys() == asked.keys()
    assert kept["record_protected"]["status"] == "ok"
    assert asked["oldest_running_operation"]["value"] > 0 == (kept["oldest_running_operation"]["value"] or 0)
