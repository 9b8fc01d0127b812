"""As a tenant's role: somebody else's key takes the time of a key that nobody has, and so do names.

By the median of ten thousand calls; of names by fewer, unless TIMING_CALLS says how many (`make test-timing`).
"""

from __future__ import annotations

import os

import pytest

from tests.fix_sessions import Session, one, value
from tests.sql.adversarial.conftest import SECRET, Spy, Victim
from tests.vault_steps import INTERNAL

pytestmark = pytest.mark.majors
NAMED_CALLS = int(os.environ.get("TIMING_CALLS") or 2000)
CALLS = {
    "complete_operation": "script_tracking.complete_operation({}, true)",
    "heartbeat": "script_tracking.heartbeat({})",
    "get_execution_as_of": "from script_tracking.get_execution_as_of({}, 'infinity')",
    "get_execution_tree": "from script_tracking.get_execution_tree({})",
    "complete_operations": "script_tracking.complete_operations(jsonb_build_array(jsonb_build_object("
    "'execution_hk', encode({}, 'hex'), 'success', true)))",
}
# of tenants, names and types that others have: what is asked, theirs, and what nobody has; the claims raise ST002
NAMES = {
    "tenant of track_operation": ("script_tracking.track_operation('x', 'B', {})", "victim"),
    "tenant of track_operations": (
        "script_tracking.track_operations(jsonb_build_array(jsonb_build_object("
        "'script_name', 'x', 'script_type', 'B', 'tenant', {})))",
        "victim",
    ),
    "tenant of get_execution_history": (
        "from script_tracking.get_execution_history(30, 5, only_tenant => {})",
        "victim",
    ),
    "script_name of get_execution_history": (
        "from script_tracking.get_execution_history(30, 5, only_script_name => {})",
        SECRET,
    ),
    "script_type of get_execution_history": (
        "from script_tracking.get_execution_history(30, 5, only_script_type => {})",
        SECRET.upper(),
    ),
    "script_tracking.tenant": (
        "set_config('script_tracking.tenant', {}, true); perform from script_tracking.get_execution_history(30, 5)",
        "victim",
    ),
}
# by pairs in the same run, so that whatever else the machine does befalls both alike; which of a pair is first is left
# to chance, as turns of the processor that are as long as two calls would befall each second one
MEASURE = """
with turn as materialized (
  select p, p * 2 + o as n, (o = 0) = (c.coin < 0.5) as is_foreign
  from (select p, random() as coin from generate_series(1, %s) as p offset 0) as c cross join generate_series(0, 1) as o
), measured as materialized (
  select case when t.is_foreign then 'foreign' else 'random' end as kind, lair.took(case when t.is_foreign then %s else
    {} end) as took
  from (select * from turn order by n offset 0) as t
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
            f" begin perform {call.format('p_key')}; exception when sqlstate 'ST002' then null; end;"
            " return extract(epoch from clock_timestamp() - v_began) * 1000000; end $$"
        ).encode()
    )
    ratios = []
    for _ in range(3):
        found = one(spy.session, MEASURE.format(nobodys), calls, theirs)
        assert found["calls"] == calls
        ratios.append(found["of_foreign"] / found["of_random"])
        print(f"{call}: {calls} each, {found['of_foreign']:g} us somebody else's, {found['of_random']:g} us nobody's")
        if 0.9 <= ratios[-1] <= 1.1:
            return
    pytest.fail(f"medians of what is somebody else's to those of what is nobody's: {ratios}")


def test_each_function_that_takes_a_key_or_a_name_is_timed(admin: Session) -> None:
    """But for those that look nothing up by it: before_hk is a place in an order, parent_hk is kept as it is."""
    asked = """
    select p.proname, n.name
    from pg_proc as p
    cross join lateral unnest(p.proargnames[:p.pronargs], p.proargtypes::oid[]) as n (name, type)
    where p.pronamespace = 'script_tracking'::regnamespace
      and (has_function_privilege('script_tracking_app', p.oid, 'execute')
        or has_function_privilege('script_tracking_reader', p.oid, 'execute'))
      and (n.type = 'bytea'::regtype or n.name ~ 'tenant|name|identity|type')
    order by 1, 2
    """
    found = {(str(row["proname"]), str(row["name"])) for row in admin.execute(asked.encode())}
    unlooked = {
        ("generate_unique_script_name", "base_name"),
        ("get_execution_history", "before_hk"),
        ("track_operation", "parent_hk"),
        ("track_operation", "script_name"),
        ("track_operation", "script_type"),
    }
    named = {(name.rpartition(" of ")[2], f"only_{name.partition(' of ')[0]}") for name in NAMES}
    calls = {*CALLS, "get_object_history", "track_operation"}
    assert {one for one in found - unlooked if one[0] not in calls} == {
        one for one in named if one[0] == "get_execution_history"
    }


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(name, marks=[pytest.mark.majors] * (name in ("get_execution_tree", "complete_operations")))
        for name in CALLS
    ],
)
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
    same_medians(spy, call, "text", f"theirs.{SECRET}", "'theirs.nobody' || n", NAMED_CALLS // 4)


@pytest.mark.majors
@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_others_have_takes_the_time_of_one_that_nobody_has(
    spy: Spy, victim: Victim, admin: Session, name: str
) -> None:
    begin = f"select script_tracking.track_operation('{SECRET}', '{SECRET.upper()}') from generate_series(1, 500)"
    victim.session.execute(begin.encode())
    admin.execute("analyze")
    call, theirs = NAMES[name]
    same_medians(spy, call, "text", theirs, "'nobody' || n", NAMED_CALLS)


@pytest.mark.majors
@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("script_")])
def test_so_it_does_for_a_member_of_several_tenants(spy: Spy, victim: Victim, admin: Session, name: str) -> None:
    """To whom PostgreSQL would compare the name before the tenant, as that is the cheaper comparison then."""
    for number in range(4):
        admin.execute(f"select script_tracking.register_tenant('more{number}')".encode())
        admin.execute(f"select script_tracking.grant_tenant('more{number}', %s)", (spy.role,))
    operation = f"script_tracking.track_operation('{SECRET}', '{SECRET.upper()}')"
    for _ in range(6):
        victim.session.execute(
            f"select script_tracking.complete_operation({operation}, true) from generate_series(1, 500)".encode()
        )
    admin.execute("analyze")
    call, theirs = NAMES[name]
    same_medians(spy, call, "text", theirs, "'nobody' || n", NAMED_CALLS)


@pytest.mark.majors
def test_a_key_amid_a_tree_takes_the_time_of_one_that_nobody_has(spy: Spy, victim: Victim, admin: Session) -> None:
    """However large the tree is that somebody else's key belongs to."""
    begin = "select script_tracking.track_operation('x', 'B', parent_hk => %s) as key from generate_series(1, 300)"
    keys = [row["key"] for row in victim.session.execute(begin.encode(), (victim.running,))]
    value(admin, f"select {INTERNAL}.derive_links()")
    admin.execute("analyze")
    assert value(victim.session, "select count(*) from script_tracking.get_execution_tree(%s)", keys[0]) == 301
    same_medians(spy, CALLS["get_execution_tree"], "bytea", keys[0], "sha256(n::text::bytea)", 10_000)
