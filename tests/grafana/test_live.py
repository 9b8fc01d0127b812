"""Every query of the dashboards: a Prometheus that scraped two exporters of a busy and an untouched database."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from functools import partial

import psycopg
import pytest
import yaml

from exporter.demo.shipped import rule_files
from exporter.metricmap import load
from grafana.lint import Dashboard, parse, selectors
from tests.fix_exporter import becomes, eventually
from tests.fix_sessions import meddling
from tests.grafana.asked import QUESTIONS, name, question
from tests.grafana.conftest import BUSY, TENANTS, UNTOUCHED, Scraped
from tests.grafana.faults import faults
from tests.grafana.live import Question
from tests.grafana.models import MODELS
from tests.postgres_server import Server

AT_ONCE = 4  # what waits for an answer leaves the processor to the others
WITHOUT_TLS = "Certificate ends in"  # a panel that says so
# What this server and these exporters do not have, as the panels say
ABSENT = {
    WITHOUT_TLS,
    "Age of the last reading of the log",
    "Databases found",
    "Server log to be read",
}
# What an untouched database cannot know, with the panels' noValue instead of a curve
UNKNOWN_AT_FIRST = ABSENT | {
    "Addresses that are refused",  # it did not opt in to the login wrappers
    "Burn rate by tenant, one hour",  # nothing ended
    "Burn rate of the worst tenant",
    "Classes A",
    "Duration",
    "Duration by tenant, p95",
    "Duration by type, p95",
    "Duration of schema changes",
    "Durations, heat map",
    "E-mails that are locked out",
    "E-mails tried from one address",
    "Logins by outcome",
    "Most frequent class",
    "New kinds of failures A",
    "Oldest running operation",
    "Refused logins",
    "Refused logins of one e-mail",
    "Running longest",
    "annotation Schema changes",  # it marks what happened
    "Tenants H",  # the last execution
    "Tracking cost per execution",
    "Types C",  # of the last 24 hours
    "Types D",
    "Types E",
    "Types F",
    "Types G",
}


# Served where there are files of targets, servers to discover or a certificate, as the tests of these see
CERTIFICATE = "script_tracking_web_certificate_not_after_timestamp_seconds"
WHERE_CONFIGURED = {
    "script_tracking_alert_threshold",
    "script_tracking_exporter_alert_threshold",
    CERTIFICATE,
    "script_tracking_discovery_databases_left_out",
    "script_tracking_discovery_success",
    "script_tracking_target_file_success",
}


def of_each(check: Callable[[Question], None]) -> dict[str, str]:
    """What is wrong, by the query."""
    return faults(check, QUESTIONS, lambda q: q.where, at_once=AT_ONCE)


def test_queries_have_finite_values_with_the_labels_that_their_legends_name(scraped: Scraped) -> None:
    ask = scraped.asker(target=BUSY)

    def check(asked: Question) -> None:
        series = ask.ask(asked)
        assert bool(series) == (name(asked) not in ABSENT)
        for one in series:
            assert all(math.isfinite(value) for value in one.values)
            assert asked.labels <= one.labels.keys()
            assert all(value for label, value in one.labels.items() if label != "lacks")
        legends = [tuple(one.labels[label] for label in sorted(asked.labels)) for one in series]
        assert len(set(legends)) == len(legends), "two series have one legend"

    assert of_each(check) == {}


@pytest.mark.parametrize("choice", ["globex", "(globex|initech)"])
def test_queries_work_with_a_choice_of_one_and_of_several_tenants(scraped: Scraped, choice: str) -> None:
    ask = scraped.asker(target=BUSY, tenant=choice)

    def check(asked: Question) -> None:
        series = ask.ask(asked)
        seen = {one.labels["tenant"] for one in series if "tenant" in one.labels}
        assert seen <= {"globex", "initech"}
        never_failed = {"Failures by error class", "Most frequent class", "Classes A", "New kinds of failures A"}
        assert series or name(asked) in ABSENT | never_failed

    assert of_each(check) == {}


def test_an_untouched_database_shows_zeros_or_says_why_not(scraped: Scraped) -> None:
    ask = scraped.asker(target=UNTOUCHED)
    counts = re.compile(r"operations_(total|running|24h)|errors_total|lost_records")

    def check(asked: Question) -> None:
        series = ask.ask(asked)
        values = {value for one in series for value in one.values}
        assert all(map(math.isfinite, values))
        assert (not series) == (name(asked) in UNKNOWN_AT_FIRST)
        if counts.search(asked.expr) and "count(" not in asked.expr:
            assert values <= {0.0}

    assert of_each(check) == {}


def test_two_exporters_of_one_database_double_nothing(scraped: Scraped) -> None:
    of_itself = re.compile(r"script_tracking_(exporter|api|config|web)_|by \(instance\)|, instance\)")
    # how long a collector took, and since when, each exporter has its own answer
    of_a_run = re.compile(r"time\(\)|collector_duration")
    compared = [q for q in QUESTIONS if not (q.ranged or of_itself.search(q.expr) or of_a_run.search(q.expr))]
    first = scraped.exporter.url.removeprefix("http://").replace(".", "[.]")
    answered = 0

    def check(asked: Question) -> None:
        nonlocal answered
        both, one = (
            {(*sorted(s.labels.items()),): s.values[0] for s in scraped.asker(instance=instance).ask(asked)}
            for instance in (".+", first)
        )
        assert {labels: both.get(labels) for labels in one} == pytest.approx(one, rel=0.2, abs=0.05)
        answered += bool(one)

    assert faults(check, compared, lambda q: q.where) == {}
    assert answered > 50


def test_a_database_where_nothing_happens_any_more_has_no_quotient_of_zeros(scraped: Scraped) -> None:
    scraped.wait_for(f'sum(rate(script_tracking_operation_duration_seconds_count{{target="{BUSY}"}}[5s])) == 0')

    def without_a_value() -> set[str]:
        ask = scraped.asker_of_now(target=BUSY, rate_interval="5s")
        idle = {q.where: [value for one in ask.now(q.expr) for value in one.values] for q in QUESTIONS}
        assert {where for where, values in idle.items() if not all(map(math.isfinite, values))} == set()
        return {name(q) for q in QUESTIONS if not idle[q.where]}

    nothing_happens = ABSENT | {
        "API duration by route, p95",
        "Duration",
        "Duration by tenant, p95",
        "Duration by type, p95",
        "Duration of schema changes",
        "annotation Schema changes",
        "Tracking cost per execution",
    }
    becomes(nothing_happens, without_a_value)


def test_variables_offer_what_is_there(scraped: Scraped) -> None:
    offered = {k: v for model in MODELS.values() for k, v in scraped.asker(target=BUSY).variables(model)}
    assert offered["job"] == ["script-tracking-exporter"]
    assert offered["instance"] == sorted(e.url.removeprefix("http://") for e in (scraped.exporter, scraped.replica))
    assert offered["target"] == [BUSY, UNTOUCHED]
    assert offered["tenant"] == sorted([*TENANTS, "system"])
    assert offered["script_type"] == ["ADMINISTRATION", "BATCH", "DDL", "REPORT"]
    assert {"COMPLETED", "FAILED"} < set(offered["status"])
    assert offered["error_class"] == ["23", "unknown"]
    assert dict(scraped.asker(target=UNTOUCHED).variables(MODELS["overview"]))["tenant"] == ["system"]


def live_names(scraped: Scraped) -> set[str]:
    """Names of the samples in one scrape."""
    return set(re.findall(r"^(\w+)[ {]", scraped.exporter.get("/metrics").body.decode(), re.MULTILINE))


def metrics_of(expressions: Iterable[str]) -> set[str]:
    """Names of the metrics that expressions select; each must parse."""
    trees = {expression: parse(expression) for expression in expressions}
    assert [expression for expression, tree in trees.items() if tree is None] == []
    return {str(selector.name) for tree in trees.values() if tree for selector, _ in selectors(tree)}


def test_every_metric_of_the_dashboard_is_in_a_scrape(scraped: Scraped) -> None:
    asked = metrics_of(target.expr for model in MODELS.values() for target in Dashboard(model).targets)
    variables = [variable for model in MODELS.values() for variable in model["templating"]["list"]]
    asked |= {m for v in variables for m in re.findall(r"script_tracking_\w+", str(v["query"]))}
    assert len(asked) > 60
    absent = {
        CERTIFICATE,
        "script_tracking_discovery_databases",
        "script_tracking_server_log_last_read_timestamp_seconds",
        "script_tracking_server_log_unread_bytes",
    }
    assert asked - scraped.asker().names() == absent


def test_every_metric_of_the_rules_is_in_a_scrape(scraped: Scraped) -> None:
    groups = [group for file in rule_files() for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]]
    rules = [rule for group in groups for rule in group["rules"]]
    recorded = {rule["record"] for rule in rules if "record" in rule}
    # a group with an interval of its own records what takes hours and weeks to come about
    late = {rule["record"] for group in groups if "interval" in group for rule in group["rules"] if "record" in rule}
    asked = metrics_of(str(rule["expr"]) for rule in rules) - recorded
    assert len(asked) > 5
    becomes({"up"} | WHERE_CONFIGURED, lambda: asked - live_names(scraped))  # the first Prometheus makes up itself
    assert (recorded - late | {"up"}) - scraped.asker().names() == set()


def test_metrics_of_logins_are_those_of_the_database_that_opted_in(scraped: Scraped) -> None:
    declared = {m.name for spec in load() if spec.name.startswith("login") for m in spec.metrics}
    assert len(declared) > 5

    def told() -> set[tuple[str, str]]:
        samples = scraped.monitoring.query('{__name__=~"script_tracking_login_.+"}')
        return {(s.labels["__name__"], s.labels["target"]) for s in samples}

    becomes({(name, BUSY) for name in declared}, told)


@pytest.mark.majors
def test_a_lost_database_leaves_nothing_stale(scraped: Scraped, postgres: Server) -> None:
    # what the exporter still says of a database that does not answer
    about_collection = {
        "Age of the last archiving",
        "Age of the last judging",
        "Age of the last upkeep",
        "Age of the oldest collection",
        "Collectors",
        "Collectors failing",
        "Lag of judging",  # of the last round
        "Slowest collectors",
        "Targets",
        "Targets tracked",
        "Turns skipped, samples dropped",
        "Upkeep working",
        "Windows open, freezes in force",
    }
    about_itself = {
        "API requests by route",
        "Configurations valid",
        "Connections ended",
        "Event loop lag",
        "Exporters",
        "Exporters by version",
        "Requests by status",
        "Sessions with databases",
        "Waiting for sessions",
    }
    triggers = "sum(script_tracking_event_trigger_enabled)"
    (before,) = eventually(lambda: scraped.monitoring.query(triggers), 60)
    postgres.stop()
    try:
        scraped.wait_for("sum(script_tracking_up) == 0")
        # past the window of the rates, which end on what was scraped before
        scraped.wait_for("absent(present_over_time(script_tracking_event_trigger_enabled[5s]))")

        def told(title: str) -> set[tuple[float, ...]]:
            return {s.values for s in scraped.asker_of_now().ask(question(title))}

        def still() -> set[str]:
            ask = scraped.asker_of_now(rate_interval="5s")
            # what looks back further than the rates, as what is recorded of failures does, tells of the time before
            back = re.compile(r"\[(?!\$__rate_interval)|script_tracking:failure")
            now = [q for q in QUESTIONS if not back.search(q.expr)]
            return {re.sub(r"^[\w-]+ \d+ (.+) [A-Z]$", r"\1", q.where) for q in now if ask.now(q.expr)}

        for title in ("Targets tracked", "Targets", "Collectors"):
            becomes({(0.0,)}, partial(told, title))
        becomes(about_collection | about_itself, still)
    finally:
        postgres.start()
    scraped.wait_for("sum(script_tracking_up) == 4")
    scraped.wait_for(f"{triggers} == {before.value:g}")


def tracked(scraped: Scraped, target: str) -> list[tuple[float, ...]]:
    """What the panel shows now."""
    return [s.values for s in scraped.asker_of_now(target=target).ask(question("Targets tracked"))]


@pytest.mark.majors
def test_a_database_without_the_schema_counts_as_not_tracked(scraped: Scraped) -> None:
    """The untouched database loses its schema, and the tests after this one, if there are any, do without."""
    with psycopg.connect(scraped.dsns[UNTOUCHED], autocommit=True) as session:
        session.execute(meddling("drop schema script_tracking, script_tracking_internal cascade").encode())
    scraped.wait_for(f'script_tracking_schema_version{{target="{UNTOUCHED}"}} == 0', 40)
    becomes([1], lambda: [sample.value for sample in scraped.monitoring.query("avg(script_tracking_up)")])
    for target, share in ((".+", 0.5), (BUSY, 1.0)):
        becomes([(share,)], partial(tracked, scraped, target))
