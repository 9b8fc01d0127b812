"""file_sd: targets from files that come, change, break and go."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from exporter.cli import main
from tests.fix_exporter import Exporter, StartExporter, eventually

pytestmark = pytest.mark.majors

NOWHERE = "host=127.0.0.1 port=1 dbname=x"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the files are."""
    made = tmp_path / "targets.d"
    made.mkdir()
    return made


def write(file: Path, *targets: dict[str, Any]) -> None:
    """Replaces a file as a whole, as who writes such files should."""
    new = file.with_name(f".{file.name}.new")
    new.write_text(json.dumps(targets, indent="\t"), encoding="utf-8")
    new.rename(file)


def start(exporter: StartExporter, *patterns: str) -> Exporter:
    """An exporter without targets but those of the files."""
    return exporter("", targets=[], file_sd={"files": list(patterns), "interval": "300ms"}, schema="off")


def test_targets_come_change_and_go_with_their_files(database: str, exporter: StartExporter, folder: Path) -> None:
    write(folder / "a.json", {"name": "a", "dsn": database})
    running = start(exporter, "targets.d/*.json", "targets.d/*.yaml")
    running.wait_for_value(1, "script_tracking_up", target="a")
    (folder / "dsn").write_text(database)
    (folder / "b.yaml").write_text(f"- {{name: b, dsn_file: dsn}}\n- {{name: c, dsn: '{NOWHERE}'}}\n")
    running.wait_for_value(1, "script_tracking_up", target="b")
    running.wait_for_value(0, "script_tracking_up", target="c")
    assert running.value("script_tracking_target_file_success", file=str(folder / "b.yaml")) == 1
    write(folder / "a.json", {"name": "a", "dsn": database}, {"name": "d", "dsn": database})
    running.wait_for_value(1, "script_tracking_up", target="d")
    (folder / "b.yaml").unlink()
    running.wait_for_value(None, "script_tracking_up", target="b")
    running.wait_for_value(None, "script_tracking_target_file_success", file=str(folder / "b.yaml"))
    assert len([event for event in running.events("target_up") if event["target"] == "a"]) == 1, "it was disturbed"


def test_a_broken_file_keeps_what_it_said_and_is_told_of_once(
    database: str, exporter: StartExporter, folder: Path
) -> None:
    file = folder / "a.json"
    write(file, {"name": "a", "dsn": database})
    write(folder / "b.json", {"name": "b", "dsn": database})
    running = start(exporter, "targets.d/*.json")
    running.wait_for_value(1, "script_tracking_up", target="a")
    broken = folder / ".broken"
    broken.write_text('[{"name": "a", "dns": "password=hunter2"}]', encoding="utf-8")
    broken.rename(file)
    running.wait_for_value(0, "script_tracking_target_file_success", file=str(file))
    told = running.wait_for_event("target_file_refused")
    assert "a.json:1:16: 0.dns: unknown key; did you mean dsn?" in str(told["problems"])
    assert "hunter2" not in str(told)
    assert running.value("script_tracking_up", target="a") == 1
    assert running.value("script_tracking_target_file_success", file=str(folder / "b.json")) == 1
    time.sleep(1)
    assert len(running.events("target_file_refused")) == 1
    running.process.send_signal(signal.SIGHUP)
    running.wait_for_event("configuration_reloaded")
    assert running.value("script_tracking_config_last_reload_successful") == 1
    assert running.value("script_tracking_up", target="a") == 1
    for half in ("", "[", '[{"name": "a"'):  # whoever writes in place is seen amid it
        file.write_text(half, encoding="utf-8")
        time.sleep(0.5)
    write(file, {"name": "a", "dsn": database})
    running.wait_for_value(1, "script_tracking_target_file_success", file=str(file))
    assert len(running.events("target_file_recovered")) == 1
    assert len([event for event in running.events("target_up") if event["target"] == "a"]) == 1


def test_it_starts_without_a_file_and_with_one_that_is_missing_or_broken(
    database: str, exporter: StartExporter, folder: Path
) -> None:
    running = start(exporter, "targets.d/*.json", "targets.d/missing.yaml", "targets.d/broken.yaml")
    eventually(lambda: running.get("/-/ready").status == 200, 20)
    assert "No such file" in str(running.wait_for_event("target_file_refused")["problems"])
    assert running.value("script_tracking_target_file_success", file=str(folder / "missing.yaml")) == 0
    write(folder / "missing.yaml", {"name": "a", "dsn": database})
    running.wait_for_value(1, "script_tracking_up", target="a")
    write(folder / "z.json", {"name": "a", "dsn": NOWHERE})
    assert running.wait_for_event("target_names_taken")["left_out"] == ["a"]


def test_check_config_reads_the_files(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "exporter.yaml"
    config.write_text("file_sd: {files: [targets.d/*.json]}")
    assert main(["check-config", "--config", str(config)]) == 0
    assert "none so far" in capsys.readouterr().out
    write(folder / "a.json", {"name": "a", "dsn": "dbname=x"}, {"name": "b", "dsn": "host=db1", "discover": {}})
    assert main(["check-config", "--config", str(config)]) == 0
    told = capsys.readouterr().out
    assert "configuration is valid: 2 target(s)" in told
    assert "target b: databases of db1:5432; *; at most 100, looked for every 60 s; of a file" in told
    write(folder / "a.json", {"name": "a"}, {"name": "a", "dsn": "dbname=x"})
    assert main(["check-config", "--config", str(config)]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(f"script-tracking-exporter: {folder / 'a.json'}:")
    assert (captured.out, "one of dsn and dsn_file is needed" in captured.err) == ("", True)
