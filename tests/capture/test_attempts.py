"""What is kept of attempts that were announced in the write-ahead log."""

from __future__ import annotations

from tests.fix_sessions import Session, value

ATTEMPT = """
insert into script_tracking_internal.attempt
  (attempt_id, started_at, pid, tag, payload, verdict, judged_at, incarnation)
select md5(%s), now(), 1, 'COMMENT', '{}', %s,
  now() - %s::interval, i.incarnation - %s
from script_tracking_internal.installation as i
"""


def test_an_attempt_goes_some_hours_after_it_was_judged_or_with_its_cluster(admin: Session) -> None:
    for name, verdict, judged_before, incarnations_back in (
        ("open", None, None, 0),
        ("lately", "FAILED", "5 hours", 0),
        ("long ago", "FAILED", "7 hours", 0),
        ("succeeded", "COMPLETED", "10 minutes", 0),
        ("another cluster's", None, None, 1),
    ):
        admin.execute(ATTEMPT, (name, verdict, judged_before, incarnations_back))
    assert value(admin, "select script_tracking_internal.purge_attempts()") == 3
    left = admin.execute("select md5('lately') as lately, md5('open') as open").fetchone()
    kept = admin.execute("select attempt_id from script_tracking_internal.attempt").fetchall()
    assert left is not None and {row["attempt_id"] for row in kept} == set(left.values())
