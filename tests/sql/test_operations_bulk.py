"""track_operations and complete_operations: many in one statement, each as the single form would."""

from __future__ import annotations

import threading
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.fix_sessions import HOSTILE, Login, MakeRole, Session, history, opened, value
from tests.sql.bulk import COMPLETE, TRACK, complete, current, operations, track
from tests.vault_steps import INTERNAL, counted


def test_many_operations_begin_and_end_in_the_order_given(admin: Session) -> None:
    keys = track(admin, operations(*(f"load-{number}" for number in range(50)), metadata={"run": 7}))
    assert [current(admin, key)["script_name"] for key in keys] == [f"load-{number}" for number in range(50)]
    failure = {"success": False, "error_message": "boom", "error_sqlstate": "23505", "affected_rows": 3}
    given: list[dict[str, object]] = [
        {"execution_hk": key.hex(), "success": True, "metadata": {"step": number}} for number, key in enumerate(keys)
    ]
    given[10] = {"execution_hk": "\\x" + keys[10].hex(), **failure}
    given[20] = {"execution_hk": "00" * 32, "success": True}
    assert complete(admin, *given) == [place != 20 for place in range(50)]
    assert complete(admin, *given) == [False] * 50
    version = current(admin, keys[10])
    assert (version["execution_status"], version["error_message"]) == ("FAILED", "boom")
    assert (version["metadata"]["sqlstate"], version["metadata"]["affected_rows"]) == ("23505", 3)
    assert current(admin, keys[20])["execution_status"] == "RUNNING"
    assert current(admin, keys[30])["metadata"]["step"] == 30
    assert current(admin, keys[30])["metadata"]["run"] == 7
    assert counted(admin) == 49


def test_one_statement_does_for_what_another_began(admin: Session) -> None:
    """Keys go from the one to the other without leaving SQL."""
    done = value(
        admin,
        "select script_tracking.complete_operations((select jsonb_agg(jsonb_build_object('execution_hk', key,"
        " 'success', true)) from unnest(script_tracking.track_operations(%s)) as key))",
        operations("a", "b"),
    )
    assert done == [True, True]
    assert [row["execution_status"] for row in history(admin)] == ["COMPLETED", "COMPLETED"]


CASES: tuple[dict[str, object], ...] = (
    {},
    {"script_name": "n" * 1000, "script_type": "t" * 63},
    {"script_name": 'Sp\u00e4t "quoted" \\ \u65e5\u672c', "sql_command": "select 1"},
    {"script_name": "sync password=hunter2"},
    {"sql_command": "alter role r password 'hunter2'", "metadata": {"token": "hunter2", "n": 1}},
    {"sql_command": "select '" + "long " * 300 + "'"},
    {"sql_command": "select '" + "long " * 9000 + "'", "parent_hk": "ab" * 32},
    {"metadata": {"evidence": "mine", "run": [1, {"x": None}]}, "parent_hk": "00"},
    {"metadata": None, "sql_command": None, "parent_hk": None},
)


def test_each_is_recorded_as_by_the_single_form(admin: Session) -> None:
    """Beside each other in one call, the ones with secrets among those without: the same rows but for key and times."""
    made = [{"script_name": f"load-{place}", "script_type": "LOAD", **case} for place, case in enumerate(CASES)]
    admin.execute("set script_tracking.app_user = 'somebody'")
    many = track(admin, Jsonb(made))
    assert len(set(many)) == len(made)
    for case, key in zip(made, many, strict=True):
        arguments = {"metadata": None, "sql_command": None, "parent_hk": None, **case}
        arguments["metadata"] = None if arguments["metadata"] is None else Jsonb(arguments["metadata"])
        single = value(
            admin,
            "select script_tracking.track_operation(%s, %s, metadata => %s, parent_hk => decode(%s, 'hex'),"
            " sql_command => %s)",
            *(arguments[name] for name in ("script_name", "script_type", "metadata", "parent_hk", "sql_command")),
        )
        assert isinstance(single, bytes)
        kept, expected = (_kept(admin, one) for one in (key, single))
        assert kept == expected
        assert "hunter2" not in str(kept)


def _kept(session: Session, key: bytes) -> dict[str, Any]:
    """Hub, version and state row without key and times; the hash is reckoned anew from the row."""
    rows = session.execute(
        "select s.*, h.tenant_hk as hub_tenant, h.record_source as hub_source,"
        " h.load_date = s.execution_timestamp as dated,"
        " h.script_execution_hk = script_tracking.calculate_hash_key(h.script_execution_bk) as keyed,"
        f" h.script_execution_bk = {INTERNAL}.business_key(s.script_name, s.execution_timestamp,"
        " right(h.script_execution_bk, 32)) as timed,"
        " regexp_replace(h.script_execution_bk, '_[0-9]{8}T[0-9]{6}[.][0-9]{6}Z_[0-9a-f]{32}$', '') as named,"
        f" s.hash_diff = {INTERNAL}.hash_diff(s.tenant_hk, s.script_name, s.script_type, s.execution_status,"
        " s.execution_timestamp, s.execution_duration_ms, s.db_session_user, s.client_ip, s.affected_objects,"
        " s.sql_command, s.error_message, s.metadata) as hashed,"
        " r.tenant_hk as state_tenant, r.script_type as state_type, r.started_by, r.pid,"
        " r.execution_timestamp = s.execution_timestamp and r.heartbeat_at = s.execution_timestamp as beaten"
        " from script_tracking.script_execution_s as s"
        " join script_tracking.script_execution_h as h using (script_execution_hk)"
        f" join {INTERNAL}.running_operation as r using (script_execution_hk)"
        " where script_execution_hk = %s",
        (key,),
    ).fetchall()
    assert len(rows) == 1
    kept: dict[str, Any] = rows[0]
    assert kept["dated"] and kept["keyed"] and kept["timed"] and kept["hashed"] and kept["beaten"]
    for name in ("script_execution_hk", "load_date", "hash_diff", "version_number", "execution_timestamp", "xid"):
        del kept[name]
    return kept


def test_keys_of_one_call_have_nothing_in_common(admin: Session) -> None:
    """Their suffixes are made from one secret, and no suffix tells of another."""
    keys = [key for _ in range(2) for key in track(admin, operations(*["same"] * 50))]
    suffixes = [
        row["suffix"]
        for row in admin.execute(
            "select right(script_execution_bk, 32) as suffix from script_tracking.script_execution_h"
            " where script_execution_hk = any (%s)",
            (keys,),
        )
    ]
    assert len(set(suffixes)) == 100
    for place in range(32):  # of 100 random digits at a place, not one of sixteen would be missing in all others
        assert len({suffix[place] for suffix in suffixes}) > 8


def test_they_begin_in_the_order_given_and_the_keys_say_when(admin: Session) -> None:
    """Also where a second ends among them, which this waits for; on a busy machine it may come too late for that."""
    admin.execute(
        "do $$ begin loop exit when extract(microseconds from clock_timestamp())::bigint % 1000000 > 998500; end loop;"
        " perform script_tracking.track_operations((select jsonb_agg(jsonb_build_object('script_name', n::text,"
        " 'script_type', 'LOAD')) from generate_series(1, 2000) as n)); end $$"
    )
    rows = admin.execute(
        f"select s.script_name, h.script_execution_bk = {INTERNAL}.business_key(s.script_name, s.execution_timestamp,"
        " right(h.script_execution_bk, 32)) as timed, s.load_date >= s.execution_timestamp as recorded,"
        " h.script_execution_hk = script_tracking.calculate_hash_key(h.script_execution_bk) as keyed"
        " from script_tracking.script_execution_s as s join script_tracking.script_execution_h as h"
        " on h.script_execution_hk = s.script_execution_hk and h.load_date = s.execution_timestamp"
        " order by s.execution_timestamp"
    ).fetchall()
    assert [row["script_name"] for row in rows] == [str(number) for number in range(1, 2001)]
    assert all(row["timed"] and row["keyed"] for row in rows)
    assert all(row["recorded"] for row in rows), "a version is not recorded before it begins"


def test_an_empty_array_is_no_operation(admin: Session) -> None:
    assert value(admin, TRACK, Jsonb([])) == []
    assert value(admin, COMPLETE, Jsonb([])) == []
    assert history(admin) == []


def test_the_same_operation_twice_in_one_statement_ends_once(admin: Session) -> None:
    (key,) = track(admin, operations("a"))
    ended = {"execution_hk": key.hex(), "success": True}
    assert complete(admin, ended, ended) == [True, False]


GOOD = {"script_name": "good", "script_type": "LOAD"}


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"script_name": "x"}, "script_type"),
        ({**GOOD, "script_name": ""}, "script_name"),
        ({**GOOD, "script_type": "a\tb"}, "printable"),
        ({**GOOD, "script_type": "t" * 64}, "script_type"),
        ({**GOOD, "metadata": []}, "metadata"),
        ({**GOOD, "parent_hk": "xyz"}, "parent_hk"),
        ({**GOOD, "parent_hk": "abc"}, "parent_hk"),
        ({**GOOD, "name": "x"}, "unknown key"),
        ({**GOOD, "started_at": "2001-01-01T00:00:00Z"}, "started_at"),
        ({**GOOD, "started_at": "2999-01-01T00:00:00Z"}, "started_at"),
        ({**GOOD, "started_at": "yesterday-ish"}, "started_at 'yesterday-ish' is no point in time"),
        ({**GOOD, "started_at": "2026-02-30"}, "started_at '2026-02-30' is no point in time"),
        ({**GOOD, "started_at": {"at": 1}}, "started_at '{\"at\": 1}' is no point in time"),
        ({**GOOD, "id": "ab" * 16}, "started_at"),
        ({**GOOD, "id": "AB"}, "id"),
        ("x", "not an object"),
        (None, "not an object"),
    ],
)
def test_a_bad_operation_is_named_and_none_is_begun(admin: Session, bad: object, message: str) -> None:
    with pytest.raises(psycopg.Error, match=rf"operations\[1\]: .*{message}") as error:
        admin.execute(TRACK, (Jsonb([GOOD, bad]),))
    assert error.value.sqlstate == "ST003"
    assert history(admin) == []
    assert value(admin, f"select count(*) from {INTERNAL}.running_operation") == 0


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"success": True}, "execution_hk"),
        ({"execution_hk": "zz", "success": True}, "execution_hk"),
        ({"execution_hk": "00"}, "success"),
        ({"execution_hk": "00", "success": True, "error_sqlstate": "oops"}, "error_sqlstate"),
        ({"execution_hk": "00", "success": True, "metadata": 1}, "metadata"),
        ({"execution_hk": "00", "success": "perhaps"}, "success 'perhaps' is neither true nor false"),
        ({"execution_hk": "00", "success": True, "affected_rows": 1.5}, "affected_rows '1.5' is no whole number"),
        ({"execution_hk": "00", "success": True, "affected_rows": 2**63}, "affected_rows '9223372036854775808' is no"),
        ({"execution_hk": "00", "success": True, "ended_at": "x" * 5000}, "ended_at 'x{100}' is no point in time"),
        ({"execution_hk": "00", "success": True, "rows": 1}, "unknown key"),
        (7, "not an object"),
    ],
)
def test_a_bad_completion_is_named_and_none_is_ended(admin: Session, bad: object, message: str) -> None:
    (key,) = track(admin, operations("a"))
    with pytest.raises(psycopg.Error, match=rf"completions\[1\]: .*{message}") as error:
        admin.execute(COMPLETE, (Jsonb([{"execution_hk": key.hex(), "success": True}, bad]),))
    assert error.value.sqlstate == "ST003"
    assert current(admin, key)["execution_status"] == "RUNNING"


@pytest.mark.parametrize("given", [Jsonb({}), Jsonb("x"), Jsonb(None), None])
@pytest.mark.parametrize("call", [TRACK, COMPLETE])
def test_what_is_no_array_is_ST003(admin: Session, call: str, given: object) -> None:
    with pytest.raises(psycopg.Error) as error:
        admin.execute(call.encode(), (given,))
    assert error.value.sqlstate == "ST003"


def test_tenants_are_checked_for_each(admin: Session, make_role: MakeRole, login: Login) -> None:
    role = make_role("script_tracking_app", "script_tracking_reader")
    for tenant in ("acme", "globex", "initech"):
        admin.execute("select script_tracking.register_tenant(%s)", (tenant,))
    for tenant in ("acme", "globex"):
        admin.execute("select script_tracking.grant_tenant(%s, %s)", (tenant, role))
    session = login(role)
    mixed = [{**GOOD, "script_name": tenant, "tenant": tenant} for tenant in ("acme", "globex", "acme")]
    track(session, Jsonb(mixed))
    assert [row["tenant"] for row in history(session)] == ["acme", "globex", "acme"]
    for refused in ([*mixed, {**GOOD, "tenant": "initech"}], [*mixed, GOOD], [GOOD]):
        with pytest.raises(psycopg.Error) as error:
            session.execute(TRACK, (Jsonb(refused),))
        assert error.value.sqlstate == "ST002"
    assert len(history(session)) == 3
    session.execute("set script_tracking.tenant = 'globex'")
    track(session, Jsonb([GOOD]))
    assert history(admin)[-1]["tenant"] == "globex"
    foreign = track(admin, operations("theirs", tenant="initech"))[0]
    assert complete(session, {"execution_hk": foreign.hex(), "success": True}) == [False]


def test_secrets_are_withheld_and_hostile_settings_change_nothing(admin: Session) -> None:
    for statement in HOSTILE:
        if "evil" not in statement:
            admin.execute(statement.encode())
    parent = b"p" * 32
    (key,) = track(
        admin,
        operations("x", sql_command="alter role r password 'hunter2'", metadata={"n": 1}, parent_hk=parent.hex()),
    )
    complete(
        admin,
        {
            "execution_hk": key.hex(),
            "success": False,
            "error_message": "password hunter2",
            "metadata": {"token": "hunter2"},
        },
    )
    admin.execute("reset all")  # the driver reads no other date than ISO
    version = current(admin, key)
    assert "hunter2" not in str(version)
    assert version["metadata"]["parent_hk"] == parent.hex()


def test_two_calls_on_the_same_operations_do_not_deadlock(admin: Session, installed_database: str) -> None:
    keys = track(admin, operations(*(f"load-{number}" for number in range(200))))
    answers: list[list[bool]] = []
    begun = threading.Barrier(2)

    def end(mine: list[bytes]) -> None:
        with opened(installed_database) as session:
            begun.wait()
            found = complete(session, *({"execution_hk": key.hex(), "success": True} for key in mine))
            assert isinstance(found, list)
            answers.append(found if mine[0] == keys[0] else found[::-1])

    threads = [threading.Thread(target=end, args=(order,)) for order in (keys, keys[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first, second = answers
    assert [a != b for a, b in zip(first, second, strict=True)] == [True] * 200
