"""Whether the standard error of the evidence is right: coverage of 95 % intervals over seeds.

Prints a table of docs/comparing.md: the mean of repetitions, the standard deviation between them
beside the mean standard error, how many intervals hold the truth (by quadrature where that is
known, else the mean of all), and seconds. About ten minutes for 50 repetitions.

    python tests/benchmarks/evidence.py [repetitions]
"""

from __future__ import annotations

import math
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import special, stats

import bayesmix as bm
from bayesmix.engines.whitened.evidence import evidence_by_annealing

SHARED = Path(__file__).parents[3] / "shared" / "data"


def shares() -> tuple[bm.ModelSpec, float]:
    """Shares of 12 groups, and their evidence by quadrature."""
    rng = np.random.default_rng(8)
    eta = -0.5 + 0.9 * rng.standard_normal(12)
    n = rng.integers(3, 12, 12)
    data = pd.DataFrame({"y": rng.binomial(n, special.expit(eta)), "n": n, "g": np.arange(12)})
    priors = {
        "Intercept": bm.Prior("Normal", mu=0, sigma=2),
        "sd": bm.Prior("HalfNormal", sigma=1),
    }
    spec = bm.prepare("p(y, n) ~ 1 + (1 | g)", data, family="binomial", priors=priors)
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    u, w = np.polynomial.legendre.leggauss(80)
    intercepts, sds = 5 * u - 0.5, 3 * (u + 1)
    p = special.expit(intercepts[:, None, None] + sds[:, None] * nodes)
    rows = zip(data["y"], data["n"], strict=True)
    each = np.prod([stats.binom.pmf(y, n, p) @ weights / weights.sum() for y, n in rows], axis=0)
    prior = np.outer(stats.norm.pdf(intercepts, scale=2), 2 * stats.norm.pdf(sds))
    return spec, math.log((each * prior * np.outer(5 * w, 3 * w)).sum())


def prepared() -> dict[str, tuple[bm.ModelSpec, float]]:
    """Models by name, with the truth or NaN."""
    rng = np.random.default_rng(5)
    a, b, x = np.repeat(np.arange(20), 20), np.repeat(np.arange(80), 5), rng.standard_normal(400)
    eta = 1 + 0.4 * rng.standard_normal(20)[a] + 0.4 * rng.standard_normal(80)[b] + 0.2 * x
    counts = pd.DataFrame({"y": rng.poisson(np.exp(eta)), "x": x, "a": a, "b": b})
    g, h = rng.integers(0, 40, 600), rng.integers(0, 25, 600)
    z = rng.standard_normal(600)
    eta = 0.3 + 0.5 * z + 0.8 * rng.standard_normal(40)[g] + 0.5 * rng.standard_normal(25)[h]
    binary = pd.DataFrame({"y": rng.binomial(1, special.expit(eta)), "x": z, "g": g, "h": h})
    pairs_of, rare = np.repeat(np.arange(100), 2), 1.5 * rng.standard_normal(100)
    pairs = pd.DataFrame({"y": rng.binomial(1, special.expit(rare[pairs_of])), "g": pairs_of})
    found = {
        "shares of 12 groups": shares(),
        "counts, nested": (bm.prepare("y ~ x + (1 | a / b)", counts, family="poisson"), np.nan),
        "binary, crossed slopes": (
            bm.prepare("y ~ x + (x | g) + (1 | h)", binary, family="bernoulli"),
            np.nan,
        ),
        "100 pairs of binary rows": (
            bm.prepare("y ~ 1 + (1 | g)", pairs, family="bernoulli"),
            np.nan,
        ),
    }
    if (SHARED / "cbpp.csv").exists():
        cbpp = pd.read_csv(SHARED / "cbpp.csv", dtype={"period": str, "herd": str})
        formula = "p(incidence, size) ~ period + (1 | herd)"
        found["cbpp"] = bm.prepare(formula, cbpp, family="binomial"), np.nan
    return found


def exact(name: str, formula: str, seed: int) -> tuple[float, float, float]:
    """Return evidence, error and seconds of a fit of its own."""
    fit = bm.fit(formula, bm.load_dataset(name), random_seed=seed, progressbar=False)
    begun = time.process_time()
    found = fit.log_evidence()
    return found.log_evidence, found.se, time.process_time() - begun


def whitened(spec: bm.ModelSpec, seed: int) -> tuple[float, float, float]:
    """Return evidence, error and seconds."""
    begun = time.process_time()
    found = evidence_by_annealing(spec, np.random.SeedSequence([seed, 3]), 1, lambda *_: None)
    return found.value, found.se, time.process_time() - begun


def row(name: str, runs: list[tuple[float, float, float]], truth: float) -> None:
    """Print a row of the table."""
    value, se, seconds = np.array(runs).T
    known = value.mean() if np.isnan(truth) else truth
    inside = int((np.abs(value - known) < 1.96 * se).sum())
    print(
        f"| {name} | {value.mean():.3f} | {'' if np.isnan(truth) else f'{truth:.3f}'} | "
        f"{value.std(ddof=1):.3f} | {se.mean():.3f} | {inside} of {len(runs)} | "
        f"{np.median(seconds):.2f} |",
        flush=True,
    )


def main(repetitions: int) -> None:
    """Print the table."""
    warnings.simplefilter("ignore")
    print("| model | mean | quadrature | sd between seeds | mean se | intervals | CPU s |")
    print("|---|---|---|---|---|---|---|")
    seeds = range(1, repetitions + 1)
    for name, formula in (
        ("sleepstudy", "Reaction ~ Days + (Days | Subject)"),
        ("gpa", "gpa ~ occasion + (occasion | student)"),
        ("pupils", "achievement ~ ses + (1 + ses | primary_school)"),
    ):
        row(f"{name}, Gaussian", [exact(name, formula, seed) for seed in seeds], np.nan)
    for name, (spec, truth) in prepared().items():
        row(name, [whitened(spec, seed) for seed in seeds], truth)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50)
