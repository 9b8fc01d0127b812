"""Who acted, and that a session's own state and settings neither falsify the record nor reach the next client."""

from __future__ import annotations

import uuid

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tests.capture.conftest import Records
from tests.capture.slot import open_slot
from tests.fix_sessions import HOSTILE, opened, value

STATE = "script_tracking_internal.attempts"
FORGED = (
    "x",
    "{batch};",
    "{batch};x;",
    "{batch};1;",
    "{batch};999999999;x,y,z,",
    "{batch};1;1700000000000000:{id}:1:{tag}:{id},",
    "{batch};1;9999999999999999:{id}:1:{tag}:{id},",
    "{batch};1;1:2:3:4:5,1700000000000000:{id}:x:{tag}:,",
    "{batch};1;" + "a:b," * 10_000,
)
BATCH = "(extract(epoch from statement_timestamp()) * 1000000)::bigint || '-' || pg_backend_pid()"


@pytest.mark.parametrize("level", ["basic", "failures"])
@pytest.mark.parametrize("forged", FORGED)
def test_forged_state_loses_nothing_and_is_believed_in_nothing(records: Records, forged: str, level: str) -> None:
    session = records.session
    session.execute("update script_tracking_internal.installation set capture_level = %s", (level,))
    text = forged.replace("{id}", "0" * 32).replace("{tag}", "CREATE TABLE AS")
    session.execute(
        sql.SQL(
            "create or replace function app.forge() returns int language sql as $$"
            " select 1 from set_config({state}, replace({text}, '{{batch}}', " + BATCH + "), false) $$"
        ).format(state=sql.Literal(STATE), text=sql.Literal(text))
    )
    try:
        # before the start of a statement, and within it
        rows = records.of("do $$ begin perform app.forge(); create table app.t (id int); end $$")
        rows += records.of("create table app.u as select app.forge() as f")
    finally:
        session.execute("update script_tracking_internal.installation set capture_level = 'basic'")
    assert [row["affected_objects"] for row in rows] == [["app.t"], ["app.u"]]
    assert {row["execution_status"] for row in rows} == {"COMPLETED"}
    for row in rows:
        assert 0 <= row["metadata"]["duration_us"] < 60_000_000
        assert abs((row["load_date"] - row["execution_timestamp"]).total_seconds()) < 60
        if level == "failures":
            assert row["metadata"]["attempt_id"] != "0" * 32
            assert "parent_hk" not in row["metadata"]


@pytest.mark.parametrize("level", ["basic", "failures"])
def test_an_attempt_put_back_into_the_state_takes_no_record_away(records: Records, level: str) -> None:
    """The state of one statement, used again in the next of the same string, would give both one key."""
    session = records.session
    session.execute("update script_tracking_internal.installation set capture_level = %s", (level,))
    session.execute("create table app.kept (state text)")
    session.execute(
        "create function app.replay() returns int language plpgsql as $$ begin"
        " if exists (select from app.kept) then"
        f"  perform set_config('{STATE}', (select state from app.kept), false);"
        f" else insert into app.kept values (current_setting('{STATE}')); end if; return 1; end $$"
    )
    try:
        rows = records.of(
            "create table app.a as select app.replay() as x; create table app.b as select app.replay() as x"
        )
    finally:
        session.execute("update script_tracking_internal.installation set capture_level = 'basic'")
    assert sorted(row["affected_objects"] for row in rows) == [["app.a"], ["app.b"]]
    assert len({row["script_execution_hk"] for row in rows}) == 2


def test_a_forged_message_does_not_carry_the_mac(records: Records) -> None:
    session = records.session
    with open_slot(session) as slot:
        session.execute("select pg_logical_emit_message(false, 'script_tracking', repeat('0', 64) || '{\"v\": 1}')")
        (content,) = slot.contents()
    assert content[:64] != value(session, "select script_tracking_internal.message_mac(%s)", content[64:])
    session.execute("drop publication nothing")
    session.execute("update script_tracking_internal.installation set capture_level = 'basic'")


@pytest.mark.parametrize("client", ["simple", "extended"])
@pytest.mark.parametrize("setting", HOSTILE)
def test_a_hostile_setting_changes_nothing(records: Records, setting: str, client: str) -> None:
    session = records.session
    session.execute(
        "create schema if not exists evil; create or replace function evil.now() returns int language sql as 'select 1'"
    )
    session.execute(setting.encode())
    rows = (records.of if client == "simple" else records.of_extended)("create table app.t (id int)")
    rows += records.of(
        "grant select on app.t to public; alter table app.t alter column id type bigint; drop table app.t"
    )
    session.execute("reset all")
    assert [row["script_name"] for row in rows] == ["CREATE TABLE", "GRANT", "ALTER TABLE", "DROP TABLE"]
    assert [row["affected_objects"] for row in rows] == [["app.t"]] * 4
    assert rows[2]["metadata"]["rewritten"][0]["table"] == "app.t"
    same = (
        "select bool_and(hash_diff = script_tracking_internal.hash_diff(tenant_hk, script_name, script_type,"
        " execution_status, execution_timestamp, execution_duration_ms, db_session_user, client_ip, affected_objects,"
        " sql_command, error_message, metadata)) from script_tracking.script_execution_s"
    )
    assert value(session, same) is True


def test_session_user_effective_role_and_owner_are_told_apart(records: Records) -> None:
    session = records.session
    names = [f"{word}_{uuid.uuid4().hex[:8]}" for word in ("person", "team", "keeper")]
    person, team, keeper = names
    session.execute(
        f"create role {person} login; create role {team}; create role {keeper}; grant {team} to {person}".encode()
    )
    try:
        session.execute(f"grant create, usage on schema app to {keeper}, {team}".encode())
        session.execute(
            "create function app.make() returns void language plpgsql security definer as"
            f" $$ begin create table app.owned (); end $$; alter function app.make() owner to {keeper}".encode()
        )
        records.new()
        with psycopg.connect(make_conninfo(records.dsn, user=person), autocommit=True) as other:
            other.execute(f"set role {team}".encode())
            other.execute("select app.make()")
            other.execute("create table app.direct ()")
        inside, direct = records.new()
        assert (inside["db_session_user"], inside["metadata"]["effective_role"]) == (person, team)
        assert inside["metadata"]["owner"] == keeper
        assert inside["metadata"]["statement"] == "create table app.owned ()"
        assert (direct["db_session_user"], direct["metadata"]["effective_role"]) == (person, team)
        assert "owner" not in direct["metadata"]
    finally:
        for name in names:
            session.execute(f"drop owned by {name} cascade; drop role {name}".encode())


def test_the_next_client_of_a_pooled_session_learns_nothing(records: Records) -> None:
    """As behind a pooler in transaction mode: one server session, another client's transactions after the first's."""
    with opened(records.dsn) as pooled:
        with pooled.transaction():
            pooled.execute("set local script_tracking.app_user = 'anna'")
            pooled.execute("create table app.secret_name (); create table app.second (); drop table app.secret_name")
        first = records.new()
        left = {
            name: value(pooled, f"select coalesce(current_setting('script_tracking_internal.{name}', true), '')")
            for name in ("attempts", "dropped")
        }
        assert left["dropped"] == ""
        for row in first:
            assert row["metadata"]["attempt_id"] not in str(left["attempts"])
        assert "secret_name" not in str(left) and "CREATE" not in str(left)
        pooled.execute("create table app.of_the_next ()")
        (second,) = records.new()
    assert second["metadata"]["ordinal"] == 1
    assert "claimed_app_user" not in second["metadata"]
    assert "parent_hk" not in second["metadata"]
    assert second["metadata"]["batch_id"] not in {row["metadata"]["batch_id"] for row in first}


@pytest.mark.parametrize("where", ["session", "transaction"])
def test_replica_mode_is_recorded(records: Records, where: str) -> None:
    setting = "set session_replication_role = replica"
    text = (
        f"{setting}; create table app.t ()"
        if where == "session"
        else f"begin; {setting}; create table app.t (); commit"
    )
    (row,) = records.of(text)
    assert row["affected_objects"] == ["app.t"]


def test_switching_event_triggers_off_is_what_it_says(records: Records) -> None:
    """Only a superuser can, from 17 on; before there is no such setting. What it hides is the reconciler's to find."""
    session = records.session
    if session.info.server_version < 170000:
        with pytest.raises(psycopg.errors.UndefinedObject):
            session.execute("set event_triggers = off")
        return
    assert records.of("set event_triggers = off; create table app.t ()") == []
    session.execute("reset event_triggers")


def test_a_claim_of_a_foreign_tenant_is_noted_and_the_record_goes_elsewhere(records: Records) -> None:
    session = records.session
    role = f"stranger_{uuid.uuid4().hex[:8]}"
    session.execute("select script_tracking.register_tenant('acme')")
    session.execute(f"create role {role} login; grant create, usage on schema app to {role}".encode())
    refused = "select refused_claims_total from script_tracking_internal.collect_capture()"
    before = value(session, refused)
    try:
        records.new()
        with psycopg.connect(make_conninfo(records.dsn, user=role), autocommit=True) as other:
            other.execute("set script_tracking.tenant = 'acme'")
            other.execute("create table app.t ()")
        (row,) = records.new()
    finally:
        session.execute(f"drop owned by {role} cascade; drop role {role}".encode())
    assert row["metadata"]["refused_tenant_claim"] == {"claim": "acme", "reason": "not_a_member"}
    assert row["tenant_hk"] == value(
        session, "select tenant_hk from script_tracking.tenant_h where tenant_bk = 'system'"
    )
    assert value(session, refused) == int(str(before)) + 1
