"""What samplers raise, in words that say what to do."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator

from bayesmix.base.errors import BayesmixError, suggest
from bayesmix.engines.trees import NOTHING_DRAWN
from bayesmix.model.options import SampleOptions

__all__ = ["IMPOSSIBLE", "options_refused", "refuse_unknown_options", "sampler_failures"]


_NO_START = (
    "All initialization points failed",
    "Initial evaluation of model",
    "Bad initial energy",
    "bad initial gradient",
    "Poisoned sampler state",
)
# What samplers raise for options that they do not know.
_OF_OPTIONS = (AttributeError, TypeError, ValueError)
# What is raised to end a program, or by us, and no failure of a sampler.
_NO_FAILURES = (KeyboardInterrupt, SystemExit, GeneratorExit, MemoryError, BayesmixError)
IMPOSSIBLE = (
    "Sampling found no point to start from: wherever the priors allow the parameters to be, the "
    "data are impossible or their density has no digits (counts above 1e11 do that). Compare "
    "the priors with the response (bm.prepare(...).prior_table()), and look for huge or tiny "
    "numbers in the data, the offset and the priors."
)


@contextlib.contextmanager
def options_refused(options: SampleOptions) -> Iterator[None]:
    """Name the sampler's options where the sampler fails on them."""
    try:
        yield
    except _OF_OPTIONS as error:
        if not options.nuts or isinstance(error, BayesmixError):
            raise
        raise refused(options, error) from error


@contextlib.contextmanager
def sampler_failures(sampler: str, options: SampleOptions | None = None) -> Iterator[None]:
    """Put the samplers' own words for what a user can mend into ours."""
    try:
        yield
    # A panic of nutpie's Rust code is no Exception.
    except BaseException as error:
        if isinstance(error, _NO_FAILURES):
            raise
        text = str(error)
        if "Not enough samples to build a trace" in text:
            raise KeyboardInterrupt(NOTHING_DRAWN) from None
        if any(words in text for words in _NO_START):
            raise BayesmixError(IMPOSSIBLE) from error
        if sampler == "blackjax" and "unexpected keyword argument 'progress_bar'" in text:
            raise BayesmixError(
                "PyMC cannot use this version of blackjax "
                "(https://github.com/pymc-devs/pymc/issues/8367). Install an older one "
                "(pip install 'blackjax<1.6'), or take another nuts_sampler."
            ) from error
        if options and options.nuts and isinstance(error, _OF_OPTIONS):
            raise
        other = "pymc" if sampler != "pymc" else "nutpie"
        line = (text.strip().splitlines() or ["no message"])[0][:300]
        raise BayesmixError(
            f"{sampler} failed with {type(error).__name__}: {line}. Look for huge or tiny numbers "
            "in the data and the priors (bm.prepare(...).prior_table()), or take another sampler: "
            f"nuts_sampler='{other}'."
        ) from error


def refuse_unknown_options(options: SampleOptions) -> None:
    """Raise for options that PyMC's own sampler would take and ignore."""
    if options.nuts_sampler != "pymc" or not options.nuts:
        return
    import pymc as pm

    makers = [maker.__init__ for maker in pm.NUTS.__mro__ if "__init__" in vars(maker)]
    known = {name for maker in makers for name in inspect.signature(maker).parameters}
    for name in options.nuts:
        if name not in known:
            raise refused(options, f"unknown option '{name}'")


def refused(options: SampleOptions, reason: object) -> BayesmixError:
    sampler = options.nuts_sampler or "the sampler"
    hints = (suggest(name, ("target_accept", "max_treedepth")) for name in options.nuts or {})
    hint = next((hint for hint in hints if hint), "")
    return BayesmixError(
        f"nuts={dict(options.nuts or {})} was refused by {sampler}: {reason}. {hint}".rstrip()
    )
