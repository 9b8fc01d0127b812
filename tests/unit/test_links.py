"""Links of the documents to other sites, as far as they can be held offline; `make docs-links` asks them."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")])
LINK = re.compile(r"\]\(\s*((?:https?:)?//[^)]*)\)|<(https?://[^>\s]*)>|^\[[^]]+\]:\s*(https?://.*)$", re.MULTILINE)
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
# Whom the documents send their readers to: a slip in a name shows here, and another site is a decision.
HOSTS = {"semver.org", "keepachangelog.com"}
REPOSITORIES = {
    "burningalchemist/sql_exporter",
    "cybertec-postgresql/pgwatch",
    "pgaudit/pgaudit",
    "pgMemento/pgMemento",
    "prometheus/exporter-toolkit",
    "prometheus-community/postgres_exporter",
}


def links(text: str) -> list[str]:
    """The links to other sites, without what stands in code."""
    return ["".join(found) for found in LINK.findall(CODE.sub("", text))]


def complaint(link: str) -> str | None:
    """What is wrong with a link."""
    parts = urlsplit(link)
    if parts.scheme != "https" or re.search(r"[\s\\\"<>{}|^`]", link) or parts.port is not None or parts.username:
        return "is no plain https address"
    if parts.hostname == "github.com":
        return None if "/".join(parts.path.split("/")[1:3]) in REPOSITORIES else "leads to a repository nobody listed"
    return None if parts.hostname in HOSTS else "leads to a site nobody listed"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_sites_that_are_known(document: Path) -> None:
    wrong = {link: found for link in links(document.read_text(encoding="utf-8")) if (found := complaint(link))}
    assert wrong == {}


def test_every_site_is_linked() -> None:
    found = [urlsplit(link) for document in DOCUMENTS for link in links(document.read_text(encoding="utf-8"))]
    assert {parts.hostname for parts in found} == HOSTS | {"github.com"}
    used = {"/".join(parts.path.split("/")[1:3]) for parts in found if parts.hostname == "github.com"}
    assert used == REPOSITORIES


@pytest.mark.parametrize(
    "link",
    [
        "http://semver.org",
        "https://semver.org/a b",
        "https://semvr.org",
        "https://github.com/pgaudit/pgaudi",
        "https://semver.org:8443",
        "//semver.org",
    ],
)
def test_a_slip_is_found(link: str) -> None:
    (found,) = links(f"see [it]({link}).")
    assert complaint(found) is not None
