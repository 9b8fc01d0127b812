"""Pieces of HTML: values are escaped, elements closed, and of a value no character is invisible or turns the text."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from markupsafe import Markup, escape

LONGEST = 300
VOID = frozenset({"br", "col", "hr", "img", "input", "link", "meta"})
_HIDDEN = ("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp")  # controls, marks of direction, what is no character

Part = str | Markup


def el(tag: str, /, *parts: Part, **attributes: str | None) -> Markup:
    """An element. Text is escaped, Markup is not; `class_` stands for class, `aria_label` for aria-label."""
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(visible(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{tag}{given}>" if tag in VOID else f"<{tag}{given}>{_joined(parts)}</{tag}>")


def join(*parts: Part) -> Markup:
    """One piece after the other."""
    return Markup(_joined(parts))


def _joined(parts: Iterable[Part]) -> str:
    return "".join(part if isinstance(part, Markup) else escape(visible(part)) for part in parts)


def visible(text: str) -> str:
    """A text of which nothing is invisible."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escape(sign) if unicodedata.category(sign) in _HIDDEN else sign for sign in text)


def _escape(sign: str) -> str:
    return f"\\u{{{ord(sign):x}}}"


def value(text: str, longest: int = LONGEST) -> Markup:
    """A text of somebody else's, not too long, as an element that has a direction of its own."""
    if not text.strip():
        text = "".join(map(_escape, text))
    return el("bdi", text if len(text) <= longest else text[: longest - 1] + "…")
