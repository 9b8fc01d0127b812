"""The container image, run as a user would run it, beside a PostgreSQL container: `make test-image`."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families
from testcontainers.community.postgres import PostgresContainer
from testcontainers.core.container import DockerContainer
from testcontainers.core.network import Network

from tests.fix_exporter import eventually
from tests.postgres_server import publish

if TYPE_CHECKING:
    from docker.models.containers import Container

pytestmark = pytest.mark.image

IMAGE = os.environ.get("IMAGE", "script-tracking-exporter:latest")
POSTGRES_IMAGE = f"postgres:{os.environ.get('POSTGRES_MAJOR', '17')}"
PORT = 10187
PASSWORD = "only-for-this-test"
URL = f"postgresql://postgres:{PASSWORD}@db:5432/orders"
ALIVE_WITHIN_SECONDS = 240.0
ENDS_WITHIN_SECONDS = 10.0  # so long `docker stop` waits before it kills

Running = tuple["Container", str]


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with Network() as network:
        yield network


@pytest.fixture(scope="module")
def server(network: Network) -> Iterator[PostgresContainer]:
    container = PostgresContainer(POSTGRES_IMAGE, username="postgres", password=PASSWORD, dbname="orders")
    publish(container, 5432)
    with container.with_network(network).with_network_aliases("db") as running:
        yield running


@contextmanager
def running_image(
    network: Network, *arguments: str, url: str | None = None, mount: tuple[Path, str] | None = None, **options: Any
) -> Iterator[Running]:
    """A container of the image with those arguments and no more of the rest than is said, and the base of its URLs."""
    container = DockerContainer(IMAGE).with_network(network).with_kwargs(**options)
    if arguments:
        container.with_command([*arguments])
    if url is not None:
        container.with_env("DATABASE_URL", url)
    if mount is not None:
        container.with_volume_mapping(mount[0], mount[1], "ro")
    port = publish(container, PORT)
    with container as running:
        wrapped = running.get_wrapped_container()
        try:
            yield wrapped, f"http://{running.get_container_host_ip()}:{port}"
        except BaseException:
            print(wrapped.logs().decode())
            raise


@pytest.fixture(scope="module")
def image(network: Network, server: PostgresContainer) -> Iterator[Running]:
    """The image with nothing but a DATABASE_URL."""
    with running_image(network, url=URL) as running:
        yield running


def samples(base: str) -> dict[tuple[str, str], float]:
    """Value of each sample by its name and its labels, target aside."""
    with urlopen(f"{base}/metrics", timeout=30) as response:
        text = response.read().decode()
    return {
        (
            sample.name,
            ",".join(value for label, value in sorted(sample.labels.items()) if label != "target"),
        ): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def wait_until_up(base: str, value: float = 1) -> None:
    """Waits until the exporter says of its database that it is up, or with 0 that it is not."""
    eventually(lambda: samples(base).get(("script_tracking_up", "")) == value, ALIVE_WITHIN_SECONDS)


def health(container: Container) -> str:
    """What Docker makes of the health check: starting, healthy or unhealthy."""
    container.reload()
    return str(container.attrs["State"]["Health"]["Status"])


def output_of(container: Container, *command: str) -> str:
    """What a command in the container prints; it must succeed."""
    code, output = container.exec_run([*command])
    text: str = output.decode()
    assert code == 0, text
    return text


def test_ddl_of_another_container_becomes_series(image: Running, server: PostgresContainer) -> None:
    _, base = image
    wait_until_up(base)
    counter = ("script_tracking_operations_total", "DDL,COMPLETED,system")
    with psycopg.connect(server.get_connection_url(driver=None), autocommit=True) as connection:
        eventually(
            lambda: connection.execute("select count(*) from pg_event_trigger").fetchone() == (4,), ALIVE_WITHIN_SECONDS
        )
        before = eventually(lambda: samples(base), 30).get(counter, 0)
        connection.execute("create table made_from_outside (id int)")
    value = eventually(lambda: samples(base).get(counter, 0) > before, ALIVE_WITHIN_SECONDS)
    assert value


def test_docker_finds_it_healthy(image: Running) -> None:
    container, _ = image
    eventually(lambda: health(container) == "healthy", ALIVE_WITHIN_SECONDS)


def test_docker_finds_it_unhealthy_when_nothing_answers(network: Network) -> None:
    second = 1_000_000_000
    options: dict[str, Any] = {
        "healthcheck": {"interval": second, "timeout": second, "retries": 2},
        "entrypoint": ["sleep", "600"],
    }
    with running_image(network, **options) as (container, _):
        eventually(lambda: health(container) == "unhealthy", ALIVE_WITHIN_SECONDS)


def test_it_is_healthy_though_not_ready_without_its_database(network: Network) -> None:
    with running_image(network, url="postgresql://postgres@nowhere.invalid:5432/orders") as (container, base):
        wait_until_up(base, 0)
        eventually(lambda: health(container) == "healthy", ALIVE_WITHIN_SECONDS)


def test_a_configuration_file_and_a_secret_file_are_mounted(
    network: Network, server: PostgresContainer, tmp_path: Path
) -> None:
    (tmp_path / "dsn").write_text(f"{URL}\n", encoding="utf-8")
    (tmp_path / "exporter.yaml").write_text("targets: [{name: orders, dsn_file: /config/dsn}]\n", encoding="utf-8")
    tmp_path.chmod(0o755)
    mount = (tmp_path, "/config")
    with running_image(network, "run", "--config", "/config/exporter.yaml", mount=mount) as (container, base):
        wait_until_up(base)
        assert PASSWORD not in container.logs().decode()
        assert PASSWORD not in str(container.attrs)
    with running_image(network, "run", "--dsn-file", "/config/dsn", mount=mount) as (_, base):
        wait_until_up(base)


def test_it_needs_to_write_nothing_and_no_privilege(network: Network, server: PostgresContainer) -> None:
    options: dict[str, Any] = {"read_only": True, "cap_drop": ["ALL"], "security_opt": ["no-new-privileges"]}
    with running_image(network, url=URL, **options) as (container, base):
        assert container.exec_run(["touch", "/tmp/x"])[0] != 0
        wait_until_up(base)
        eventually(lambda: health(container) == "healthy", ALIVE_WITHIN_SECONDS)


def test_nobody_in_it_is_root(image: Running) -> None:
    container, _ = image
    assert container.attrs["Config"]["User"] == "65532:65532"
    processes = container.top(ps_args="-eo pid,uid,gid")["Processes"]
    assert processes
    assert {(uid, gid) for _, uid, gid in processes} == {("65532", "65532")}
    code, output = container.exec_run(["sh", "-c", "id -u; touch /opt/script-tracking-exporter/x"])
    assert code != 0
    assert "65532" in output.decode().splitlines()  # what stderr holds may come first


def test_it_holds_the_wheel_and_nothing_to_build_or_install_with(image: Running) -> None:
    container, _ = image
    root = output_of(container, "python3", "-c", "import exporter.sqlfiles as s; print(s.root())")
    assert root.startswith("/opt/script-tracking-exporter/lib/")
    assert container.exec_run(["ls", "/source"])[0] != 0
    # folders that the image's user may not read make find fail: what lies in them is no use to it
    search = r"find / -xdev \( -name pip -o -name 'pip[0-9]*' -o -name ensurepip \) 2>/dev/null; echo searched"
    assert output_of(container, "sh", "-c", search) == "searched\n"
    assert output_of(container, "sh", "-c", "command -v cc gcc g++ ld make apk pip pip3; echo looked") == "looked\n"


def test_sigterm_ends_it_in_time_with_exit_code_0(network: Network, server: PostgresContainer) -> None:
    with running_image(network, url=URL) as (container, base):
        wait_until_up(base)
        begun = time.monotonic()
        container.kill("SIGTERM")
        assert container.wait(timeout=180)["StatusCode"] == 0
        assert time.monotonic() - begun < ENDS_WITHIN_SECONDS


def test_without_a_database_it_says_what_is_missing() -> None:
    with DockerContainer(IMAGE) as running:
        container = running.get_wrapped_container()
        assert container.wait(timeout=180)["StatusCode"] == 2
        assert b"DATABASE_URL" in container.logs()
