"""Keys and hashes: golden vectors hold SQL and Python to the same bytes."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from ipaddress import ip_address, ip_interface
from pathlib import Path
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from tests.fix_sessions import Session, value
from tests.vault_hash import FIELDS, hash_diff, hash_key

GOLDEN = json.loads((Path(__file__).resolve().parents[1] / "golden" / "vectors.json").read_text(encoding="utf-8"))
TYPES = (
    "bytea",
    "varchar",
    "varchar",
    "varchar",
    "timestamptz",
    "integer",
    "varchar",
    "inet",
    "text[]",
    "text",
    "text",
)
CALL = f"select script_tracking_internal.hash_diff({', '.join(f'%s::{name}' for name in TYPES)}, %s::jsonb)"
HOSTILE = ("set timezone = 'Pacific/Chatham'", "set datestyle = 'SQL, DMY'", "set bytea_output = 'escape'")


def fields_of(vector: dict[str, Any]) -> list[object]:
    """The fields of a vector as Python sees them; what it leaves out is as in the first vector."""
    written = {**GOLDEN["hash_diff"][0]["fields"], **vector["fields"]}
    written["tenant_hk"] = bytes.fromhex(written["tenant_hk"])
    written["execution_timestamp"] = datetime.fromisoformat(written["execution_timestamp"])
    if written["client_ip"] is not None:
        written["client_ip"] = ip_interface(written["client_ip"])
    written["metadata"] = json.loads(written["metadata"], parse_float=Decimal)
    return [written[name] for name in FIELDS]


@pytest.mark.parametrize("vector", GOLDEN["hash_key"], ids=lambda vector: ascii(vector["business_key"]))
def test_hash_keys(admin: Session, vector: dict[str, str]) -> None:
    key = vector["business_key"]
    assert hash_key(key).hex() == vector["sha256"]
    found = value(admin, "select script_tracking.calculate_hash_key(%s)", key)
    assert isinstance(found, bytes)
    assert found.hex() == vector["sha256"]


def test_the_hash_key_of_nothing_is_nothing_and_no_two_vectors_agree(admin: Session) -> None:
    assert value(admin, "select script_tracking.calculate_hash_key(null)") is None
    for kind in ("hash_key", "hash_diff"):
        digests = [vector["sha256"] for vector in GOLDEN[kind]]
        assert len(digests) == len(set(digests)) > 5


@pytest.mark.parametrize("setting", HOSTILE)
def test_hash_diffs(admin: Session, setting: str) -> None:
    admin.execute(setting.encode())
    for vector in GOLDEN["hash_diff"]:
        fields = fields_of(vector)
        assert hash_diff(fields).hex() == vector["sha256"], vector["about"]
        text = {**GOLDEN["hash_diff"][0]["fields"], **vector["fields"]}["metadata"]
        found = value(admin, CALL, *fields[:-1], text)
        assert isinstance(found, bytes)
        assert found.hex() == vector["sha256"], vector["about"]


def test_equal_content_has_an_equal_hash(admin: Session) -> None:
    fields = fields_of(GOLDEN["hash_diff"][0])
    same = '{"a": "\\u00e9", "bb": 1}', '{"bb":1,   "a":"é", "a": "é"}'
    first, second = (value(admin, CALL, *fields[:-1], text) for text in same)
    assert first == second == hash_diff([*fields[:-1], {"bb": 1, "a": "é"}])
    masks = ip_interface("10.0.0.7/8"), ip_address("10.0.0.7")
    assert hash_diff([*fields[:7], masks[0], *fields[8:]]) == hash_diff([*fields[:7], masks[1], *fields[8:]])


def test_recorded_rows_have_the_hashes_of_their_content(admin: Session) -> None:
    admin.execute('create table public."Übung" (id int); comment on table public."Übung" is \'x\'')
    admin.execute("select script_tracking.register_tenant('ünïcode')")
    begin = "select script_tracking.track_operation('näme with space', 'BATCH', 'ünïcode', %s, sql_command => %s)"
    key = value(admin, begin, Jsonb({"n": 1.50, "é": [None, True, "\t\"'"], "z": {}}), "select '…'")
    admin.execute("select script_tracking.complete_operation(%s, false, 'boom …', 'P0001', 7)", (key,))
    rows = admin.execute("select * from script_tracking.script_execution_s").fetchall()
    assert len(rows) == 5  # with the registration
    texts = admin.execute("select version_number, metadata::text as text from script_tracking.script_execution_s")
    metadata = {row["version_number"]: json.loads(row["text"], parse_float=Decimal) for row in texts.fetchall()}
    for row in rows:
        assert row["hash_diff"] == hash_diff([*(row[n] for n in FIELDS[:-1]), metadata[row["version_number"]]])
    hubs = admin.execute("select * from script_tracking.script_execution_h").fetchall()
    assert len(hubs) == 4
    for hub in hubs:
        assert hub["script_execution_hk"] == hash_key(hub["script_execution_bk"])


def test_a_business_key_is_name_start_and_128_random_bits(admin: Session) -> None:
    key = value(admin, "select script_tracking.track_operation('näme_with under', 'BATCH')")
    found = "select * from script_tracking.script_execution_h where script_execution_hk = %s"
    hub = admin.execute(found, (key,)).fetchall()[0]
    match = re.fullmatch(r"(.*)_(\d{8}T\d{6}\.\d{6}Z)_([0-9a-f]{32})", hub["script_execution_bk"])
    assert match is not None
    assert match[1] == "näme_with under"
    assert datetime.strptime(match[2], "%Y%m%dT%H%M%S.%fZ").replace(tzinfo=UTC) == hub["load_date"]


def test_unique_names_are_unique_and_their_random_bits_look_random(admin: Session) -> None:
    admin.execute("set timezone = 'Pacific/Chatham'")
    rows = admin.execute(
        "select script_tracking.generate_unique_script_name('x') as name, clock_timestamp() as now"
        " from generate_series(1, 2000)"
    ).fetchall()
    assert len({row["name"] for row in rows}) == 2000
    began = datetime.strptime(rows[0]["name"].split("_")[1], "%Y%m%dT%H%M%S.%fZ").replace(tzinfo=UTC)
    assert abs((rows[0]["now"] - began).total_seconds()) < 60, "it is UTC"
    bits = [int(row["name"].split("_")[2], 16) for row in rows]
    for position in range(128):  # a fixed bit, as a UUID has six, would be all or nothing; 7 sigma either side
        assert 840 < sum(number >> position & 1 for number in bits) < 1160, position
    assert value(admin, "select script_tracking.generate_unique_script_name(null)") is None
