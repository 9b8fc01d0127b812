"""What is kept of attempts that were announced in the write-ahead log."""

from __future__ import annotations

from tests.fix_sessions import Session, value

ATTEMPT = """
insert into script_tracking_internal.attempt
  (attempt_id, started_at, pid, tag, payload, verdict, judged_at, incarnation)
select md5(%s), now(), 1, 'COMMENT', '{}', case when %s::text is not null then 'COMPLETED' end,
  now() - %s::interval, i.incarnation - %s
from script_tracking_internal.installation as i
"""


def test_an_attempt_goes_some_hours_after_it_was_judged_or_with_its_cluster(admin: Session) -> None:
    for name, judged_before, incarnations_back in (
        ("open", None, 0),
        ("lately", "5 hours", 0),
        ("long ago", "7 hours", 0),
        ("another cluster's", None, 1),
    ):
        admin.execute(ATTEMPT, (name, judged_before, judged_before, incarnations_back))
    assert value(admin, "select script_tracking_internal.purge_attempts()") == 2
    left = admin.execute("select md5('lately') as lately, md5('open') as open").fetchone()
    kept = admin.execute("select attempt_id from script_tracking_internal.attempt").fetchall()
    assert left is not None and {row["attempt_id"] for row in kept} == set(left.values())
