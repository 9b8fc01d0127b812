"""The Helm chart: rendered by Helm itself, with several sets of values. HELM names it where it is not on the PATH.

KUBECONFORM names a folder with kubeconform and the strict schemas of the resources (.ci/kubeconform makes it).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter import __version__, configfile

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "deploy" / "helm" / "script-tracking-exporter"
HELM = os.environ.get("HELM") or shutil.which("helm")
KUBECONFORM = os.environ.get("KUBECONFORM")
Manifests = dict[tuple[str, str], dict[str, Any]]

pytestmark = pytest.mark.skipif(HELM is None, reason="no helm on the PATH, and HELM names none")

MANY: dict[str, Any] = {
    "fullnameOverride": "audit",
    "replicaCount": 3,
    "image": {"repository": "registry.example/exporter", "digest": "sha256:" + "0" * 64},
    "imagePullSecrets": [{"name": "registry"}],
    "config": {"schema": "check", "targets": [{"name": "a", "dsn": "postgresql://exporter@db.example/a"}]},
    "podLabels": {"team": "dba"},
    "podAnnotations": {"note": "1"},
    "nodeSelector": {"disk": "ssd"},
    "tolerations": [{"key": "dedicated", "operator": "Exists"}],
    "priorityClassName": "high",
    "serviceMonitor": {"labels": {"release": "kps"}, "interval": "30s"},
    "prometheusRule": {
        "labels": {"release": "kps"},
        "thresholds": {"error_spike_failures": 50, "error_spike_failure_ratio": 0.5},
        "disabled": ["ScriptTrackingPaused"],
    },
}
LITTLE: dict[str, Any] = {
    "replicaCount": 1,
    **{part: {"enabled": False} for part in ("serviceMonitor", "prometheusRule", "dashboards", "networkPolicy")},
}
WEB = "/run/secrets/script-tracking-exporter/web.yml"
GUARDED: dict[str, Any] = {
    "config": {**MANY["config"], "web": {"config_file": WEB}},
    "serviceMonitor": {
        "scheme": "https",
        "tlsConfig": {"ca": {"secret": {"name": "exporter", "key": "ca.crt"}}, "serverName": "exporter.example"},
        "basicAuth": {each: {"name": "exporter", "key": each} for each in ("username", "password")},
    },
}
SETS = {"default": {}, "many": MANY, "little": LITTLE, "guarded": GUARDED}


def helm(*arguments: str, values: dict[str, Any] | None = None) -> subprocess.CompletedProcess[str]:
    """A run of Helm on the chart, with values."""
    command = [str(HELM), *arguments, "--values", "-"]
    return subprocess.run(
        command, input=yaml.safe_dump(values or {}), capture_output=True, text=True, check=False, timeout=120
    )


def rendered(values: dict[str, Any] | None = None) -> Manifests:
    """The manifests by kind and name."""
    done = helm("template", "release", str(CHART), values=values)
    assert done.returncode == 0, done.stderr
    found = [each for each in yaml.safe_load_all(done.stdout) if each]
    by_name = {(each["kind"], each["metadata"]["name"]): each for each in found}
    assert len(by_name) == len(found)
    return by_name


def one(manifests: Manifests, kind: str) -> dict[str, Any]:
    """The only one of a kind."""
    (found,) = (each for (its, _), each in manifests.items() if its == kind)
    return found


def shipped_groups() -> list[dict[str, Any]]:
    """Those of deploy/prometheus/rules."""
    files = sorted((ROOT / "deploy" / "prometheus" / "rules").glob("*.yaml"))
    return [group for file in files for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]]


@pytest.mark.parametrize("name", SETS)
def test_helm_lint_finds_nothing(name: str) -> None:
    done = helm("lint", "--strict", str(CHART), values=SETS[name])
    assert done.returncode == 0, done.stdout + done.stderr


def conform(manifests: str) -> tuple[int, dict[str, Any]]:
    """kubeconform's exit code and report, strictly: fields that a resource does not have are refused."""
    schemas = f"{KUBECONFORM}/schemas/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"
    command = [f"{KUBECONFORM}/kubeconform", "-strict", "-summary", "-output", "json", "-schema-location", schemas]
    done = subprocess.run(command, input=manifests, capture_output=True, text=True, check=False, timeout=120)
    return done.returncode, json.loads(done.stdout)


@pytest.mark.skipif(KUBECONFORM is None, reason="KUBECONFORM names no folder")
@pytest.mark.parametrize("name", SETS)
def test_kubeconform_finds_nothing(name: str) -> None:
    manifests = rendered(SETS[name])
    code, report = conform(yaml.safe_dump_all(manifests.values()))
    assert (code, report["resources"]) == (0, [])
    assert report["summary"] == {"valid": len(manifests), "invalid": 0, "errors": 0, "skipped": 0}


@pytest.mark.skipif(KUBECONFORM is None, reason="KUBECONFORM names no folder")
def test_kubeconform_refuses_what_no_resource_has() -> None:
    manifests = rendered()
    container = one(manifests, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    container["securityContext"]["readOnlyRootFileSystem"] = True
    one(manifests, "ServiceMonitor")["spec"]["endpoints"][0]["scrapeTimeouts"] = "1s"
    one(manifests, "PrometheusRule")["spec"]["groups"][0]["rules"][0]["fore"] = "1m"
    one(manifests, "PodDisruptionBudget")["spec"]["maxUnavailable"] = [1]
    code, report = conform(yaml.safe_dump_all(manifests.values()))
    broken = {"Deployment", "ServiceMonitor", "PrometheusRule", "PodDisruptionBudget"}
    assert (code, {each["kind"] for each in report["resources"]}) == (1, broken)


@pytest.mark.parametrize("name", SETS)
def test_a_pod_has_no_more_rights_than_it_needs(name: str) -> None:
    manifests = rendered(SETS[name])
    pod = one(manifests, "Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["automountServiceAccountToken"] is False
    assert one(manifests, "ServiceAccount")["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    assert not container["image"].endswith(":latest")
    assert {volume["name"] for volume in pod["volumes"]} == {each["name"] for each in container["volumeMounts"]}
    assert all(mount["readOnly"] for mount in container["volumeMounts"])


@pytest.mark.parametrize("name", SETS)
def test_a_pod_is_asked_as_whoever_has_no_password_can(name: str) -> None:
    """The kubelet takes 400 and 401, which guarded paths answer it, for dead: there the image's own check is asked."""
    (container,) = one(rendered(SETS[name]), "Deployment")["spec"]["template"]["spec"]["containers"]
    startup, liveness, readiness = (container[f"{kind}Probe"] for kind in ("startup", "liveness", "readiness"))
    if name == "guarded":
        image = (ROOT / "Dockerfile").read_text(encoding="utf-8")
        found = re.search(r"^HEALTHCHECK .* CMD (\[.*\])$", image, re.MULTILINE)
        assert found is not None
        for probe in (startup, liveness, readiness):
            assert probe["exec"]["command"] == json.loads(found[1])
            assert "httpGet" not in probe
    else:
        assert startup["httpGet"]["path"] == liveness["httpGet"]["path"] == "/-/healthy"
        assert readiness["httpGet"]["path"] == "/-/ready"


def test_prometheus_brings_what_the_web_configuration_asks_for() -> None:
    (endpoint,) = one(rendered(GUARDED), "ServiceMonitor")["spec"]["endpoints"]
    assert GUARDED["serviceMonitor"].items() <= endpoint.items()
    (plain,) = one(rendered(), "ServiceMonitor")["spec"]["endpoints"]
    assert not {"scheme", "tlsConfig", "basicAuth"} & plain.keys()


@pytest.mark.parametrize("name", SETS)
def test_everything_selects_the_pods_and_the_exporter_takes_its_configuration(name: str, tmp_path: Path) -> None:
    manifests = rendered(SETS[name])
    deployment = one(manifests, "Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"].items()
    selectors = [deployment["spec"]["selector"]["matchLabels"], one(manifests, "Service")["spec"]["selector"]]
    for (kind, _), each in manifests.items():
        if kind == "PodDisruptionBudget":
            selectors.append(each["spec"]["selector"]["matchLabels"])
        if kind == "NetworkPolicy":
            selectors.append(each["spec"]["podSelector"]["matchLabels"])
        if kind == "ServiceMonitor":
            chosen = each["spec"]["selector"]["matchLabels"].items()
            assert chosen <= one(manifests, "Service")["metadata"]["labels"].items()
    assert all(selector.items() <= labels for selector in selectors)
    config = manifests["ConfigMap", deployment["metadata"]["name"]]["data"]["exporter.yaml"]
    (tmp_path / "orders-dsn").write_text("postgresql://exporter@db.example/orders\n", encoding="utf-8")
    there = config.replace("/run/secrets/script-tracking-exporter", str(tmp_path))
    (tmp_path / "exporter.yaml").write_text(there, encoding="utf-8")
    assert configfile.load(tmp_path / "exporter.yaml").targets


def test_two_replicas_and_a_disruption_budget_by_default_and_none_for_one() -> None:
    manifests = rendered()
    assert one(manifests, "Deployment")["spec"]["replicas"] == 2
    assert one(manifests, "PodDisruptionBudget")["spec"]["maxUnavailable"] == 1
    kinds = {kind for kind, _ in rendered(LITTLE)}
    assert kinds == {"Deployment", "Service", "ServiceAccount", "ConfigMap"}


def test_the_rules_are_the_shipped_ones() -> None:
    assert one(rendered(), "PrometheusRule")["spec"]["groups"] == shipped_groups()


def test_thresholds_are_changed_and_alerts_left_out_by_name() -> None:
    expected = shipped_groups()
    thresholds = MANY["prometheusRule"]["thresholds"]
    for group in expected:
        group["rules"] = [rule for rule in group["rules"] if rule.get("alert") != "ScriptTrackingPaused"]
        for rule in group["rules"]:
            name = rule.get("labels", {}).get("threshold")
            if rule.get("record") == "script_tracking:alert_threshold" and name in thresholds:
                rule["expr"] = f"vector({thresholds[name]})"
    assert expected != shipped_groups()
    assert one(rendered(MANY), "PrometheusRule")["spec"]["groups"] == expected


def test_the_dashboards_are_the_shipped_ones() -> None:
    maps = [each for (kind, _), each in rendered().items() if kind == "ConfigMap"]
    found = {
        name: text for each in maps if "grafana_dashboard" in each["metadata"]["labels"]
        for name, text in each["data"].items()
    }  # fmt: skip
    files = (ROOT / "grafana" / "dashboards").glob("*.json")
    assert found == {file.name: file.read_text(encoding="utf-8") for file in files}


def test_the_chart_is_of_this_release() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    assert chart["version"] == chart["appVersion"] == __version__


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"nonsense": 1}, "nonsense"),
        ({"replicaCount": 0}, "replicaCount"),
        ({"image": {"tag": "latest"}}, "image/tag"),
        ({"existingSecret": ""}, "existingSecret"),
        ({"config": {"listen": "0.0.0.0:1", "targets": []}}, "config"),
        ({"prometheusRule": {"thresholds": {"nonsense": 1}}}, "thresholds.nonsense"),
        ({"prometheusRule": {"disabled": ["ScriptTrackingNothing"]}}, "there is no alert ScriptTrackingNothing"),
    ],
)
def test_what_makes_no_sense_is_refused(values: dict[str, Any], complaint: str) -> None:
    done = helm("template", "release", str(CHART), values=values)
    assert done.returncode != 0
    assert complaint in done.stderr
