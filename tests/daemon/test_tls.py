"""TLS, client certificates and passwords, as curl and openssl find them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import bcrypt
import pytest
import yaml

from tests.fix_certificates import Authority, openssl
from tests.fix_exporter import eventually
from tests.fix_secured import ALICE, MUTUAL, NOWHERE, TLS, Secured, StartSecured

DOCKERFILE = Path(__file__).resolve().parents[2] / "Dockerfile"


def test_curl_gets_metrics_over_tls_and_only_over_tls(secured: StartSecured) -> None:
    running = secured(tls_server_config=TLS)
    code, output = running.curl("/metrics", "--include")
    assert (code, output.rpartition("\n")[2]) == (0, "200")
    assert "script_tracking_web_config_last_reload_successful 1.0" in output
    code, output = running.curl("/metrics", "--cacert", "/dev/null")
    assert code != 0
    code, output = running.curl(scheme="http")
    assert (code, output) == (0, "Client sent an HTTP request to an HTTPS server.\n\n400")
    assert "ALPN protocol: http/1.1" in running.s_client("-alpn", "h2,http/1.1")


def test_the_end_of_the_certificate_is_a_metric_and_follows_the_file(
    secured: StartSecured, authority: Authority
) -> None:
    name = "script_tracking_web_certificate_not_after_timestamp_seconds "

    def told() -> float:
        _, output = running.curl()
        (line,) = [line for line in output.splitlines() if line.startswith(name)]
        return float(line.removeprefix(name)) - time.time()

    running = secured(tls_server_config=TLS)
    assert 86400 < told() < 2 * 86400 + 60
    authority.sign("server", days=30)
    eventually(lambda: 29 * 86400 < told() < 30 * 86400 + 60, 30)
    code, output = running.curl("/")
    assert code == 0 and "certificate ends on" not in output


@pytest.mark.majors
def test_a_certificate_that_has_ended_is_told_of_once(secured: StartSecured, authority: Authority) -> None:
    running = secured(tls_server_config=TLS)
    exporter = running.exporter
    for times in (1, 2):
        authority.sign("server", days=-1)
        eventually(lambda times=times: len(exporter.events("certificate_ended")) == times, 60)  # type: ignore[misc]
        time.sleep(2.5)
        assert len(exporter.events("certificate_ended")) == times
    assert running.curl()[0] != 0
    authority.sign("server")
    eventually(lambda: running.curl()[0] == 0, 60)
    assert len(exporter.events("certificate_ended")) == 2


def test_versions_and_suites_are_those_of_the_file(secured: StartSecured) -> None:
    suite = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"
    running = secured(tls_server_config={**TLS, "max_version": "TLS12", "cipher_suites": [suite]})
    assert "Cipher is ECDHE-ECDSA-AES256-GCM-SHA384" in running.s_client("-tls1_2")
    assert "Cipher is (NONE)" in running.s_client("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256")
    for version in ("-tls1_3", "-tls1_1"):
        assert "Cipher is (NONE)" in running.s_client(version, "-cipher", "ALL:@SECLEVEL=0")


def test_a_client_needs_a_certificate_of_the_authority(
    secured: StartSecured, authority: Authority, tmp_path: Path
) -> None:
    authority.sign("prometheus", "DNS:prometheus.example")
    Authority(tmp_path, "other").found().sign("stranger", "DNS:prometheus.example")
    running = secured(tls_server_config=MUTUAL)
    assert running.curl("/metrics", *running.identity("prometheus"))[0] == 0
    assert running.curl()[0] != 0
    assert running.curl("/-/healthy")[0] != 0
    assert running.curl("/metrics", *running.identity("stranger"))[0] != 0


def test_of_the_authoritys_clients_only_those_with_an_allowed_name_get_in(
    secured: StartSecured, authority: Authority
) -> None:
    names = {
        "by-name": "DNS:prometheus.example",
        "by-address": "IP:10.1.2.3",
        "by-address-6": "IP:2001:db8:0::1",
        "by-mail": "email:ops@example.com",
        "by-uri": "URI:spiffe://example/prometheus",
    }
    allowed = ["prometheus.example", "10.1.2.3", "2001:db8::1", "ops@example.com", "spiffe://example/prometheus"]
    for name, alternative in names.items():
        authority.sign(name, alternative)
    authority.sign("somebody", "DNS:other.example,DNS:prometheus.example.org")
    running = secured(tls_server_config={**MUTUAL, "client_allowed_sans": allowed})
    for name in names:
        assert running.curl("/metrics", *running.identity(name))[0] == 0, name
    assert running.curl("/metrics", *running.identity("somebody"))[0] != 0


def test_a_certificate_that_may_be_left_out_is_verified_where_it_is_given(
    secured: StartSecured, authority: Authority, tmp_path: Path
) -> None:
    authority.sign("prometheus")
    Authority(tmp_path, "other").found().sign("stranger")
    running = secured(tls_server_config={**MUTUAL, "client_auth_type": "VerifyClientCertIfGiven"})
    assert running.curl()[0] == 0
    assert running.curl("/metrics", *running.identity("prometheus"))[0] == 0
    assert running.curl("/metrics", *running.identity("stranger"))[0] != 0


def test_users_have_passwords_on_every_path_and_the_log_has_none(secured: StartSecured) -> None:
    running = secured(tls_server_config=TLS, basic_auth_users=ALICE)
    for path in ("/metrics", "/-/healthy", "/-/ready", "/nowhere"):
        assert running.curl(path)[1].endswith("401")
        assert running.curl(path, "--user", "alice:wrong-one")[1].endswith("401")
    assert running.curl("/metrics", "--user", "alice:secret")[1].endswith("200")
    log = running.exporter._log.read_text()
    assert "wrong-one" not in log
    assert "secret" not in log


def serial(running: Secured) -> str:
    """Serial number of the certificate that the server shows."""
    return openssl("x509", "-noout", "-serial", stdin=running.s_client())


def in_force(running: Secured) -> float | None:
    """The metric that says whether the web file is in order."""
    _, output = running.curl()
    name = "script_tracking_web_config_last_reload_successful "
    lines = [line for line in output.splitlines() if line.startswith(name)]
    return float(lines[0].rpartition(" ")[2]) if lines else None


@pytest.mark.majors
def test_a_new_certificate_is_used_without_a_restart_and_a_broken_one_refused(
    secured: StartSecured, authority: Authority
) -> None:
    running = secured(tls_server_config=TLS)
    first = serial(running)
    kept = socket.create_connection(("127.0.0.1", running.exporter.port))
    authority.sign("server")
    eventually(lambda: serial(running) != first, 60)
    second = serial(running)
    (authority.folder / "server.crt").write_text("not a certificate", encoding="utf-8")
    eventually(lambda: in_force(running) == 0, 60)
    assert serial(running) == second
    (event,) = running.exporter.events("web_config_refused")
    assert "server.crt" in str(event["problems"])
    authority.sign("server")
    eventually(lambda: in_force(running) == 1, 60)
    assert serial(running) not in (first, second)
    time.sleep(2.5)
    assert len(running.exporter.events("web_config_refused")) == 1
    kept.close()


@pytest.mark.majors
def test_a_password_changes_without_a_restart_and_protection_never_goes(secured: StartSecured) -> None:
    running = secured(tls_server_config=TLS, basic_auth_users=ALICE)
    new = {"alice": bcrypt.hashpw(b"changed", bcrypt.gensalt(4)).decode()}
    file = running.folder / "web.yml"

    def put(text: str) -> None:
        """At once: an empty file, amid its being written, would be refused."""
        whole = file.with_suffix(".new")
        whole.write_text(text, encoding="utf-8")
        whole.replace(file)

    put(yaml.safe_dump({"tls_server_config": TLS, "basic_auth_users": new}))
    eventually(lambda: running.curl("/metrics", "--user", "alice:changed")[1].endswith("200"), 60)
    assert running.curl("/metrics", "--user", "alice:secret")[1].endswith("401")
    for number, emptied in enumerate(("", yaml.safe_dump({"basic_auth_users": new})), 1):
        put(emptied)
        eventually(lambda number=number: len(running.exporter.events("web_config_refused")) == number, 60)  # type: ignore[misc]
        assert running.curl()[1].endswith("401")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("tls_server_config: {cert_file: nowhere.crt, key_file: nowhere.key}\n", "nowhere.crt: cannot be read"),
        ("tls_server: {}\n", "web.yml:1:1: tls_server: unknown key"),
        ("basic_auth_users: {alice: hunter2}\n", "basic_auth_users.alice"),
    ],
)
@pytest.mark.parametrize("command", ["run", "check-config"])
def test_a_bad_web_file_is_named_and_exits_2(tmp_path: Path, command: str, text: str, told: str) -> None:
    (tmp_path / "web.yml").write_text(text, encoding="utf-8")
    arguments = [command, "--dsn", NOWHERE, "--web.config.file", str(tmp_path / "web.yml")]
    result = subprocess.run(
        [sys.executable, "-m", "exporter", *arguments], capture_output=True, text=True, timeout=120, check=False
    )
    assert (result.returncode, told in result.stderr) == (2, True), result.stderr
    assert "hunter2" not in result.stderr
    assert "Traceback" not in result.stderr


def test_check_config_tells_what_the_web_file_asks_for(authority: Authority) -> None:
    authority.sign("server")
    file = authority.folder / "web.yml"
    file.write_text(yaml.safe_dump({"tls_server_config": MUTUAL, "basic_auth_users": ALICE}), encoding="utf-8")
    command = [sys.executable, "-m", "exporter", "check-config", "--dsn", NOWHERE, "--web.config.file", str(file)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert f"web: {file}: TLS with client certificates, 1 user(s)" in result.stdout


def health(port: int) -> int:
    """Exit code of the image's health check."""
    (line,) = [line for line in DOCKERFILE.read_text(encoding="utf-8").splitlines() if line.startswith("HEALTHCHECK")]
    command: list[str] = json.loads(line[line.index("[") :])
    environment = {**os.environ, "SCRIPT_TRACKING_LISTEN": f"0.0.0.0:{port}"}
    result = subprocess.run([sys.executable, *command[1:]], env=environment, stderr=subprocess.DEVNULL, check=False)
    return result.returncode


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"basic_auth_users": ALICE},
        {"tls_server_config": TLS},
        {"tls_server_config": TLS, "basic_auth_users": ALICE},
        {"tls_server_config": MUTUAL},
        {"tls_server_config": {**MUTUAL, "max_version": "TLS12"}},
    ],
    ids=["plain", "password", "tls", "tls and password", "client certificate", "client certificate, TLS 1.2"],
)
def test_the_images_health_check_knows_whether_it_answers(secured: StartSecured, settings: dict[str, object]) -> None:
    running = secured(**settings)
    assert health(running.exporter.port) == 0
    running.exporter.process.send_signal(signal.SIGSTOP)
    try:
        assert health(running.exporter.port) == 1
    finally:
        running.exporter.process.send_signal(signal.SIGCONT)
    running.exporter.stop()
    assert health(running.exporter.port) == 1
