"""Models that are hard for a sampler, and models of real data, for the whitened method."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import bayesmix as bm

SHARED = Path(__file__).parents[2] / "shared" / "data"


@dataclasses.dataclass(frozen=True)
class WhitenedCase:
    """A model with data from a known truth, or real ones."""

    formula: str
    family: str
    data: Callable[[], pd.DataFrame]
    options: dict[str, Any] = dataclasses.field(default_factory=dict)


def _generator() -> np.random.Generator:
    return np.random.default_rng(7)


def _frame(**columns: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(columns)


def _binary(rng: np.random.Generator, eta: np.ndarray) -> np.ndarray:
    return rng.binomial(1, 1 / (1 + np.exp(-eta)))


def _one_factor(
    levels: int,
    rows: int,
    family: str,
    *,
    intercept: float = 0.3,
    slope: float = 0.5,
    sd: float = 0.7,
    sd_slope: float = 0.0,
) -> Callable[[], pd.DataFrame]:
    def make() -> pd.DataFrame:
        rng = _generator()
        g = np.repeat(np.arange(levels), rows)
        x = rng.standard_normal(len(g))
        u = sd * rng.standard_normal(levels)
        v = sd_slope * rng.standard_normal(levels)
        eta = intercept + u[g] + (slope + v[g]) * x
        y = _binary(rng, eta) if family == "bernoulli" else rng.poisson(np.exp(eta))
        return _frame(y=y, x=x, g=g)

    return make


def _separated() -> pd.DataFrame:
    x = np.tile([0, 1], 20)
    return _frame(y=x, x=x.astype(float), g=np.repeat(np.arange(8), 5))


def _four_effects() -> pd.DataFrame:
    rng = _generator()
    g = np.repeat(np.arange(15), 20)
    x = rng.standard_normal((300, 3))
    u = rng.standard_normal((15, 4)) * [0.8, 0.4, 0.3, 0.5]
    eta = 0.5 + x @ [0.2, 0.1, -0.2] + u[g, 0] + (x * u[g, 1:]).sum(axis=1)
    return _frame(y=rng.poisson(np.exp(eta)), a=x[:, 0], b=x[:, 1], c=x[:, 2], g=g)


def _crossed_effects() -> pd.DataFrame:
    rng = _generator()
    n = 1500
    g, h = rng.integers(0, 60, n), rng.integers(0, 40, n)
    x = rng.standard_normal((n, 3))
    u = rng.standard_normal((60, 4)) * [0.8, 0.4, 0.3, 0.5]
    v = rng.standard_normal((40, 4)) * [0.6, 0.3, 0.3, 0.3]
    eta = 0.5 + x @ [0.2, 0.1, -0.2] + u[g, 0] + v[h, 0]
    eta += (x * (u[g, 1:] + v[h, 1:])).sum(axis=1)
    return _frame(y=_binary(rng, eta), a=x[:, 0], b=x[:, 1], c=x[:, 2], g=g, h=h)


def _large_crossed() -> pd.DataFrame:
    rng = _generator()
    n = 20_000
    g, h = rng.integers(0, 1000, n), rng.integers(0, 800, n)
    x = rng.standard_normal(n)
    eta = 0.5 * x + 0.8 * rng.standard_normal(1000)[g] + 0.6 * rng.standard_normal(800)[h]
    return _frame(y=_binary(rng, eta), x=x, g=g, h=h)


def _nested_with_rows() -> pd.DataFrame:
    rng = _generator()
    a, b = np.repeat(np.arange(20), 20), np.repeat(np.arange(80), 5)
    eta = 1 + 0.4 * rng.standard_normal(20)[a] + 0.4 * rng.standard_normal(80)[b]
    eta += 0.5 * rng.standard_normal(400)
    return _frame(
        y=rng.poisson(np.exp(eta)), x=rng.standard_normal(400), a=a, b=b, e=np.arange(400)
    )


def _one_large_level() -> pd.DataFrame:
    rng = _generator()
    n = 2000
    g = np.where(rng.random(n) < 0.9, 0, rng.integers(1, 30, n))
    x = rng.standard_normal(n)
    return _frame(y=_binary(rng, 0.3 + 0.5 * x + rng.standard_normal(30)[g]), x=x, g=g)


def _shared(file: str) -> Callable[[], pd.DataFrame]:
    return lambda: pd.read_csv(SHARED / file, dtype={"period": str, "herd": str})


_STUDENT = {"Intercept": bm.Prior("StudentT", nu=3, mu=20, sigma=20)}
_STUDENT_PASTES = {"Intercept": bm.Prior("StudentT", nu=3, mu=60, sigma=10)}
_CAUCHY = {"sd": bm.Prior("HalfCauchy", beta=2.5)}

HARD = {
    "sd 0": WhitenedCase("y ~ x + (1 | g)", "bernoulli", _one_factor(40, 8, "bernoulli", sd=0)),
    "tiny slopes": WhitenedCase(
        "y ~ x + (x | g)",
        "poisson",
        _one_factor(50, 10, "poisson", intercept=1, sd=0.5, sd_slope=0.001),
    ),
    "4 groups": WhitenedCase("y ~ x + (1 | g)", "poisson", _one_factor(4, 20, "poisson")),
    "half-Cauchy": WhitenedCase(
        "y ~ x + (1 | g)", "bernoulli", _one_factor(4, 20, "bernoulli"), {"priors": _CAUCHY}
    ),
    "separation": WhitenedCase("y ~ x + (1 | g)", "bernoulli", _separated),
    "pairs, sd 2": WhitenedCase(
        "y ~ x + (1 | g)", "bernoulli", _one_factor(200, 2, "bernoulli", sd=2)
    ),
    "pairs, sd 6": WhitenedCase(
        "y ~ x + (1 | g)", "bernoulli", _one_factor(200, 2, "bernoulli", sd=6)
    ),
    "counts of 1,000": WhitenedCase(
        "y ~ x + (x | g)",
        "poisson",
        _one_factor(30, 10, "poisson", intercept=np.log(1e3), sd=0.5, sd_slope=0.2),
    ),
    "counts of 100,000": WhitenedCase(
        "y ~ x + (x | g)",
        "poisson",
        _one_factor(30, 10, "poisson", intercept=np.log(1e5), sd=0.5, sd_slope=0.2),
    ),
    "rare": WhitenedCase(
        "y ~ x + (1 | g)", "bernoulli", _one_factor(100, 30, "bernoulli", intercept=-5)
    ),
    "4 effects": WhitenedCase("y ~ a + b + c + (a + b + c | g)", "poisson", _four_effects),
    "4 effects, crossed": WhitenedCase(
        "y ~ a + b + c + (a + b + c | g) + (a + b + c | h)", "bernoulli", _crossed_effects
    ),
    "1,000 x 800": WhitenedCase("y ~ x + (1 | g) + (1 | h)", "bernoulli", _large_crossed),
    "nested, with rows": WhitenedCase(
        "y ~ x + (1 | a) + (1 | b) + (1 | e)", "poisson", _nested_with_rows
    ),
    "a level with 90 %": WhitenedCase("y ~ x + (x | g)", "bernoulli", _one_large_level),
}


def _three_crossed() -> pd.DataFrame:
    rng = _generator()
    n = 800
    g, h, k = rng.integers(0, 40, n), rng.integers(0, 25, n), rng.integers(0, 10, n)
    x = rng.standard_normal(n)
    eta = 0.5 + 0.3 * x + 0.6 * rng.standard_normal(40)[g] + 0.5 * rng.standard_normal(25)[h]
    eta += 0.4 * rng.standard_normal(10)[k] + 0.3 * rng.standard_normal(40)[g] * x
    trials = rng.integers(1, 8, n)
    return _frame(y=rng.binomial(trials, 1 / (1 + np.exp(-eta))), n=trials, x=x, g=g, h=h, k=k)


REAL = {
    "cbpp": WhitenedCase(
        "p(incidence, size) ~ period + (1 | herd)", "binomial", _shared("cbpp.csv")
    ),
    "penicillin": WhitenedCase(
        "diameter ~ 1 + (1 | plate) + (1 | sample)",
        "gaussian",
        _shared("penicillin.csv"),
        {"priors": _STUDENT},
    ),
    "pastes": WhitenedCase(
        "strength ~ 1 + (1 | batch) + (1 | sample)",
        "gaussian",
        _shared("pastes.csv"),
        {"priors": _STUDENT_PASTES},
    ),
    "counts, nested": WhitenedCase("y ~ x + (1 | a / b)", "poisson", _nested_with_rows),
    "shares, three crossed": WhitenedCase(
        "p(y, n) ~ x + (x | g) + (1 | h) + (1 | k)", "binomial", _three_crossed
    ),
    "binary, crossed slopes": WhitenedCase(
        "y ~ a + (a | g) + (a | h)", "bernoulli", _crossed_effects
    ),
}
CASES = REAL | HARD
