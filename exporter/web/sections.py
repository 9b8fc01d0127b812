"""Parts of the page: problems, and tables of what is known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

from markupsafe import Markup

from exporter.collect.digest import Check, Digest
from exporter.collect.names import Names
from exporter.overview import Overview, Problem, amount, lacks
from exporter.web.markup import Part, el, join, value
from exporter.web.sparkline import hours, sparkline, words

NOT_KNOWN = el("span", "unknown", class_="quiet")
STATUSES = {"critical": "critical", "warning": "warning", "ok": "ok"}  # of checks, to states


def verdict(databases: Sequence[Overview]) -> str:
    """All of it in one sentence."""
    if not databases:
        return "Nothing is watched"
    bad = sum(1 for one in databases if one.state in ("critical", "warning"))
    waiting = sum(1 for one in databases if one.state == "waiting")
    count = len(databases)
    if len(databases) == 1:
        return f"The database: {verdict_of(databases[0])}"
    if bad:
        return f"{bad} of {count} databases need attention"
    if waiting:
        return f"Nothing is known yet of {waiting} of {count} databases"
    return f"All {count} databases are healthy"


def verdict_of(one: Overview) -> str:
    """One database in one sentence."""
    return {
        "critical": "needs attention now",
        "warning": "needs attention",
        "waiting": "nothing is known yet",
        "ok": "healthy",
    }[one.state]


def heading(text: Part) -> Markup:
    """What a page tells, in one sentence."""
    return el("p", text, class_="verdict", role="status")


def heading_of(one: Overview) -> Markup:
    """The same, of one database."""
    return heading(join(value(one.name), ": ", verdict_of(one)))


def problems(name: str, link: str | None, found: Iterable[Problem], *, names: bool) -> Markup:
    """What is not as it should be somewhere, and what to do about it."""
    items = list(found)
    worst = "critical" if any(problem.state == "critical" for problem in items) else "warning"
    title = value(name) if link is None else el("a", value(name), href=link)
    return el(
        "article",
        el("h3", title, " ", el("span", worst, class_="state")),
        el("ul", *(_problem(problem, names=names) for problem in items)),
        class_=f"problem {worst}",
    )


def _problem(problem: Problem, *, names: bool) -> Markup:
    parts: list[Part] = [el("strong", value(problem.what)), el("p", value(problem.advice, 1000))]
    if names and problem.detail:
        parts.append(el("p", "In detail: ", value(problem.detail, 1000)))
    if problem.runbook is not None:
        parts.append(el("p", el("a", f"Runbook {problem.runbook}", href=f"/runbooks/{problem.runbook}.md")))
    return el("li", *parts)


def table(caption: str, columns: Sequence[tuple[str, str]], rows: Iterable[Sequence[Part]]) -> Markup:
    """A table whose first column names its row; of a column its heading and class."""
    lines = []
    for row in rows:
        cells = []
        for number, (cell, (_, kind)) in enumerate(zip(row, columns, strict=True)):
            attributes = {"class_": kind or None, "scope": None if number else "row"}
            cells.append(el("td" if number else "th", cell, **attributes))
        lines.append(el("tr", *cells))
    heads = [el("th", name, scope="col", class_=kind or None) for name, kind in columns]
    whole = el("table", el("caption", caption), el("thead", el("tr", *heads)), el("tbody", *lines))
    return el("div", whole, class_="wide", role="region", aria_label=caption, tabindex="0")


def table_of_databases(
    databases: Sequence[Overview], link: Callable[[Overview], str], number: int, pages: int
) -> Markup:
    """One row for each."""
    of_pages = f", page {number} of {pages}" if pages > 1 else ""
    columns = [
        ("Database", ""), ("State", ""), ("Capture", ""), ("Records lost", "number"), ("Executions, 24 h", "number"),
        ("Failed, 24 h", "number"), (f"Last {hours()}", ""),
    ]  # fmt: skip
    return table(
        f"Watched databases, those that need attention first{of_pages}; bars: DDL above the line, failures below",
        columns,
        [
            [
                el("a", value(one.name), href=link(one)),
                el("span", one.word, class_=f"state {one.state}"),
                _level(one.digest),
                NOT_KNOWN if one.digest.capture is None else f"{one.digest.capture.lost:,}",
                _sum_of_days(one.digest, "operations"),
                _sum_of_days(one.digest, "failed"),
                NOT_KNOWN if one.digest.stretch is None else sparkline(one.digest.stretch),
            ]
            for one in databases
        ],
    )


def _level(digest: Digest) -> Part:
    return NOT_KNOWN if digest.capture is None else digest.capture.level or NOT_KNOWN


def _sum_of_days(digest: Digest, name: str) -> Part:
    return NOT_KNOWN if digest.days is None else f"{sum(getattr(day, name) for day in digest.days):,}"


def of_one(one: Overview, *, names: bool) -> list[Markup]:
    """All that is known of one database; of whom and what only with `names`."""
    content = [el("h2", "State"), _facts(one)]
    digest = one.digest
    if digest.failures is not None:
        content.append(el("h2", "Recent failures"))
        content.append(_failures(digest) if digest.failures else el("p", "None on record.", class_="quiet"))
    if names and digest.names is not None:
        content += _names(digest.names)
    if digest.days:
        content += [el("h2", "Executions"), _days(digest)]
    if digest.checks:
        content += [el("h2", "Health checks"), *_checks(digest.checks)]
    return content


def _facts(one: Overview) -> Markup:
    capture, ddl = one.digest.capture, one.digest.ddl
    facts: list[tuple[str, Part]] = [
        ("State", el("span", one.word, class_=f"state {one.state}")),
        ("Server", "standby, only read" if one.standby else "primary" if one.word != "does not answer" else NOT_KNOWN),
        ("Schema", f"version {one.schema_version}" if one.schema_version else NOT_KNOWN),
        ("Capture level", _level(one.digest)),
    ]
    if lacks(one.digest):
        facts.append(("Why not higher", value(lacks(one.digest))))
    facts.append(("Records lost", NOT_KNOWN if capture is None else f"{capture.lost:,} since the installation"))
    counts: Part = (
        NOT_KNOWN if ddl is None else ", ".join(f"{ddl[status]:,} {status}" for status in sorted(ddl) if ddl[status])
    )
    facts.append(("DDL on record", counts or "none yet"))
    stretch = one.digest.stretch
    if stretch is not None:
        facts.append((f"DDL and failures, {hours()}", join(sparkline(stretch), words(stretch))))
    pairs = [join(el("dt", name), el("dd", fact)) for name, fact in facts]
    return el("dl", *pairs)


def _failures(digest: Digest) -> Markup:
    columns = [("Tenant", ""), ("Type", ""), ("SQLSTATE class", ""), ("In all", "number"), ("Newest", "")]
    rows = [
        [
            value(failure.tenant),
            value(failure.script_type),
            value(failure.error_class),
            f"{failure.total:,}",
            moment(failure.last_at) if failure.last_at is not None else "over an hour ago",
        ]
        for failure in digest.failures or ()
    ]
    return table("Failed and interrupted executions by kind, the newest first", columns, rows)


def _names(names: Names) -> list[Markup]:
    if names.refused is not None:
        advice = "Names cannot be read, the exporter's role needs: grant script_tracking_auditor to ROLE. In detail: "
        return [el("h2", "Names"), el("p", advice, value(names.refused))]
    failures = [
        [
            moment(one.at.timestamp()), value(one.tenant), value(one.name), value(one.script_type),
            value(one.outcome or "unknown"), value(one.message), str(one.errors),
        ]
        for one in names.failures
    ]  # fmt: skip
    statements = [
        [
            moment(one.at.timestamp()), value(one.tenant), value(one.name), value(", ".join(one.objects) or "-"),
            value(one.who), value(one.outcome),
        ]
        for one in names.ddl
    ]  # fmt: skip
    content = [el("h2", "Failed scripts")]
    columns = [
        ("Newest", ""), ("Tenant", ""), ("Script", ""), ("Type", ""), ("SQLSTATE", ""), ("Message", "prose"),
        ("Times", "number"),
    ]  # fmt: skip
    caption = "Kinds of failures of the last 24 hours, the newest first"
    content.append(table(caption, columns, failures) if failures else el("p", "None.", class_="quiet"))
    content.append(el("h2", "Recent DDL"))
    columns = [("When", ""), ("Tenant", ""), ("Command", ""), ("Objects", ""), ("By", ""), ("Status", "")]
    caption = "DDL statements of the last two days, the newest first"
    content.append(table(caption, columns, statements) if statements else el("p", "None.", class_="quiet"))
    return content


def _days(digest: Digest) -> Markup:
    columns = [("Tenant", ""), ("Executions", "number"), ("Failed", "number"), ("Newest began", "")]
    rows = [
        [value(day.tenant), f"{day.operations:,}", f"{day.failed:,}", moment(day.last_at) if day.last_at else "none"]
        for day in digest.days or ()
    ]
    return table("DDL and declared operations of the last 24 hours, by tenant", columns, rows)


def _checks(checks: Sequence[Check]) -> list[Markup]:
    """Those that are well are folded away."""
    order = {"critical": 0, "warning": 1, "unknown": 2}
    well = [check for check in checks if check.status == "ok"]
    others = sorted((check for check in checks if check.status != "ok"), key=lambda check: order.get(check.status, 2))
    content = []
    if others:
        content.append(_table_of_checks("Checks of the tracker itself that are not ok", others))
    if well:
        title = f"{len(well)} checks of the tracker itself are ok"
        content.append(el("details", el("summary", title), _table_of_checks(title, well)))
    return content


def _table_of_checks(caption: str, checks: Iterable[Check]) -> Markup:
    rows = [
        [
            value(check.name),
            el("span", check.status, class_=f"state {STATUSES.get(check.status, 'waiting')}"),
            amount(check.value, check.unit),
            "none" if check.threshold is None else amount(check.threshold, check.unit),
        ]
        for check in checks
    ]
    columns = [("Check", ""), ("Status", ""), ("Value", "number"), ("Limit", "number")]
    return table(caption, columns, rows)


def moment(seconds: float) -> Markup:
    """A time, in UTC."""
    at = datetime.fromtimestamp(seconds, UTC)
    return el("time", at.strftime("%Y-%m-%d %H:%M:%S UTC"), datetime=at.strftime("%Y-%m-%dT%H:%M:%SZ"))
