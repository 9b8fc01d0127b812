"""What `schema status` says of the size of the record, as a person and as a program reads it."""

from __future__ import annotations

import json
import re

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.fix_sessions import Login, MakeRole, Session, value
from tests.schema.steps import program
from tests.vault_steps import INTERNAL, roll_up, set_setting

MANY = """
select script_tracking.complete_operations(
  (select jsonb_agg(jsonb_build_object('execution_hk', encode(k, 'hex'), 'success', true)) from unnest(t.keys) as k))
from (select script_tracking.track_operations(
    jsonb_agg(jsonb_build_object('script_name', 'job', 'script_type', 'BATCH'))) as keys
  from generate_series(1, 1200)) as t
"""


def grow(admin: Session) -> None:
    """1200 operations and ten DDL statements."""
    admin.execute(MANY.encode())
    for number in range(10):
        admin.execute(f"create table public.t_{number} ()".encode())


@pytest.fixture
def grown(admin: Session) -> Session:
    """A superuser's session on such a record, rolled up."""
    grow(admin)
    roll_up(admin)
    admin.execute("vacuum analyze")
    return admin


def storage(dsn: str) -> dict[str, float]:
    found = json.loads(program("schema", "status", "--json", "--dsn", dsn).stdout)["storage"]
    assert isinstance(found, dict)
    return found


def test_sizes_growth_cost_and_forecast(installed_database: str, grown: Session) -> None:
    found = storage(installed_database)
    assert found["executions"] == 1210
    vault = f"select sum(pg_total_relation_size(partition))::bigint from {INTERNAL}.vault_partition where place < 3"
    size = value(grown, vault)
    assert found["vault_bytes"] + found["vault_index_bytes"] == size
    everything = (
        "select sum(pg_total_relation_size(c.oid))::bigint from pg_class as c join pg_namespace as n"
        " on n.oid = c.relnamespace where n.nspname ~ '^script_tracking' and relkind = 'r'"
    )
    parts = ("vault_bytes", "vault_index_bytes", "derived_bytes", "internal_bytes")
    assert sum(found[part] for part in parts) == value(grown, everything)
    assert found["bytes_per_execution"] == pytest.approx(int(str(size)) / 1210)
    assert 1210 <= found["executions_per_day"] <= 1210 * 24, "the record is less than an hour old, or two begun"
    assert found["growth_bytes_per_day"] == pytest.approx(found["executions_per_day"] * found["bytes_per_execution"])
    assert found["ddl_statements"] == 10
    assert 0 < found["ddl_tracking_seconds"] < 1
    assert 500 < found["ddl_bytes"] < 10000
    now = sum(found[part] for part in parts)
    for days in (30, 90, 365):
        assert found[f"bytes_in_{days}_days"] == pytest.approx(now + days * found["growth_bytes_per_day"], rel=0.01)


def test_what_no_roll_up_has_taken_in_is_counted(installed_database: str, admin: Session) -> None:
    """Nothing of it is, and then a part: what is told is the same as when all of it is."""
    grow(admin)
    before = storage(installed_database)
    assert (before["executions"], before["ddl_statements"]) == (1210, 10)
    assert 1210 <= before["executions_per_day"] <= 1210 * 24
    assert before["growth_bytes_per_day"] == pytest.approx(before["executions_per_day"] * before["bytes_per_execution"])
    assert 0 < before["ddl_tracking_seconds"] < 1
    roll_up(admin)
    after = storage(installed_database)
    same = ("executions", "ddl_statements", "ddl_tracking_seconds", "retention_days")
    assert {name: after[name] for name in same} == {name: before[name] for name in same}
    assert after["executions_per_day"] == pytest.approx(before["executions_per_day"], rel=0.05)
    admin.execute(b"create table public.later ()")
    assert storage(installed_database)["executions"] == 1211


def test_the_forecast_keeps_to_the_retention(installed_database: str, grown: Session) -> None:
    set_setting(grown, "retention.days", "20")
    assert storage(installed_database)["retention_days"] is None, "nothing is disposable"
    set_setting(grown, "retention.disposable", "all")
    found = storage(installed_database)
    assert found["retention_days"] == 20
    growth = found["growth_bytes_per_day"]
    kept = found["derived_bytes"] + found["internal_bytes"]
    wide = (
        f"select sum(pg_total_relation_size(partition))::bigint from {INTERNAL}.vault_partition"
        " where place < 3 and upper_bound = 'infinity'"
    )
    left = kept + int(str(value(grown, wide)))
    gone = "what is there now has gone by then; a month's partition is kept until its last day is old enough"
    assert found["bytes_in_365_days"] == pytest.approx(left + (20 + 30) * growth, abs=2), gone
    set_setting(grown, "retention.days", "70")
    found = storage(installed_database)
    everything = found["vault_bytes"] + found["vault_index_bytes"] + found["derived_bytes"] + found["internal_bytes"]
    assert found["bytes_in_30_days"] == pytest.approx(everything + 30 * found["growth_bytes_per_day"], abs=2)
    grown.execute("select script_tracking.register_tenant('acme')")
    grown.execute("select script_tracking.set_retention('acme', 90, 'longer')")
    assert storage(installed_database)["retention_days"] == 90


def test_a_person_reads_units_and_words(
    installed_database: str, grown: Session, make_role: MakeRole, login: Login
) -> None:
    shown = program("schema", "status", "--dsn", installed_database).stdout
    assert not re.search(r"None|True|False|\[|Decimal|e\+", shown)
    for line in (
        r"record: [\d.]+ (kB|MB), its indexes [\d.]+ (kB|MB)",
        r"cost of a DDL statement: [\d.]+ ms and [\d.]+ (bytes|kB), 10 so far",
        r"forecast: [\d.]+ [MGT]B in 30 days, [\d.]+ [MGT]B in 90 days, [\d.]+ [MGT]B in 365 days",
    ):
        assert re.search(f"^{line}$", shown, re.MULTILINE), shown
    role = make_role("script_tracking_daemon")
    assert storage(make_conninfo(installed_database, user=role))["executions"] == 1210
    with psycopg.connect(installed_database, autocommit=True) as other:
        other.execute(f"create role nobody_{role} login")
        found = program("schema", "status", "--json", "--dsn", make_conninfo(installed_database, user=f"nobody_{role}"))
        other.execute(f"drop role nobody_{role}")
    assert json.loads(found.stdout).get("storage") is None
