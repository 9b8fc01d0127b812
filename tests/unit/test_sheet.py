"""The page's style sheet: legible in both schemes, with no colour of its own and nothing loaded."""

from __future__ import annotations

import re

import pytest

from exporter.web import sheet


def luminance(colour: str) -> float:
    """Relative luminance by WCAG 2.2 of #rrggbb."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("ground", ["ground", "raised"])
@pytest.mark.parametrize("text", ["text", "quiet", "link", "good", "warn", "bad"])
def test_every_text_stands_out_from_its_ground(scheme: str, ground: str, text: str) -> None:
    light, _, rest = sheet.STYLE.partition("@media (prefers-color-scheme: dark)")
    colours = dict(re.findall(r"--([a-z]+): (#[0-9a-f]{6})", light if scheme == "light" else rest))
    low, high = sorted((luminance(colours[text]), luminance(colours[ground])))
    assert (high + 0.05) / (low + 0.05) >= 4.5  # WCAG 2.2, level AA


def test_colours_are_those_of_the_scheme() -> None:
    rules = re.sub(r":root \{.*?\}", "", sheet.STYLE, flags=re.DOTALL)
    assert re.findall(r"#[0-9a-fA-F]{3,8}\b|rgb|hsl", rules) == []
    assert "url(" not in sheet.STYLE
    assert "@import" not in sheet.STYLE
