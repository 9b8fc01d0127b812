"""Configuration: what is taken, what is refused and how it is said, and that no secret is ever shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from exporter import configfile
from exporter.cli import main
from exporter.dsn import Dsn
from exporter.errors import ConfigurationError

SECRET = "s3cr3t-pässword"
DSNS = [
    f"postgresql://me:{SECRET}@db.example:5433/orders",
    f"postgresql://me@db.example:5433/orders?password={SECRET}",
    f"host=db.example port=5433 dbname=orders user=me password='{SECRET}'",
]


def write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "exporter.yaml"
    file.write_text(text)
    return file


@pytest.mark.parametrize("text", DSNS)
def test_a_dsn_shows_where_it_leads_and_never_its_secret(text: str) -> None:
    dsn = Dsn(text)
    assert dsn.secret() == text
    assert dsn.label == "db.example:5433/orders"
    settings = configfile.from_dsn(dsn)
    for shown in (str(dsn), repr(dsn), f"{dsn}", f"{dsn!r:>60}", repr([dsn]), repr(settings), str(settings.targets)):
        assert SECRET not in shown
    assert "db.example:5433/orders" in str(dsn)


@pytest.mark.parametrize("text", ["", "  ", f"postgresql://me:{SECRET}@[::1/x", f"pass={SECRET}", f"{SECRET}"])
def test_a_bad_dsn_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Dsn(text)
    assert SECRET not in f"{caught.value!r} {caught.value.__cause__!r}"
    assert caught.value.exit_code == 2


def test_a_dsn_alone_is_a_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    settings = configfile.resolve(None, "postgresql://me@db.example/orders", None)
    (target,) = settings.targets
    assert target.name == "db.example:5432/orders"
    assert settings.listen == "127.0.0.1:10187"
    assert (settings.listen_host, settings.listen_port) == ("127.0.0.1", 10187)
    assert settings.schema_mode == "auto"


def test_a_file_with_everything(tmp_path: Path) -> None:
    secret = tmp_path / "dsn"
    secret.write_text(f"{DSNS[0]}\n")
    file = write(
        tmp_path,
        f"""
        listen: "[::1]:9000"
        schema: check
        log: {{format: json, level: debug}}
        collectors:
          storage: {{enabled: false}}
          operations: {{interval: 1m, timeout: 500ms}}
        targets:
          - {{name: orders, dsn_file: {secret}}}
          - {{dsn: "host=other dbname=x"}}
        """,
    )
    settings = configfile.load(file)
    assert (settings.listen_host, settings.listen_port) == ("::1", 9000)
    assert settings.schema_mode == "check"
    assert (settings.log.format, settings.log.level) == ("json", "debug")
    assert settings.collectors["storage"].enabled is False
    assert (settings.collectors["operations"].interval, settings.collectors["operations"].timeout) == (60, 0.5)
    assert [target.name for target in settings.targets] == ["orders", "other:5432/x"]
    assert settings.targets[0].dsn.secret() == DSNS[0]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("targets: [{dsn: 'host=a'}]\nlistne: x", "listne"),
        ("targets: []", "targets"),
        ("listen: 127.0.0.1:1", "targets"),
        ("targets: [{name: a}]", "one of dsn and dsn_file is needed, and not both"),
        ("targets: [{dsn: 'host=a', dsn_file: b}]", "one of dsn and dsn_file is needed, and not both"),
        ("targets: [{name: a, dsn: 'host=a'}, {name: a, dsn: 'host=b'}]", "'a' stands twice"),
        ("targets: [{dsn: 'host=a'}]\nlisten: nowhere", "HOST:PORT"),
        ("targets: [{dsn: 'host=a'}]\nlisten: a:70000", "HOST:PORT"),
        ("targets: [{dsn: 'host=a'}]\nschema: perhaps", "schema"),
        ("targets: [{dsn: 'host=a'}]\ncollectors: {x: {interval: soon}}", "15s"),
        ("targets: [{dsn: 'host=a'}]\ncollectors: {x: {interval: 0s}}", "collectors.x.interval"),
        ("- targets", "expected a mapping"),
        ("targets: [", "not valid YAML"),
    ],
)
def test_what_is_refused_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        configfile.load(write(tmp_path, text))
    assert complaint in str(caught.value)
    assert "exporter.yaml" in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        f"targets: [{{name: a, dsn: 'postgresql://me:{SECRET}@[::1/x'}}]",
        f"targets: [{{name: a, dsn: {{password: {SECRET}}}}}]",
        f"targets: [{{name: a, dsn: ['{SECRET}']}}]",
        f"targets: [{{name: a, dsn: 'host=a', password: {SECRET}}}]",
        f"targets: 'postgresql://me:{SECRET}@host/x'",
        f"targets: [{{dsn: 'postgresql://me:{SECRET}@host/x\n",
    ],
)
def test_no_message_shows_a_secret(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        configfile.load(write(tmp_path, text))
    assert SECRET not in str(caught.value)


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"absent\.yaml"):
        configfile.load(tmp_path / "absent.yaml")
    with pytest.raises(ConfigurationError, match="absent-secret"):
        configfile.resolve(None, None, tmp_path / "absent-secret")


def test_exactly_one_source_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    with pytest.raises(ConfigurationError, match="DATABASE_URL"):
        configfile.resolve(None, None, None)
    with pytest.raises(ConfigurationError, match="only one"):
        configfile.resolve(tmp_path / "a.yaml", "host=a", None)
    monkeypatch.setenv("DATABASE_URL", "host=environment")
    assert configfile.resolve(None, None, None).targets[0].dsn.host == "environment"
    assert configfile.resolve(None, "host=named", None).targets[0].dsn.host == "named"


def test_the_environment_says_where_to_listen_unless_the_file_does(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SCRIPT_TRACKING_LISTEN", "0.0.0.0:1234")
    assert configfile.from_dsn(Dsn("host=a")).listen == "0.0.0.0:1234"
    assert configfile.load(write(tmp_path, "listen: 127.0.0.1:1\ntargets: [{dsn: 'host=a'}]")).listen_port == 1
    monkeypatch.setenv("SCRIPT_TRACKING_LISTEN", "everywhere")
    with pytest.raises(ConfigurationError, match="HOST:PORT"):
        configfile.from_dsn(Dsn("host=a"))


def test_a_configuration_cannot_be_changed() -> None:
    settings = configfile.from_dsn(Dsn("host=a"))
    with pytest.raises(ValidationError):
        settings.listen = "0.0.0.0:1"  # type: ignore[misc]


@pytest.mark.parametrize(
    "dsn", ["postgresql://u:s3/cret@h/db", "postgresql://u:s3@cret@h/db", "postgresql://u:1/cret@h:5432/db"]
)
def test_a_password_that_tears_its_uri_apart_is_refused_and_not_shown(dsn: str) -> None:
    with pytest.raises(ConfigurationError, match="%40") as error:
        Dsn(dsn)
    assert "cret" not in str(error.value)


@pytest.mark.parametrize("dsn", ["host=h user= password=s3cret", "dbname= PASSWORD=s3cret", "host= passfile=s3cret"])
def test_a_password_that_another_key_swallows_is_refused_and_not_shown(dsn: str) -> None:
    with pytest.raises(ConfigurationError, match="a key without a value is written key=''") as error:
        Dsn(dsn)
    assert "cret" not in str(error.value)


@pytest.mark.parametrize(
    "words",
    [
        ["run", "--dns", "postgresql://u:cret@h/db"],
        ["run", "--dns=postgresql://u:cret@h/db"],
        ["run", "--dns", "host=h password=cret"],
        ["postgresql://u:cret@h/db"],
        ["schema", "password=cret"],
    ],
)
def test_a_misspelt_command_line_shows_no_value(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    complaint = capsys.readouterr().err
    assert "error" in complaint
    assert "cret" not in complaint
