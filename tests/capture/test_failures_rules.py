"""Failed DDL that a noise rule names leaves no record either; while tracking pauses there is no slot."""

from __future__ import annotations

import psycopg
import pytest

from tests.capture.failing import reading, recorded
from tests.fix_sessions import Login, MakeRole, Session, history, one, value

INTERNAL = "script_tracking_internal"
SLOTS = "select count(*) from pg_replication_slots where database = current_database()"


async def test_a_failure_that_a_rule_names_is_counted_and_left_out(
    installed_database: str, admin: Session, make_role: MakeRole, login: Login
) -> None:
    role = make_role()
    for arguments in (f"null, 'DROP TABLE', '{role}'", f"'public', 'DROP VIEW', '{role}'"):
        admin.execute(f"select script_tracking.add_noise_rule({arguments}, 'noise')".encode())
    client = login(role)
    async with reading(installed_database) as reader:
        for statement in (
            "drop table missing",
            "drop table script_tracking.missing",  # the tracker is never noise
            "drop view public.missing",  # of a failure nobody knows the schema
            "drop sequence missing",
        ):
            with pytest.raises(psycopg.Error):
                client.execute(statement.encode())
        await recorded(reader, admin, "DROP SEQUENCE")
        await recorded(reader, admin, "DROP VIEW")
        (tracker,) = await recorded(reader, admin, "DROP TABLE")
        assert await reader.round()
    assert "script_tracking.missing" in tracker["sql_command"]
    assert [row["sql_command"] for row in history(admin, "DROP TABLE")] == [tracker["sql_command"]]
    assert value(admin, f"select noise_ddl_total from {INTERNAL}.collect_rules()") == 1


async def test_while_tracking_pauses_there_is_no_slot(installed_database: str, admin: Session) -> None:
    async with reading(installed_database) as reader:
        assert value(admin, SLOTS) == 1
        admin.execute("select script_tracking.pause_tracking('upgrade to 18')")
        assert value(admin, SLOTS) == 0
    async with reading(installed_database) as reader:  # another exporter, started meanwhile
        assert await reader.round()
        assert value(admin, SLOTS) == 0
        state = one(admin, f"select lacks, slots_dropped from {INTERNAL}.capture_state")
        assert state == {"lacks": "pause", "slots_dropped": 0}
    admin.execute("select script_tracking.resume_tracking()")
    async with reading(installed_database) as reader:
        assert value(admin, SLOTS) == 1
        with pytest.raises(psycopg.Error):
            admin.execute("drop sequence missing")
        await recorded(reader, admin, "DROP SEQUENCE")
