"""Gaussian models at the edges: variances of zero, few groups, many effects, odd scales."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

import bayesmix as bm
from bayesmix.model.spec import ModelSpec

# Yields of Box & Tiao's (1973, section 5.1.2) simulated batches, as in lme4's Dyestuff2: the
# estimated variance between batches is zero.
DYESTUFF2 = """
 7.298  3.846  2.434  9.566  7.990   5.220  6.556  0.608 11.788 -0.892   0.110 10.386 13.434
 5.510  8.166  2.212  4.852  7.092   9.288  4.980  0.282  9.014  4.458   9.446  7.198  1.722
 4.782  8.106  0.758  3.758
"""


@dataclasses.dataclass(frozen=True)
class HardCase:
    """A model and how to make its data; `ill_posed` where NUTS on the joint model struggles."""

    formula: str
    data: Callable[[], pd.DataFrame]
    options: dict[str, Any] = dataclasses.field(default_factory=dict)

    def spec(self) -> ModelSpec:
        return bm.prepare(self.formula, self.data(), **self.options)


def dyestuff2() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Yield": np.array(DYESTUFF2.split(), dtype=float),
            "Batch": np.repeat(list("ABCDEF"), 5),
        }
    )


def covariance(sd: Sequence[float], cor: float = 0.0) -> np.ndarray:
    sd_ = np.asarray(sd, dtype=float)
    R = np.full((len(sd_), len(sd_)), cor)
    np.fill_diagonal(R, 1.0)
    return np.outer(sd_, sd_) * R


def grouped(
    n_levels: int,
    rows: int,
    sd: Sequence[float],
    *,
    cor: float = 0.0,
    sigma: float = 1.0,
    seed: int = 0,
) -> pd.DataFrame:
    """Rows of levels g with an intercept and slopes of x1, x2, .. that vary between them."""
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(n_levels), rows)
    X = np.column_stack([np.ones(len(g)), rng.standard_normal((len(g), len(sd) - 1))])
    u = rng.standard_normal((n_levels, len(sd))) @ _root(covariance(sd, cor)).T
    y = 1.0 + X[:, 1:].sum(axis=1) * 0.5 + (X * u[g]).sum(axis=1)
    columns = {f"x{i}": X[:, i] for i in range(1, len(sd))}
    return pd.DataFrame({"y": y + sigma * rng.standard_normal(len(g)), "g": g, **columns})


def crossed_with_four() -> pd.DataFrame:
    """Two crossed factors with an intercept and three slopes each."""
    rng = np.random.default_rng(11)
    n, J, K = 900, 30, 20
    data = pd.DataFrame({"g": rng.integers(0, J, n), "h": rng.integers(0, K, n)})
    X = np.column_stack([np.ones(n), rng.standard_normal((n, 3))])
    u = rng.standard_normal((J, 4)) @ _root(covariance([1, 0.5, 0.3, 0.7], 0.4)).T
    v = rng.standard_normal((K, 4)) @ _root(covariance([0.8, 0.1, 0.6, 0.4], -0.2)).T
    y = X[:, 1:].sum(axis=1) + (X * (u[data["g"]] + v[data["h"]])).sum(axis=1)
    return data.assign(y=y + rng.standard_normal(n), **{f"x{i}": X[:, i] for i in range(1, 4)})


def scaled(factor: float) -> pd.DataFrame:
    return grouped(20, 6, [1, 0.5], cor=0.5, seed=21).assign(y=lambda d: factor * d["y"])


def years() -> pd.DataFrame:
    """A covariate far from zero: intercepts of the groups are far outside of the data."""
    data = grouped(20, 8, [1, 0.5], seed=22)
    return data.assign(x1=1e5 + 5 * data["x1"])


def with_one_row_level() -> pd.DataFrame:
    data = grouped(15, 5, [1, 0.5], cor=0.5, seed=23)
    return data[(data["g"] > 0) | (data.groupby("g").cumcount() == 0)]


def identical_groups() -> pd.DataFrame:
    rows = grouped(1, 6, [0, 0], seed=24)
    return pd.concat([rows.assign(g=g) for g in range(10)], ignore_index=True)


def wild_weights() -> pd.DataFrame:
    data = grouped(25, 6, [1, 0.5], cor=0.3, sigma=0.0, seed=25)
    rng = np.random.default_rng(26)
    data["w"] = 10.0 ** rng.uniform(-3, 3, len(data))
    return data.assign(y=data["y"] + rng.standard_normal(len(data)) / np.sqrt(data["w"]))


def collinear() -> pd.DataFrame:
    data = grouped(25, 8, [1, 0.5], cor=0.3, seed=27)
    rng = np.random.default_rng(28)
    return data.assign(x2=data["x1"] + 0.02 * rng.standard_normal(len(data)))


def outlying_group() -> pd.DataFrame:
    data = grouped(12, 5, [0.1], seed=29)
    return data.assign(y=data["y"] + 30.0 * (data["g"] == 3))


def _root(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    return vectors * np.sqrt(np.maximum(values, 0))


HALF_CAUCHY = bm.Prior("HalfCauchy", beta=2.5)
SLOPE = "y ~ x1 + (x1 | g)"

HARD = {
    "dyestuff2": HardCase("Yield ~ 1 + (1 | Batch)", dyestuff2),
    "tiny slope sd": HardCase(SLOPE, lambda: grouped(30, 8, [1, 1e-3], seed=1)),
    "five groups": HardCase(SLOPE, lambda: grouped(5, 10, [1, 0.5], cor=0.3, seed=2)),
    "three groups": HardCase(SLOPE, lambda: grouped(3, 10, [1, 0.5], seed=3)),
    "two rows per group": HardCase(SLOPE, lambda: grouped(40, 2, [1, 0.5], seed=4)),
    "five effects": HardCase(
        "y ~ x1 + x2 + x3 + x4 + (x1 + x2 + x3 + x4 | g)",
        lambda: grouped(30, 12, [1, 0.5, 0.3, 0.7, 0.2], cor=0.3, seed=5),
    ),
    "five effects, six groups": HardCase(
        "y ~ x1 + x2 + x3 + x4 + (x1 + x2 + x3 + x4 | g)",
        lambda: grouped(6, 12, [1, 0.5, 0.3, 0.7, 0.2], seed=6),
    ),
    "correlation 0.99": HardCase(SLOPE, lambda: grouped(40, 8, [1, 0.7], cor=0.99, seed=7)),
    "correlations 0.99": HardCase(
        "y ~ x1 + x2 + (x1 + x2 | g)",
        lambda: grouped(40, 8, [1, 0.7, 0.5], cor=0.99, sigma=0.3, seed=8),
    ),
    "two factors, q = 4": HardCase(
        "y ~ x1 + x2 + x3 + (x1 + x2 + x3 | g) + (x1 + x2 + x3 | h)", crossed_with_four
    ),
    "y times 1e6": HardCase(SLOPE, lambda: scaled(1e6)),
    "y times 1e-6": HardCase(SLOPE, lambda: scaled(1e-6)),
    "years": HardCase(SLOPE, years),
    "a level with one row": HardCase(SLOPE, with_one_row_level),
    "tiny sigma": HardCase(SLOPE, lambda: grouped(20, 6, [1, 0.5], sigma=1e-4, seed=9)),
    "identical groups": HardCase(SLOPE, identical_groups),
    "wild weights": HardCase(SLOPE, wild_weights, {"weights": "w"}),
    "cut by a uniform prior": HardCase(
        SLOPE,
        lambda: grouped(30, 8, [1, 0.5], seed=10),
        {"priors": {"sd:g:Intercept": bm.Prior("Uniform", lower=0, upper=0.8)}},
    ),
    "half-Cauchy": HardCase(
        SLOPE, lambda: grouped(4, 5, [1, 0.5], seed=12), {"priors": {"sd": HALF_CAUCHY}}
    ),
    "collinear slopes": HardCase("y ~ x1 + x2 + (x1 + x2 | g)", collinear),
    "an outlying group": HardCase("y ~ 1 + (1 | g)", outlying_group),
    "nested, empty middle": HardCase(
        "y ~ 1 + (1 | g/h)",
        lambda: grouped(8, 12, [0.0], seed=13).assign(h=lambda d: np.arange(len(d)) // 3 % 4),
    ),
}


def walk(
    density: Callable[[np.ndarray], np.ndarray],
    start: np.ndarray,
    rng: np.random.Generator,
    *,
    sweeps: int = 1500,
    every: int = 5,
) -> np.ndarray:
    """Sample by an ensemble of walkers, shape (walkers, draws, d); the first third is left out.

    Half of the walkers move at a time, along differences of two of the others (ter Braak 2006) or
    towards one of them and away from it (Goodman & Weare 2010).
    """
    x = start.copy()
    n, d = x.shape
    log_p = density(x)
    halves = np.arange(0, n, 2), np.arange(1, n, 2)
    kept = []
    for sweep in range(sweeps):
        for own, other in (halves, halves[::-1]):
            k = len(own)
            a, b = rng.choice(other, k), rng.choice(other, k)
            if rng.random() < 0.6:
                length = 2.38 / np.sqrt(2 * d) * np.exp(0.7 * rng.standard_normal(k))
                length = np.where(rng.random(k) < 0.15, 1.0, length)
                y = x[own] + length[:, None] * (x[a] - x[b]) + 1e-5 * rng.standard_normal((k, d))
                jacobian = np.zeros(k)
            else:
                z = (rng.random(k) * (np.sqrt(2) - np.sqrt(0.5)) + np.sqrt(0.5)) ** 2
                y = x[a] + z[:, None] * (x[own] - x[a])
                jacobian = (d - 1) * np.log(z)
            y_log_p = density(y)
            take = np.log(rng.random(k)) < y_log_p - log_p[own] + jacobian
            x[own] = np.where(take[:, None], y, x[own])
            log_p[own] = np.where(take, y_log_p, log_p[own])
        if sweep >= sweeps // 3 and sweep % every == 0:
            kept.append(x.copy())
    return np.stack(kept, axis=1)
