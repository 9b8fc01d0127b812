"""The container image, run as a user would run it, beside a PostgreSQL container: `make test-image`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.request import urlopen

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families
from testcontainers.community.postgres import PostgresContainer
from testcontainers.core.container import DockerContainer
from testcontainers.core.network import Network

from exporter.demo.processes import free_port
from tests.fix_exporter import eventually

if TYPE_CHECKING:
    from docker.models.containers import Container

pytestmark = pytest.mark.image

IMAGE = os.environ.get("IMAGE", "script-tracking-exporter:latest")
POSTGRES_IMAGE = f"postgres:{os.environ.get('POSTGRES_MAJOR', '17')}"
PORT = 10187
PASSWORD = "only-for-this-test"
ALIVE_WITHIN_SECONDS = 60.0


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with Network() as network:
        yield network


@pytest.fixture(scope="module")
def server(network: Network) -> Iterator[PostgresContainer]:
    container = PostgresContainer(POSTGRES_IMAGE, username="postgres", password=PASSWORD, dbname="orders")
    with container.with_network(network).with_network_aliases("db") as running:
        yield running


@contextmanager
def running_image(network: Network, url: str) -> Iterator[tuple[Container, str]]:
    """The image with nothing but a DATABASE_URL: the container and the base of its URLs."""
    port = free_port()
    container = DockerContainer(IMAGE).with_env("DATABASE_URL", url).with_network(network)
    with container.with_bind_ports(PORT, port) as running:
        wrapped = running.get_wrapped_container()
        try:
            yield wrapped, f"http://127.0.0.1:{port}"
        except BaseException:
            print(wrapped.logs().decode())
            raise


@pytest.fixture
def image(network: Network, server: PostgresContainer) -> Iterator[tuple[Container, str]]:
    with running_image(network, f"postgresql://postgres:{PASSWORD}@db:5432/orders") as running:
        yield running


def samples(base: str) -> dict[tuple[str, str], float]:
    """Value of each sample by its name and its labels, target aside."""
    with urlopen(f"{base}/metrics", timeout=5) as response:
        text = response.read().decode()
    return {
        (
            sample.name,
            ",".join(value for label, value in sorted(sample.labels.items()) if label != "target"),
        ): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def health(container: Container) -> str:
    """What Docker makes of the health check: starting, healthy or unhealthy."""
    container.reload()
    return str(container.attrs["State"]["Health"]["Status"])


def test_ddl_of_another_container_becomes_series(image: tuple[Container, str], server: PostgresContainer) -> None:
    _, base = image
    eventually(lambda: samples(base).get(("script_tracking_up", "")) == 1, ALIVE_WITHIN_SECONDS)
    counter = ("script_tracking_operations_total", "DDL,COMPLETED,system")
    with psycopg.connect(server.get_connection_url(driver=None), autocommit=True) as connection:
        eventually(
            lambda: connection.execute("select count(*) from pg_event_trigger").fetchone() == (3,), ALIVE_WITHIN_SECONDS
        )
        before = eventually(lambda: samples(base), 10).get(counter, 0)
        connection.execute("create table made_from_outside (id int)")
    value = eventually(lambda: samples(base).get(counter, 0) > before, ALIVE_WITHIN_SECONDS)
    assert value


def test_docker_finds_it_healthy(image: tuple[Container, str]) -> None:
    container, _ = image
    eventually(lambda: health(container) == "healthy", ALIVE_WITHIN_SECONDS)


def test_it_is_healthy_though_not_ready_without_its_database(network: Network) -> None:
    with running_image(network, "postgresql://postgres@nowhere.invalid:5432/orders") as (container, base):
        eventually(lambda: samples(base).get(("script_tracking_up", "")) == 0, ALIVE_WITHIN_SECONDS)
        eventually(lambda: health(container) == "healthy", ALIVE_WITHIN_SECONDS)


def test_nobody_in_it_is_root(image: tuple[Container, str]) -> None:
    container, _ = image
    assert container.attrs["Config"]["User"] == "65532:65532"
    processes = container.top(ps_args="-eo pid,uid,gid")["Processes"]
    assert processes
    assert {(uid, gid) for _, uid, gid in processes} == {("65532", "65532")}
    code, output = container.exec_run(["sh", "-c", "id -u; touch /opt/script-tracking-exporter/x"])
    assert code != 0
    assert output.decode().startswith("65532\n")


def test_it_holds_the_wheel_and_no_more(image: tuple[Container, str]) -> None:
    container, _ = image
    code, output = container.exec_run(["python3", "-c", "import exporter.sqlfiles as s; print(s.root())"])
    assert code == 0
    assert output.decode().startswith("/opt/script-tracking-exporter/lib/")
    code, _ = container.exec_run(["python3", "-c", "import pip"])
    assert code != 0
    code, _ = container.exec_run(["ls", "/source"])
    assert code != 0


def test_sigterm_ends_it_with_exit_code_0(image: tuple[Container, str]) -> None:
    container, base = image
    eventually(lambda: samples(base), ALIVE_WITHIN_SECONDS)
    container.kill("SIGTERM")
    assert container.wait(timeout=10)["StatusCode"] == 0


def test_without_a_database_it_says_what_is_missing() -> None:
    with DockerContainer(IMAGE) as running:
        container = running.get_wrapped_container()
        assert container.wait(timeout=30)["StatusCode"] == 2
        assert b"DATABASE_URL" in container.logs()
