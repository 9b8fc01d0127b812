"""Every alert, from what is wrong to the pager and back: databases, their server, its log, and three exporters.

All at once, on one server, by one Prometheus and Alertmanager. The expressions are the shipped ones. Shorter is what
would make it last: `for`, `keep_firing_for`, the windows (SHORTER) and the time between two evaluations; the thresholds
of how long somebody may wait, by the exporter's configuration. How each is provoked and mended: provocations.py.
"""

from __future__ import annotations

import asyncio
import copy
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.demo.monitoring import Monitoring
from exporter.demo.processes import free_port
from exporter.demo.shipped import Yaml
from exporter.demo.webhook import Notification
from tests.capture.fix_serverlog import log_server
from tests.e2e.provocations import PROVOCATIONS
from tests.e2e.provoking import BOUNDS, OWN, TENANTS, Ground, Provocation, operate
from tests.e2e.test_alerts import has_runbook
from tests.fix_certificates import Authority, authority
from tests.fix_databases import installed_clone, new_database
from tests.fix_exporter import StartExporter, eventually
from tests.fix_injected import Injected, injected
from tests.fix_monitoring import StartMonitoring
from tests.fix_secured import TLS
from tests.fix_sessions import opened
from tests.installing import installed
from tests.postgres_server import Server
from tests.vault_steps import record, set_setting

__all__ = ["authority", "injected", "log_server"]

RECEIVERS = {"critical": "/pager", "warning": "/tickets"}
TARGETS = ("guarded", "tickets", "dropped", "kept", "copy", "missing", "closed", "logins", "shop", "spare")
OTHERS = ("guarded", "dropped", "kept", "copy", "missing", "closed", "logins")
HURRIED = (
    *("attempts", "capture", "event_triggers", "health", "isolation", "login_failures", "logins", "monitoring"),
    *("partitions_kept", "reconciler", "retention", "rules", "storage", "vault_check", "changes", "server_log"),
)
AT_ONCE = ("operations", "errors", "running")
NEVER = {"name": "never", "days": [], "from": "00:00", "to": "24:00"}
# windows and offsets: so that the step of 20 s divides what is made of it, and weeks ago is before anything failed
SHORTER = {
    **dict.fromkeys(("5m", "15m", "2m"), "20s"),
    **{"30m": "40s", "1h": "60s", "2h": "60s", "6h": "80s", "1d": "120s", "3d": "180s", "7d": "240s"},
    **{"167h": "40s", "335h": "50s", "503h": "60s"},
}
PAST_SECONDS = 65  # the longest of those of usual failures
PATIENCE_SECONDS = 300


def _shorter(found: re.Match[str]) -> str:
    shorter = re.sub(r"(?<!:)\b\d+[smhd]", lambda one: SHORTER[one[0]], found[0])
    return re.sub(r":\w+", f":{SHORTER['5m']}", shorter)


def hurry(rules: Yaml) -> Yaml:
    """The same rules in less time."""
    changed = copy.deepcopy(rules)
    for group in changed["groups"]:
        group.pop("interval", None)
        for rule in group["rules"]:
            rule.update({name: "2s" for name in ("for", "keep_firing_for") if name in rule})
            rule["expr"] = re.sub(r"\[[0-9a-z:]+\]|\boffset \w+", _shorter, rule["expr"])
    return changed


def scraped_by_tls(address: str, config: Yaml) -> Yaml:
    """A configuration of Prometheus with one more exporter."""
    (job,) = config["scrape_configs"]
    other = {
        **job,
        "job_name": "spare",
        "scheme": "https",
        "tls_config": {"insecure_skip_verify": True},
        "static_configs": [{"targets": [address]}],
    }
    return {**config, "scrape_configs": [job, other]}


@pytest.fixture
def grounds(log_server: Server, _template: str, injected: Injected, tmp_path: Path) -> Iterator[dict[str, Ground]]:
    """The databases, by the target that each is. Of them one alone looks at the server's roles and databases."""
    with ExitStack() as stack:
        found = {}
        for target in TARGETS:
            clone = new_database if target == "copy" else installed_clone
            dsn = stack.enter_context(clone(log_server, _template))
            if target == "logins":
                asyncio.run(installed(dsn, options={"auth": True}))
            admin = opened(dsn)
            stack.callback(admin.close)
            if target != "guarded":
                set_setting(admin, "reconcile.cluster_objects", "off")
            if target != "kept":
                set_setting(admin, "retention.archive", "on")
            record(admin)
            found[target] = Ground(dsn, admin, stack, tmp_path, injected, target)
            found[target].do(OWN)
        for target, tenants in TENANTS.items():
            for tenant in tenants:
                names = f"'{tenant}'"
                found[target].do(f"select script_tracking.register_tenant({names})")
                found[target].do(f"select script_tracking.grant_tenant({names}, current_user)")
        for tenant in TENANTS["shop"]:
            operate(tenant, 0, 1)(found["shop"])
        set_setting(found["logins"].admin, "login.window_seconds", "20")
        yield found


@pytest.fixture
def source(
    grounds: dict[str, Ground],
    exporter: StartExporter,
    monitoring: StartMonitoring,
    authority: Authority,
    injected: Injected,
    tmp_path: Path,
) -> Monitoring:
    """Prometheus and Alertmanager, once all is watched and nothing wrong but what is so from the beginning."""
    (tmp_path / "archive").mkdir()
    own: dict[str, Any] = {
        f"own_{name}": {
            "function": f"own.{name}",
            "interval": "1s",
            "metrics": [{"name": f"own_{name}", "type": "gauge", "help": "A test.", "value": "n"}],
        }
        for name in ("stale", "twice", "slow")
    }
    (tmp_path / "own.yaml").write_text(yaml.safe_dump({"collectors": own}), encoding="utf-8")
    special: dict[str, dict[str, object]] = {
        "logins": {"auth": True},
        "kept": {
            "alert_thresholds": {"ddl_waiting_seconds": 2, "horizon_held_seconds": 2, "rollup_lag_seconds": 2},
        },
        "shop": {
            "alert_thresholds": {
                "collection_age_seconds": 10,
                "collections_skipped": 1,
                "running_operation_seconds": 2,
            }
        },
        **{
            target: {"capture": {"slot_max_bytes": most, "reconcile_interval": "3s"}} for target, most in BOUNDS.items()
        },
    }
    running = exporter(
        grounds["kept"].dsn,
        environment=injected.environment,  # or archiving would be tried again after up to ten minutes
        collectors={name: {"interval": "3s"} for name in HURRIED} | {name: {"interval": "1s"} for name in AT_ONCE},
        capture={"slot": "off", "reconcile_interval": "3s"},
        archive={"directory": str(tmp_path / "archive")},
        changes={"windows": [NEVER]},
        metric_files=["own.yaml"],
        targets=[
            {"name": target, "dsn": ground.dsn} | special.get(target, {})
            for target, ground in grounds.items()
            if target != "spare"
        ],
    )
    spare, down = grounds["spare"], free_port()
    authority.sign("server")
    (tmp_path / "web.yml").write_text(yaml.safe_dump({"tls_server_config": TLS}), encoding="utf-8")
    (tmp_path / "targets.yaml").write_text("[]", encoding="utf-8")
    spare.running = exporter(
        "",
        environment=injected.environment,
        web={"config_file": "web.yml"},
        file_sd={"files": ["targets.yaml"], "interval": "1s"},
        targets=[{"name": "spare", "dsn": spare.dsn, "capture": {"slot": "off"}}],
    )
    spare.start_another = partial(
        exporter, "", listen=f"127.0.0.1:{down}", targets=[{"name": "spare", "dsn": spare.dsn}], schema="off"
    )
    found = monitoring(
        running,
        change_rules=hurry,
        change_config=partial(scraped_by_tls, f"127.0.0.1:{spare.running.port}"),
        replicas=[f"127.0.0.1:{down}"],
    )
    ready = 'count(script_tracking_collector_success{collector="health"} == 1)'
    eventually(lambda: [sample.value for sample in found.query(ready)] == [len(TARGETS) - 1], PATIENCE_SECONDS)
    eventually(lambda: len(found.query("script_tracking_capture_slot_lag_bytes")) == len(BOUNDS), PATIENCE_SECONDS)
    time.sleep(PAST_SECONDS)
    return found


def pages(source: Monitoring, provocation: Provocation) -> list[Notification]:
    """What was told of it so far."""
    return [page for page in source.notifications() if provocation.is_told_by(page.labels)]


def missing(source: Monitoring, status: str) -> set[str]:
    """The alerts that have not arrived, or have not come to their end. Some of them end by themselves."""
    told = {provocation.name: [page.status for page in pages(source, provocation)] for provocation in PROVOCATIONS}
    return {name for name, news in told.items() if status not in (news if status == "firing" else news[-1:])}


def wait_for_all(source: Monitoring, status: str, ground: Ground) -> None:
    """Waits until all of them were told so. What is found untracked once it was mended is acknowledged."""
    end = time.monotonic() + PATIENCE_SECONDS
    while left := missing(source, status):
        assert time.monotonic() < end, f"not {status}: {sorted(left)}"
        if status == "resolved":
            ground.do(
                "select script_tracking.acknowledge_change(change_id, 'test')"
                " from script_tracking.get_untracked_changes() where acknowledged_at is null"
            )
        time.sleep(1)


def judged(source: Monitoring) -> float:
    """DDL of the shop that was judged to be outside of a window."""
    (sample,) = source.query('sum(script_tracking_ddl_judged_total{target="shop",verdict="outside"})')
    return sample.value


@pytest.mark.majors  # ten databases, and minutes of waiting
def test_what_is_provoked_arrives_and_what_is_mended_resolves(grounds: dict[str, Ground], source: Monitoring) -> None:
    began, before = time.monotonic(), judged(source)
    for number, provocation in enumerate(PROVOCATIONS):
        provocation.begin(grounds[provocation.target])
        if number == 0:
            eventually(lambda: judged(source) > before, PATIENCE_SECONDS)
    wait_for_all(source, "firing", grounds["guarded"])
    print(f"all {len(PROVOCATIONS)} alerts had arrived after {time.monotonic() - began:.0f} s")
    for provocation in PROVOCATIONS:
        page = pages(source, provocation)[0]
        assert page.path == RECEIVERS[provocation.severity]
        assert has_runbook(page)
    assert source.heartbeats(), "and the one that always does"
    began = time.monotonic()
    for provocation in PROVOCATIONS:
        provocation.end(grounds[provocation.target])
    wait_for_all(source, "resolved", grounds["guarded"])
    print(f"all of them had resolved after {time.monotonic() - began:.0f} s")
