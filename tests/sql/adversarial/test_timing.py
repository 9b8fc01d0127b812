"""As a tenant's role: somebody else's key takes the time of a key that nobody has, and so does an object's name."""

from __future__ import annotations

import pytest

from tests.fix_sessions import Session, one, value
from tests.sql.adversarial.conftest import SECRET, Spy, Victim
from tests.vault_steps import INTERNAL

CALLS = {
    "complete_operation": "script_tracking.complete_operation({}, true)",
    "heartbeat": "script_tracking.heartbeat({})",
    "get_execution_as_of": "from script_tracking.get_execution_as_of({}, 'infinity')",
}
# one after the other in the same run, so that whatever else the machine does befalls both alike
MEASURE = """
with measured as materialized (
  select n, case when n %% 2 = 0 then 'foreign' else 'random' end as kind, lair.took(case when n %% 2 = 0 then %s else
    {} end) as took
  from generate_series(1, %s) as n
)
select percentile_cont(0.5) within group (order by took) filter (where kind = 'foreign') as of_foreign,
  percentile_cont(0.5) within group (order by took) filter (where kind = 'random') as of_random,
  count(*) filter (where kind = 'foreign') as calls
from measured
"""


def same_medians(spy: Spy, call: str, kind: str, theirs: object, nobodys: str, calls: int) -> None:
    """Within a tenth, as the clock tells whole microseconds, of which a call takes some thirty. Three tries, as the
    machine is anybody's: a difference that is there is there each time."""
    spy.session.execute(
        (
            f"create function lair.took(p_key {kind}) returns double precision language plpgsql as $$"
            " declare v_began timestamptz := clock_timestamp(); begin"
            f" perform {call.format('p_key')};"
            " return extract(epoch from clock_timestamp() - v_began) * 1000000; end $$"
        ).encode()
    )
    ratios = []
    for _ in range(3):
        found = one(spy.session, MEASURE.format(nobodys), theirs, 2 * calls)
        assert found["calls"] == calls
        ratios.append(found["of_foreign"] / found["of_random"])
        if 0.9 <= ratios[-1] <= 1.1:
            return
    pytest.fail(f"medians of what is somebody else's to those of what is nobody's: {ratios}")


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("state", ["running", "ended"])
def test_the_median_of_ten_thousand_calls_is_the_same(spy: Spy, victim: Victim, call: str, state: str) -> None:
    key = victim.running if state == "running" else victim.ended
    same_medians(spy, CALLS[call], "bytea", key, "sha256(n::text::bytea)", 10_000)


def test_an_objects_name_takes_the_same_time_however_often_others_touched_it(
    spy: Spy, victim: Victim, admin: Session
) -> None:
    for number in range(200):
        victim.session.execute(f"comment on table theirs.{SECRET} is '{number}'".encode())
    value(admin, f"select {INTERNAL}.derive_links()")
    value(admin, f"select {INTERNAL}.reconcile()")  # by what it saw, too, a name leads to an object
    admin.execute("analyze")
    call = "from script_tracking.get_object_history({})"
    same_medians(spy, call, "text", f"theirs.{SECRET}", "'theirs.nobody' || n", 500)
