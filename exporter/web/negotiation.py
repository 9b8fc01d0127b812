"""Which format and encoding a request asks for: Accept and Accept-Encoding with their quality values."""

from __future__ import annotations

import re
from dataclasses import dataclass

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_QUALITY = re.compile(r"0(\.\d{0,3})?|1(\.0{0,3})?")


@dataclass(frozen=True)
class _Offer:
    """One element of such a header; a quality that is not of RFC 9110's form counts as 0."""

    name: str
    version: str | None
    quality: float


def _offers(header: str) -> list[_Offer]:
    offers = []
    for element in header.split(","):
        name, *parameters = (part.strip().lower() for part in element.split(";"))
        values = {
            key.strip(): value.strip().strip('"') for key, _, value in (text.partition("=") for text in parameters)
        }
        quality = values.get("q", "1")
        if name:
            offers.append(_Offer(name, values.get("version"), float(quality) if _QUALITY.fullmatch(quality) else 0.0))
    return offers


def _quality(offers: list[_Offer], media_type: str, version: str) -> tuple[float, bool]:
    """How much a format is wanted, by the most specific elements that it fits, and whether it is named at all."""
    family = media_type.partition("/")[0]
    for name in (media_type, f"{family}/*", "*/*"):
        fitting = [offer for offer in offers if offer.name == name and offer.version in (None, version)]
        exact = [offer for offer in fitting if offer.version is not None] or fitting
        if exact:
            return max(offer.quality for offer in exact), name == media_type
    return 0.0, False


def preferred(accept: str, media_types: list[str]) -> str | None:
    """Which of the formats is wanted most, the first of equals; None where none of them is accepted."""
    offers = _offers(accept)
    qualities = {name: _quality(offers, name, "")[0] for name in media_types}
    best = max(media_types, key=lambda name: qualities[name])
    return best if qualities[best] > 0 else None


def wants_openmetrics(accept: str) -> bool:
    """Whether OpenMetrics is named and asked for at least as much as the text format.

    Everybody else gets the text format, also who accepts neither: a scrape that fails serves nobody.
    """
    offers = _offers(accept)
    openmetrics, named = _quality(offers, "application/openmetrics-text", "1.0.0")
    text, _ = _quality(offers, "text/plain", "0.0.4")
    return named and openmetrics > 0 and openmetrics >= text


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether gzip is accepted, and not less than the plain text where that is named."""
    qualities: dict[str, float] = {}
    for offer in _offers(accept_encoding):
        name = "gzip" if offer.name == "x-gzip" else offer.name
        qualities[name] = max(offer.quality, qualities.get(name, 0.0))
    gzip = qualities.get("gzip", qualities.get("*", 0.0))
    return gzip > 0 and gzip >= qualities.get("identity", 0.0)
