"""What a superuser decided about the capture, and what it costs."""

from __future__ import annotations

from tests.fix_sessions import Session, one, value

INTERNAL = "script_tracking_internal"


def rules(session: Session) -> dict[str, object]:
    """What the daemon reads of them."""
    return one(session, f"select * from {INTERNAL}.collect_rules()")


def lost(session: Session) -> object:
    """Records that were lost, as the daemon reads them."""
    return value(session, "select lost_records_total from script_tracking_internal.collect_capture()")


def counted(session: Session) -> int:
    """The counter itself: the collecting function reads the record too, which is broken."""
    found = value(session, f"select case when is_called then last_value else 0 end from {INTERNAL}.lost_record_seq")
    assert isinstance(found, int)
    return found
