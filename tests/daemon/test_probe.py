"""/probe: one database that a module allows, asked once and told alone; what is refused is refused in words."""

from __future__ import annotations

import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote, urlsplit

import psycopg
import pytest
import yaml

from exporter.errors import ConfigurationError
from exporter.probeconfig import ProbeModule, place_of
from tests.fix_exporter import Exporter, StartExporter, eventually

PAGE = Path(__file__).resolve().parents[2] / "docs" / "many-databases.md"


def _module(dsn: str, **changes: object) -> dict[str, object]:
    where = urlsplit(dsn)
    return {
        "hosts": [f"{where.hostname}:{where.port}"],
        "dsn": f"postgresql://{where.username}@nowhere.invalid/x",
        **changes,
    }


def _target(dsn: str) -> str:
    where = urlsplit(dsn)
    return f"{where.hostname}:{where.port}{where.path}"


def _ask(running: Exporter, target: str, module: str = "shops", **headers: str) -> tuple[int, str]:
    answer = running.get(f"/probe?target={quote(target, safe='')}&module={module}", **headers)
    return answer.status, answer.body.decode()


def test_a_probe_tells_of_its_target_alone_and_leaves_no_session(
    installed_database: str, exporter: StartExporter
) -> None:
    modules = {"shops": _module(installed_database, collectors=["operations"])}
    running = exporter("postgresql://nobody@127.0.0.1:1/none", probe={"modules": modules})
    target = _target(installed_database)
    status, text = _ask(running, target)
    assert status == 200
    assert f'script_tracking_up{{target="{target}"}} 1.0' in text
    assert f'script_tracking_collector_success{{collector="operations",target="{target}"}} 1.0' in text
    assert "script_tracking_operations_total{" in text
    assert set(re.findall(r'target="([^"]*)"', text)) == {target}
    assert set(re.findall(r'collector="([^"]*)"', text)) == {"operations"}
    own = "select count(*) from pg_stat_activity where datname = current_database() and application_name ~ '^script'"
    with psycopg.connect(installed_database, autocommit=True) as watcher:
        eventually(lambda: watcher.execute(own).fetchone() == (0,), 20)
    assert running.get(
        f"/probe?target={quote(target)}&module=shops", Accept="application/openmetrics-text"
    ).body.endswith(b"# EOF\n")
    assert _ask(running, target)[0] == 200
    assert len([event for event in running.events("target_up") if event["target"] == target]) == 1


def test_what_is_refused_is_told_why(installed_database: str, exporter: StartExporter) -> None:
    modules = {"shops": _module(installed_database, databases=["test_*"])}
    running = exporter("postgresql://nobody@127.0.0.1:1/none", probe={"modules": modules})
    server = _target(installed_database).partition("/")[0]
    assert running.get("/probe?module=shops").status == 400
    assert running.get("/probe?target=a/b&target=c/d&module=shops").status == 400
    for dsn in (
        "postgresql://postgres:secret@127.0.0.1/x",
        f"postgres:secret@{server}/x",
        f"{server}/x?password=secret",
        "host=127.0.0.1 dbname=x",
        f"127.0.0.1,{server}/test_x",
        f"{server}/test_\x01x",
        f"{server}/test_\x85x",
        "/tmp/test_x",
        server,
    ):
        status, text = _ask(running, dsn)
        assert (status, "no DSN" in text, "secret" in text) == (400, True, False), dsn
    assert _ask(running, f"{server}/postgres")[0] == 403
    assert _ask(running, "127.0.0.1/test_x")[0] == 403, "another port"
    assert _ask(running, "db.example/test_x")[0] == 403
    assert _ask(running, f"{server}/test_x", "till")[0] == 404
    assert running.get("/probe", "POST").status == 405
    status, text = _ask(running, f"{server}/test_gone")
    assert (
        status,
        'script_tracking_up{target="' in text and "} 1.0" not in text.split("script_tracking_up{")[1][:80],
    ) == (
        200,
        True,
    )


def test_it_is_off_by_default(installed_database: str, exporter: StartExporter) -> None:
    running = exporter("postgresql://nobody@127.0.0.1:1/none")
    assert _ask(running, _target(installed_database)) == (403, "not enabled: probe.modules\n")


def test_so_many_at_a_time_and_none_longer_than_allowed(installed_database: str, exporter: StartExporter) -> None:
    where = urlsplit(installed_database)
    names = ["127.0.0.1", "localhost", "LOCALHOST", "LocalHost"]  # of one host; who asks by the same name gets the same
    hosts = [f"{name}:{where.port}" for name in names]
    modules = {"shops": _module(installed_database, collectors=["operations"], timeout="2s", hosts=hosts)}
    running = exporter("postgresql://nobody@127.0.0.1:1/none", probe={"modules": modules, "concurrency": 1})
    target = _target(installed_database)
    with psycopg.connect(installed_database) as blocker, ThreadPoolExecutor(4) as pool:
        blocker.execute("lock table script_tracking_internal.schema_migration in access exclusive mode")
        answers = list(pool.map(lambda name: _ask(running, f"{name}:{where.port}{where.path}")[0], names))
    assert set(answers) == {200, 503}
    assert _ask(running, target)[0] == 200


def test_credentials_that_cannot_be_read_are_told_of_once(
    installed_database: str, exporter: StartExporter, tmp_path: Path
) -> None:
    secret = tmp_path / "dsn"
    secret.write_text(installed_database)
    module = {key: value for key, value in _module(installed_database).items() if key != "dsn"}
    modules = {"shops": {**module, "dsn_file": str(secret)}}
    running = exporter("postgresql://nobody@127.0.0.1:1/none", probe={"modules": modules})
    target = _target(installed_database)
    for _ in range(2):
        assert _ask(running, target)[0] == 200
        secret.rename(tmp_path / "away")
        for _ in range(3):
            status, text = _ask(running, target)
            assert status == 500 and "log" in text and "away" not in text
        (tmp_path / "away").rename(secret)
    assert _ask(running, target)[0] == 200
    assert len(running.events("probe_failed")) == len(running.events("probe_recovered")) == 2


@pytest.mark.parametrize(
    ("target", "place"),
    [
        ("db.example/shop", ("db.example", "5432", "shop")),
        ("DB.example:6432/shop", ("db.example", "6432", "shop")),
        ("a@b/c", None),
        ("a/b/c", None),
        ("a/b=c", None),
        ("-a/b", None),
        ("a:/b", None),
        ("a,b/c", None),
        ("a:0/c", None),
        ("a:65536/c", None),
        ("[2001:DB8:0::1]/shop", ("2001:db8::1", "5432", "shop")),
        ("[::1]:6432/shop", ("::1", "6432", "shop")),
        ("::1/shop", None),
        ("[::g]/shop", None),
        ("[127.0.0.1]/shop", None),
        ("[db.example]/shop", None),
        ("[fe80::1%eth0]/shop", None),
    ],
)
def test_a_target_is_host_port_and_database(target: str, place: tuple[str, str, str] | None) -> None:
    assert place_of(target) == place


def test_a_pattern_without_a_port_is_for_the_usual_one() -> None:
    module = ProbeModule.model_validate({"hosts": ["*.db.example", "x:*"], "dsn": "postgresql://e@x/y"})
    assert module.allows("a.db.example", "5432", "shop")
    assert not module.allows("a.db.example", "22", "shop")
    assert not module.allows("db.example.evil", "5432", "shop")
    assert module.allows("x", "22", "shop")


def test_an_address_of_ipv6_is_allowed_by_itself_alone() -> None:
    hosts = ["[2001:DB8:0::1]", "[::1]:*", "a:*"]
    module = ProbeModule.model_validate({"hosts": hosts, "dsn": "postgresql://e@x/y"})
    asked = {"[2001:db8::1]/x": True, "[2001:db8::1]:6432/x": False, "[2001:db8::2]/x": False, "[::1]:22/x": True}
    for target, allowed in {**asked, "[a:b::1]/x": False, "a:22/x": True}.items():
        place = place_of(target)
        assert place is not None and module.allows(*place) is allowed, target
    assert module.target("n", "::1", "5432", "x").dsn.label == "::1:5432/x"


def test_the_secrets_of_a_module_are_read_anew_for_each_probe(tmp_path: Path) -> None:
    dsn, password = tmp_path / "dsn", tmp_path / "password"
    dsn.write_text("postgresql://e@elsewhere/y")
    password.write_text("first")
    module = ProbeModule.model_validate({"hosts": ["db1"], "dsn_file": dsn, "password_file": password})
    password.write_text("second")
    target = module.target("db1/shop", "db1", "5432", "shop")
    assert (target.name, target.dsn.label, "second" in target.dsn.secret()) == ("db1/shop", "db1:5432/shop", True)
    for secret in (password, dsn):
        secret.unlink()
        with pytest.raises(ConfigurationError, match=f"{secret.name}: No such file"):
            module.target("db1/shop", "db1", "5432", "shop")


def test_prometheus_takes_the_configuration_of_the_docs(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("not on the PATH: promtool (Debian: apt-get install prometheus)")
    (text,) = re.findall(r"```yaml\n# prometheus.yml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    file = tmp_path / "prometheus.yml"
    file.write_text(text, encoding="utf-8")
    subprocess.run([promtool, "check", "config", str(file)], check=True, capture_output=True)
    assert yaml.safe_load(text)["scrape_configs"][0]["metrics_path"] == "/probe"
