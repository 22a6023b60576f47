"""How to sample: options, checked when they are made."""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Mapping
from typing import Any

import numpy as np

from bayesmix.base.arguments import (
    as_number,
    at_most,
    one_of,
    seed,
    shown,
    true_or_false,
    whole_number,
)
from bayesmix.base.errors import BayesmixError
from bayesmix.base.words import count

__all__ = ["SampleOptions"]

# Each engine by its name, and how the summary calls it.
ENGINE_WORDS = {"exact": "Exact", "whitened": "Whitened HMC", "nuts": "NUTS"}
METHODS = ("auto", *ENGINE_WORDS)
# The exact method under its earlier name.
_EARLIER = {"marginal": "exact"}
NUTS_SAMPLERS = ("nutpie", "pymc", "numpyro", "blackjax")
MOST_DRAWS, MOST_CHAINS = 10_000_000, 10_000


@dataclasses.dataclass(frozen=True)
class SampleOptions:
    """How to sample; checked once, when made.

    Attributes
    ----------
    method : {"auto", "exact", "whitened", "nuts"}
        ``exact`` integrates all effects out, for Gaussian models; ``whitened`` is Hamiltonian
        Monte Carlo in whitened coordinates; ``nuts`` samples the joint model; ``auto`` takes the
        quickest that can, and ``nuts`` where `nuts` or `nuts_sampler` is given.
    draws, tune, chains : int
        Draws kept and adaptation steps per chain, number of chains.
    cores : int or None
        Threads, or chains run side by side; None for all cores.
    random_seed : int, Generator or None
        Becomes an int when the options are made, so that a refit repeats the numbers.
    progressbar : bool
        Show progress.
    nuts_sampler : {"nutpie", "pymc", "numpyro", "blackjax"} or None
        None for the fastest that is installed.
    nuts : mapping or None
        Further options of NUTS, such as ``{"target_accept": 0.95}``.

    Raises
    ------
    BayesmixError
        For a value that cannot be used.
    """

    method: str = "auto"
    draws: int = 1000
    tune: int = 1000
    chains: int = 4
    cores: int | None = None
    random_seed: int | np.random.Generator | None = None
    progressbar: bool = True
    nuts_sampler: str | None = None
    nuts: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if isinstance(self.method, str):
            object.__setattr__(self, "method", _EARLIER.get(self.method, self.method))
        one_of("method", self.method, METHODS)
        for name, least in {"draws": 1, "tune": 0, "chains": 1}.items():
            plain = whole_number(name, getattr(self, name), at_least=least)
            at_most(name, plain, MOST_CHAINS if name == "chains" else MOST_DRAWS)
            object.__setattr__(self, name, plain)
        if self.draws * self.chains > MOST_DRAWS:
            raise BayesmixError(
                f"draws={self.draws} and chains={self.chains} are {self.draws * self.chains:,} "
                f"draws, and no memory holds more than {MOST_DRAWS:,}. A thousand in each of four "
                "chains do for most tables."
            )
        if self.cores is not None:
            object.__setattr__(self, "cores", whole_number("cores", self.cores, at_least=1))
        true_or_false("progressbar", self.progressbar)
        if self.nuts_sampler is not None:
            one_of("nuts_sampler", self.nuts_sampler, NUTS_SAMPLERS)
            if self.nuts_sampler != "pymc" and not importlib.util.find_spec(self.nuts_sampler):
                raise BayesmixError(
                    f"nuts_sampler='{self.nuts_sampler}' needs the package {self.nuts_sampler}, "
                    f"which is not installed. Install it (pip install {self.nuts_sampler}), or "
                    "leave nuts_sampler out to take the fastest one that is."
                )
        if self.nuts is not None:
            _check_nuts(self.nuts)
        given = next((name for name in ("nuts", "nuts_sampler") if getattr(self, name)), None)
        if given is not None and self.method not in ("auto", "nuts"):
            raise BayesmixError(
                f"{given}={getattr(self, given)!r} is for NUTS, but method='{self.method}' does "
                f"without it. Leave {given} out, or use method='nuts'."
            )
        object.__setattr__(self, "random_seed", seed(self.random_seed))

    @property
    def asks_for_nuts(self) -> bool:
        """Whether options of NUTS are given, which ``auto`` then takes."""
        return self.nuts is not None or self.nuts_sampler is not None


def _check_nuts(nuts: object) -> None:
    """Check what all samplers understand; `_refused` tells of a sampler's own options."""
    if not isinstance(nuts, Mapping):
        raise BayesmixError(
            f"nuts is a {type(nuts).__name__}; it should be a mapping of the sampler's "
            "options, such as {'target_accept': 0.95}."
        )
    for name in nuts:
        if not isinstance(name, str):
            raise BayesmixError(f"nuts has the option {shown(name)}; names of options are text.")
    accept = as_number(nuts.get("target_accept", 0.8))
    if accept is None or not 0 < accept < 1:
        raise BayesmixError(
            f"nuts: target_accept={shown(nuts['target_accept'])} is not usable: give a number "
            "above 0 and below 1, such as 0.95."
        )
    if "max_treedepth" in nuts:
        whole_number("nuts: max_treedepth", nuts["max_treedepth"], at_least=1)


def size_of(options: SampleOptions) -> str:
    return f"{count(options.chains, 'chain')} x {count(options.draws, 'draw')}"
