"""The evidence beside bridge sampling through PyMC's joint density, for crossed and nested factors.

    python tests/benchmarks/evidence_bridge.py

Bridge sampling (Meng & Wong, 1996; Gronau et al., 2017, https://doi.org/10.1016/j.jmp.2017.09.005)
between half of the draws of NUTS in unconstrained space and a normal distribution fitted to the
other half. It shares the joint density of PyMC with the library, and nothing that integrates.
"""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pymc as pm
from scipy import special, stats

import bayesmix as bm


def crossed() -> tuple[str, str, pd.DataFrame]:
    """Shares of two crossed factors."""
    rng = np.random.default_rng(4)
    a, b = rng.integers(0, 12, 120), rng.integers(0, 8, 120)
    eta = 0.3 + 0.8 * rng.standard_normal(12)[a] + 0.5 * rng.standard_normal(8)[b]
    y = rng.binomial(4, special.expit(eta))
    return "p(y, n) ~ 1 + (1 | a) + (1 | b)", "binomial", pd.DataFrame(dict(y=y, n=4, a=a, b=b))


def nested() -> tuple[str, str, pd.DataFrame]:
    """Counts of classes in schools."""
    rng = np.random.default_rng(5)
    a, b = np.repeat(np.arange(8), 15), np.repeat(np.arange(24), 5)
    x = rng.standard_normal(120)
    eta = 1 + 0.3 * x + 0.5 * rng.standard_normal(8)[a] + 0.3 * rng.standard_normal(24)[b]
    return (
        "y ~ x + (1 | a / b)",
        "poisson",
        pd.DataFrame(dict(y=rng.poisson(np.exp(eta)), x=x, a=a, b=b)),
    )


def slopes() -> tuple[str, str, pd.DataFrame]:
    """Binary rows with correlated slopes."""
    rng = np.random.default_rng(6)
    g, x = np.repeat(np.arange(15), 12), rng.standard_normal(180)
    u = rng.multivariate_normal([0, 0], [[1, 0.4], [0.4, 0.6]], 15)
    y = rng.binomial(1, special.expit(0.3 + 0.5 * x + u[g, 0] + u[g, 1] * x))
    return "y ~ x + (x | g)", "bernoulli", pd.DataFrame(dict(y=y, x=x, g=g))


def unconstrained(model: pm.Model, idata) -> tuple[np.ndarray, list[tuple[str, tuple[int, ...]]]]:
    """Return draws (S, d) of the value variables, and their names and shapes."""
    columns, shapes = [], []
    for rv in model.free_RVs:
        values = idata.posterior[rv.name].to_numpy()
        values = values.reshape(-1, *values.shape[2:])
        transform = model.rvs_to_transforms[rv]
        if transform is not None:
            forward = transform.forward(values, *rv.owner.inputs)
            values = np.asarray(forward.eval())
        columns.append(values.reshape(len(values), -1))
        shapes.append((model.rvs_to_values[rv].name, values.shape[1:]))
    return np.concatenate(columns, axis=1), shapes


def bridge(model: pm.Model, idata) -> tuple[float, float]:
    """Return log evidence and its error, from the relative mean square error of Gronau et al."""
    x, shapes = unconstrained(model, idata)
    logp = model.compile_logp()
    splits = np.cumsum([int(np.prod(shape)) for _, shape in shapes])[:-1]

    def density(rows: np.ndarray) -> np.ndarray:
        points = (np.split(row, splits) for row in rows)
        return np.array(
            [
                float(logp({n: p.reshape(s) for (n, s), p in zip(shapes, point, strict=True)}))
                for point in points
            ]
        )

    fitted, own = x[::2], x[1::2]
    q = stats.multivariate_normal(fitted.mean(axis=0), np.cov(fitted.T), seed=1)
    new = q.rvs(len(own))
    l1 = density(own) - q.logpdf(own)
    l2 = density(new) - q.logpdf(new)
    r = np.median(l1)
    for _ in range(1000):
        top = special.logsumexp(l2 - np.logaddexp(l2, r))
        low = special.logsumexp(-np.logaddexp(l1, r))
        r, before = top - low, r
        if abs(r - before) < 1e-10:
            break
    f1 = np.exp(-np.logaddexp(l1, r) + r)
    f2 = np.exp(l2 - np.logaddexp(l2, r))
    relative = f1.var() / f1.mean() ** 2 / len(f1) + f2.var() / f2.mean() ** 2 / len(f2)
    return float(r), float(np.sqrt(relative))


def main() -> None:
    """Print a row for each model."""
    print("model, bridge (error), bayesmix (se), seconds")
    for make in (crossed, nested, slopes):
        formula, family, data = make()
        fit = bm.fit(formula, data, family=family, random_seed=1, progressbar=False)
        begun = time.perf_counter()
        found = fit.log_evidence(progressbar=False)
        seconds = time.perf_counter() - begun
        with fit.model as model:
            idata = pm.sample(4000, tune=1500, chains=2, cores=1, random_seed=1, progressbar=False)
        value, error = bridge(model, idata)
        print(
            f"{make.__name__}, {value:.3f} ({error:.3f}), {found.log_evidence:.3f} "
            f"({found.se:.3f}), {seconds:.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
