"""deploy/compose.yaml as written: nobody is root, images are pinned, secrets are files. It runs in tests/e2e."""

from __future__ import annotations

import re
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "deploy" / "compose.yaml"
STACK: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = STACK["services"]
OURS = "script-tracking-exporter:latest"  # built from this checkout; its user stands in the Dockerfile
RELEASE = re.compile(r"[a-z/]+:v?\d+\.\d+(\.\d+)?(-[a-z]+)?")


def after(service: dict[str, Any]) -> dict[str, str]:
    """What it waits for, and until when."""
    return {name: wanted["condition"] for name, wanted in service.get("depends_on", {}).items()}


def test_it_has_the_five_programs() -> None:
    assert {"db", "exporter", "prometheus", "alertmanager", "grafana"} < set(SERVICES)


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_no_more_rights_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "network_mode", "pid", "ipc", "devices"} & set(service)
    user = service.get("user", "65532:65532" if service["image"] == OURS else "")
    assert user == "postgres" or re.fullmatch(r"[1-9]\d*:\d+", str(user)), user


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_runs_a_pinned_image(name: str) -> None:
    image = SERVICES[name]["image"]
    assert image == OURS or RELEASE.fullmatch(image), image


@pytest.mark.parametrize("name", SERVICES)
def test_a_port_is_published_on_the_loopback_address_alone(name: str) -> None:
    assert all(str(port).startswith("127.0.0.1:${") for port in SERVICES[name].get("ports", []))


@pytest.mark.parametrize("name", SERVICES)
def test_who_waits_waits_until_the_other_is_healthy_or_done(name: str) -> None:
    for other, condition in after(SERVICES[name]).items():
        if SERVICES[other]["restart"] == "no":
            assert condition == "service_completed_successfully", other
        else:
            assert condition == "service_healthy", other
            assert "healthcheck" in SERVICES[other] or SERVICES[other]["image"] == OURS, other


def test_secrets_are_files_that_the_script_makes_and_each_is_given_to_who_needs_it() -> None:
    made = re.search(r"^for name in (.*); do$", (COMPOSE.parent / "compose" / "make-secrets").read_text(), re.MULTILINE)
    assert made is not None
    assert STACK["secrets"] == {name: {"file": f"./compose/secrets/{name}"} for name in made[1].split()}
    given = {name: set(service.get("secrets", [])) for name, service in SERVICES.items()}
    assert {name for name, secrets in given.items() if "postgres_password" in secrets} == {
        "db", "roles", "schema", "tenants",
    }  # fmt: skip
    assert given["exporter"] == {"exporter_password"}
    assert given["workload"] == {"app_password"}
    assert given["grafana"] == {"grafana_password", "grafana_admin_password"}
    assert given["prometheus"] == given["alertmanager"] == given["pager"] == set()


def test_no_password_stands_in_the_environment() -> None:
    for service in SERVICES.values():
        for key, value in service.get("environment", {}).items():
            if re.search("password|token|secret", key, re.IGNORECASE):
                assert str(value).startswith("/run/secrets/"), key
    assert "://" not in "".join(re.findall(r"postgresql://[^\s/]*:[^\s/]*@", COMPOSE.read_text(encoding="utf-8")))


def test_secrets_are_made_once_for_their_owner_alone_and_stay_out_of_the_repository(tmp_path: Path) -> None:
    script = tmp_path / "make-secrets"
    script.write_bytes((COMPOSE.parent / "compose" / "make-secrets").read_bytes())
    made = []
    for _ in range(2):
        subprocess.run(["sh", str(script)], check=True)
        made.append({file.name: file.read_text() for file in (tmp_path / "secrets").iterdir()})
    assert made[0] == made[1]
    assert set(made[0]) == set(STACK["secrets"])
    assert len(set(made[0].values())) == len(made[0])
    assert all(len(secret.strip()) == 32 for secret in made[0].values())
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
    ignored = ["git", "check-ignore", "--quiet", "deploy/compose/secrets/postgres_password"]
    assert subprocess.run(ignored, cwd=ROOT, check=False).returncode == 0


def test_what_is_mounted_exists() -> None:
    for service in SERVICES.values():
        for mount in service.get("volumes", []):
            source, _, rest = mount.partition(":")
            if source.startswith("."):
                assert (COMPOSE.parent / source).exists(), mount
                assert rest.endswith(":ro"), mount
            else:
                assert source in STACK["volumes"], mount


def test_prometheus_is_configured_as_the_shipped_example_but_for_addresses() -> None:
    def without_addresses(file: Path) -> dict[str, Any]:
        config: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
        config["global"]["external_labels"] = sorted(config["global"]["external_labels"])
        for part in (*config["alerting"]["alertmanagers"], *config["scrape_configs"]):
            part["static_configs"] = len(part["static_configs"])
        return config

    shipped = ROOT / "deploy" / "prometheus" / "prometheus.yaml"
    assert without_addresses(COMPOSE.parent / "compose" / "prometheus.yaml") == without_addresses(shipped)


def test_the_receivers_that_alertmanager_is_given_are_those_of_the_example() -> None:
    shipped = (ROOT / "deploy" / "alertmanager" / "alertmanager.yaml").read_text(encoding="utf-8")
    urls = set(re.findall(r"url: (\S+)", shipped))
    assert urls
    assert all(url.startswith("http://127.0.0.1:9095/") for url in urls), "deploy/compose.yaml replaces this address"
