"""Fixture `browser`: Chromium without a window, driven by its DevTools protocol over a pair of pipes."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fix_certificates import need

ANSWERS_WITHIN_SECONDS = 60.0
KEYS = {"Tab": 9, "Enter": 13}

# Of the element that has the focus: what it is, whether it can be seen, and what tells that it has the focus.
FOCUSED = """(() => {
  const e = document.activeElement, box = e.getBoundingClientRect(), style = getComputedStyle(e);
  return {
    tag: e.tagName.toLowerCase(), text: (e.textContent || '').trim().slice(0, 80), href: e.getAttribute('href'),
    label: e.getAttribute('aria-label'), outline: style.outlineStyle === 'none' ? 0 : parseFloat(style.outlineWidth),
    seen: box.width > 0 && box.height > 0 && box.left >= 0 && box.right <= innerWidth + 1
      && box.bottom > 0 && box.top < innerHeight,
  };
})()"""


class Browser:
    """One tab."""

    def __init__(self, home: Path) -> None:
        to_browser, self._write = os.pipe()
        self._read, from_browser = os.pipe()
        command = (
            "chromium --headless=new --no-sandbox --disable-gpu --no-first-run --remote-debugging-pipe"
            f" --user-data-dir='{home}' --window-size=1000,700 about:blank 3<&{to_browser} 4>&{from_browser}"
        )
        self._process = subprocess.Popen(
            ["bash", "-c", f"exec {command}"],
            pass_fds=(to_browser, from_browser),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": str(home)},
        )
        os.close(to_browser)
        os.close(from_browser)
        self._buffer = b""
        self._number = 0
        self._session: str | None = None
        try:
            target = self.ask("Target.createTarget", url="about:blank")["targetId"]
            self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            self.ask("Page.enable")
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Ends it."""
        self._process.kill()
        self._process.wait()
        os.close(self._write)
        os.close(self._read)

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """What a method of the protocol returns."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != self._number:
            pass
        assert "error" not in answer, answer
        found: dict[str, Any] = answer["result"]
        return found

    def _next(self) -> dict[str, Any]:
        end = time.monotonic() + ANSWERS_WITHIN_SECONDS
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._read], [], [], end - time.monotonic())
            assert ready, "the browser says nothing"
            part = os.read(self._read, 65536)
            assert part, "the browser has ended"
            self._buffer += part
        text, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        return message

    def open(self, url: str) -> None:
        """Loads a page."""
        loader = self.ask("Page.navigate", url=url)["loaderId"]
        end = time.monotonic() + ANSWERS_WITHIN_SECONDS
        # the document before it may have the same address
        while self.ask("Page.getFrameTree")["frameTree"]["frame"]["loaderId"] != loader:
            assert time.monotonic() < end, f"{url} is not loaded"
            time.sleep(0.05)
        self.wait_for("document.readyState + location.href", f"complete{url}")

    def wait_for(self, expression: str, expected: object) -> None:
        """Waits until an expression has a value, also while one page gives way to another."""
        end = time.monotonic() + ANSWERS_WITHIN_SECONDS
        found = None
        while found != expected:
            assert time.monotonic() < end, f"{expression} is {found}"
            time.sleep(0.05)
            with contextlib.suppress(AssertionError):
                found = self.value(expression)

    def value(self, expression: str) -> Any:
        """What an expression of JavaScript is."""
        answer = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def press(self, key: str, *, shift: bool = False) -> dict[str, Any]:
        """Presses a key; what has the focus then, but after Enter, which may lead to another page."""
        code: dict[str, Any] = {"key": key, "code": key, "windowsVirtualKeyCode": KEYS[key], "modifiers": 8 * shift}
        text = {"text": "\r"} if key == "Enter" else {}
        self.ask("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", **code, **text)
        self.ask("Input.dispatchKeyEvent", type="keyUp", **code)
        found: dict[str, Any] = {} if key == "Enter" else self.value(FOCUSED)
        return found

    def prefer(self, scheme: str) -> None:
        """Light or dark."""
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Started once for a module's tests."""
    need("chromium", "bash")
    made = Browser(tmp_path_factory.mktemp("browser"))
    yield made
    made.close()
