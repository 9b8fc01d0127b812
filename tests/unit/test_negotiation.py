"""What a request's Accept and Accept-Encoding get."""

from __future__ import annotations

import pytest

from exporter.web.negotiation import accepts_gzip, wants_openmetrics

PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        (PROMETHEUS_2, True),
        (PROMETHEUS_3, True),
        ("text/plain;version=0.0.4;q=1,*/*;q=0.1", False),  # Prometheus told to use the text format
        ("", False),
        ("*/*", False),
        ("text/html,application/xhtml+xml,*/*;q=0.8", False),
        ("application/json", False),
        ("application/openmetrics-text", True),
        ('Application/OpenMetrics-Text; Version="1.0.0"; charset=utf-8', True),
        ("application/openmetrics-text;version=0.0.1", False),
        ("application/openmetrics-text;version=0.0.1,application/openmetrics-text;version=1.0.0;q=0", False),
        ("application/openmetrics-text;q=0", False),
        ("application/openmetrics-text;q=0.0", False),
        ("application/openmetrics-text;q=0.4,text/plain;q=0.5", False),
        ("application/openmetrics-text;q=0.5,text/plain;q=0.5", True),
        ("application/openmetrics-text;q=0.5,*/*", False),
        ("application/openmetrics-text;q=0.5,text/*;q=0.6", False),
        ("application/openmetrics-text;q=0.5,*/*;q=0.9,text/plain;q=0.1", True),
        ("application/*;q=0.9", False),
        ("application/openmetrics-text;q=nan", False),
        ("application/openmetrics-text;q=inf", False),
        ("application/openmetrics-text;q=5", False),
        (",;q=,,", False),
    ],
)
def test_openmetrics_goes_to_who_names_it_and_wants_it_as_much_as_text(accept: str, wanted: bool) -> None:
    assert wants_openmetrics(accept) is wanted


@pytest.mark.parametrize(
    ("accept_encoding", "accepted"),
    [
        ("gzip", True),
        ("GZip;q=0.5, deflate", True),
        ("x-gzip", True),
        ("*", True),
        ("", False),
        ("identity", False),
        ("br, zstd", False),
        ("gzip;q=0", False),
        ("gzip;q=0.000", False),
        ("gzip;q=0, *", False),
        ("*;q=0", False),
        ("identity;q=0.9, gzip;q=0.5", False),
        ("identity;q=0.5, gzip;q=0.9", True),
        ("gzip;q=1.5", False),
    ],
)
def test_gzip_goes_to_who_accepts_it_and_does_not_prefer_the_plain_text(accept_encoding: str, accepted: bool) -> None:
    assert accepts_gzip(accept_encoding) is accepted
