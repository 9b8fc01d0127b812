"""A real Prometheus and Alertmanager on free ports, configured as shipped, and what they would have told a pager.

Both run on the files below deploy/. Changed are addresses, intervals and Alertmanager's waits; the rules are the
shipped files themselves, with their windows and, unless `alert_for` says otherwise, their `for`.
"""

from __future__ import annotations

import copy
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final
from urllib.error import HTTPError
from urllib.parse import quote, urlsplit, urlunsplit

import yaml

from exporter.demo import shipped
from exporter.demo.processes import Process, ProcessFailed, fetch, free_port
from exporter.demo.webhook import Notification, Webhook
from exporter.errors import ScriptTrackingError

NEEDED: Final = {"Prometheus": ("prometheus",), "Alertmanager": ("prometheus-alertmanager", "alertmanager")}
WATCHDOG: Final = "ScriptTrackingWatchdog"
READY_SECONDS = 120.0
ATTEMPTS = 3  # a free port may be taken by somebody else before the program binds it


class QueryRefused(ScriptTrackingError):
    """Prometheus refused an expression."""


@dataclass(frozen=True)
class Binaries:
    """Paths of the programs; the two checking tools may be missing."""

    prometheus: str
    alertmanager: str
    promtool: str | None
    amtool: str | None


@dataclass(frozen=True)
class Sample:
    """One element of an instant vector."""

    labels: Mapping[str, str]
    value: float


def find_monitoring() -> Binaries | None:
    """Prometheus and Alertmanager on the PATH, under Debian's names or upstream's; None where one is missing."""
    prometheus, alertmanager = (_which(names) for names in NEEDED.values())
    if prometheus is None or alertmanager is None:
        return None
    return Binaries(prometheus, alertmanager, shutil.which("promtool"), shutil.which("amtool"))


def missing_monitoring() -> list[str]:
    """Names of what find_monitoring() does not find, for people."""
    return [part for part, names in NEEDED.items() if _which(names) is None]


def _which(names: tuple[str, ...]) -> str | None:
    return next((path for name in names if (path := shutil.which(name))), None)


def derive_prometheus(
    config: shipped.Yaml,
    *,
    exporter_addresses: list[str],
    alertmanager_address: str,
    rules: list[Path],
    interval: float,
) -> shipped.Yaml:
    """The shipped configuration with other addresses and another interval; the rules by their full paths."""
    derived = copy.deepcopy(config)
    milliseconds = f"{round(interval * 1000)}ms"
    derived["global"].update(scrape_interval=milliseconds, evaluation_interval=milliseconds)
    derived["rule_files"] = [str(file) for file in rules]
    for manager in derived["alerting"]["alertmanagers"]:
        manager["static_configs"] = [{"targets": [alertmanager_address]}]
    for scrape in derived["scrape_configs"]:
        scrape["static_configs"] = [{"targets": exporter_addresses}]
    return derived


def derive_alertmanager(config: shipped.Yaml, *, webhook_address: str, wait: str | None) -> shipped.Yaml:
    """The shipped configuration, never muted, with other addresses, paths of webhooks kept, a short wait or none."""
    derived = copy.deepcopy(config)
    routes: list[dict[str, Any]] = [derived["route"]]
    while routes and wait is not None:
        route = routes.pop()
        route.update({name: wait for name in ("group_wait", "group_interval") if name in route})
        routes += route.get("routes", [])
    for muted in derived.get("time_intervals", []):
        muted["time_intervals"] = [{"years": ["2000"]}]  # never, whatever the time of day
    for receiver in derived["receivers"]:
        for webhook in receiver.get("webhook_configs", []):
            webhook["url"] = urlunsplit(urlsplit(webhook["url"])._replace(netloc=webhook_address))
    return derived


def derive_rules(rules: shipped.Yaml, alert_for: Mapping[str, str]) -> shipped.Yaml:
    """A rule file with another `for` of the named alerts."""
    derived = copy.deepcopy(rules)
    for group in derived["groups"]:
        for rule in group["rules"]:
            if rule.get("alert") in alert_for:
                rule["for"] = alert_for[rule["alert"]]
    return derived


class Monitoring:
    """Runs both from its entry to its exit, their data in a temporary folder.

    Enter it in a thread that lives as long: the kernel ends the two with the thread that started them.
    `alert_for` replaces the `for` of alerts by their names; the others keep the shipped one. `change_rules` makes
    another of each rule file, `change_config` another configuration of Prometheus. `alertmanager_wait` None leaves
    Alertmanager's waits as shipped. `replicas` are addresses of further exporters.
    """

    def __init__(
        self,
        binaries: Binaries,
        exporter_address: str,
        *,
        scrape_interval: float = 1.0,
        alertmanager_wait: str | None = "1s",
        alert_for: Mapping[str, str] | None = None,
        change_rules: Callable[[shipped.Yaml], shipped.Yaml] | None = None,
        change_config: Callable[[shipped.Yaml], shipped.Yaml] | None = None,
        replicas: Sequence[str] = (),
    ) -> None:
        self._binaries = binaries
        self._exporter_addresses = [exporter_address, *replicas]
        self._interval = scrape_interval
        self._wait = alertmanager_wait
        self._alert_for = alert_for
        self._change_rules = change_rules
        self._change_config = change_config or (lambda config: config)
        self._webhook = Webhook()
        self._stack = ExitStack()
        self.prometheus_url = ""
        self.alertmanager_url = ""

    def __enter__(self) -> Monitoring:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="script-tracking-monitoring-")))
            stack.enter_context(self._webhook)
            self.alertmanager_url = self._start_alertmanager(stack, folder)
            self.prometheus_url = self._start_prometheus(stack, folder)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def notifications(self) -> list[Notification]:
        """What Alertmanager delivered so far, oldest first, without what always comes."""
        return [told for told in self._webhook.notifications() if told.name != WATCHDOG]

    def heartbeats(self) -> list[Notification]:
        """What it delivered of the alert that always fires."""
        return [told for told in self._webhook.notifications() if told.name == WATCHDOG]

    def query(self, expression: str) -> list[Sample]:
        """Instant vector of an expression, now. Raises QueryRefused with Prometheus' reason."""
        try:
            answer = json.loads(fetch(f"{self.prometheus_url}/api/v1/query?query={quote(expression)}"))
        except HTTPError as error:
            raise QueryRefused(json.loads(error.read())["error"]) from None
        if answer["data"]["resultType"] != "vector":
            raise QueryRefused(f"a {answer['data']['resultType']} is not an instant vector")
        return [Sample(element["metric"], float(element["value"][1])) for element in answer["data"]["result"]]

    def _start_alertmanager(self, stack: ExitStack, folder: Path) -> str:
        config = derive_alertmanager(
            shipped.alertmanager_config(), webhook_address=self._webhook.address, wait=self._wait
        )
        file = _write(folder / "alertmanager.yaml", config)
        options = [f"--config.file={file}", f"--storage.path={folder / 'alertmanager'}", "--cluster.listen-address="]
        return _start(stack, [self._binaries.alertmanager, *options], folder / "alertmanager.log")

    def _start_prometheus(self, stack: ExitStack, folder: Path) -> str:
        config = derive_prometheus(
            shipped.prometheus_config(),
            exporter_addresses=self._exporter_addresses,
            alertmanager_address=urlsplit(self.alertmanager_url).netloc,
            rules=self._rules(folder),
            interval=self._interval,
        )
        file = _write(folder / "prometheus.yaml", self._change_config(config))
        options = [f"--config.file={file}", f"--storage.tsdb.path={folder / 'prometheus'}"]
        return _start(stack, [self._binaries.prometheus, *options], folder / "prometheus.log")

    def _rules(self, folder: Path) -> list[Path]:
        files = shipped.rule_files()
        if not self._alert_for and self._change_rules is None:
            return files
        change = self._change_rules or (lambda rules: rules)
        alert_for = self._alert_for or {}
        return [_write(folder / file.name, change(derive_rules(shipped.load(file), alert_for))) for file in files]


def _write(file: Path, config: shipped.Yaml) -> Path:
    file.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    return file


def _start(stack: ExitStack, command: list[str], log: Path, attempts: int = ATTEMPTS) -> str:
    """Starts a program that takes --web.listen-address, and waits until it is ready; its URL."""
    address = f"127.0.0.1:{free_port()}"
    with ExitStack() as own:
        process = Process([*command, f"--web.listen-address={address}"], log)
        own.callback(process.stop)
        try:
            process.wait_for(f"http://{address}/-/ready", READY_SECONDS)
        except ProcessFailed as failure:
            if attempts > 1 and "address already in use" in str(failure):
                return _start(stack, command, log, attempts - 1)
            raise
        stack.push(own.pop_all())
    return f"http://{address}"
