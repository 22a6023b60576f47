"""Residual tests of simulated data: of the right model, and of wrong ones.

    python tests/benchmarks/residuals.py --replications 300 --right
    python tests/benchmarks/residuals.py --replications 100 --wrong

Of the right model p-values are uniform, so that about 5 % are below 0.05, and held-out residuals
are standard normal numbers; of a wrong one some adjusted p-value is below 0.05. Each model is drawn
from anew, group effects included; 30 groups of 8 rows, or of 2.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import kstest

import bayesmix as bm

OPTIONS: dict[str, Any] = {"draws": 250, "chains": 4, "cores": 1, "progressbar": False}
LEVEL = 0.05
# Probabilities of all data sets of a model.
HELD_OUT: list[np.ndarray] = []


def frame(rng: np.random.Generator, each: int = 8, sd: float = 0.5) -> pd.DataFrame:
    """Rows with a covariate and the linear predictor of a model with group effects."""
    g = np.repeat(np.arange(240 // each), each)
    data = pd.DataFrame({"g": g, "x": rng.normal(size=len(g))})
    data["eta"] = 0.7 + 0.4 * data["x"] + sd * rng.normal(size=g[-1] + 1)[g]
    return data


def gaussian(rng: np.random.Generator, each: int = 8) -> pd.DataFrame:
    data = frame(rng, each)
    return data.assign(y=data["eta"] + 0.6 * rng.normal(size=len(data)))


def poisson(rng: np.random.Generator, each: int = 8) -> pd.DataFrame:
    data = frame(rng, each)
    return data.assign(y=rng.poisson(np.exp(data["eta"])))


def bernoulli(rng: np.random.Generator) -> pd.DataFrame:
    data = frame(rng)
    return data.assign(y=(rng.logistic(size=len(data)) < data["eta"]).astype(int))


def cumulative(rng: np.random.Generator) -> pd.DataFrame:
    data = frame(rng)
    latent = data["eta"] + rng.logistic(size=len(data))
    return data.assign(y=1 + np.searchsorted([-0.5, 0.7, 2.0], latent))


def negbinomial(rng: np.random.Generator) -> pd.DataFrame:
    data = frame(rng)
    mean = np.exp(data["eta"])
    return data.assign(y=rng.poisson(mean * rng.gamma(2.0, 0.5, len(data))))


def with_zeros(rng: np.random.Generator) -> pd.DataFrame:
    data = poisson(rng)
    return data.assign(y=data["y"] * (rng.random(len(data)) > 0.2))


def curved(rng: np.random.Generator) -> pd.DataFrame:
    data = gaussian(rng)
    return data.assign(y=data["y"] + 0.15 * data["x"] ** 2)


def curved_counts(rng: np.random.Generator) -> pd.DataFrame:
    data = frame(rng)
    return data.assign(y=rng.poisson(np.exp(data["eta"] + 0.15 * data["x"] ** 2)))


def spreading(rng: np.random.Generator) -> pd.DataFrame:
    data = frame(rng)
    return data.assign(y=data["eta"] + 0.6 * np.exp(0.3 * data["x"]) * rng.normal(size=len(data)))


def long_tails(rng: np.random.Generator) -> pd.DataFrame:
    data = frame(rng)
    return data.assign(y=data["eta"] + 0.5 * rng.standard_t(3, len(data)))


type Draw = Callable[[np.random.Generator], pd.DataFrame]
MIXED = "y ~ x + (1 | g)"
RIGHT: dict[str, tuple[Draw, str, str]] = {
    "gaussian": (gaussian, MIXED, "gaussian"),
    "gaussian, groups of 2": (lambda rng: gaussian(rng, 2), MIXED, "gaussian"),
    "poisson": (poisson, MIXED, "poisson"),
    "poisson, groups of 2": (lambda rng: poisson(rng, 2), MIXED, "poisson"),
    "bernoulli": (bernoulli, MIXED, "bernoulli"),
    "cumulative": (cumulative, MIXED, "cumulative"),
    "negbinomial": (negbinomial, MIXED, "negbinomial"),
}
WRONG: dict[str, tuple[Draw, str, str]] = {
    "poisson for negative binomial": (negbinomial, MIXED, "poisson"),
    "poisson without the zeros": (with_zeros, MIXED, "poisson"),
    "gaussian without the quadratic": (curved, MIXED, "gaussian"),
    "poisson without the quadratic": (curved_counts, MIXED, "poisson"),
    "gaussian with one sigma": (spreading, MIXED, "gaussian"),
    "gaussian for student": (long_tails, MIXED, "gaussian"),
}


def tested(case: tuple[Draw, str, str], seed: int, *, residuals: bool) -> dict[str, float]:
    """Simulate, fit, test: p-values by test, the smallest adjusted one, and of the residuals."""
    draw, formula, family = case
    rng = np.random.default_rng(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = bm.fit(formula, draw(rng), family=family, random_seed=seed, **OPTIONS)
        table = fit.residual_tests().table
        found = dict(zip(table["test"], table["p_value"], strict=True))
        found["any (Holm)"] = table["p_adjusted"].min()
        if residuals:
            uniform = fit.residuals()["uniform"]
            HELD_OUT.append(uniform.to_numpy())
            found["KS of held-out residuals"] = kstest(uniform, "uniform").pvalue
            uniform = fit.residuals(predictive="conditional")["uniform"]
            found["KS of conditional residuals"] = kstest(uniform, "uniform").pvalue
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replications", type=int, default=100)
    parser.add_argument("--right", action="store_true")
    parser.add_argument("--wrong", action="store_true")
    parser.add_argument("--cases", nargs="*", default=None)
    options = parser.parse_args()
    sides = (RIGHT if options.right else {}) | (WRONG if options.wrong else {})
    for name, case in sides.items():
        if options.cases and name not in options.cases:
            continue
        rows = [tested(case, seed, residuals=name in RIGHT) for seed in range(options.replications)]
        p = pd.DataFrame(rows)
        print(f"\n{name}: {len(p)} data sets, share of p-values below {LEVEL}", flush=True)
        print((p < LEVEL).mean().round(3).to_string(), flush=True)
        if name in RIGHT:
            together = np.concatenate(HELD_OUT)
            shares = np.histogram(together, np.linspace(0, 1, 11))[0] / len(together)
            print(f"held-out residuals, all together: shares of tenths {shares.round(4)}")
            HELD_OUT.clear()
            uniformity = {one: kstest(p[one], "uniform").pvalue for one in p}
            print(
                "are the p-values uniform? " + str({k: round(v, 3) for k, v in uniformity.items()})
            )


if __name__ == "__main__":
    main()
