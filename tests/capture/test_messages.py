"""What the event triggers tell the write-ahead log, read through a real logical slot."""

from __future__ import annotations

import hashlib
import time
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from tests.capture.slot import open_slot
from tests.fix_sessions import HOSTILE, Login, MakeRole, Session, history, meddling, value

LOST = "select lost_records_total from script_tracking_internal.collect_capture()"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def at(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)


def test_an_attempt_has_one_id_in_the_log_in_its_record_and_in_its_key(admin: Session) -> None:
    with open_slot(admin) as slot:
        admin.execute("set script_tracking.app_user = 'anna'; set script_tracking.change_ref = 'CHG-7'")
        admin.execute("set script_tracking.tenant = 'nobody'")
        before = time.time()
        admin.execute("create table public.orders (id int)")
        start, end = slot.messages()
    admin.execute("reset script_tracking.tenant")  # it would narrow what is read
    (row,) = history(admin, "CREATE TABLE")
    key = value(
        admin,
        "select script_execution_bk from script_tracking.script_execution_h where script_execution_hk = %s",
        row["execution_hk"],
    )
    assert (start["v"], start["e"], start["tag"]) == (1, "start", "CREATE TABLE")
    assert str(key).endswith("_" + start["id"])
    assert row["metadata"]["attempt_id"] == start["id"] == end["id"]
    assert row["execution_timestamp"] == at(start["at"])
    assert before - 1 < start["xact"] / 1e6 <= start["stmt"] / 1e6 <= start["at"] / 1e6 <= end["at"] / 1e6
    assert start["pid"] == end["pid"] == admin.info.backend_pid
    assert (start["user"], start["role"]) == (admin.info.user, admin.info.user)
    assert (start["claim"], start["app_user"], start["change_ref"]) == ("nobody", "anna", "CHG-7")
    assert start["ip"] == value(admin, "select host(inet_client_addr())")
    assert (start["ordinal"], start["parent"]) == (1, None)
    assert (start["sql"], start["sql_len"]) == ("create table public.orders (id int)", 35)
    assert start.get("sql_sha256") is None
    writer = value(
        admin,
        "select xid::text from script_tracking.script_execution_s where script_execution_hk = %s",
        row["execution_hk"],
    )
    told = {"xid": writer, "at": end["at"], "pid": start["pid"], "names": ["public.orders"]}
    assert end == {"v": 1, "e": "end", "id": start["id"], **told}


def test_what_fails_or_is_rolled_back_stays_in_the_log(admin: Session) -> None:
    with open_slot(admin, "full") as slot:
        with pytest.raises(psycopg.errors.UndefinedTable):
            admin.execute("drop table public.none")
        admin.execute("begin; create table public.gone (); rollback")
        admin.execute(
            "do $$ begin create table public.twice (); begin create table public.twice ();"
            " exception when duplicate_table then null; end; end $$"
        )
        found = [(message["e"], message.get("tag")) for message in slot.messages()]
    assert found == [
        ("start", "DROP TABLE"),
        ("start", "CREATE TABLE"), ("end", None),
        ("start", "CREATE TABLE"), ("end", None),
        ("start", "CREATE TABLE"),
    ]  # fmt: skip


def test_a_forged_message_is_taken_no_further_than_it_takes_to_refuse_it(admin: Session) -> None:
    """Anybody may write one of a gigabyte."""
    name = value(admin, "select script_tracking_internal.slot_name()")
    admin.execute("select pg_create_logical_replication_slot(%s, 'pgoutput')", (name,))
    try:
        forged = "select pg_logical_emit_message(%s, 'script_tracking', repeat('x', 20000000))"
        for transactional in (False, True):
            value(admin, forged, transactional)
        with admin.transaction():  # what no commit follows is not flushed
            admin.execute("set local synchronous_commit = on")
            admin.execute("select pg_logical_emit_message(true, 'tick', '')")
        lengths = "select octet_length(data) as n from script_tracking_internal.peek_slot(pg_current_wal_lsn(), 100)"
        found = [row["n"] for row in admin.execute(lengths).fetchall() if row["n"] > 100]
        assert found == [131073, 131073]
        refused = "select refused from script_tracking_internal.read_messages()"
        assert value(admin, refused) == 2
    finally:
        admin.execute("select pg_drop_replication_slot(%s)", (name,))


def test_nothing_is_emitted_at_the_level_basic(admin: Session) -> None:
    with open_slot(admin, "basic") as slot:
        admin.execute("create table public.t (); drop table public.t")
        admin.execute("create temp table scratch ()")
        assert slot.contents() == []
    ids = [row["metadata"]["attempt_id"] for row in history(admin, "% TABLE")]
    assert [len(i) for i in ids] == [32, 32]


def test_concurrent_drops_are_not_disturbed_by_the_emission(admin: Session) -> None:
    with open_slot(admin) as slot:
        admin.execute("create table public.t (id int)")
        for _ in range(100):
            admin.execute("create index i on public.t (id)")
            admin.execute("drop index concurrently public.i")
        tags = [message["tag"] for message in slot.messages() if message["e"] == "start"]
    assert tags.count("DROP INDEX") == 100
    assert [row["execution_status"] for row in history(admin, "DROP INDEX")] == ["COMPLETED"] * 100
    assert value(admin, LOST) == 0


def test_a_start_takes_no_transaction_id(admin: Session) -> None:
    with open_slot(admin) as slot:
        admin.execute("begin")
        with pytest.raises(psycopg.errors.SyntaxError):
            admin.execute("create table public.t (id int, id")
        admin.execute("rollback")
        admin.execute(
            "do $$ begin begin create table none.t (); exception when others then null; end;"
            " if pg_current_xact_id_if_assigned() is not null then raise 'a transaction id'; end if; end $$"
        )
        assert [message["e"] for message in slot.messages()] == ["start"]


def test_what_is_left_out_by_design_says_so(admin: Session) -> None:
    available = value(admin, "select min(name) from pg_available_extensions where name in ('hstore', 'vector')")
    with open_slot(admin) as slot:
        admin.execute("create temp table scratch ()")
        admin.execute(f"create extension {available}".encode())
        messages = slot.messages()
    starts = {message["id"]: message for message in messages if message["e"] == "start"}
    skips = [(starts[message["id"]]["tag"], message.get("skip")) for message in messages if message["e"] == "end"]
    assert skips[0] == ("CREATE TABLE", "temporary")
    assert skips[-1] == ("CREATE EXTENSION", None)
    # what its script drops is recorded: nothing that cannot be forged tells it from the user's own
    assert {skip for tag, skip in skips[1:-1] if not tag.startswith("DROP ")} == {"extension member"}
    assert len(skips) == len(starts) > 50


def test_a_forged_attempt_is_not_told_to_have_ended(admin: Session) -> None:
    """Else a session would have another's failure taken for something that is left out by design."""
    forged = "1700000000000000:" + "0" * 32 + ":1:CREATE TABLE AS:" + "0" * 32
    batch = "(extract(epoch from statement_timestamp()) * 1000000)::bigint || '-' || pg_backend_pid()"
    admin.execute(
        "create function public.forge() returns text language sql volatile as"
        f" $$ select set_config('script_tracking_internal.attempts', {batch} || ';1;{forged},', false) $$".encode()
    )
    with open_slot(admin) as slot:
        admin.execute("create temp table scratch as select public.forge() as forged")
        assert [message["e"] for message in slot.messages()] == ["start"]


def test_a_lost_record_says_so(admin: Session) -> None:
    with open_slot(admin) as slot:
        admin.execute(meddling("drop sequence script_tracking_internal.execution_version_seq cascade").encode())
        slot.messages()
        admin.execute("create table public.t ()")
        start, end = slot.messages()
    assert (end["id"], end["lost"]) == (start["id"], "23502")


def test_a_long_or_secret_statement_is_cut_or_withheld_before_it_is_emitted(admin: Session) -> None:
    statement = "create table public.t () -- " + "x" * 100_000
    with open_slot(admin) as slot:
        admin.execute(statement.encode())
        admin.execute("comment on table public.t is 'the token is hunter2'")
        contents = slot.contents()
        admin.execute(statement.replace(".t ", ".u ").encode())
        start, _ = slot.messages()
    assert "hunter2" not in str(contents)
    assert max(len(content) for content in contents) < 6000
    expected = statement.replace(".t ", ".u ")
    assert (start["sql"], start["sql_len"]) == (expected[:4096], len(expected))
    assert start["sql_sha256"] == hashlib.sha256(expected.encode()).hexdigest()


def test_a_secret_in_a_nested_statement_or_a_claim_is_not_emitted(admin: Session) -> None:
    secret = "'pass' || 'word=hun' || 'ter2'"  # put together on the server: the client string has none
    with open_slot(admin) as slot:
        admin.execute("create table public.t ()")
        slot.messages()
        for name in ("tenant", "app_user", "change_ref"):
            admin.execute(f"set script_tracking.{name} = 'token=hunter2'".encode())
        admin.execute(
            f"do $$ begin execute 'comment on table public.t is ' || quote_literal({secret}); end $$".encode()
        )
        start, _ = slot.messages()
    assert start["statement"] == "comment on table public.t is 'password=[redacted]'"
    assert (start["claim"], start["app_user"], start["change_ref"]) == ("token=[redacted]",) * 3
    assert "hunter2" not in str(start)


@pytest.mark.parametrize("setting", HOSTILE)
def test_a_hostile_setting_changes_nothing_of_the_messages(admin: Session, setting: str) -> None:
    with open_slot(admin) as slot:
        admin.execute("create schema evil; create function evil.now() returns int language sql as 'select 1'")
        slot.messages()
        admin.execute(setting.encode())
        admin.execute("create table public.t (id int)")
        admin.execute("reset all")
        start, end = slot.messages()
    (row,) = history(admin, "CREATE TABLE")
    assert row["metadata"]["attempt_id"] == start["id"] == end["id"]
    assert row["execution_timestamp"] == at(start["at"])


def test_who_may_not_emit_is_still_recorded(admin: Session, make_role: MakeRole, login: Login) -> None:
    role = make_role()
    admin.execute(f"create schema shop authorization {role}".encode())
    admin.execute(
        "revoke execute on function pg_catalog.pg_logical_emit_message(boolean, text, text"
        f"{', boolean' if admin.info.server_version >= 170000 else ''}) from public".encode()
    )
    with open_slot(admin):
        login(role).execute("create table shop.t ()")
    (row,) = history(admin, "CREATE TABLE")
    assert row["affected_objects"] == ["shop.t"]
