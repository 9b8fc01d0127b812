"""What is derived is the same when it is built anew, whatever came late, was prepared, killed, copied or removed."""

from __future__ import annotations

import random
import threading
from contextlib import suppress

import psycopg
import pytest

from tests.fix_sessions import Session, value
from tests.sql.linking import DERIVE, TABLES, content, derive, rebuilt
from tests.vault_steps import INTERNAL, LONG_AGO, make_past, record, set_setting


def test_what_commits_late_is_linked_once_and_shown_meanwhile(installed_database: str, admin: Session) -> None:
    ask = "select count(*) from script_tracking.get_object_history('public.early')"
    with psycopg.connect(installed_database) as late:
        late.execute("create table public.late (id int)")
        admin.execute("create table public.early (id int)")
        assert derive(admin) == 0, "the late transaction holds the horizon"
        assert value(admin, ask) == 1
        late.commit()
    assert value(admin, ask) == 1
    assert derive(admin) == 2
    assert value(admin, ask) == 1
    before = content(admin)
    assert len(before[TABLES[3]]) == 2
    assert rebuilt(admin) == before
    assert derive(admin) == 0


def test_a_prepared_transaction_is_waited_for(installed_database: str, admin: Session) -> None:
    with psycopg.connect(installed_database, autocommit=True) as other:
        other.execute(b"begin; create table public.forgotten (id int); prepare transaction 'forgotten'")
    admin.execute("create table public.known (id int)")
    derive(admin)
    assert value(admin, "select count(*) from script_tracking.get_object_history('public.known')") == 1
    assert value(admin, f"select {INTERNAL}.links_lag() > 0") is True
    admin.execute("commit prepared 'forgotten'")
    derive(admin)
    assert value(admin, f"select {INTERNAL}.links_lag()") == 0
    before = content(admin)
    assert len(before[TABLES[3]]) == 2
    assert rebuilt(admin) == before


@pytest.mark.parametrize("versions", [1, 2, 10000])
def test_what_many_sessions_did_is_linked_whatever_is_killed(
    installed_database: str, admin: Session, versions: int
) -> None:
    admin.execute("create table public.shared (id int)")

    def work(number: int) -> None:
        with psycopg.connect(installed_database) as session:
            for turn in range(8):
                session.execute(f"create table public.t{number}_{turn} (id int)".encode())
                session.execute(f"comment on table public.t{number}_{turn} is '{turn}'".encode())
                if turn % 4 == 1:
                    session.execute(f"prepare transaction 'p{number}_{turn}'".encode())
                else:
                    session.execute(f"comment on table public.shared is '{number}'".encode())
                if turn % 3 == number % 3:
                    session.rollback()
                session.commit()

    def move() -> None:
        dice = random.Random(versions)
        while any(thread.is_alive() for thread in workers):
            with psycopg.connect(installed_database, autocommit=True) as session:
                pid = session.info.backend_pid
                killer = threading.Timer(
                    dice.random() / 20, lambda pid=pid: admin.execute("select pg_terminate_backend(%s)", (pid,))
                )
                killer.start()
                with suppress(psycopg.OperationalError):
                    session.execute(DERIVE.encode(), (versions,))
                killer.join()

    workers = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    mover = threading.Thread(target=move)
    for thread in [*workers, mover]:
        thread.start()
    for thread in workers:
        thread.join()
    mover.join()
    for row in admin.execute("select gid from pg_prepared_xacts where database = current_database()").fetchall():
        admin.execute(f"commit prepared '{row['gid']}'".encode())
    derive(admin, versions)
    before = content(admin)
    assert len(before[TABLES[3]]) == value(
        admin,
        "select 1 + sum(case when split_part(tablename, '_', 2)::int % 4 = 1 then 2 else 3 end)"
        " from pg_tables where tablename ~ '^t[0-9]+_[0-9]+$'",
    )
    assert rebuilt(admin) == before
    assert rebuilt(admin) == before


def test_a_copy_goes_on_and_tells_its_objects_from_the_originals(admin: Session) -> None:
    admin.execute("create table public.t (id int)")
    admin.execute("alter table public.t add n int")
    admin.execute(f"update {INTERNAL}.installation set system_identifier = 'elsewhere'".encode())
    assert value(admin, f"select {INTERNAL}.ensure_incarnation()") == 2
    admin.execute("alter table public.t add m int")
    ask = "select count(*), count(distinct object_hk) as objects from script_tracking.get_object_history('public.t')"
    for step in ("nothing derived", "derived", "rebuilt"):
        if step == "derived":
            assert derive(admin, 1) == 3
            before = content(admin)
        elif step == "rebuilt":
            assert rebuilt(admin) == before
        assert tuple(admin.execute(ask.encode()).fetchall()[0].values()) == (3, 2), step


def test_hub_and_names_outlive_the_record(admin: Session) -> None:
    make_past(admin)
    set_setting(admin, "retention.disposable", "all")
    record(admin, at=LONG_AGO)
    admin.execute("create table public.t (id int)")
    derive(admin)
    key = value(admin, "select object_hk from script_tracking.database_object_h limit 1")
    # as if it had been found in what is removed
    admin.execute(b"update script_tracking.database_object_h set load_date = %s where object_hk = %s", (LONG_AGO, key))
    admin.execute(b"update script_tracking.database_object_name_s set load_date = %s", (LONG_AGO,))
    assert value(admin, "select script_tracking.cleanup_old_data(0)") == 1
    derive(admin)  # the removal is on record as well
    before = content(admin)
    assert rebuilt(admin) == before
