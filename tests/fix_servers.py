"""Fixture `postgres`: the first server that can be had.

In order: TEST_DATABASE_URL, a container where Docker answers and has or gets the image, installed server binaries
(Debian's, those of `make postgres-binaries`, the folder PG_BINARIES_<major>), the embedded wheel of the extra `demo`.
POSTGRES_MAJOR picks the major; POSTGRES_KIND (url, testcontainers, binaries, embedded) allows one kind only.
"""

from __future__ import annotations

import gc
import importlib.util
import os
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import psycopg
import pytest

from exporter.demo.server import embedded_binaries
from tests.postgres_server import ContainerServer, ExternalServer, LocalServer, Server

NEWEST_MAJOR = 18
EMBEDDED = "embedded wheel"
KINDS = ("url", "testcontainers", "binaries", "embedded")
SERVER_FIXTURES = {"postgres", "cluster", "log_server", "stage"}


def binaries_cache() -> Path:
    """Folder of `make postgres-binaries`, a folder a version; root's is one that other users may read."""
    if os.geteuid() == 0:
        return Path("/var/cache/script-tracking-exporter/postgres")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "script-tracking-exporter" / "postgres"


def installed_binaries() -> dict[int, tuple[str, Path]]:
    """Name and bin folder of the installed server of each major."""
    found: dict[int, tuple[str, Path]] = {}
    for folder in sorted(binaries_cache().glob("*/package/native/bin")):
        found[int(folder.parts[-4].partition(".")[0])] = ("npm binaries", folder)
    for folder in Path("/usr/lib/postgresql").glob("*/bin"):
        found[int(folder.parts[-2])] = ("Debian binaries", folder)
    for name, value in os.environ.items():
        if name.startswith("PG_BINARIES_"):
            found[int(name.rpartition("_")[2])] = (name, Path(value))
    return {major: pair for major, pair in found.items() if (pair[1] / "postgres").exists()}


def _docker_answers() -> bool:
    if importlib.util.find_spec("testcontainers") is None:
        return False
    from testcontainers.core.docker_client import DockerClient

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # docker leaks its socket where nothing listens
        try:
            client = DockerClient(timeout=5).client
            try:
                return bool(client.ping())
            finally:
                client.close()
        except Exception:  # DockerException, or whatever the transport underneath raises: no Docker
            return False
        finally:
            gc.collect()


def _image_can_be_had(image: str) -> bool:
    """Whether Docker has, or gets, the image and the one that testcontainers has its containers reaped by."""
    from docker.errors import DockerException, ImageNotFound
    from testcontainers.core.config import testcontainers_config
    from testcontainers.core.docker_client import DockerClient

    reaper = [] if testcontainers_config.ryuk_disabled else [testcontainers_config.ryuk_image]
    client = DockerClient().client
    try:
        for needed in [image, *reaper]:
            try:
                client.images.get(needed)
            except ImageNotFound:
                client.images.pull(needed)
        return True
    except DockerException:  # no registry, or one without it
        return False
    finally:
        client.close()


@cache
def choose() -> Server:
    """The server to use, not yet started. Raises pytest.UsageError where there is none."""
    wanted = os.environ.get("POSTGRES_MAJOR")
    allowed = os.environ.get("POSTGRES_KIND")
    if allowed is not None and allowed not in KINDS:
        raise pytest.UsageError(f"POSTGRES_KIND must be one of {', '.join(KINDS)}")
    kinds = KINDS if allowed is None else (allowed,)
    url = os.environ.get("TEST_DATABASE_URL")
    if "url" in kinds and url:
        return ExternalServer(url)
    image = f"postgres:{wanted or NEWEST_MAJOR}"
    if "testcontainers" in kinds and _docker_answers() and _image_can_be_had(image):
        return ContainerServer(image)
    if "binaries" in kinds:
        installed = installed_binaries()
        major = int(wanted) if wanted else max(installed, default=0)
        if major in installed:
            name, folder = installed[major]
            return LocalServer(folder, f"{name} {major} ({folder})")
    if "embedded" in kinds:
        embedded = embedded_binaries()
        major = int(wanted) if wanted else max(embedded, default=0)
        if major in embedded:
            return LocalServer(embedded[major], f"{EMBEDDED} {major}")
    raise pytest.UsageError(
        f"no PostgreSQL{f' {wanted}' if wanted else ''} to test on among: {', '.join(kinds)}; "
        "`make postgres-binaries` downloads the servers of every major"
    )


def pytest_addoption(parser: pytest.Parser) -> None:
    """Option of `make test-all`, which runs what depends on the server on each major, and the rest once."""
    parser.addoption("--needs-server", action="store_true", help="only the tests that use the PostgreSQL server")


@pytest.hookimpl(tryfirst=True)  # before tests are chosen by their marks
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks what needs contrib, and leaves it out where the embedded wheel, which has none, is the server; with
    --needs-server also the tests that ask for no server, not even by way of another fixture."""
    needing = [item for item in items if "contrib" in getattr(item, "fixturenames", ())]
    for item in needing:
        item.add_marker("contrib")
    if choose().kind.startswith(EMBEDDED):
        config.hook.pytest_deselected(items=needing)
        items[:] = [item for item in items if item not in needing]
    if config.getoption("--needs-server"):
        needing = [item for item in items if SERVER_FIXTURES.intersection(getattr(item, "fixturenames", ()))]
        config.hook.pytest_deselected(items=[item for item in items if item not in needing])
        items[:] = needing


def pytest_xdist_auto_num_workers() -> int:
    """Workers of `--numprocesses auto`: they wait more than they work. Each has its own server; a given one has one."""
    return 0 if isinstance(choose(), ExternalServer) else min(2 * (os.cpu_count() or 1), 4)


def pytest_report_header() -> str:
    """Names the server in the header of the test run."""
    return f"PostgreSQL: {choose().kind}"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A running server whose superuser the tests are."""
    server = choose()
    wanted = os.environ.get("POSTGRES_MAJOR")
    try:
        server.start()
        if wanted and server.major != int(wanted):
            raise pytest.UsageError(f"{server.kind} is {server.major}, not the {wanted} of POSTGRES_MAJOR")
        yield server
    finally:
        server.close()


@pytest.fixture
def contrib(postgres: Server) -> None:
    """For tests that need a module of PostgreSQL's contrib."""
    with psycopg.connect(postgres.dsn) as connection:
        found = connection.execute("select count(*) from pg_available_extensions where name = 'pgcrypto'").fetchone()
    if found != (1,):
        pytest.skip("PostgreSQL's contrib modules are missing (Debian: apt-get install postgresql-contrib)")
