"""Progress of long work: a bar where one can be drawn, a line now and then elsewhere."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from bayesmix.base.waiting import heartbeat

__all__ = ["bars", "late_progress", "say", "signs_of_life"]


@contextlib.contextmanager
def late_progress(progressbar: bool, what: str) -> Iterator[Callable[[str, float], None]]:
    """Show a bar for what takes longer than a second.

    Parameters
    ----------
    progressbar : bool
        Whether anything is to be shown.
    what : str
        What is done, for a line where no bar can be drawn.

    Yields
    ------
    callable
        Takes the stage of the work and the share of it that is done.
    """
    start = time.perf_counter()
    with contextlib.ExitStack() as stack:
        shown: dict[str, Any] = {}

        def report(stage: str, share: float) -> None:
            share = min(share, 1.0)
            if "tell" in shown:
                shown["tell"](f"{stage}, {100 * share:.0f} %")
            if "tell" in shown or time.perf_counter() - start < 1:
                return
            if "bar" not in shown:
                if not stack.enter_context(bars(progressbar, what)):
                    shown["tell"] = stack.enter_context(signs_of_life(progressbar, stage))
                    return
                from rich.progress import Progress

                shown["bar"] = stack.enter_context(Progress())
                shown["task"] = shown["bar"].add_task(stage, total=1.0)
            shown["bar"].update(shown["task"], description=stage, completed=share)

        yield report


@contextlib.contextmanager
def signs_of_life(progressbar: bool, what: str) -> Iterator[Callable[[str], None]]:
    """Write a line now and then where progress is wanted and no bar can be drawn."""
    if not progressbar or _has_bar():
        yield lambda text: None
        return
    with heartbeat(what) as tell:
        yield tell


def _has_bar() -> bool:
    from rich.console import Console

    console = Console()
    return console.is_jupyter or console.is_terminal or "marimo" in sys.modules


@contextlib.contextmanager
def bars(progressbar: bool, what: str) -> Iterator[bool]:
    """Tell whether bars can be drawn here, and show a line in their place if they cannot.

    Rich draws in a notebook through ipywidgets only, and outside of a terminal its last frame
    would end up in the output of a script.
    """
    if not progressbar:
        yield False
        return
    from rich.console import Console

    console = Console()
    if not console.is_jupyter:
        yield console.is_terminal or "marimo" in sys.modules
    elif importlib.util.find_spec("ipywidgets"):
        yield True
    else:
        say(f"{what} (for a progress bar, install ipywidgets)")
        yield False


def say(line: str) -> None:
    """Show a line above the bars; never on stdout, which belongs to the user's script."""
    from rich.console import Console

    Console(stderr=True, highlight=False).print(line)
