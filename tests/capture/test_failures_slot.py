"""The slot never endangers the server, nobody forges what is read through it, and the level says what is missing."""

from __future__ import annotations

import asyncio
import uuid
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from tests.capture.failing import reading, recorded
from tests.capture.fix_serverlog import configure
from tests.fix_databases import new_database
from tests.fix_sessions import Login, MakeRole, Session, history, meddling, one, opened, value
from tests.installing import installed, uninstalled
from tests.postgres_server import LocalServer, Server
from tests.vault_steps import counters, roll_up

SI = "script_tracking_internal"
SLOT = "select count(*) from pg_replication_slots where slot_name = script_tracking_internal.slot_name()"
STATUS = "select wal_status from pg_replication_slots"
LEVEL = "select level, lacks from script_tracking_internal.collect_capture()"
ADVICE = "select status, advice from script_tracking.get_system_health() where check_name = 'capture_level'"
SEEN = "select * from script_tracking_internal.collect_attempts()"
FILL = "select count(pg_logical_emit_message(false, 'filler', repeat('x', 1000000))) from generate_series(1, 30)"


async def test_a_forged_message_is_refused_and_counted_and_a_true_one_beside_it_read(
    shared_database: str, client: Session
) -> None:
    async with reading(shared_database) as reader:
        before = one(client, SEEN)["refused_messages_total"]
        payload = '{"v":1,"e":"start","id":"' + "0" * 32 + '","tag":"DROP TABLE","at":1,"stmt":1,"pid":1}'
        other = value(client, f"select {SI}.message_mac('{{}}')")
        for content in (payload, "0" * 64 + payload, f"{other}{payload}", "", "ä" * 40, str(other)):
            client.execute("select pg_logical_emit_message(false, 'script_tracking', %s::text)", (content,))
        client.execute("select pg_logical_emit_message(false, 'script_tracking', '\\xff00c3'::bytea)")
        mac = value(client, f"select {SI}.message_mac(%s)", payload)
        # not of our prefix
        client.execute("select pg_logical_emit_message(false, 'script_tracking2', %s::text)", (f"{mac}{payload}",))
        # part of a transaction, or longer than any of ours: the event triggers never emit either
        client.execute("select pg_logical_emit_message(true, 'script_tracking', %s::text)", (f"{mac}{payload}",))
        long = payload + " " * 131072
        mac = value(client, f"select {SI}.message_mac(%s)", long)
        client.execute("select pg_logical_emit_message(false, 'script_tracking', %s::text)", (f"{mac}{long}",))
        with pytest.raises(psycopg.errors.UndefinedObject):
            client.execute("drop type never_made")
        (row,) = await recorded(reader, client, "DROP TYPE")
        assert row["execution_status"] == "FAILED"
        assert one(client, SEEN)["refused_messages_total"] == before + 9
        assert history(client, "DROP TABLE") == []
        assert value(client, f"select count(*) from {SI}.attempt where attempt_id = %s", "0" * 32) == 0


async def test_the_longest_message_of_ours_is_read(shared_database: str, client: Session) -> None:
    """Statement, statement within it and claims, each at its length of characters that take six bytes."""
    async with reading(shared_database) as reader:
        for name in ("tenant", "app_user", "change_ref"):
            client.execute("select set_config(%s, repeat(chr(1), 1000), false)", (f"script_tracking.{name}",))
        filler = "\x01" * 5000
        inner = f"drop conversion never_made_long /* {filler} */"
        with pytest.raises(psycopg.errors.UndefinedObject):
            client.execute(f"do $do$ begin /* {filler} */ execute $x${inner}$x$; end $do$".encode())
        client.execute("reset all")
        (row,) = await recorded(reader, client, "DROP CONVERSION")
        assert row["execution_status"] == "FAILED"


@pytest.mark.majors  # whose log can be had
async def test_reading_the_slot_writes_no_line_to_the_servers_log(
    postgres: Server, shared_database: str, client: Session
) -> None:
    assert isinstance(postgres, LocalServer)
    async with reading(shared_database) as reader:
        assert await reader.round()
        before = postgres.log().count("logical decoding")
        assert before
        with pytest.raises(psycopg.errors.UndefinedObject):
            client.execute("drop text search parser never_made")
        (row,) = await recorded(reader, client, "DROP TEXT SEARCH PARSER")
        assert row["execution_status"] == "FAILED"
        assert postgres.log().count("logical decoding") == before
    assert value(client, "show log_min_messages") == "warning"


async def test_over_its_bound_the_slot_is_dropped_and_what_was_not_read_is_not_guessed(
    shared_database: str, client: Session
) -> None:
    with opened(shared_database) as holder:
        async with reading(shared_database, slot_max_bytes="16MiB") as reader:
            dropped = one(client, SEEN)["slots_dropped_total"]
            assert value(client, SLOT) == 1
            holder.execute("begin; create table held_open ()")
            client.execute("checkpoint")
            with pytest.raises(psycopg.errors.UndefinedFunction):
                client.execute("drop aggregate never_made(int)")
            client.execute(FILL)
            seen = one(client, SEEN)
            assert seen["slot_lag_bytes"] > seen["slot_bound_bytes"] == 16 * 1024 * 1024
            assert await reader.round()
            assert value(client, SLOT) == 0
            assert one(client, SEEN)["slots_dropped_total"] == dropped + 1
            assert one(client, LEVEL) == {"level": "basic", "lacks": "slot_dropped"}
            health = one(client, ADVICE)
            assert health["status"] == "warning"
            assert "may hold back 16777216" in health["advice"]
            assert await reader.round()
            assert value(client, SLOT) == 0, "it is not made again at once"
            holder.execute("rollback")
        async with reading(shared_database) as reader:  # another bound: another slot
            assert value(client, SLOT) == 1
            assert one(client, LEVEL) == {"level": "failures", "lacks": "server_log"}
            for _ in range(3):
                assert await reader.round()
            assert history(client, "DROP AGGREGATE") == []


async def test_the_servers_own_bound_counts_and_a_slot_that_it_invalidated_is_dropped(
    shared_database: str, client: Session
) -> None:
    try:
        async with reading(shared_database) as reader:
            before = one(client, SEEN)
            assert before["slot_bound_bytes"] == 1024**3
            configure(client, max_slot_wal_keep_size="1MB")
            assert one(client, SEEN)["slot_bound_bytes"] == 1024**2
            client.execute(FILL)
            client.execute("checkpoint")
            assert value(client, f"{STATUS} where slot_name = {SI}.slot_name()") == "lost"
            assert await reader.round()
            assert (value(client, SLOT), one(client, LEVEL)["lacks"]) == (0, "slot_dropped")
            assert one(client, SEEN)["slots_dropped_total"] == before["slots_dropped_total"] + 1
            assert "the server had invalidated it" in str(one(client, ADVICE)["advice"])
    finally:
        configure(client, max_slot_wal_keep_size=None)
    async with reading(shared_database):
        assert value(client, SLOT) == 0
    client.execute(f"update {SI}.capture_state set slot_dropped_at = slot_dropped_at - interval '15 minutes'".encode())
    async with reading(shared_database):
        assert (value(client, SLOT), one(client, LEVEL)["level"]) == (1, "failures")


async def test_an_attempt_whose_end_was_not_read_is_given_up(shared_database: str, client: Session) -> None:
    async with reading(shared_database) as reader:
        with opened(shared_database) as holder:
            holder.execute("create view waited_for as select 1 as one")
            holder.execute("begin; lock table waited_for in access share mode")
            waiting = asyncio.create_task(asyncio.to_thread(client.execute, "alter view waited_for rename to renamed"))
            while not value(holder, "select count(*) from pg_locks where not granted"):
                await asyncio.sleep(0.02)
            assert await reader.round()  # it has been announced and runs
            with opened(shared_database) as admin:
                admin.execute(f"select pg_drop_replication_slot({SI}.slot_name())".encode())
            holder.execute("rollback")
            await waiting  # its end was announced while nobody could read it
            for _ in range(2):
                assert await reader.round()
            assert value(holder, SLOT) == 1
            client.execute("begin; alter view renamed rename to again; rollback")
            rows = await recorded(reader, holder, "ALTER VIEW", 2)
            verdicts = f"select array_agg(verdict order by started_at) from {SI}.attempt where tag = 'ALTER VIEW'"
            assert value(holder, verdicts) == ["LOST", "ROLLED_BACK"]
    assert [row["execution_status"] for row in rows] == ["COMPLETED", "ROLLED_BACK"]


async def test_without_the_slot_wanted_none_is_there(shared_database: str, client: Session) -> None:
    async with reading(shared_database):
        assert value(client, SLOT) == 1
    async with reading(shared_database, slot="off") as reader:
        assert await reader.round()
        assert value(client, SLOT) == 0
        assert one(client, LEVEL) == {"level": "basic", "lacks": "configuration"}
        assert one(client, ADVICE)["status"] == "ok"  # it is as it was asked for
        with pytest.raises(psycopg.errors.UndefinedTable):
            client.execute("drop view never_made")
        assert await reader.round()
        assert history(client, "DROP VIEW") == []


async def test_a_paused_tracker_holds_no_log_back(shared_database: str, client: Session) -> None:
    async with reading(shared_database) as reader:
        client.execute("select script_tracking.pause_tracking('an upgrade')")
        try:
            assert await reader.round()  # there is no slot any more
            assert await reader.round()  # why
            assert (value(client, SLOT), one(client, LEVEL)["lacks"]) == (0, "pause")
        finally:
            client.execute("select script_tracking.resume_tracking()")
    async with reading(shared_database):
        assert (value(client, SLOT), one(client, LEVEL)["level"]) == (1, "failures")


@pytest.mark.parametrize(
    ("attribute", "lacks"), [("noreplication", "replication"), ("replication", "pg_read_all_stats")]
)
async def test_a_right_that_the_installing_role_lacks_is_named(
    shared_database: str, client: Session, attribute: str, lacks: str
) -> None:
    name = f"installer_{uuid.uuid4().hex[:8]}"
    owner = value(client, "select current_user")
    try:
        client.execute(f"create role {name} {attribute}".encode())
        client.execute(meddling(f"alter function {SI}.create_slot() owner to {name}").encode())
        async with reading(shared_database):
            assert one(client, LEVEL) == {"level": "basic", "lacks": lacks}
            assert name in str(one(client, ADVICE)["advice"])
    finally:
        client.execute(meddling(f"alter function {SI}.create_slot() owner to {owner}").encode())
        client.execute(f"drop role {name}".encode())


async def test_neither_an_uninstallation_nor_a_dropped_database_leaves_a_slot(postgres: Server) -> None:
    named = "select count(*) from pg_replication_slots where slot_name like 'script_tracking_%%' and database = %s"
    with new_database(postgres) as dsn:
        await installed(dsn)
        name = urlsplit(dsn).path.removeprefix("/")
        async with reading(dsn):
            with opened(dsn) as admin:
                assert value(admin, named, name) == 1
        assert await uninstalled(dsn)
        with opened(dsn) as admin:
            assert value(admin, named, name) == 0
            assert value(admin, "select count(*) from pg_publication") == 0
    with new_database(postgres) as dsn:
        await installed(dsn)
        name = urlsplit(dsn).path.removeprefix("/")
        async with reading(dsn):
            pass
        with opened(postgres.dsn) as admin:
            assert value(admin, named, name) == 1
    with opened(postgres.dsn) as admin:
        assert value(admin, named, name) == 0


async def test_a_sqlstate_that_comes_later_makes_a_version_that_the_totals_count_once(
    shared_database: str, client: Session
) -> None:
    with opened(shared_database) as admin:
        async with reading(shared_database) as reader:
            with pytest.raises(psycopg.errors.UndefinedObject):
                client.execute("drop collation never_made")
            (row,) = await recorded(reader, admin, "DROP COLLATION")
    before = counters(client)
    attempt = row["metadata"]["attempt_id"]
    update = f"update {SI}.attempt set sqlstate = '42704', error_message = 'none', log_evidence = '{{}}'"
    client.execute(f"{update} where attempt_id = %s".encode(), (attempt,))
    assert value(client, f"select {SI}.record_attempt(%s)", attempt) is True
    assert value(client, f"select {SI}.record_attempt(%s)", attempt) is False
    (row,) = history(client, "DROP COLLATION")
    assert (row["error_sqlstate"], row["error_message"]) == ("42704", "none")
    assert row["metadata"]["evidence"] == ["wal", "server_log"]
    versions = "select count(*) from script_tracking.script_execution_s where script_execution_hk = %s"
    assert value(client, versions, row["execution_hk"]) == 2
    assert counters(client) == before
    roll_up(client)
    assert counters(client) == before
    client.execute(f"select {SI}.rebuild_totals()".encode())
    assert counters(client) == before


async def test_a_failure_belongs_to_the_tenant_that_its_success_would_have(
    installed_database: str, admin: Session, make_role: MakeRole, login: Login
) -> None:
    role = make_role()
    admin.execute("grant create on schema public to public")
    admin.execute("select script_tracking.register_tenant('acme'), script_tracking.register_tenant('other')")
    admin.execute(sql.SQL("select script_tracking.grant_tenant('acme', {})").format(sql.Literal(role)))
    async with reading(installed_database) as reader:
        user = login(role)
        user.execute("set script_tracking.tenant = 'other'")
        user.execute("set script_tracking.change_ref = 'CHG-9'")
        with pytest.raises(psycopg.errors.UndefinedTable):
            user.execute("drop view never_made")
        (row,) = await recorded(reader, admin, "DROP VIEW")
        user.execute("set script_tracking.tenant = 'nobody'")
        with pytest.raises(psycopg.errors.UndefinedTable):
            user.execute("drop sequence never_made")
        (unknown,) = await recorded(reader, admin, "DROP SEQUENCE")
    assert (row["tenant"], row["db_session_user"]) == ("acme", role)
    assert row["metadata"]["refused_tenant_claim"] == {"claim": "other", "reason": "not_a_member"}
    assert unknown["metadata"]["refused_tenant_claim"] == {"claim": "nobody", "reason": "not_a_member"}
    assert row["metadata"]["claimed_change_ref"] == "CHG-9"
    assert row["metadata"]["effective_role"] == role
