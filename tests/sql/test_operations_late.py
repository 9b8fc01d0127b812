"""Operations of which the database is told late, or again: by what the client says of their times and identity."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from tests.fix_sessions import Login, MakeRole, Session, history, value
from tests.sql.bulk import complete, current, operations, track
from tests.vault_steps import INTERNAL


def test_late_delivery_keeps_the_times_and_says_how_late(admin: Session) -> None:
    now = value(admin, "select clock_timestamp()")
    assert isinstance(now, datetime)
    started, ended = now - timedelta(hours=2), now - timedelta(hours=1)
    (key,) = track(admin, operations("late", started_at=started.isoformat(), metadata={"recorded_after_us": 1}))
    assert current(admin, key)["execution_timestamp"] == started
    done = {"execution_hk": key.hex(), "success": True, "ended_at": ended.isoformat()}
    assert complete(admin, done) == [True]
    version = current(admin, key)
    assert version["metadata"]["duration_us"] == 3_600_000_000
    assert version["metadata"]["recorded_after_us"] == pytest.approx(7.2e9, abs=6e7)
    assert version["metadata"]["completion_recorded_after_us"] == pytest.approx(3.6e9, abs=6e7)


@pytest.mark.parametrize(("hours", "us"), [(-3, 0), (5, None)])
def test_an_end_before_the_start_or_in_the_future_is_not_believed(admin: Session, hours: int, us: int | None) -> None:
    started = datetime.now(UTC) - timedelta(hours=2)
    (key,) = track(admin, operations("odd", started_at=started.isoformat()))
    ended = datetime.now(UTC) + timedelta(hours=hours)
    complete(admin, {"execution_hk": key.hex(), "success": True, "ended_at": ended.isoformat()})
    found = current(admin, key)["metadata"]["duration_us"]
    assert found == us if us is not None else found == pytest.approx(7.2e9, abs=6e7)


def test_a_repeated_delivery_is_recorded_once(admin: Session, make_role: MakeRole, login: Login) -> None:
    given = operations("again", started_at=datetime.now(UTC).isoformat(), id=uuid.uuid4().hex)
    (key,) = track(admin, given)
    assert track(admin, given) == [key]
    assert complete(admin, {"execution_hk": key.hex(), "success": True}) == [True]
    assert track(admin, given) == [key]
    assert value(admin, f"select count(*) from {INTERNAL}.running_operation") == 0
    assert [row["execution_status"] for row in history(admin)] == ["COMPLETED"]
    other = login(make_role("script_tracking_app"))
    assert track(other, given) != [key], "the id of another role's operation names nothing of it"


def test_an_operation_that_stands_twice_in_one_call_is_begun_once(admin: Session) -> None:
    started_at, key = datetime.now(UTC).isoformat(), uuid.uuid4().hex
    given = operations("twice", "other", "twice", started_at=started_at, id=key)
    first, other, again = track(admin, given)
    assert first == again != other
    assert value(admin, f"select count(*) from {INTERNAL}.running_operation") == 2
    assert [row["execution_status"] for row in history(admin)] == ["RUNNING"] * 2


def test_nobody_chooses_a_key(admin: Session) -> None:
    """Else an attempt's key could be taken before its own record is written."""
    identity = uuid.uuid4().hex
    (key,) = track(admin, operations("CREATE TABLE", started_at=datetime.now(UTC).isoformat(), id=identity))
    bk = value(
        admin, "select script_execution_bk from script_tracking.script_execution_h where script_execution_hk = %s", key
    )
    assert isinstance(bk, str)
    assert not bk.endswith(identity)
