"""Means by importance weights against fits with scaled priors."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import bayesmix as bm
from bayesmix.engines.refits import refitted
from bayesmix.questions.log_priors import log_prior, scalable
from bayesmix.questions.power_scaling import weighted
from bayesmix.questions.scaled_priors import with_powered

CASES = {
    "gaussian": (
        "Reaction ~ Days + (Days | Subject)",
        lambda: bm.load_dataset("sleepstudy"),
        {
            "Days": bm.Prior("Normal", mu=0, sigma=4),
            "sd:Subject:Days": bm.Prior("Exponential", scale=2),
            "cor": bm.LKJ(4),
        },
    ),
    "poisson": (
        "y ~ x + (1 | group)",
        lambda: (
            bm.simulate(
                30,
                8,
                beta={"Intercept": 0.5, "x": 0.4},
                sd={"Intercept": 0.5},
                family="poisson",
                random_seed=1,
            ).data
        ),
        {
            "x": bm.Prior("StudentT", nu=3, mu=0, sigma=0.05),
            "sd": bm.Prior("Gamma", alpha=2, beta=10),
        },
    ),
}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::bayesmix.DesignWarning")
@pytest.mark.parametrize("family", CASES)
def test_weights_agree_with_refits(family):
    from arviz_stats.base import array_stats

    formula, data, priors = CASES[family]
    options = {"draws": 2500, "random_seed": 1, "progressbar": False}
    fit = bm.fit(formula, data(), family=family, priors=priors, **options)
    table = fit.sensitivity(power=1.25).set_index("parameter")
    every = scalable(fit.spec)
    log = log_prior(fit.spec, fit.posterior, every).reshape(4, 2500)
    moved = []
    for seed, (column, power) in enumerate((("value_0.8", 0.8), ("value_1.25", 1.25)), start=7):
        # Other random numbers: with the same ones the two would agree by their errors.
        again = dataclasses.replace(fit.options, random_seed=seed)
        start = dataclasses.replace(fit, options=again)
        other = refitted(start, with_powered(fit.spec, every, power)).draws_frame()
        weights = weighted(log, power).weights
        for name, own in fit.draws_frame().items():
            x = own.to_numpy()
            share = array_stats.ess(x.reshape(4, 2500), method="mean") / len(x)
            mean = table.loc[name, column]
            of_weights = np.sqrt((weights**2 * (x - mean) ** 2).sum() / share)
            y = other[name].to_numpy()
            of_refit = y.std() / np.sqrt(array_stats.ess(y.reshape(4, 2500), method="mean"))
            error = np.hypot(of_weights, of_refit)
            assert mean == pytest.approx(y.mean(), abs=4 * error), (name, power)
            moved.append(abs(table.loc[name, "value"] - y.mean()) / error)
    # Without the weights they would not: the priors move some parameters far.
    assert max(moved) > 8
