"""A sign of life on standard error, where no bar can be drawn."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator

__all__ = ["heartbeat"]

# Seconds until the first line; each further one comes when twice as many have passed.
FIRST = 10.0


@contextlib.contextmanager
def heartbeat(what: str) -> Iterator[Callable[[str], None]]:
    """Write a line when something takes long: what goes on, and for how long it has.

    Parameters
    ----------
    what : str
        What goes on.

    Yields
    ------
    callable
        Tells what goes on now.
    """
    start = time.perf_counter()
    now = {"what": what}
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(max(FIRST, time.perf_counter() - start)):
            seconds = time.perf_counter() - start
            # Standard error may be closed, as in a detached process: nothing is lost then.
            with contextlib.suppress(Exception):
                print(f"{now['what']}, {seconds:.0f} s so far", file=sys.stderr, flush=True)

    thread = threading.Thread(target=beat, name="bayesmix-heartbeat", daemon=True)
    thread.start()
    try:
        yield lambda text: now.update(what=text)
    finally:
        stop.set()
        thread.join()
