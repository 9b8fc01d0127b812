"""Noise rules and acknowledged losses: what a superuser decides about the capture."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import sql

from tests.fix_sessions import Login, MakeRole, Session, history, meddling, one, value
from tests.sql.deciding import INTERNAL, lost, rules


def names(session: Session) -> list[tuple[object, object]]:
    """Tag and objects of the DDL on record."""
    return [(row["script_name"], row["affected_objects"]) for row in history(session) if row["script_type"] == "DDL"]


def test_a_rule_keeps_ddl_of_its_schema_out_of_the_record_and_counts_it(admin: Session, etl: Session) -> None:
    number = value(admin, "select script_tracking.add_noise_rule('staging', null, null, 'nightly load')")
    before = len(names(admin))
    etl.execute("create table staging.a (id int primary key); create table shop.b ()")
    etl.execute("alter table staging.a add column note text; drop table staging.a")
    assert names(admin)[before:] == [("CREATE TABLE", ["shop.b"])]
    assert (rules(admin)["noise_ddl_total"], rules(admin)["noise_rules"]) == (3, 1)
    assert value(admin, "select script_tracking.remove_noise_rule(%s)", number) is True
    assert value(admin, "select script_tracking.remove_noise_rule(%s)", number) is False
    etl.execute("create table staging.c ()")
    assert names(admin)[before + 1 :] == [("CREATE TABLE", ["staging.c"])]
    assert rules(admin)["noise_ddl_total"] == 3


def test_every_change_of_the_rules_is_on_record(admin: Session, make_role: MakeRole) -> None:
    role = make_role()
    number = value(admin, "select script_tracking.add_noise_rule(null, 'comment', %s, 'a tool')", role)
    (listed,) = admin.execute("select * from script_tracking.get_noise_rules()").fetchall()
    assert {**listed, "added_at": None} == {
        "rule_id": number,
        "schema_name": None,
        "tag": "COMMENT",
        "role_name": role,
        "reason": "a tool",
        "added_at": None,
        "added_by": admin.info.user,
    }
    value(admin, "select script_tracking.remove_noise_rule(%s)", number)
    admin.execute("select script_tracking.set_capture_policy(null, 'create table', true)")
    admin.execute("select script_tracking.set_capture_policy(null, 'CREATE TABLE', false)")
    admin.execute("select script_tracking.set_capture_policy(null, 'CREATE TABLE', null)")
    rows = history(admin)
    assert {(row["script_type"], row["db_session_user"], row["tenant"]) for row in rows} == {
        ("ADMINISTRATION", admin.info.user, "system")
    }
    told = [(row["script_name"], row["metadata"].get("before"), row["metadata"].get("after")) for row in rows]
    rule = {"rule_id": number, "tag": "COMMENT", "role": role, "reason": "a tool", "added_by": admin.info.user}
    assert told[0][0] == "add_noise_rule"
    assert told[0][2].items() >= rule.items()
    assert told[1][:1] + told[1][2:] == ("remove_noise_rule", None)
    assert told[1][1].items() >= rule.items()
    closed, opened = ({"tenant": None, "tag": "CREATE TABLE", "fail_closed": flag} for flag in (True, False))
    policy = "set_capture_policy"
    assert [
        (name, before and {"tenant": None, **before}, after and {"tenant": None, **after})
        for name, before, after in told[2:]
    ] == [(policy, None, closed), (policy, closed, opened), (policy, opened, None)]


@pytest.mark.parametrize(
    "member_of", [(), ("script_tracking_daemon", "script_tracking_auditor", "script_tracking_app")]
)
@pytest.mark.parametrize(
    "call",
    [
        "add_noise_rule('s', null, null, 'x')",
        "remove_noise_rule(1)",
        "get_noise_rules()",
        "set_capture_policy(null, null, true)",
        "get_capture_policies()",
        "pause_tracking('x')",
        "resume_tracking()",
        "acknowledge_losses('x')",
    ],
)
def test_only_a_superuser_may(make_role: MakeRole, login: Login, member_of: tuple[str, ...], call: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        login(make_role(*member_of)).execute(f"select * from script_tracking.{call}".encode())


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ("null, null, null, 'why'", "ST003"),
        ("'s', null, null, ' '", "ST003"),
        ("'s', null, null, null", "ST003"),
        ("'script_tracking', null, null, 'why'", "ST003"),
        ("null, 'CREATE; TABLE', null, 'why'", "ST003"),
        ("null, null, 'nobody_of_that_name', 'why'", "ST003"),
    ],
)
def test_a_rule_that_names_nothing_known_is_refused(admin: Session, arguments: str, code: str) -> None:
    with pytest.raises(psycopg.Error) as error:
        admin.execute(f"select script_tracking.add_noise_rule({arguments})".encode())
    assert error.value.sqlstate == code
    assert value(admin, f"select noise_rules from {INTERNAL}.installation") is False


def test_a_rule_matches_only_what_it_names_precisely(admin: Session, etl: Session, make_role: MakeRole) -> None:
    role = etl.info.user
    group = make_role()
    admin.execute(f"grant {group} to {role}; grant create, usage on schema staging, shop to {group}".encode())
    for arguments in ("'staging', null, null", f"null, 'COMMENT', '{role}'", "null, 'CREATE VIEW', null"):
        admin.execute(f"select script_tracking.add_noise_rule({arguments}, 'noise')".encode())
    before = len(names(admin))
    # left out
    etl.execute("create table staging.t (id int); create table shop.t (id int)")
    etl.execute("comment on table shop.t is 'x'; create view shop.v as select 1 as one")
    assert names(admin)[before:] == [("CREATE TABLE", ["shop.t"])]
    # kept: objects of two schemas, a schema itself, a superuser, another role, a role taken, what names no object
    admin.execute("create table staging.super ()")
    admin.execute("comment on table shop.t is 'y'; create view shop.w as select 1 as one")
    etl.execute("create view shop.on_staging as select * from staging.t")
    etl.execute("drop table staging.t cascade")
    etl.execute(f"grant select on shop.t to {group}".encode())
    etl.execute("create table if not exists shop.t ()")
    etl.execute(f"set role {group}; create table shop.g (); comment on table shop.g is 'x'; reset role".encode())
    admin.execute("drop schema staging cascade; drop schema shop cascade")
    assert [tag for tag, _ in names(admin)[before + 1 :]] == [
        *("CREATE TABLE", "COMMENT", "CREATE VIEW"),
        *("DROP TABLE", "GRANT", "CREATE TABLE", "CREATE TABLE", "COMMENT", "DROP SCHEMA", "DROP SCHEMA"),
    ]
    assert rules(admin)["noise_ddl_total"] == 4


@pytest.mark.parametrize("conforming", ["on", "off"])
def test_a_rule_never_hides_ddl_on_the_tracker(admin: Session, etl: Session, conforming: str) -> None:
    user = admin.info.user
    admin.execute(f"set standard_conforming_strings = {conforming}; set escape_string_warning = off".encode())
    for tag in ("null", "'GRANT'"):
        admin.execute(f"select script_tracking.add_noise_rule(null, {tag}, '{user}', 'all of mine')".encode())
    before = len(names(admin))
    admin.execute("create table public.hidden ()")
    admin.execute(meddling("alter table script_tracking_internal.setting add column mine int").encode())
    admin.execute(
        "create view public.v as select * from script_tracking_internal.setting; comment on view public.v is ''"
    )
    grant = "do $$ begin execute 'grant select on script_' || 'tracking.tenant_h to script_tracking_app'; end $$"
    admin.execute(meddling(grant).encode())
    admin.execute(meddling("create policy mine on script_tracking.tenant_h using (true)").encode())
    admin.execute(meddling("drop function script_tracking.get_recent_errors(integer)").encode())
    told = [tag for tag, _ in names(admin)[before:]]
    assert told == ["ALTER TABLE", "GRANT", "CREATE POLICY", "DROP FUNCTION"]
    assert etl.info.user != user


def test_rules_that_cannot_be_read_hide_nothing_and_lose_nothing(admin: Session, etl: Session) -> None:
    admin.execute("select script_tracking.add_noise_rule('staging', null, null, 'nightly load')")
    admin.execute(meddling(f"alter table {INTERNAL}.noise_rule rename to elsewhere").encode())
    etl.execute("create table staging.t ()")
    assert names(admin)[-1] == ("CREATE TABLE", ["staging.t"])
    assert lost(admin) == 0


def test_health_and_metrics_tell_policies_and_losses(admin: Session) -> None:
    admin.execute("select script_tracking.set_capture_policy(null, 'COMMENT', true)")
    admin.execute(f"select nextval('{INTERNAL}.lost_record_seq') from generate_series(1, 3)".encode())
    bad = "select check_name, status, value from script_tracking.get_system_health() where status in {} order by 1"
    worse = bad.format("('warning', 'critical')")
    assert [tuple(row.values()) for row in admin.execute(worse.encode())] == [
        ("fail_closed_policies", "warning", 1),
        ("lost_records", "critical", 3),
    ]
    with pytest.raises(psycopg.Error, match="reason"):
        admin.execute("select script_tracking.acknowledge_losses('')")
    assert rules(admin)["unacknowledged_losses"] == 3
    assert value(admin, "select script_tracking.acknowledge_losses('told the auditors')") == 3
    assert value(admin, "select script_tracking.acknowledge_losses('again')") == 0
    assert [row["check_name"] for row in admin.execute(worse.encode())] == ["fail_closed_policies"]
    assert lost(admin) == 3
    admin.execute(f"select nextval('{INTERNAL}.lost_record_seq')".encode())
    assert rules(admin)["unacknowledged_losses"] == 1
    (row,) = history(admin, "acknowledge_losses")
    assert row["metadata"]["before"] == {"unacknowledged": 3, "refused_claims": 0, "refused_messages": 0}
    assert row["metadata"]["after"] == {
        "lost_through": 3,
        "refused_claims_through": 0,
        "refused_messages_through": 0,
    }
    assert row["metadata"]["reason"] == "told the auditors"


def test_what_anybody_can_cause_is_acknowledged_with_the_losses(
    admin: Session, make_role: MakeRole, login: Login
) -> None:
    def warned() -> dict[object, object]:
        found = admin.execute(
            "select check_name, value from script_tracking.get_system_health() where status in ('warning', 'critical')"
        )
        return {row["check_name"]: row["value"] for row in found}

    stranger = login(make_role())
    admin.execute(f"grant create on database {admin.info.dbname} to {stranger.info.user}".encode())
    admin.execute("select script_tracking.register_tenant('acme')")
    stranger.execute("set script_tracking.tenant = 'acme'")
    stranger.execute(f"create schema {stranger.info.user}".encode())
    admin.execute(f"select nextval('{INTERNAL}.refused_message_seq') from generate_series(1, 2)".encode())
    assert warned() == {"refused_tenant_claims": 1, "refused_messages": 2}

    assert value(admin, "select script_tracking.acknowledge_losses('spoke with them')") == 0
    assert warned() == {}
    counters = f"select c.refused_claims_total, a.refused_messages_total from {INTERNAL}.collect_capture() as c,"
    assert list(one(admin, f"{counters} {INTERNAL}.collect_attempts() as a").values()) == [1, 2]
    assert value(admin, "select script_tracking.acknowledge_losses('again')") == 0
    (row,) = history(admin, "acknowledge_losses")
    assert row["metadata"]["before"] == {"unacknowledged": 0, "refused_claims": 1, "refused_messages": 2}
    assert row["metadata"]["after"] == {
        "lost_through": 0,
        "refused_claims_through": 1,
        "refused_messages_through": 2,
    }

    stranger.execute(f"comment on schema {stranger.info.user} is 'once more'".encode())
    admin.execute(f"select nextval('{INTERNAL}.refused_message_seq')".encode())
    assert warned() == {"refused_tenant_claims": 1, "refused_messages": 1}


def test_a_reason_that_may_hold_a_secret_is_withheld(admin: Session) -> None:
    statement = sql.SQL("select script_tracking.pause_tracking({})").format("password hunter2")
    admin.execute(statement)
    assert "hunter2" not in str(history(admin, "pause_tracking"))
