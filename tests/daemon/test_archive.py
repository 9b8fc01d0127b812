"""The exporter archives what goes: files, manifests and the ledger, and `archive verify` reads them."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import tracemalloc
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from exporter import archivefile
from exporter.archiveconfig import ArchiveConfig
from exporter.archivehash import judgement_hash_diff
from exporter.dsn import Dsn
from exporter.target import Target
from exporter.targetconfig import TargetConfig
from exporter.upkeep.archiver import Archiver
from tests.daemon.archived import (
    COUNTED,
    FILES,
    JUDGEMENTS,
    KEEP,
    MANIFEST,
    STANDS,
    forge,
    manifest_of,
    names,
    verify,
    verify_by_ledger,
)
from tests.fix_logs import told
from tests.fix_sessions import Session, value
from tests.sql.test_changes import RULES, judge_all, unjudged
from tests.vault_steps import INTERNAL, LONG_AGO, pass_horizon, roll_up


async def test_it_archives_verifies_and_removes(
    past: Session, archiving: Archiver, tmp_path: Path, installed_database: str
) -> None:
    before = value(past, COUNTED)
    with capture_logs() as logs:
        assert await archiving.round() is True
        assert await archiving.round() is True
    (line,) = told(logs)
    assert (line["event"], line["rows"]) == ("archived", {FILES[0]: 121, FILES[2]: 121, JUDGEMENTS: 0})
    folder = tmp_path / "shop"
    assert sorted(names(folder)) == sorted(FILES)
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    manifest = manifest_of(folder)
    assert (manifest.target, manifest.partition_from, manifest.source.incarnation) == ("shop", None, 1)
    ledger = past.execute(
        "select file_name, file_sha256, row_count, place from script_tracking.get_archives()"
    ).fetchall()
    assert [(row["file_name"], row["file_sha256"], row["row_count"]) for row in ledger] == [
        (file.file, file.sha256, file.rows) for file in manifest.files
    ]
    assert str(ledger[0]["place"]).endswith(f":{folder}")
    code, said = await asyncio.to_thread(verify_by_ledger, tmp_path, installed_database)
    assert (code, said) == (
        0,
        f"ok     shop/{MANIFEST}: 121 rows of script_execution_h, 121 rows of script_execution_s, "
        "0 rows of script_execution_change_s\n",
    )
    assert (value(past, KEEP), value(past, STANDS), value(past, COUNTED)) == (121, False, before)
    assert archiving.target.archiving.count == 0, "no session is kept"


async def test_an_archive_is_read_back_as_the_manual_says(past: Session, archiving: Archiver, tmp_path: Path) -> None:
    past.execute("create schema restored; create table restored.before as table script_tracking.script_execution_s")
    assert await archiving.round() is True
    assert value(past, KEEP) == 121
    page = (Path(__file__).parents[2] / "docs" / "archive.md").read_text(encoding="utf-8")
    make, load = (block.split("```")[0] for block in page.split("```sql by-hand\n")[1:3])
    past.execute(make.encode())
    with (
        past.cursor() as cursor,
        cursor.copy("copy restored.line from stdin with (format csv, quote e'\\x01', delimiter e'\\x02')") as copy,
    ):
        copy.write(gzip.decompress((tmp_path / "shop" / FILES[2]).read_bytes()))
    past.execute(load.encode())
    difference = "(table restored.{0} except table restored.{1})"
    old = "select count(*) from restored.script_execution_s"
    assert value(past, old) == 121
    assert past.execute(difference.format("script_execution_s", "before").encode()).fetchall() == []


async def test_another_record_s_archive_is_never_overwritten(
    past: Session, archiving: Archiver, tmp_path: Path
) -> None:
    assert await archiving.round() is True
    folder = tmp_path / "shop"
    kept = {name: (folder / name).read_bytes() for name in FILES}
    past.execute(f"update {INTERNAL}.installation set incarnation = incarnation + 1".encode())
    (folder / f"old{archivefile._UNFINISHED}").touch()
    os.utime(folder / f"old{archivefile._UNFINISHED}", (0, 0))
    assert await archiving.round() is True
    assert {name: (folder / name).read_bytes() for name in FILES} == kept
    assert sorted(set(names(folder)) - set(FILES)) == [
        "script_execution_change_s_past.2.ndjson.gz",
        "script_execution_h_past.2.ndjson.gz",
        "script_execution_past.2.manifest.json",
        "script_execution_s_past.2.ndjson.gz",
    ]
    assert verify(tmp_path) == 0


async def test_two_exporters_at_once_write_one_archive(
    past: Session, archiving: Archiver, tmp_path: Path, installed_database: str
) -> None:
    target = Target(TargetConfig(name="shop", dsn=Dsn(installed_database)))
    other = Archiver(target, ArchiveConfig(directory=tmp_path))
    try:
        assert list(await asyncio.gather(archiving.round(), other.round())) == [True, True]
    finally:
        await target.close()
    assert sorted(names(tmp_path / "shop")) == sorted(FILES)
    assert (await asyncio.to_thread(verify_by_ledger, tmp_path, installed_database))[0] == 0
    assert value(past, KEEP) == 121


async def test_verify_finds_what_is_not_as_it_was_written(
    past: Session, archiving: Archiver, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await archiving.round() is True
    folder = tmp_path / "shop"
    saved = {name: (folder / name).read_bytes() for name in FILES}

    def found() -> str:
        assert verify(tmp_path) == 1
        for name, content in saved.items():
            (folder / name).write_bytes(content)
        return capsys.readouterr().out

    (folder / FILES[0]).write_bytes(saved[FILES[0]][:-9])
    assert "is not the file that was written" in found()
    forge(folder, FILES[2], b'"FAILED"', b'"COMPLETED"')
    assert "has a hash_diff that is not that of its fields" in found()
    forge(folder, FILES[0], b'"job_', b'"jab_')
    assert "has a hash key that is not its business key's" in found()
    forge(folder, FILES[0], gzip.decompress(saved[FILES[0]]).splitlines(keepends=True)[0], b"")
    assert "holds 120 rows, by its manifest 121" in found()
    first, second = gzip.decompress(saved[FILES[0]]).splitlines(keepends=True)[1:3]
    forge(folder, FILES[0], second, first)
    assert "do not tell of the same executions" in found()
    forge(folder, FILES[2], b'"xid":', b'"xyd":')
    assert "has other columns than the manifest" in found()
    (folder / MANIFEST).write_text("{}")
    assert "is no manifest" in found()
    assert verify(tmp_path) == 0
    assert verify(tmp_path / "nowhere") == 2


async def test_judgements_are_archived_with_what_they_were_made_by(
    past: Session, archiving: Archiver, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unjudged(past)
    past.execute(f"update {INTERNAL}.change_state set since = '-infinity'".encode())
    with past.transaction():
        past.execute("set local role script_tracking_owner")
        past.execute(
            f"select {INTERNAL}.record_execution(tenant_hk, 1, 'test', 'ALTER TABLE', 'DDL', 'COMPLETED', %s, 1000,"
            ' null, null, \'{"evidence": "trigger"}\', null) from script_tracking.tenant_h'.encode(),
            (LONG_AGO,),
        )
    assert judge_all(past) == 1
    pass_horizon(past)
    roll_up(past)
    assert await archiving.round() is True
    folder = tmp_path / "shop"
    saved = {name: (folder / name).read_bytes() for name in FILES}
    assert list(manifest_of(folder).change_rules.values()) == [RULES]
    assert verify(tmp_path) == 0

    def found() -> str:
        assert verify(tmp_path) == 1
        for name, content in saved.items():
            (folder / name).write_bytes(content)
        return capsys.readouterr().out

    forge(folder, JUDGEMENTS, b'"outside"', b'"inside"')
    assert "has a hash_diff that is not that of its fields" in found()
    (folder / MANIFEST).write_bytes(saved[MANIFEST].replace(b"windows", b"WINDOWS"))
    assert "has a configuration of changes whose sha256 is another one" in found()
    manifest = json.loads(saved[MANIFEST])
    (folder / MANIFEST).write_text(json.dumps(manifest | {"change_rules": {}}))
    assert "was judged by a configuration that its manifest does not have" in found()
    del manifest["change_rules"]
    manifest["files"] = [file for file in manifest["files"] if file["file"] != JUDGEMENTS]
    (folder / MANIFEST).write_text(json.dumps(manifest))
    assert verify(tmp_path) == 0, "an archive of before has none"
    (judged,) = gzip.decompress(saved[JUDGEMENTS]).splitlines()
    row = json.loads(judged) | {"script_execution_hk": "\\x" + "0" * 64}
    (folder / MANIFEST).write_bytes(saved[MANIFEST])
    forge(folder, JUDGEMENTS, judged, json.dumps(row | {"hash_diff": judgement_hash_diff(row)}).encode())
    assert "1 of its judgements are of executions that its hub does not tell of" in found()
    assert verify(tmp_path) == 0


def test_folders_of_targets_are_told_apart_and_stay_below_the_directory() -> None:
    base = Path("/archives")
    targets = ["shop", "db:5432/shop", "..", ".", "a/../b", "x" * 200, "x" * 199 + "y", "ü", "%2E", "db%3A5432%2Fshop"]
    folders = [archivefile.target_folder(base, target) for target in targets]
    assert len(set(folders)) == len(targets)
    assert all(folder.parent == base and folder.name not in (".", "..") for folder in folders)
    assert all(len(folder.name) < 255 for folder in folders)
    assert folders[0] == base / "shop"


@pytest.mark.majors  # thousands of rows to write first
async def test_a_large_partition_is_archived_in_bounded_memory(
    past: Session, archiving: Archiver, tmp_path: Path
) -> None:
    with past.transaction():
        past.execute("set local role script_tracking_owner")
        past.execute(
            f"select count({INTERNAL}.record_execution(t.tenant_hk, 1, 'test', 'large', 'BATCH', 'COMPLETED', %s, 1000,"
            " null, repeat(md5(n::text), 60), jsonb_build_object('duration_us', 1000), null))"
            " from script_tracking.tenant_h as t, generate_series(1, 20000) as n where t.tenant_bk = 'system'".encode(),
            (LONG_AGO,),
        )
    roll_up(past)
    tracemalloc.start()
    try:
        assert await archiving.round() is True
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    (satellite,) = (file for file in manifest_of(tmp_path / "shop").files if file.relation == "script_execution_s")
    lines = len(gzip.decompress((tmp_path / "shop" / satellite.file).read_bytes()))
    print(f"peak {peak} of {lines} bytes")
    assert satellite.rows == 20121
    assert lines > 50_000_000
    assert peak < lines / 3
    assert verify(tmp_path) == 0
