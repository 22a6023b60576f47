"""Threads for the questions to a fit."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from threadpoolctl import threadpool_limits

from bayesmix.posterior.fitted import Fitted

__all__ = ["threads"]


@contextlib.contextmanager
def threads(fit: Fitted) -> Iterator[ThreadPoolExecutor]:
    """Make a pool of as many threads as the fit has cores, each with one BLAS thread."""
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(fit.options.cores) as pool:
        yield pool
