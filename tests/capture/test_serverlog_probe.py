"""What is said of a server that writes no log that can be read."""

from __future__ import annotations

from tests.fix_sessions import Session, value


def test_a_server_without_collector_is_named_in_words(admin: Session) -> None:
    assert value(admin, "select current_setting('logging_collector')") == "off"
    missing = value(admin, "select script_tracking_internal.probe_log()")
    assert isinstance(missing, list)
    assert missing[0] == "logging_collector is off (on needs a restart of the server)"
    assert missing[1].startswith("log_destination has no ")
    assert admin.execute("select from script_tracking_internal.log_files()").fetchall() == []
