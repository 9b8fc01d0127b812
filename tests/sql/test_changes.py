"""Captured DDL that is to be judged, and what was made of it: once, in the record, and never changed."""

from __future__ import annotations

import asyncio
import json

import psycopg
import pytest
from psycopg.types.json import Jsonb

from exporter.sqlfiles import query
from tests.fix_sessions import HOSTILE, Login, MakeRole, Session, meddling, one, refusal, value
from tests.installing import failed_checks
from tests.vault_steps import INTERNAL, pass_horizon, record, set_setting

UNJUDGED = f"select * from {INTERNAL}.unjudged_ddl(%s)"
NOTE = f"select {INTERNAL}.note_judgements(%s, %s, %s, %s, %s)"
HISTORY = (
    "select tenant, script_name, change_verdict, change_window, change_reference"
    " from script_tracking.get_execution_history(1, only_script_type => 'DDL')"
    " order by execution_timestamp, execution_hk"
)
RULES = json.dumps({"windows": []})
TOTALS = f"select tenant, verdict, ddl_judged_total as n from {INTERNAL}.collect_changes() order by 1, 2"
NO_CHANGE = (
    "update script_tracking.script_execution_change_s set verdict = 'inside'",
    "delete from script_tracking.script_execution_change_s",
    "truncate script_tracking.script_execution_change_s",
    f"truncate {INTERNAL}.script_execution_change_s_first",
    f"update {INTERNAL}.script_execution_change_s_first set load_date = now()",
    f"delete from {INTERNAL}.script_execution_change_s_first",
    f"update {INTERNAL}.change_rules set rules = ''",
    f"delete from {INTERNAL}.change_rules",
    f"truncate {INTERNAL}.change_rules",
)


def unjudged(session: Session, versions: int = 10000, *, wait: bool = True) -> dict[str, object]:
    """What is to be judged next; with `wait` of all that was written."""
    if wait:
        pass_horizon(session)
    return dict(one(session, UNJUDGED, versions))


def note(session: Session, batch: dict[str, object], verdict: str = "outside", **more: str | None) -> object:
    """Notes the same of a whole batch."""
    executions = batch["executions"]
    assert isinstance(executions, list)
    made = {"verdict": verdict, "reference_state": "missing", "window_name": None, "approved_by": None, **more}
    judged = [{"hk": each["hk"], "began": each["began"], **made} for each in executions]
    return value(session, NOTE, batch["incarnation"], batch["from_xid"], batch["to_xid"], Jsonb(judged), RULES)


def judge_all(session: Session, verdict: str = "outside", *, wait: bool = True) -> int:
    """Judges what there is, batch by batch; how much it was."""
    noted = 0
    while (batch := unjudged(session, wait=wait))["is_due"]:
        noted += int(str(note(session, batch, verdict)))
        if not batch["more"]:
            break
    return noted


@pytest.fixture
def judging(admin: Session) -> Session:
    """A superuser's session in a database that an exporter judges from now on."""
    admin.execute("create table public.before_that (id int)")
    assert unjudged(admin)["executions"] == []
    return admin


def test_what_was_there_before_anybody_judged_is_not_judged(judging: Session) -> None:
    assert value(judging, f"select count(*) from ({TOTALS}) as t") == 4, "born at zero"
    assert value(judging, f"select sum(n) from ({TOTALS}) as t") == 0
    judging.execute("set script_tracking.change_ref = 'CHG0001234'")
    judging.execute("create table public.a (id int)")
    judging.execute("reset script_tracking.change_ref")
    judging.execute("drop table public.a")
    batch = unjudged(judging)
    executions = batch["executions"]
    assert isinstance(executions, list) and batch["is_due"] and not batch["more"]
    assert [(each["tenant"], each["claimed"]) for each in executions] == [("system", "CHG0001234"), ("system", None)]
    assert note(judging, batch, window_name="night", verdict="inside") == 2
    rows = [tuple(row.values()) for row in judging.execute(HISTORY).fetchall()]
    assert rows == [
        ("system", "CREATE TABLE", None, None, None),
        ("system", "CREATE TABLE", "inside", "night", "missing"),
        ("system", "DROP TABLE", "inside", "night", "missing"),
    ]
    assert value(judging, f"select sum(n) from ({TOTALS}) as t where verdict = 'inside'") == 2
    assert not unjudged(judging)["is_due"]


def test_the_page_names_what_was_outside(judging: Session) -> None:
    for verdict in ("inside", "outside", "frozen"):
        judging.execute(f"create table public.{verdict} (id int)".encode())
        judge_all(judging, verdict)
    with judging.transaction():
        found = judging.execute(query("page", "names").encode())
        found.nextset()
        told = {row["objects"][0]: row["outcome"] for row in found.fetchall() if row["kind"] == "ddl"}
    assert told == {
        "public.before_that": "COMPLETED",
        "public.inside": "COMPLETED",
        "public.outside": "COMPLETED, outside of change windows",
        "public.frozen": "COMPLETED, in a change freeze",
    }


def test_without_anybody_who_judges_there_is_nothing(admin: Session) -> None:
    admin.execute("create table public.a (id int)")
    assert admin.execute(TOTALS.encode()).fetchall() == []
    assert value(admin, "select count(*) from script_tracking.script_execution_change_s") == 0


def test_who_comes_second_changes_nothing(judging: Session) -> None:
    judging.execute("create table public.a (id int)")
    first, second = unjudged(judging), unjudged(judging)
    assert first["executions"] == second["executions"] != []
    assert note(judging, first, "inside") == 1
    assert note(judging, second, "outside") is None
    assert value(judging, "select array_agg(change_verdict) from (" + HISTORY + ") as h") == [None, "inside"]
    assert value(judging, f"select sum(n) from ({TOTALS}) as t") == 1
    judging.execute(f"update {INTERNAL}.change_state set horizon = %s".encode(), (second["from_xid"],))
    assert note(judging, second, "outside") == 0, "even where the horizon was set back"
    assert value(judging, f"select sum(n) from ({TOTALS}) as t") == 1


def test_two_at_once_judge_once(judging: Session, login: Login) -> None:
    judging.execute("create table public.a (id int)")
    other = login()
    batch = unjudged(judging)
    with judging.transaction():
        assert note(judging, batch, "inside") == 1
        other.execute("set lock_timeout = '200ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            note(other, batch)
    assert note(other, batch) is None


def test_what_commits_late_is_judged_all_the_same(judging: Session, login: Login) -> None:
    late = login()
    with late.transaction():
        late.execute("create table public.late (id int)")
        judging.execute("create table public.prompt (id int)")
        assert judge_all(judging, "inside", wait=False) == 0, "its transaction came after one that still runs"
        lag = unjudged(judging, wait=False)["lag_seconds"]
        assert isinstance(lag, float) and lag >= 0
    assert judge_all(judging) == 2
    assert unjudged(judging)["lag_seconds"] == 0


def test_it_goes_by_batches_and_leaves_nothing_out(judging: Session) -> None:
    for number in range(7):
        judging.execute(f"create table public.t{number} (id int)".encode())
        record(judging)
    batches, seen = 0, 0
    while (batch := unjudged(judging, 3))["is_due"]:
        seen += int(str(note(judging, batch)))
        batches += 1
    assert seen == 7 and batches >= 4
    assert value(judging, f"select sum(n) from ({TOTALS}) as t") == 7


def test_only_what_was_captured_is_judged(judging: Session) -> None:
    judging.execute("select script_tracking.track_operation('CREATE TABLE', 'DDL')")
    record(judging, kind="DDL", name="declared")
    judging.execute("select script_tracking.pause_tracking('a test')")
    judging.execute("select script_tracking.resume_tracking()")
    judging.execute("create temporary table t (id int)")
    assert judge_all(judging) == 0
    judging.execute("create table if not exists public.before_that (id int)")
    assert judge_all(judging) == 1, "what changed nothing was tried all the same"


@pytest.mark.parametrize("change", NO_CHANGE)
def test_nobody_changes_a_judgement(judging: Session, change: str) -> None:
    judging.execute("create table public.a (id int)")
    judge_all(judging)
    for role in ("", "set local role script_tracking_owner;", "set local session_replication_role = replica;"):
        with pytest.raises(psycopg.Error) as caught, judging.transaction():
            judging.execute(f"{role} {change}".encode())
        assert caught.value.sqlstate == "ST001", role


def test_a_guard_that_is_gone_is_found(judging: Session, installed_database: str) -> None:
    assert asyncio.run(failed_checks(installed_database)) == {}
    statement = "alter table script_tracking.script_execution_change_s disable trigger protect_rows"
    judging.execute(meddling(statement).encode())
    assert "append_only_triggers" in asyncio.run(failed_checks(installed_database))
    lacks = f"select bool_or(relation like '%%script_execution_change_s%%') from {INTERNAL}.unprotected_tables()"
    assert value(judging, lacks) is True


def test_each_tenant_sees_its_own_and_nobody_but_an_auditor_the_table(
    judging: Session, make_role: MakeRole, login: Login
) -> None:
    reader, auditor = make_role("script_tracking_reader"), make_role("script_tracking_auditor")
    for tenant in ("acme", "globex"):
        judging.execute("select script_tracking.register_tenant(%s)", (tenant,))
        ddl = make_role()
        judging.execute(f"grant create on schema public to {ddl}".encode())
        judging.execute("select script_tracking.grant_tenant(%s, %s)", (tenant, ddl))
        login(ddl).execute(f"create table public.of_{tenant} (id int)".encode())
    judging.execute("select script_tracking.grant_tenant('acme', %s)", (reader,))
    judge_all(judging, "frozen")
    mine = login(reader)
    table = "select count(*) from script_tracking.script_execution_change_s"
    rows = [row for row in mine.execute(HISTORY).fetchall() if row["script_name"] == "CREATE TABLE"]
    assert [(row["tenant"], row["change_verdict"]) for row in rows] == [("acme", "frozen")]
    for statement in (table, "select * from script_tracking.get_change_rules()", f"select {INTERNAL}.unjudged_ddl()"):
        assert refusal(mine, statement) == "42501", statement
    looking = login(auditor)
    assert int(str(value(looking, table))) >= 2
    looking.execute("set script_tracking.tenant = 'acme'")
    assert value(looking, table) == 1
    rules = one(looking, "select * from script_tracking.get_change_rules()")
    assert rules["rules"] == json.loads(RULES)
    hashed = "select sha256(convert_to(%s, 'UTF8')) = %s"
    assert value(looking, hashed, RULES, rules["rules_hash"]) is True
    assert refusal(looking, f"select {INTERNAL}.unjudged_ddl()") == "42501"


def test_the_daemon_sees_no_more_than_it_needs_and_writes_no_other_way(
    judging: Session, make_role: MakeRole, login: Login
) -> None:
    daemon = login(make_role("script_tracking_daemon"))
    for statement in HOSTILE:
        if "session_replication_role" not in statement:
            daemon.execute(statement.encode())
    judging.execute("create table public.a (id int); insert into public.a select 1")
    batch = unjudged(daemon)
    executions = batch["executions"]
    assert isinstance(executions, list)
    assert [sorted(each) for each in executions] == [["began", "claimed", "hk", "tenant"]]
    assert executions[0]["began"].endswith("+00:00")
    assert note(daemon, batch) == 1
    assert refusal(daemon, "select count(*) from script_tracking.script_execution_change_s") == "42501"
    assert refusal(daemon, "insert into script_tracking.script_execution_change_s default values") == "42501"
    ahead = {**unjudged(daemon), "to_xid": "9000000000000000000"}
    with pytest.raises(psycopg.Error) as caught:
        note(daemon, ahead)
    assert caught.value.sqlstate == "ST003", "what is not there yet would never be judged"
    assert value(judging, "select judged_by from script_tracking.script_execution_change_s") == daemon.info.user


def test_an_earlier_incarnation_is_judged_to_its_end(judging: Session) -> None:
    judging.execute("create table public.old (id int)")
    with judging.transaction():
        judging.execute("set local role script_tracking_owner")
        judging.execute(f"update {INTERNAL}.installation set incarnation = incarnation + 1".encode())
    judging.execute("create table public.new (id int)")
    assert judge_all(judging) == 2
    state = f"select (incarnation, horizon > '0') = (i.incarnation, true) from {INTERNAL}.change_state as s"
    assert value(judging, state.replace("(incarnation,", "(s.incarnation,") + f", {INTERNAL}.installation as i") is True


def test_nothing_of_a_copy_that_nobody_has_confirmed_is_judged(judging: Session) -> None:
    judging.execute("create table public.a (id int)")
    judging.execute(f"update {INTERNAL}.installation set database_oid = 1".encode())
    batch = unjudged(judging)
    assert batch["executions"] == [] and not batch["is_due"]


def test_it_goes_with_its_partition_and_the_totals_stay(disposable: Session) -> None:
    unjudged(disposable)
    disposable.execute(f"update {INTERNAL}.change_state set since = '-infinity'".encode())
    with disposable.transaction():
        disposable.execute("set local role script_tracking_owner")
        disposable.execute(
            f"select {INTERNAL}.record_execution(t.tenant_hk, i.incarnation, 'test', 'ALTER TABLE', 'DDL', 'COMPLETED',"
            " now() - interval '40 days', 1000, null, null, '{\"evidence\": \"trigger\"}', null)"
            f" from script_tracking.tenant_h as t, {INTERNAL}.installation as i where tenant_bk = 'acme'".encode()
        )
    assert judge_all(disposable) == 1
    past = (
        "select count(*) from script_tracking.script_execution_change_s"
        " where execution_timestamp < now() - interval '1 day'"
    )
    assert value(disposable, past) == 1
    set_setting(disposable, "retention.days", "1")
    assert int(str(value(disposable, "select script_tracking.cleanup_old_data(1)"))) > 0
    assert value(disposable, past) == 0
    assert value(disposable, "select count(*) from (" + HISTORY + ") as h where script_name = 'DROP TABLE'") == 1
    assert judge_all(disposable) == 0, "that the tracker drops its own partitions is no change of anybody's schema"
    assert value(disposable, f"select n from ({TOTALS}) as t where tenant = 'acme' and verdict = 'outside'") == 1
