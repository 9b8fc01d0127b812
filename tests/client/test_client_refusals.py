"""exporter.client and a database that refuses what is delivered: what may be tried again is, and only what is at fault
itself is given up."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import pytest

from exporter.declared import Record
from exporter.errors import QueryFailed
from exporter.recorder import Recorder
from tests.client.steps import Track, ended, found
from tests.fix_exporter import eventually
from tests.fix_sessions import Session, meddling, opened, value
from tests.vault_steps import INTERNAL

# the start of an operation of type refused-N fails of the SQLSTATE N, and that of any other where there is no more room
REFUSING = f"""
create table public.no_room ();
grant select on public.no_room to public;
create function public.refusing() returns trigger language plpgsql as $$ begin
  if new.script_type like 'refused-%' then
    raise exception using errcode = substring(new.script_type from 9), message = 'refused';
  elsif to_regclass('public.no_room') is not null then
    raise exception using errcode = 'disk_full', message = 'no room';
  end if;
  return new; end $$;
create trigger refusing before insert on {INTERNAL}.running_operation
  for each row execute function public.refusing()
"""


@pytest.fixture
def refusing(auditor: Session) -> Iterator[None]:
    auditor.execute(meddling(REFUSING).encode())
    yield
    auditor.execute(meddling("drop table if exists public.no_room; drop function public.refusing() cascade").encode())


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, str | None]]:
    """How many starts were delivered at once each time, and the SQLSTATE of which that failed."""
    made: list[tuple[int, str | None]] = []
    begin = Recorder.begin

    async def noting(recorder: Recorder, records: Iterable[Record]) -> Any:
        given = list(records)
        try:
            keys = await begin(recorder, given)
        except QueryFailed as error:
            made.append((len(given), error.sqlstate))
            raise
        made.append((len(given), None))
        return keys

    monkeypatch.setattr(Recorder, "begin", noting)
    return made


@pytest.mark.usefixtures("refusing")
def test_a_full_disk_keeps_all_waiting_and_refuses_none_but_the_one_at_fault(
    tracker: Track, auditor: Session, name: str, attempts: list[tuple[int, str | None]]
) -> None:
    track = tracker()
    for number in range(31):
        with track.operation(name, "bad\ttype" if number == 9 else "BATCH", metadata={"number": number}):
            pass
    eventually(lambda: "no room" in str(track.failing), 30)
    assert found(auditor, name) == []
    assert (track.counts.delivered, track.counts.refused, track.counts.dropped, track.counts.waiting) == (0, 0, 0, 31)
    auditor.execute("drop table public.no_room")
    rows = ended(auditor, name, 30, within=60)
    assert {row["execution_status"] for row in rows} == {"COMPLETED"}
    assert sorted(row["metadata"]["number"] for row in rows) == [number for number in range(31) if number != 9]
    eventually(lambda: track.counts.delivered == 30 and track.failing is None, 30)
    assert (track.counts.refused, track.counts.dropped, track.counts.waiting) == (1, 0, 0)
    codes = {code for _, code in attempts}
    assert codes == {"53100", "ST003", None}
    assert [size for size, code in attempts if code == "ST003"][-1] == 1


@pytest.mark.usefixtures("refusing")
def test_one_at_fault_is_found_by_halves_of_the_rest(
    tracker: Track, auditor: Session, name: str, attempts: list[tuple[int, str | None]]
) -> None:
    track = tracker()
    for number in range(40):
        with track.operation(name, "refused-23514" if number == 17 else "BATCH"):
            pass
    eventually(lambda: any(size == 40 for size, _ in attempts), 60)
    auditor.execute("drop table public.no_room")
    assert len(ended(auditor, name, 39, within=60)) == 39
    eventually(lambda: (track.counts.refused, track.counts.delivered) == (1, 39), 60)
    assert (track.counts.dropped, track.counts.waiting) == (0, 0)
    alone = [code for size, code in attempts if size == 1]
    assert "23514" in alone
    assert max(size for size, code in attempts if code is None) > 5, "the good ones were delivered together"


def test_what_an_earlier_delivery_has_written_meanwhile_is_found_and_not_refused(
    tracker: Track,
    shop: str,
    auditor: Session,
    name: str,
    attempts: list[tuple[int, str | None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The one that was given up too soon is of another session here, which commits while the second waits for it."""
    at, mark = value(auditor, "select clock_timestamp()"), secrets.token_hex(16)
    assert isinstance(at, datetime)
    marks = iter([mark])
    monkeypatch.setattr("exporter.declared.secrets.token_hex", lambda _: next(marks))
    monkeypatch.setattr(Recorder, "_server_time", lambda *_: at)
    with opened(shop) as earlier:
        earlier.execute("begin")
        key = value(
            earlier,
            "select (script_tracking.track_operations(jsonb_build_array(jsonb_build_object('script_name', %s::text,"
            " 'script_type', 'BATCH', 'started_at', %s::text, 'id', %s::text))))[1]",
            name,
            at.isoformat(),
            mark,
        )
        track = tracker(application_name=name)
        with track.operation(name, "BATCH") as operation:
            pass
        waits = "select count(*) from pg_stat_activity where application_name = %s and wait_event_type = 'Lock'"
        eventually(lambda: value(auditor, waits, name) == 1, 60)
        earlier.execute("commit")
    (row,) = ended(auditor, name)
    assert (row["execution_status"], row["execution_hk"]) == ("COMPLETED", key)
    eventually(lambda: track.counts.delivered == 1, 30)
    assert operation.key == key
    assert (track.counts.refused, track.counts.dropped, track.counts.waiting) == (0, 0, 0)
    assert [code for _, code in attempts] == ["23505", None]


@pytest.mark.usefixtures("refusing")
def test_what_is_there_already_for_ever_is_given_up_and_holds_nobody_up(
    tracker: Track, auditor: Session, name: str
) -> None:
    auditor.execute("drop table public.no_room")
    track = tracker()
    for number in range(10):
        with track.operation(name, "refused-23505" if number == 4 else "BATCH"):
            pass
    assert len(ended(auditor, name, 9, within=60)) == 9
    eventually(lambda: (track.counts.refused, track.counts.delivered) == (1, 9), 60)
    assert (track.counts.dropped, track.counts.waiting) == (0, 0)
