"""What the comparison of the catalogs says of a pause's gap, and what it does not say of noise."""

from __future__ import annotations

from tests.fix_sessions import Login, MakeRole, Session, history, value

INTERNAL = "script_tracking_internal"
UNTRACKED = "select change, object_type, identity from script_tracking.get_untracked_changes() where not cluster_wide"


def compare(session: Session) -> list[tuple[object, ...]]:
    """Passes of the reconciler until one more would see nothing new; the untracked changes."""
    for _ in range(3):
        session.execute(f"select * from {INTERNAL}.reconcile()".encode())
    return [tuple(row.values()) for row in session.execute(UNTRACKED.encode())]


def test_what_was_changed_in_a_pause_is_reported_with_the_pause(admin: Session) -> None:
    assert compare(admin) == []
    admin.execute("select script_tracking.pause_tracking('upgrade to 18')")
    admin.execute("create table public.unseen (id int)")
    notices: list[str | None] = []
    admin.add_notice_handler(lambda notice: notices.append(notice.message_primary))
    admin.execute("select script_tracking.resume_tracking()")
    assert notices == []
    admin.execute("create table public.seen (id int)")
    assert compare(admin) == [("CREATE", "table", "public.unseen")]
    (row,) = history(admin, "UNTRACKED CREATE TABLE")
    (resumed,) = history(admin, "resume_tracking")
    gap = resumed["metadata"]["after"]
    assert row["metadata"]["pause"] == {"reason": "upgrade to 18", "from": gap["paused_at"], "to": gap["resumed_at"]}


def test_noise_is_no_untracked_change(admin: Session, make_role: MakeRole, login: Login) -> None:
    role = make_role()
    admin.execute(f"create schema staging authorization {role}".encode())
    admin.execute("select script_tracking.add_noise_rule('staging', null, null, 'nightly load')")
    etl = login(role)
    assert compare(admin) == []
    etl.execute("create table staging.a (id int primary key); create table staging.b (id int)")
    etl.execute("alter table staging.b add column note text; drop table staging.a")
    assert value(admin, f"select count(*) from {INTERNAL}.noise_ddl") == 4
    # the exporter may have been away for long
    admin.execute(f"update {INTERNAL}.noise_ddl set noted_at = noted_at - interval '1 month'".encode())
    assert compare(admin) == []
    assert history(admin, "CREATE TABLE") == []
    assert value(admin, f"select count(*) from {INTERNAL}.noise_ddl") == 0


def test_what_went_round_the_triggers_is_reported_though_a_rule_would_fit(
    admin: Session, make_role: MakeRole, login: Login
) -> None:
    role = make_role()
    admin.execute(f"create schema staging authorization {role}".encode())
    admin.execute("select script_tracking.add_noise_rule('staging', null, null, 'nightly load')")
    assert compare(admin) == []
    login(role).execute("explain analyze create table staging.sly as select 1 as n")
    assert compare(admin) == [("CREATE", "table", "staging.sly")]
