"""get_execution_tree: what belongs together by parents, whether derived, ended a moment ago or running."""

from __future__ import annotations

import psycopg
import pytest

from tests.fix_sessions import Login, MakeRole, Session, value
from tests.vault_steps import INTERNAL

TREE = "select * from script_tracking.get_execution_tree(%s)"
TRACK = "select script_tracking.track_operation(%s, 'BATCH', %s, parent_hk => %s)"


def tree(session: Session, key: object) -> list[tuple[int, str, str]]:
    """Depth, name and status of each execution."""
    rows = session.execute(TREE, (key,)).fetchall()
    return [(row["depth"], row["script_name"], row["execution_status"]) for row in rows]


@pytest.mark.parametrize("derived", [False, True])
def test_a_tree_is_whole_from_wherever_it_is_asked_for(admin: Session, derived: bool) -> None:
    admin.execute("select script_tracking.register_tenant('acme')")
    night = value(admin, TRACK, "night", "acme", None)
    load = value(admin, TRACK, "load", "acme", night)
    part = value(admin, TRACK, "part", "acme", load)
    last = value(admin, TRACK, "last", "acme", night)
    value(admin, TRACK, "else", "acme", None)
    for key in (part, load):
        admin.execute("select script_tracking.complete_operation(%s, true)", (key,))
    if derived:
        admin.execute(f"select {INTERNAL}.derive_links()".encode())
        assert value(admin, "select count(*) from script_tracking.script_execution_parent") == 2
    whole = [
        (0, "night", "RUNNING"),
        (1, "load", "COMPLETED"),
        (1, "last", "RUNNING"),
        (2, "part", "COMPLETED"),
    ]
    for key in (night, load, part, last):
        assert tree(admin, key) == whole
    rows = admin.execute(TREE, (night,)).fetchall()
    assert [row["parent_hk"] for row in rows] == [None, night, night, load]
    assert [row["depth"] for row in admin.execute(TREE.replace("%s", "%s, 2"), (night,))] == [0, 1]
    assert tree(admin, b"\x00" * 32) == []
    with pytest.raises(psycopg.Error) as caught:
        admin.execute(TREE.replace("%s", "%s, -1"), (night,))
    assert caught.value.sqlstate == "ST003"


def test_nobody_sees_another_tenant_in_a_tree(admin: Session, make_role: MakeRole, login: Login) -> None:
    keys: dict[str, object] = {}
    for tenant, parent in (("acme", None), ("rival", "acme"), ("acme2", "rival")):
        admin.execute("select script_tracking.register_tenant(%s)", (tenant.rstrip("2"),))
        keys[tenant] = value(admin, TRACK, tenant, tenant.rstrip("2"), keys.get(parent or ""))
    sibling = value(admin, TRACK, "sibling", "acme", keys["acme"])
    role = make_role("script_tracking_reader")
    admin.execute("select script_tracking.grant_tenant('acme', %s)", (role,))
    reader = login(role)
    mine = [(0, "acme", "RUNNING"), (1, "sibling", "RUNNING")]
    assert tree(reader, keys["acme"]) == tree(reader, sibling) == mine
    assert tree(reader, keys["rival"]) == []
    # what stands below somebody else's is the outermost that may be seen, and names no parent
    (row,) = reader.execute(TREE, (keys["acme2"],)).fetchall()
    assert (row["depth"], row["parent_hk"]) == (0, None)
    assert len(tree(admin, keys["acme2"])) == 4
