"""The whitened method against NUTS on a centred model written by hand, where counts are large.

    python tests/benchmarks/whitened_centred.py

Counts of 100,000 say so much of each group that the joint model of bayesmix, which is not
centred, has 20 effective draws of 8,000. The same model with the effects as they are has no such
trouble, and shares neither coordinates nor code with the whitened method.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np
import pymc as pm

import bayesmix as bm

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.whitened_posterior import figures, stacked
from whitened_cases import HARD

NAMES = ["beta:Intercept", "beta:x", "sd:g:Intercept", "sd:g:x", "cor:g:Intercept:x"]


def centred(fit: bm.MixedFit) -> np.ndarray:
    """Draw (parameter, chain, draw) from the model with effects that are not standardised."""
    (groups,) = fit.design.groups
    x = fit.design.X[:, 1]
    priors = {leaf.path: leaf.prior for leaf in fit.spec.priors.leaves}
    with pm.Model():
        intercept, slope, *sds = (
            getattr(pm, priors[path].distribution)(path, **priors[path].parameters)
            for path in ("Intercept", "beta:x", "sd:g:Intercept", "sd:g:x")
        )
        eta = priors["cor:g"].eta
        correlation = pm.Deterministic("cor", 2 * pm.Beta("share", eta, eta) - 1)
        across = correlation * sds[0] * sds[1]
        covariance = pm.math.stack(
            [pm.math.stack([sds[0] ** 2, across]), pm.math.stack([across, sds[1] ** 2])]
        )
        # Priors of intercept, sds and correlation are those where x is at its mean.
        lines = pm.MvNormal(
            "lines", pm.math.stack([intercept, slope]), covariance, shape=(groups.n_levels, 2)
        )
        mean = lines[groups.codes, 0] + lines[groups.codes, 1] * (x - x.mean())
        pm.Poisson("y", pm.math.exp(mean), observed=fit.design.y)
        drawn = pm.sample(4000, tune=3000, nuts_sampler="nutpie", random_seed=3, target_accept=0.95)
    own = drawn["posterior"]
    sd, other, cor = own["sd:g:Intercept"], own["sd:g:x"], own["cor"]
    # As they are where x is zero.
    across = cor * sd * other - x.mean() * other**2
    at_zero = np.sqrt(sd**2 - 2 * x.mean() * cor * sd * other + (x.mean() * other) ** 2)
    intercept = own["Intercept"] - own["beta:x"] * x.mean()
    values = (intercept, own["beta:x"], at_zero, other, across / (at_zero * other))
    return np.array([value.values for value in values])


def main() -> None:
    warnings.simplefilter("ignore")
    case = HARD["counts of 100,000"]
    options = {"draws": 4000, "random_seed": 1, "progressbar": False}
    fit = bm.fit(case.formula, case.data(), family=case.family, method="whitened", **options)
    names, ours = stacked(fit)
    assert names == NAMES
    theirs = centred(fit)
    (value, error), (other, other_error) = figures(ours), figures(theirs)
    z = (value - other) / np.hypot(error, other_error)
    from arviz_stats.base import array_stats

    smallest = float(np.min(array_stats.ess(theirs, method="bulk")))
    own = fit.diagnostics()["ess_bulk"].min()
    print(f"smallest ESS of the centred model {smallest:.0f}, of ours {own:.0f}")
    largest, rms = np.abs(z).max(), np.sqrt((z**2).mean())
    print(f"largest difference {largest:.1f} combined errors, rms {rms:.2f}")


if __name__ == "__main__":
    main()
