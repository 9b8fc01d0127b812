"""What a pause leaves unrecorded, told after an upgrade by kinds and names, since oids and hashes compare no more."""

from __future__ import annotations

import os
from difflib import unified_diff
from pathlib import Path

import pytest

from tests.fix_sessions import MakeRole, Session, history, meddling, value
from tests.installing import installed
from tests.object_kinds import KINDS

INTERNAL = "script_tracking_internal"
GOLDEN = Path(__file__).parents[1] / "golden" / "lasting_facts.txt"
LASTING = f"""
select u.object_type || ' ' || u.identity as object, f.fact
from {INTERNAL}.catalog_units() as u left join pg_proc as p on u.class_id = 1255 and p.oid = u.object_id
cross join unnest({INTERNAL}.lasting_facts(u.facts, p.prosqlbody is not null, %s)) as f (fact)
where u.identity like '%%shop%%' order by u.object_type collate "C", u.identity collate "C", f.fact collate "C"
"""
UNTRACKED = "select change, object_type, identity from script_tracking.get_untracked_changes() order by 2, 1, 3"
# what an upgrade and a restored dump do to the state that they carry along
STATE = f"update {INTERNAL}.catalog_state set object_id = (object_id::bigint + 1000000)::oid"
NAMED = "(relation|type|role|schema|function)[{]"
OTHER_OIDS = {
    "upgraded": f"{STATE} where class_id not in (1259, 1247, 1260, 1261)",
    "restored": f"{STATE}, facts = array(select regexp_replace(f.fact, '{NAMED}', '\\1{{77', 'g')"
    " from unnest(facts) with ordinality as f (fact, place) order by f.place) where not cluster_wide",
}


@pytest.fixture
def shop(admin: Session, make_role: MakeRole) -> Session:
    """Of each kind something."""
    clerk, chief = make_role(), make_role()
    admin.execute(KINDS.replace("clerk", clerk).replace("chief", chief).encode())
    return admin


def test_what_is_compared_over_majors_is_alike_on_all_of_them(shop: Session) -> None:
    """WRITE_GOLDEN=1 writes the list anew, and fails; every major is held to the same."""
    found = "".join(f"{row['object']}: {row['fact']}\n" for row in shop.execute(LASTING.encode(), (True,)).fetchall())
    if os.environ.get("WRITE_GOLDEN"):
        GOLDEN.write_text(found, encoding="utf-8")
        pytest.fail(f"{GOLDEN.name} was written: read the difference, then run again without WRITE_GOLDEN")
    golden = GOLDEN.read_text(encoding="utf-8")
    difference = list(unified_diff(golden.splitlines(), found.splitlines(), "golden", "catalog", n=0, lineterm=""))
    assert not difference, "\n".join(difference)


@pytest.mark.parametrize("kind", OTHER_OIDS)
def test_a_pause_is_reported_after_the_cluster_got_another_identity(shop: Session, kind: str) -> None:
    reconcile = f"select {INTERNAL}.reconcile()"
    for _ in range(2):
        shop.execute(reconcile.encode())
    earlier = shop.execute(UNTRACKED).fetchall()
    value(shop, "select script_tracking.pause_tracking('upgrade')")
    shop.execute(
        "create table shop.unseen (id int primary key); drop view shop.open; alter table shop.lines add late int"
    )
    shop.execute(meddling(f"update {INTERNAL}.reconcile_state set incarnation = incarnation - 1").encode())
    shop.execute(meddling(OTHER_OIDS[kind]).encode())
    assert value(shop, "select script_tracking.resume_tracking()") is True
    shop.execute("create table shop.later ()")
    for _ in range(2):
        shop.execute(reconcile.encode())
    assert [tuple(row.values()) for row in shop.execute(UNTRACKED).fetchall() if row not in earlier] == [
        ("ALTER", "table", "shop.lines"),
        ("CREATE", "table", "shop.unseen"),
        ("DROP", "view", "shop.open"),
    ]


@pytest.mark.parametrize("kind", OTHER_OIDS)
async def test_an_upgrade_of_the_schema_within_the_pause_is_none_of_it(
    installed_database: str, shop: Session, kind: str
) -> None:
    """Of the tracker's functions no oid is the same either, whether the installer makes them anew or leaves them."""
    reconcile = f"select {INTERNAL}.reconcile()"
    for _ in range(2):
        shop.execute(reconcile.encode())
    earlier = shop.execute(UNTRACKED).fetchall()
    value(shop, "select script_tracking.pause_tracking('upgrade')")
    shop.execute("create table shop.unseen (id int primary key)")
    shop.execute(meddling(f"update {INTERNAL}.reconcile_state set incarnation = incarnation - 1").encode())
    shop.execute(meddling(OTHER_OIDS[kind]).encode())
    changed = f"facts = array_replace(facts, facts[4], 'body of an earlier release') where identity = '{INTERNAL}"
    for function in ("hex_key(text)", "state_mac(bytea,text,text)"):
        shop.execute(meddling(f"update {INTERNAL}.catalog_state set {changed}.{function}'").encode())
    shop.execute(f"update {INTERNAL}.schema_code set checksum = '' where path like '%/hex_key.sql'".encode())
    assert (await installed(installed_database)).changed
    assert value(shop, "select script_tracking.resume_tracking()") is True
    for _ in range(2):
        shop.execute(reconcile.encode())
    found = [tuple(row.values()) for row in shop.execute(UNTRACKED).fetchall() if row not in earlier]
    assert found == [("CREATE", "table", "shop.unseen")]


def test_neither_pausing_nor_resuming_depends_on_the_comparison(admin: Session) -> None:
    admin.execute(meddling(f"drop function {INTERNAL}.note_differences()").encode())
    assert value(admin, "select script_tracking.pause_tracking('upgrade')") is True
    assert value(admin, "select script_tracking.resume_tracking()") is True
    admin.execute("create table public.seen ()")
    assert history(admin)[-1]["script_name"] == "CREATE TABLE"
