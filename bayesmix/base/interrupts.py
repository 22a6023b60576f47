"""Ctrl-C that waits: what must not be left half done is finished first."""

from __future__ import annotations

import contextlib
import importlib
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

__all__ = ["held_back", "import_whole"]


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Let Ctrl-C take effect at the end; in the main thread, where it can be held back."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []

    def remember(number: int, frame: FrameType | None) -> None:
        came.append(number)

    before = signal.getsignal(signal.SIGINT)
    if before is None:  # set by other than Python, which could not put it back
        yield
        return
    signal.signal(signal.SIGINT, remember)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if came:
        raise KeyboardInterrupt


def import_whole(name: str) -> None:
    """Import a large library to its end: half of it would fail at every later use."""
    if name not in sys.modules:
        with held_back():
            importlib.import_module(name)
