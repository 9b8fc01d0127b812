"""What is made of a change: window, reference, freeze, and which of them goes first."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from exporter.changes.references import ReferenceFiles, RuleBook
from exporter.changes.rules import Judgement, Rules
from exporter.changesconfig import ChangeReference, ChangesConfig

NIGHT = {"name": "night", "from": "22:00", "to": "04:00"}
BY_DAY, BY_NIGHT = datetime(2026, 12, 1, 12, tzinfo=UTC), datetime(2026, 12, 1, 23, tzinfo=UTC)


def rules(**config: object) -> Rules:
    """Those of a configuration."""
    return Rules(ChangesConfig.model_validate({"windows": [NIGHT], **config}))


def judged(of: Rules, at: datetime = BY_DAY, claimed: str | None = None, tenant: str = "acme") -> Judgement:
    """What they make of a change of the target orders."""
    return of.judge("orders", tenant, at, claimed)


def test_a_window_goes_before_an_approved_reference_and_both_are_told() -> None:
    made = rules(references=[{"pattern": "CHG[0-9]{7}"}])
    assert judged(made, BY_NIGHT) == Judgement("inside", "missing", "night")
    assert judged(made, BY_NIGHT, "CHG0001234") == Judgement("inside", "approved", "night", "CHG[0-9]{7}")
    assert judged(made, BY_DAY, " CHG0001234\n") == Judgement("approved", "approved", None, "CHG[0-9]{7}")
    assert judged(made) == Judgement("outside", "missing")
    for claimed in (
        "CHG123",
        "CHG00012345",
        "xCHG0001234",
        "chg0001234",
        "CHG0001234 CHG0001235",
        "CHG\u0660\u0660\u0660\u0661\u0662\u0663\u0664",
    ):
        assert judged(made, BY_DAY, claimed) == Judgement("outside", "unknown"), claimed


def test_a_reference_holds_for_its_time_targets_and_tenants() -> None:
    made = rules(
        references=[
            {"reference": "CHG1", "from": "2026-11-01", "until": "2026-11-30"},
            {"reference": "CHG2", "from": "2026-12-01", "until": "2026-12-01", "tenants": ["ac*"]},
            {"reference": "CHG3", "targets": ["billing"]},
            {"reference": "CHG4", "from": "2026-12-02"},
            {"reference": "CHG5", "until": "2026-12-01T12:00Z"},
            {"reference": "CHG6", "until": "2026-11-30"},
            {"reference": "CHG6", "until": "2027-11-30"},
        ]
    )
    told = {f"CHG{number}": judged(made, BY_DAY, f"CHG{number}").reference for number in range(1, 8)}
    assert told == {
        "CHG1": "expired", "CHG2": "approved", "CHG3": "unknown", "CHG4": "unknown", "CHG5": "expired",
        "CHG6": "approved", "CHG7": "unknown",
    }  # fmt: skip
    assert judged(made, BY_DAY, "CHG2", tenant="globex") == Judgement("outside", "unknown")


def test_a_freeze_goes_before_all_but_what_is_approved_in_freezes() -> None:
    made = rules(
        freezes=[{"name": "year end", "from": "2026-12-01", "until": "2026-12-31", "tenants": ["acme"]}],
        references=[{"pattern": "CHG[0-9]+"}, {"reference": "CHG911", "in_freezes": True}],
    )
    assert judged(made, BY_NIGHT, "CHG1") == Judgement("frozen", "approved", "year end", "CHG[0-9]+")
    assert judged(made, BY_DAY) == Judgement("frozen", "missing", "year end")
    assert judged(made, BY_DAY, "CHG911") == Judgement("approved", "approved", None, "CHG911")
    assert judged(made, BY_NIGHT, "CHG911") == Judgement("inside", "approved", "night", "CHG911")
    assert judged(made, BY_NIGHT, tenant="globex") == Judgement("inside", "missing", "night")


def test_a_frozen_date_of_a_window_is_told_unless_another_one_is_open() -> None:
    frozen = {**NIGHT, "frozen": ["2026-12-01"]}
    made = rules(windows=[frozen], references=[{"reference": "CHG1"}])
    assert judged(made, BY_NIGHT) == Judgement("frozen", "missing", "night")
    assert judged(made, BY_DAY) == Judgement("outside", "missing")
    assert judged(made, BY_NIGHT, "CHG1") == Judgement("approved", "approved", None, "CHG1")
    another = rules(windows=[frozen, {"name": "late", "from": "22:30", "to": "23:30"}])
    assert judged(another, BY_NIGHT) == Judgement("inside", "missing", "late")


def test_a_window_is_for_its_targets_and_tenants() -> None:
    made = rules(windows=[{**NIGHT, "targets": ["shop-*"]}, {**NIGHT, "name": "acme's", "tenants": ["acme"]}])
    assert judged(made, BY_NIGHT) == Judgement("inside", "missing", "acme's")
    assert judged(made, BY_NIGHT, tenant="globex") == Judgement("outside", "missing")
    assert made.judge("shop-1", "globex", BY_NIGHT, None) == Judgement("inside", "missing", "night")


def test_the_fingerprint_is_that_of_the_configuration_and_not_of_what_files_hold(tmp_path: Path) -> None:
    made = rules()
    assert made.fingerprint == rules().fingerprint
    assert made.fingerprint != rules(windows=[{**NIGHT, "to": "04:01"}]).fingerprint
    listed = [ChangeReference.model_validate({"reference": "CHG1"})]
    config = ChangesConfig.model_validate({"windows": [NIGHT], "reference_files": [tmp_path / "a.yaml"]})
    assert Rules(config, listed).fingerprint == made.fingerprint


@pytest.mark.parametrize(
    "pattern", ["(a+)+", "(a|b)*c", "(?:a)", r"(a)\1", "a*b*c*d*", "[", "(a){2}", "a?b?c?d?", "(?P<x>a)", "", "a" * 101]
)
def test_a_pattern_that_might_take_long_is_refused(pattern: str) -> None:
    with pytest.raises(ValidationError):
        ChangeReference.model_validate({"pattern": pattern})


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        (r"CHG[0-9]{7}", "CHG0001234"), (r"(CHG|INC)-\d+", "INC-7"), (r"[)*+(?]\)*", "+))"), (r"[]a]\[", "][",),
        (r"#\d+", "#12"), (r"\.x\?", ".x?"),
    ],
)  # fmt: skip
def test_a_plain_pattern_is_taken(pattern: str, fits: str) -> None:
    assert judged(rules(references=[{"pattern": pattern}]), BY_DAY, fits).verdict == "approved"


def test_no_claim_takes_long_to_be_held_to_a_pattern() -> None:
    made = rules(references=[{"pattern": ".*a.*a.*b"}])
    began = time.process_time()
    assert judged(made, BY_DAY, "a" * 100).reference == "unknown"
    assert judged(made, BY_DAY, "a" * 1000 + "b").reference == "unknown", "of such a length none is looked at"
    assert time.process_time() - began < 0.5


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RuleBook:
    """Rules with a file of references that is not there yet, and is never waited for."""
    monkeypatch.setattr(time, "sleep", lambda _: None)
    return RuleBook(ChangesConfig.model_validate({"reference_files": [tmp_path / "approved.yaml"]}))


async def told(book: RuleBook, *claims: str) -> Mapping[str, Any]:
    """What references are worth now."""
    made = await book.rules()
    assert made is not None
    return {claim: judged(made, BY_DAY, claim).reference for claim in claims}


async def test_a_file_is_read_when_it_changes_and_one_that_is_broken_keeps_what_it_said(book: RuleBook) -> None:
    (path,) = book.config.reference_files
    assert await book.rules() is None, "nothing is judged before it was read once"
    path.write_text("- CHG1\n- {reference: CHG2, until: 2026-11-30}\n- {pattern: 'STD[0-9]'}\n", encoding="utf-8")
    assert await told(book, "CHG1", "CHG2", "STD1", "CHG3") == {
        "CHG1": "approved", "CHG2": "expired", "STD1": "approved", "CHG3": "unknown",
    }  # fmt: skip
    assert await book.rules() is await book.rules()
    path.write_text("- CHG3\n", encoding="utf-8")
    assert await told(book, "CHG1", "CHG3") == {"CHG1": "unknown", "CHG3": "approved"}
    path.write_text("- {refrence: CHG4}\n", encoding="utf-8")
    assert await told(book, "CHG3", "CHG4") == {"CHG3": "approved", "CHG4": "unknown"}
    assert book.files.success == {str(path): False}
    assert f"{path}:1:4: 0.refrence: unknown key; did you mean reference?" in book.files.problems
    path.unlink()
    assert await told(book, "CHG3") == {"CHG3": "approved"}
    path.write_text("[]", encoding="utf-8")
    assert await told(book, "CHG3") == {"CHG3": "unknown"}
    assert book.files.success == {str(path): True}


async def test_another_configuration_begins_with_what_the_same_file_said(book: RuleBook) -> None:
    (path,) = book.config.reference_files
    path.write_text("- CHG1\n", encoding="utf-8")
    await book.rules()
    path.write_text("- [\n", encoding="utf-8")
    config = ChangesConfig.model_validate({"windows": [NIGHT], "reference_files": [path]})
    assert await told(RuleBook(config, book), "CHG1") == {"CHG1": "approved"}
    assert await RuleBook(config).rules() is None


def test_files_are_looked_at_in_silence_where_somebody_else_tells(tmp_path: Path) -> None:
    files = ReferenceFiles([tmp_path / "gone.yaml"], quiet=True)
    assert files.look() and files.problems == [f"{tmp_path / 'gone.yaml'}: No such file or directory"]
    assert files.references is None and not files.look()
