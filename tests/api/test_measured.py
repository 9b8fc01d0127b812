"""What /metrics tells of the API's own requests."""

from __future__ import annotations

from tests.api.conftest import Api
from tests.fix_sessions import value

REQUESTS = "script_tracking_api_requests_total"


def test_requests_are_counted_and_timed_by_route(api: Api) -> None:
    route = "/api/v1/executions/{execution_hk}/tree"
    api.exporter.wait_for_value(0, REQUESTS, 20.0, route=route, status="200")
    key = value(api.admin, "select encode(execution_hk, 'hex') from script_tracking.get_execution_history(1) limit 1")
    for number in range(3):
        assert api.ask(f"/executions/{key}/tree", "auditor").status == 200, number
    assert api.ask(f"/executions/{key}/tree", "nobody").status == 401
    assert api.ask(f"/executions/{'0' * 64}/tree").status == 404
    api.exporter.wait_for_value(3, REQUESTS, 20.0, route=route, status="200")
    api.exporter.wait_for_value(1, REQUESTS, 20.0, route=route, status="404")
    api.exporter.wait_for_value(1, REQUESTS, 20.0, route="none", status="401")
    assert api.exporter.value("script_tracking_api_request_duration_seconds_count", route=route) == 4
    text = api.exporter.get("/metrics").body.decode()
    assert str(key) not in text and api.roles["auditor"] not in text
