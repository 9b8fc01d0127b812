"""What the API answers a tenant's token, an auditor's, and in which formats."""

from __future__ import annotations

import csv
import io
import json
from functools import partial
from typing import Any

from tests.api.conftest import Api, problem
from tests.fix_exporter import becomes

LISTS = ("/executions", "/objects", "/dashboard", "/performance", "/errors", "/health", "/targets")


def names(api: Api, token: str, **asked: Any) -> set[str]:
    """Scripts that a token sees."""
    return {one["script_name"] for one in api.items("/executions", token, **asked)}


def test_a_tenants_token_reads_its_own_and_nothing_else(api: Api) -> None:
    assert names(api, "acme") == {"night acme", "load acme", "CREATE TABLE"}
    for path in LISTS:
        for form in ("json", "csv", "ndjson"):
            answer = api.ask(path, format=form)
            assert answer.status == 200, answer.body
            assert b"rival" not in answer.body
            assert path == "/health" or path == "/targets" or b"acme" in answer.body
    assert [one["object_identity"] for one in api.items("/objects")] == ["public.of_acme"]
    assert [one["script_name"] for one in api.items("/objects/history", identity="public.of_acme")] == ["CREATE TABLE"]
    assert api.items("/objects/history", identity="public.of_rival") == []
    assert problem(api.ask("/tenants"))[0] == 403
    (theirs,) = [one for one in api.items("/executions", "rival") if one["script_type"] == "LOAD"]
    for part in ("", "/versions", "/tree"):
        assert problem(api.ask(f"/executions/{theirs['execution_hk']}{part}")) == (404, "there is no such execution")


def test_an_auditor_reads_all_and_a_narrowed_one_a_tenant(api: Api) -> None:
    assert {"night acme", "night rival"} <= names(api, "auditor")
    assert names(api, "auditor", tenant="rival") == names(api, "narrow") == names(api, "rival")
    assert names(api, "narrow", tenant="acme") == set()
    assert {one["tenant"] for one in api.items("/tenants", "auditor")} == {"acme", "rival", "system"}
    for path in (*LISTS, "/tenants"):
        assert b"acme" not in api.ask(path, "narrow").body
    assert all(one["advice"] is None for one in api.items("/health"))
    assert any(one["advice"] for one in api.items("/health", "auditor"))


def test_an_execution_has_its_versions_and_its_tree(api: Api) -> None:
    (load,) = api.items("/executions", execution_status="FAILED")
    answer = api.ask(f"/executions/{load['execution_hk']}")
    document = json.loads(answer.body)
    assert document["execution"] == load and load["error_sqlstate"] == "XX000"
    assert [one["execution_status"] for one in document["versions"]] == ["RUNNING", "FAILED"]
    assert document["versions"][0]["replaced_at"] == document["versions"][1]["recorded_at"]
    assert [(one["depth"], one["script_name"]) for one in document["tree"]] == [(0, "night acme"), (1, "load acme")]
    assert document["tree"][1]["parent_hk"] == document["tree"][0]["execution_hk"]
    for part in ("versions", "tree"):
        assert api.items(f"/executions/{load['execution_hk']}/{part}") == document[part]
    assert b'"pid"' not in answer.body
    assert b'"pid"' not in api.ask("/executions", "auditor").body
    assert problem(api.ask(f"/executions/{load['execution_hk']}", format="csv"))[0] == 406


def test_conditions_narrow_executions(api: Api) -> None:
    assert names(api, "acme", script_name="night acme", script_type="BATCH") == {"night acme"}
    assert names(api, "acme", execution_status="RUNNING") == {"night acme"}
    times = sorted(one["execution_timestamp"] for one in api.items("/executions"))
    assert [one["execution_timestamp"] for one in api.items("/executions", from_=times[1])] == times[:0:-1]
    assert [one["execution_timestamp"] for one in api.items("/executions", to=times[1])] == times[:1]
    assert api.items("/executions", from_="2999-01-01T00:00:00Z") == []
    assert len(api.items("/executions", from_="0001-01-01T00:00:00+14:00")) == 3


def cells(record: dict[str, Any]) -> dict[str, str]:
    """A record in CSV."""
    return {
        key: "" if value is None else value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
        for key, value in record.items()
    }


def test_csv_and_ndjson_are_as_json(api: Api) -> None:
    def asked(path: str, form: str) -> str:
        answer = api.ask(path, "auditor", format=form)
        assert answer.status == 200
        return answer.body.decode()

    stable = ("since", "as_of", "value")  # of when it was asked

    def steady(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        moving = {"running_seconds", "operations_per_minute", "executions_per_minute", *stable}
        # whose transaction is the oldest changes from one moment to the next
        also = {"horizon_holder": {"advice"}}
        return [
            {key: value for key, value in one.items() if key not in moving | also.get(one.get("check_name", ""), set())}
            for one in records
        ]

    def different(path: str) -> list[tuple[object, object]]:
        """What is not as in JSON. Between two answers the exporter may have told the database more."""
        expected = json.loads(asked(path, "json"))["items"]
        assert expected
        lines = list(csv.DictReader(io.StringIO(asked(path, "csv"), newline="")))
        pairs = [
            (steady([json.loads(line) for line in asked(path, "ndjson").splitlines()]), steady(expected)),
            (steady(lines), steady([cells(one) for one in expected])),
        ]
        return [(told, wanted) for told, wanted in pairs if told != wanted]

    for path in (*LISTS, "/tenants"):
        becomes([], partial(different, path))


def test_the_format_is_negotiated(api: Api) -> None:
    def kind(**asked: str) -> str:
        answer = api.ask("/executions", **asked)
        assert answer.status == 200 and "authorization" in answer.headers["vary"].lower()
        return answer.headers["content-type"]

    assert kind() == kind(accept="*/*") == kind(accept="application/*, text/csv;q=0.5") == "application/json"
    assert kind(accept="text/csv").startswith("text/csv")
    assert kind(accept="application/json;q=0.1, application/x-ndjson") == "application/x-ndjson"
    assert kind(accept="text/csv", format="json") == "application/json"
    assert problem(api.ask("/executions", accept="text/html"))[0] == 406
    head = api.ask("/executions", method="HEAD")
    assert (head.status, head.body) == (200, b"")
