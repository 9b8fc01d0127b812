"""Retention and holds: what a tenant sees, what goes and what keeps it."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest

from tests.fix_sessions import Login, MakeRole, Session, history, one, value
from tests.vault_steps import INTERNAL, LONG_AGO, THIS_MONTH, make_past, record, roll_up, set_setting

COUNTED = f"select sum(operations_total) from {INTERNAL}.collect_operations() where script_type = 'BATCH'"
JOBS = "select count(*) from script_tracking.script_execution_s where script_name = 'job'"
TOLD = "select count(*) from script_tracking.get_execution_history(20000, only_script_name => 'job')"
HUB = "select count(*) from script_tracking.script_execution_h where script_execution_bk like 'job%%'"
CLEANUP = "select script_tracking.cleanup_old_data(%s)"
RETENTION = "select script_tracking.set_retention(%s, %s, 'agreed')"
HOLD = "select script_tracking.place_hold(%s, %s, %s, 'case 7')"
RELEASE = "select script_tracking.release_hold(%s, 'case closed')"
FUNCTIONS = (
    "set_retention('acme', 30, 'x')",
    "place_hold('acme', null, null, 'x')",
    "release_hold(1, 'x')",
    "cleanup_old_data(30)",
)


@pytest.fixture
def past(admin: Session) -> Session:
    """A superuser's session on a record, declared disposable, whose past partition has jobs of two tenants."""
    make_past(admin)
    set_setting(admin, "retention.disposable", "all")
    for tenant in ("acme", "other"):
        admin.execute("select script_tracking.register_tenant(%s)", (tenant,))
        for at in (LONG_AGO, LONG_AGO, THIS_MONTH):
            record(admin, at=at, tenant=tenant)
    roll_up(admin)
    return admin


def told(session: Session) -> list[str]:
    """Collects the notices of a session."""
    notices: list[str] = []
    session.add_notice_handler(lambda notice: notices.append(str(notice.message_primary)))
    return notices


@pytest.mark.parametrize("roles", [("script_tracking_reader",), ("script_tracking_auditor",)])
def test_a_shorter_retention_hides_what_is_older_from_everybody_else(
    past: Session, make_role: MakeRole, login: Login, roles: tuple[str, ...]
) -> None:
    role = make_role(*roles)
    for tenant in ("acme", "other"):
        past.execute("select script_tracking.grant_tenant(%s, %s)", (tenant, role))
    session = login(role)
    counts = [TOLD] if "script_tracking_reader" in roles else [TOLD, JOBS, HUB]

    def shown() -> set[object]:
        return {value(session, count) for count in counts}

    assert shown() == {6}
    before = value(past, COUNTED)
    past.execute(RETENTION, ("acme", 35))
    assert shown() == {4}
    assert value(session, f"{TOLD} where execution_timestamp = %s", LONG_AGO) == 2
    past.execute(RETENTION, ("other", 35))
    assert shown() == {2}
    past.execute(RETENTION, ("acme", 3650))
    assert shown() == {4}, "a longer one hides nothing"
    assert (value(past, JOBS), value(past, HUB)) == (6, 6), "superusers see everything"
    assert value(past, COUNTED) == before
    past.execute(RETENTION, ("other", None))
    assert shown() == {6}


def test_a_shorter_retention_hides_kinds_of_failures_too(past: Session, make_role: MakeRole, login: Login) -> None:
    record(past, at=LONG_AGO, tenant="acme", status="FAILED", sqlstate="23505")
    record(past, at=LONG_AGO, tenant="other", status="FAILED", sqlstate="23505")
    session = login(make_role("script_tracking_auditor"))
    shown = "select tenant from script_tracking.get_recent_errors(2400) order by tenant"
    for _ in range(2):  # before and after they are rolled up
        assert [row["tenant"] for row in session.execute(shown.encode())] == ["acme", "other"]
        past.execute(RETENTION, ("acme", 35))
        assert [row["tenant"] for row in session.execute(shown.encode())] == ["other"]
        past.execute(RETENTION, ("acme", None))
        roll_up(past)


def test_reading_over_a_time_still_reads_its_partitions_alone(past: Session, make_role: MakeRole, login: Login) -> None:
    past.execute(RETENTION, ("acme", 35))
    session = login(make_role("script_tracking_auditor"))
    plan = session.execute(
        "explain (costs off) select * from script_tracking.script_execution_s where execution_timestamp >= now()"
    ).fetchall()
    text = "\n".join(str(row["QUERY PLAN"]) for row in plan)
    assert "script_execution_s_past" not in text
    assert "script_execution_s_first" in text


def test_a_hold_keeps_what_is_hidden_in_sight_of_auditors_alone(
    past: Session, make_role: MakeRole, login: Login
) -> None:
    past.execute(RETENTION, ("acme", 35))
    roles = make_role("script_tracking_reader"), make_role("script_tracking_auditor")
    past.execute("select script_tracking.grant_tenant('acme', %s)", (roles[0],))
    reader, auditor = login(roles[0]), login(roles[1])
    assert (value(reader, TOLD), value(auditor, JOBS)) == (1, 4)
    elsewhere = value(past, HOLD, "acme", LONG_AGO + timedelta(seconds=1), None)
    others = value(past, HOLD, "other", None, None)
    assert (value(reader, TOLD), value(auditor, JOBS)) == (1, 4)
    for tenant in ("acme", None):
        hold = value(past, HOLD, tenant, LONG_AGO, LONG_AGO + timedelta(seconds=1))
        assert (value(reader, TOLD), value(auditor, TOLD)) == (1, 6)
        assert (value(auditor, JOBS), value(auditor, HUB)) == (6, 6)
        assert value(past, RELEASE, hold) is True
        assert (value(reader, TOLD), value(auditor, JOBS)) == (1, 4)
    assert {elsewhere, others} < {row["hold_id"] for row in past.execute("select * from script_tracking.get_holds()")}


def test_each_change_is_a_record_with_its_reason(past: Session) -> None:
    past.execute(RETENTION, ("acme", 35))
    past.execute(RETENTION, ("acme", 35))
    past.execute(RETENTION, ("acme", None))
    hold = value(past, HOLD, "acme", LONG_AGO, None)
    assert value(past, RELEASE, hold) is True
    assert value(past, RELEASE, hold) is False
    assert value(past, RELEASE, 999) is False
    changes = [
        (row["script_name"], row["metadata"]["reason"], row["metadata"].get("before"), row["metadata"].get("after"))
        for row in history(past)
        if row["script_name"] in ("set_retention", "place_hold", "release_hold")
    ]
    held = {"hold_id": hold, "tenant": "acme", "held_from": LONG_AGO.isoformat()}
    assert changes == [
        ("set_retention", "agreed", {"tenant": "acme"}, {"tenant": "acme", "days": 35}),
        ("set_retention", "agreed", {"tenant": "acme", "days": 35}, {"tenant": "acme"}),
        ("place_hold", "case 7", None, held),
        ("release_hold", "case closed", held | {"reason": "case 7"}, None),
    ]
    (row,) = past.execute("select * from script_tracking.get_holds()").fetchall()
    assert (row["tenant"], row["held_until"], row["reason"], row["release_reason"]) == (
        "acme",
        None,
        "case 7",
        "case closed",
    )


def test_bad_arguments_are_refused(past: Session) -> None:
    for statement, code in (
        ("set_retention('nobody', 30, 'x')", "ST002"),
        ("set_retention(null, 30, 'x')", "ST002"),
        ("set_retention('acme', 0, 'x')", "ST003"),
        ("set_retention('acme', 30, ' ')", "ST003"),
        ("place_hold('nobody', null, null, 'x')", "ST002"),
        ("place_hold('acme', now(), now(), 'x')", "ST003"),
        ("place_hold('acme', null, null, null)", "ST003"),
        ("release_hold(1, '')", "ST003"),
    ):
        with pytest.raises(psycopg.Error) as error:
            past.execute(f"select script_tracking.{statement}".encode())
        assert error.value.sqlstate == code, statement
    for name, text in (("partitions.interval", "week"), ("retention.days", "0"), ("retention.disposable", "some")):
        with pytest.raises(psycopg.errors.CheckViolation):
            set_setting(past, name, text)


def test_auditors_read_retention_and_holds_and_change_neither(past: Session, make_role: MakeRole, login: Login) -> None:
    past.execute(RETENTION, ("acme", 35))
    set_setting(past, "retention.days", "400")
    auditor = login(make_role("script_tracking_auditor", "script_tracking_reader", "script_tracking_app"))
    rows = auditor.execute("select tenant, days, is_own, reason from script_tracking.get_retention()").fetchall()
    assert [tuple(row.values()) for row in rows] == [
        ("acme", 35, True, "agreed"),
        ("other", 400, False, None),
        ("system", 400, False, None),
    ]
    assert auditor.execute("select * from script_tracking.get_holds()").fetchall() == []
    assert len(auditor.execute("select * from script_tracking.get_cleanup_candidates()").fetchall()) == 1
    for statement in FUNCTIONS:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            auditor.execute(f"select script_tracking.{statement}".encode())
    reader = login(make_role("script_tracking_reader"))
    for statement in ("get_holds()", "get_retention()", "get_cleanup_candidates()"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute(f"select * from script_tracking.{statement}".encode())


def test_the_longest_retention_of_its_tenants_keeps_a_partition(past: Session) -> None:
    notices = told(past)
    past.execute(RETENTION, ("acme", 3650))
    assert value(past, CLEANUP, 0) == 0
    assert len(notices) == 1
    assert "script_execution_s_past stays: the retention of tenant acme (3650 days) until " in notices[0]
    candidate = one(past, "select * from script_tracking.get_cleanup_candidates(0)")
    assert (candidate["is_removable"], candidate["kept_by"]) == (False, ["the retention of tenant acme (3650 days)"])
    assert candidate["kept_until"] == candidate["partition_until"] + timedelta(days=3650)
    past.execute(RETENTION, ("acme", None))
    assert one(past, "select * from script_tracking.get_cleanup_candidates(0)")["is_removable"] is True
    assert value(past, CLEANUP, 0) == 4


def test_tenants_with_short_retentions_alone_let_a_partition_go_early(past: Session) -> None:
    assert value(past, CLEANUP, 3650) == 0
    past.execute(RETENTION, ("acme", 1))
    assert value(past, CLEANUP, 3650) == 0, "the other tenant's is long"
    past.execute(RETENTION, ("other", 1))
    gone = 4 if value(past, "select now() >= %s + interval '7 days'", THIS_MONTH) else 0
    assert value(past, CLEANUP, 3650) == gone


@pytest.mark.parametrize("tenant", ["acme", None])
def test_a_hold_keeps_a_partition_until_it_is_released(past: Session, tenant: str | None) -> None:
    notices = told(past)
    before = value(past, COUNTED)
    hold = value(past, HOLD, tenant, LONG_AGO, LONG_AGO + timedelta(hours=1))
    assert value(past, CLEANUP, 0) == 0
    name = f"hold {hold} of " + ("tenant acme" if tenant else "all tenants")
    assert [notice.endswith(f"script_execution_s_past stays: {name}") for notice in notices] == [True]
    assert one(past, "select * from script_tracking.get_cleanup_candidates(0)")["kept_by"] == [name]
    past.execute(RELEASE, (hold,))
    assert value(past, CLEANUP, 0) == 4
    assert value(past, COUNTED) == before
    (removed,) = history(past, "remove_partitions")
    tables = past.execute(f"select relation from {INTERNAL}.partitioned_tables() order by place".encode()).fetchall()
    partitions = [f"{row['relation']}_past" for row in tables]
    assert removed["metadata"]["before"] == {
        "executions": 4,
        "began_before": THIS_MONTH.isoformat(),
        "partitions": partitions,
    }
    (dropped,) = history(past, "DROP TABLE")
    objects = {each["name"] for each in dropped["metadata"]["objects"] if each["type"] != "table constraint"}
    assert objects == {f"{INTERNAL}.{partition}" for partition in partitions}


def test_holds_on_what_is_not_in_it_keep_no_partition(past: Session) -> None:
    past.execute("select script_tracking.register_tenant('third')")
    for hold in (("third", None, None), ("acme", THIS_MONTH, None), (None, THIS_MONTH, None)):
        value(past, HOLD, *hold)
    assert value(past, CLEANUP, 0) == 4


def test_by_itself_upkeep_removes_what_the_settings_say_and_by_default_nothing(
    past: Session, make_role: MakeRole, login: Login
) -> None:
    daemon = login(make_role("script_tracking_daemon"))
    keep, look = f"select {INTERNAL}.keep_retention()", f"select {INTERNAL}.look_at_partitions()"
    assert (value(daemon, look), value(daemon, keep)) == (0, 0), "no retention: for good"
    found = (
        f"select reason, keeper, kept_until::text as until from {INTERNAL}.partition_kept where reason <> 'delivery'"
    )
    # in the first week of a month that keeps it, too
    late = value(past, f"select count(*) from {INTERNAL}.partition_kept where reason = 'delivery'")
    assert late == int(bool(value(past, "select now() < %s + interval '7 days'", THIS_MONTH)))
    assert one(past, found) == {
        "reason": "retention",
        "keeper": "the retention of tenant acme (for good)",
        "until": "infinity",
    }
    set_setting(past, "retention.days", "3650")
    assert (value(daemon, look), value(daemon, keep)) == (0, 0)
    assert "(3650 days)" in str(one(past, found)["keeper"])
    set_setting(past, "retention.disposable", "none")
    past.execute(RETENTION, ("acme", 1))
    past.execute(RETENTION, ("other", 1))
    assert value(daemon, keep) == 0
    value(daemon, look)
    assert "not_disposable" in {row["reason"] for row in past.execute(found.encode())}
    set_setting(past, "retention.disposable", "all")
    if value(past, "select now() < %s + interval '7 days'", THIS_MONTH):
        return  # what began in the last month may still be delivered
    assert value(daemon, look) == 1
    assert one(past, found)["reason"] == "due"
    assert (value(daemon, keep), value(daemon, keep), value(daemon, look)) == (4, 0, 0)
    state = one(past, f"select removed_partitions, removed_executions from {INTERNAL}.retention_state")
    assert tuple(state.values()) == (1, 4)
