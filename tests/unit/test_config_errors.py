"""How a broken configuration is explained: every mistake at once, each with its place, and no secret among them."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from exporter import configfile
from exporter.cli import main
from exporter.errors import ConfigurationError

SECRET = "hunter2"
NO_LINE = "expected a name of one line, without control characters"


def refused(tmp_path: Path, text: str) -> list[str]:
    """Complaints about a file, without its path."""
    file = tmp_path / "exporter.yaml"
    file.write_text(textwrap.dedent(text), encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        configfile.load(file)
    assert all(problem.startswith(f"{file}:") for problem in caught.value.problems)
    assert SECRET not in str(caught.value)
    return [problem.removeprefix(f"{file}:") for problem in caught.value.problems]


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = """\
        listne: 127.0.0.1:1
        schema: perhaps
        log:
          format: jsno
          leevl: debug
        collectors:
          healht: {enabled: false}
          health: {interval: soon}
        capture:
          slot_max_bytes: 1MiB
        targets:
          - name: orders
            dsn: dbname=orders
            dsn_file: /nonexistent
          - dns: dbname=billing
          - dsn: dbname=x
            auth: perhaps
            capture: [slot]
        """
    assert refused(tmp_path, text) == [
        "1:1: listne: unknown key; did you mean listen?",
        "2:9: schema: expected auto, check or off, found 'perhaps'",
        "4:11: log.format: expected console or json, found 'jsno'",
        "5:3: log.leevl: unknown key; did you mean level?",
        "7:3: collectors.healht: unknown collector; did you mean health?",
        "8:22: collectors.health.interval: expected a duration such as 500ms, 15s, 5m or 1h, found 'soon'",
        "10:19: capture.slot_max_bytes: expected a size of at least 16MiB and at most 1024TiB, found '1MiB'",
        "14:15: targets.0.dsn_file: one of dsn and dsn_file is needed, and not both",
        "15:5: targets.1.dsn_file: one of dsn and dsn_file is needed, and not both",
        "15:5: targets.1.dns: unknown key; did you mean dsn?",
        "17:11: targets.2.auth: expected true or false, found 'perhaps'",
        "18:14: targets.2.capture: expected a mapping, found a list",
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("listen: a:1\nlisten: a:2\ntargets: [{dsn: dbname=x}]", "2:1: listen: the key stands twice, first in line 1"),
        ("targets:\n  - dsn: dbname=x\n    dsn: dbname=y", "3:5: targets.0.dsn: the key stands twice, first in line 2"),
        ("targets:\n\t- dsn: dbname=x", "2:1: not valid YAML: a tab, where YAML takes only spaces"),
        ("targets:\n  - name: a\n \t  dsn: dbname=x", "a tab, where YAML takes only spaces"),
        ("listen: 10187\ntargets: [{dsn: dbname=x}]", "1:9: listen: expected text, found 10187"),
        ("listen:\ntargets: [{dsn: dbname=x}]", "1:8: listen: expected text, found nothing"),
        ("log:\ntargets: [{dsn: dbname=x}]", "log: expected a mapping, found nothing"),
        ("targets: {name: a, dsn: dbname=x}", "1:10: targets: expected a list, found a mapping"),
        ("targets: dbname=x", "1:10: targets: expected a list, found text"),
        ("targets: [dbname=x]", "1:11: targets.0: expected a mapping, found text"),
        (
            "collectors: {health: {timeout: -1}}\ntargets: [{dsn: dbname=x}]",
            "expected a duration of more than 0 and at most 24h, found -1",
        ),
        ("targets: [{dsn: dbname=x, name: ''}]", "targets.0.name: expected at least 1 character(s), found ''"),
        (f"targets: [{{dsn: dbname=x, name: {'a' * 201}}}]", "targets.0.name: expected at most 200 characters"),
        *(
            (
                f'targets:\n  - name: "a{written}b"\n    dsn: dbname=x',
                f"2:11: targets.0.name: {NO_LINE}, found 'a{shown}b'",
            )
            for written, shown in [
                ("\\0", "\\x00"),
                ("\\n", "\\n"),
                ("\\x7f", "\\x7f"),
                ("\\u2028", "\\u2028"),
                ("\\e[2J", "\\x1b[2J"),
            ]
        ),
        ("targets: [{dsn: \"dbname='a\\nb'\"}]", "1:11: targets.0: name: missing; the DSN's host and database"),
        ('targets: [{dsn: "dbname=a\\0b"}]', "1:17: targets.0.dsn: the DSN holds a zero byte"),
        (
            f'api: {{tokens: [{{name: "a\\nb", role: r, token_sha256: {"0" * 64}}}]}}\ntargets: [{{dsn: dbname=x}}]',
            f"1:23: api.tokens.0.name: {NO_LINE}, found 'a\\nb'",
        ),
        ("file_sd: {files: []}", "1:18: file_sd.files: expected at least 1 of them, found a list"),
        ("sessions: {limit: 10.5}\ntargets: [{dsn: dbname=x}]", "sessions.limit: expected a whole number, found 10.5"),
        (
            "collectors: {health: {interval: true}}\ntargets: [{dsn: dbname=x}]",
            "1:33: collectors.health.interval: expected a duration such as 500ms, 15s, 5m or 1h, found true",
        ),
        ("capture: {slot_max_bytes: true}\ntargets: [{dsn: dbname=x}]", "expected a size such as 512MiB or 2GiB"),
        ("targets:\n  - dsn: dbname=x\n    discover:\n", "targets.0.discover: expected a mapping, {} for an empty one"),
        ("archive:\ntargets: [{dsn: dbname=x}]", "1:9: archive: expected a mapping, {} for an empty one"),
        (
            "probe: {modules: {m: {dsn: user=x, hosts: [a], collectors: [helth]}}}\ntargets: [{dsn: dbname=x}]",
            "probe.modules.m.collectors.0: unknown collector; did you mean health?",
        ),
        (
            "alert_thresholds: {error_spike_ratio: 1}\ntargets: [{dsn: dbname=x}]",
            "1:20: alert_thresholds.error_spike_ratio: unknown key; did you mean error_spike_failure_ratio?",
        ),
        (
            "alert_thresholds: {error_spike_failure_ratio: 20}\ntargets: [{dsn: dbname=x}]",
            "1:47: alert_thresholds.error_spike_failure_ratio: expected at most 1, found 20",
        ),
        (
            "targets:\n  - dsn: dbname=x\n    alert_thresholds:\n      rollup_lag_seconds: soon",
            "4:27: targets.0.alert_thresholds.rollup_lag_seconds: expected a duration such as 30s, 10m, 6h or 14d",
        ),
        (
            "targets: [{dsn: dbname=x, alert_thresholds: {certificate_ends_in_seconds: 7d}}]",
            "targets.0.alert_thresholds.certificate_ends_in_seconds: unknown key",
        ),
        ("a: b: c", "1:5: not valid YAML: a second ': ' in one line"),
        ("targets: [\n", "2:1: not valid YAML"),
        ("targets:\n - {name: a, dsn: ${DSN}}", "a value with ${...} is put in quotes"),
        ("targets: [{dsn: @x}]", "a value that begins with @ is put in quotes"),
        ("a: 1\n---\nb: 2", "expected one document"),
        ("x: &a [*a]", "an alias that contains itself"),
        ("x: {<<: 1}", "<< takes mappings that were declared before"),
        ("? [a]\n: b", "a key must be text"),
        ("", "expected a mapping"),
        ("\x01", "a character that YAML does not allow"),
    ],
)
def test_what_is_no_valid_yaml_or_of_another_type_is_explained(tmp_path: Path, text: str, complaint: str) -> None:
    assert complaint in "\n".join(refused(tmp_path, text))


def test_a_list_of_which_every_entry_is_refused_is_not_called_empty(tmp_path: Path) -> None:
    text = "probe: {modules: {m: {dsn: user=x, hosts: ['a b']}}}\ntargets: [{dsn: dbname=x}]"
    (told,) = refused(tmp_path, text)
    assert told.startswith("1:44: probe.modules.m.hosts.0: expected a host or a pattern")


def test_a_file_that_aliases_make_endless_is_refused_at_once(tmp_path: Path) -> None:
    lines = ["x0: &x0 [a, a, a, a, a, a, a, a, a]"]
    lines += [f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 9)}]" for n in range(1, 12)]
    assert "more than 200000 values" in refused(tmp_path, "\n".join(lines))[0]
    assert "nested too deeply" in refused(tmp_path, "a: " + "[" * 5000 + "]" * 5000)[0]


def test_anchors_aliases_and_merges_work(tmp_path: Path) -> None:
    file = tmp_path / "exporter.yaml"
    file.write_text(
        """
targets:
  - &first {name: a, dsn: dbname=a, auth: true, capture: &quiet {slot: off}}
  - {<<: *first, name: b}
  - {name: c, dsn: dbname=c, capture: *quiet}
""",
        encoding="utf-8",
    )
    first, second, third = configfile.load(file).targets
    assert (second.name, second.dsn, second.auth) == ("b", first.dsn, True)
    assert third.capture is not None
    assert third.capture.slot == "off"
    assert third.capture == first.capture


def test_yaml_words_for_truths_stay_words_where_words_are_expected(tmp_path: Path) -> None:
    file = tmp_path / "exporter.yaml"
    file.write_text("schema: off\ntargets: [{name: no, dsn: dbname=no, auth: yes, capture: {slot: off}}]")
    settings = configfile.load(file)
    (target,) = settings.targets
    assert (settings.schema_mode, target.name, target.auth) == ("off", "no", True)


@pytest.mark.parametrize(
    "text",
    [
        f"targets: [{{dsn: *{SECRET}}}]",
        f"targets: [{{dsn: !{SECRET} x}}]",
        f"targets: [{{dsn: !{SECRET}}}]",
        f"targets: [{{dsn: &{SECRET} x, name: &{SECRET} y}}]",
        f"targets: [{{dsn: 'host={SECRET}\n",
        f'targets: [{{dsn: "host=\\q{SECRET}"}}]',
        f"listen: postgresql://me:{SECRET}@db/x\ntargets: [{{dsn: dbname=x}}]",
        f"listen: 'password={SECRET}'\ntargets: [{{dsn: dbname=x}}]",
        f"targets: [{{dsn: dbname=x, password: {SECRET}}}]",
        f"targets: [{{dsn: dbname=x, auth: [{SECRET}]}}]",
        f"targets: [{{dsn: {{{SECRET}: {SECRET}}}}}]",
        "targets: [{dsn: 'dbname=x', auth: '${THE_SECRET}'}]",
        "listen: ${THE_SECRET}\ntargets: [{dsn: 'dbname=x'}]",
        "schema: ${THE_SECRET}\ntargets: [{dsn: '${THE_SECRET}'}]",
    ],
)
def test_no_complaint_shows_what_may_be_a_secret(tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THE_SECRET", SECRET)
    assert refused(tmp_path, text)


def test_the_environment_is_put_into_values_and_nowhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"HOST": "db1", "PW": "a: b ${HOST}", "AUTH": "true", "EVERY": "30s", "EMPTY": ""}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("UNSET", raising=False)
    file = tmp_path / "exporter.yaml"
    file.write_text(
        """
        # ${NOT_LOOKED_AT}
        collectors: {health: {interval: "${EVERY}"}}
        targets:
          - name: ${HOST}-${UNSET:-x}-${EMPTY:-y}-$$HOME-$HOME-${EMPTY}
            dsn: host=${HOST} dbname=x password='${PW}'
            auth: ${AUTH}
        """,
        encoding="utf-8",
    )
    settings = configfile.load(file)
    (target,) = settings.targets
    assert target.name == "db1-x-y-$HOME-$HOME-"
    assert target.dsn.secret() == "host=db1 dbname=x password='a: b ${HOST}'", (
        "what the environment says is not expanded"
    )
    assert (target.auth, settings.collectors["health"].interval) == (True, 30)


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("${UNSET}", "2:10: targets.0.dsn: the environment variable UNSET is not set; ${UNSET:-value} has a default"),
        ("${", "expected ${NAME} or ${NAME:-default}; $${ stands for ${ itself"),
        ("${1}", "expected ${NAME}"),
        ("${A-b}", "expected ${NAME}"),
    ],
)
def test_a_variable_that_cannot_be_had_is_named(
    tmp_path: Path, value: str, complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("UNSET", raising=False)
    (problem,) = refused(tmp_path, f"targets:\n  - dsn: {value}\n")
    assert complaint in problem


def test_secret_files_are_looked_for_beside_the_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    (tmp_path / "dsn").write_text("postgresql://me@db/x\n")
    (tmp_path / "password").write_text("p@ss/w:rd\n")
    file = tmp_path / "exporter.yaml"
    file.write_text("targets: [{dsn_file: dsn, password_file: password}]")
    (target,) = configfile.load(file).targets
    assert target.name == "db:5432/x"
    assert "p@ss/w:rd" in target.dsn.secret()
    (tmp_path / "password").write_text("changed")
    assert "changed" in target.current_dsn().secret()
    assert "changed" not in target.dsn.secret()


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("dsn: 'dbname=x password=hunter2', password_file: password", "password_file: the DSN holds a password"),
        ("dsn_file: whole, password_file: password", "password_file: the DSN holds a password"),
        ("dsn: 'dbname=x', password_file: absent", "absent: No such file or directory"),
        ("dsn_file: absent", "dsn_file: secret file"),
        ("dsn_file: password", "neither a postgresql:// URI nor a key=value list"),
        ("dsn: 'dbname=x', dsn_file: whole", "dsn_file: one of dsn and dsn_file is needed, and not both"),
    ],
)
@pytest.mark.parametrize(
    "of",
    ["targets: [{{{}}}]", "targets: [{{dsn: dbname=y}}]\nprobe: {{modules: {{shops: {{hosts: [x], {}}}}}}}"],
    ids=["target", "probe"],
)
def test_a_source_of_a_dsn_that_does_not_fit_is_told(tmp_path: Path, of: str, source: str, complaint: str) -> None:
    (tmp_path / "password").write_text(SECRET)
    (tmp_path / "whole").write_text(f"dbname=x password={SECRET}")
    (problem,) = refused(tmp_path, of.format(source))
    assert complaint in problem


def test_the_command_ends_with_2_and_a_line_for_each_mistake(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "exporter.yaml"
    file.write_text("listne: x\ntargets: []\n")
    assert main(["check-config", "--config", str(file)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        f"script-tracking-exporter: {file}:1:1: listne: unknown key; did you mean listen?",
        f"script-tracking-exporter: {file}:2:10: targets: expected at least one target, here or by file_sd",
    ]


@pytest.mark.parametrize("words", [["--config", "exporter.yaml"], ["--dsn", "dbname=x"]])
def test_an_address_of_the_environment_that_is_none_is_told_as_the_environments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "exporter.yaml").write_text("targets: [{dsn: dbname=x}]", encoding="utf-8")
    monkeypatch.setenv("SCRIPT_TRACKING_LISTEN", "10187")
    assert main(["check-config", *words]) == 2
    assert "expected HOST:PORT, found '10187' in the environment: SCRIPT_TRACKING_LISTEN" in capsys.readouterr().err


def test_windows_freezes_and_references_are_refused_in_their_place(tmp_path: Path) -> None:
    text = """\
        changes:
          windows:
            - {name: night, time_zone: Europe/Bern, days: [mon, tues], from: 22:61, to: "04:00", added: [2026-13-05]}
            - {name: n, from: 22:00, to: 22:00, frozen: [20261224]}
            - {name: n, frm: "22:00", to: "23:00"}
          freezes:
            - {name: year end, from: 2026-12-24, until: 2026-12-23}
            - {name: noon, from: 2026-12-24T12:00, until: tomorrow}
          references:
            - {pattern: (CHG)*}
            - {pattern: "CHG["}
            - {}
        targets: [{name: a, dsn: dbname=a}]
        """
    time, moment = (
        "expected a time of day from 00:00 to 24:00",
        "expected a date such as 2026-12-24, or a time with its",
    )
    plain = "expected a plain regular expression: no group that is repeated, nothing that begins with (?, no reference"
    assert refused(tmp_path, text) == [
        "3:32: changes.windows.0.time_zone: expected a time zone of the IANA database such as Europe/Berlin, or UTC, "
        "found 'Europe/Bern'",
        "3:57: changes.windows.0.days.1: expected one of mon, tue, wed, thu, fri, sat, sun, found 'tues'",
        f"3:70: changes.windows.0.from: {time}, found '22:61'",
        "3:98: changes.windows.0.added.0: expected a date such as 2026-12-24, found '2026-13-05'",
        "4:34: changes.windows.1.to: expected another time than that of from, which is before 24:00, found 1320",
        "4:50: changes.windows.1.frozen.0: expected a date such as 2026-12-24, found 2.02612e+07",
        '5:7: changes.windows.2.from: missing; expected when it opens, such as "22:00"',
        "5:17: changes.windows.2.frm: unknown key; did you mean from?",
        "7:49: changes.freezes.0.until: expected none before from, found '2026-12-23'",
        f"8:26: changes.freezes.1.from: {moment} offset such as 2026-12-24T18:00+01:00, found '2026-12-24T12:00'",
        f"8:51: changes.freezes.1.until: {moment} offset such as 2026-12-24T18:00+01:00, found 'tomorrow'",
        f"10:17: changes.references.0.pattern: {plain} to a group, and at most 3 of * + ? {{n,m}}, found '(CHG)*'",
        "11:17: changes.references.1.pattern: expected a regular expression such as CHG[0-9]{7}, found 'CHG['",
        "12:7: changes.references.2.pattern: one of reference and pattern is needed, and not both",
    ]
