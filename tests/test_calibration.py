"""Ranks of the truth among the draws of a method, and whether that test can fail."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import pandas as pd
import pytest
from arviz_stats.ecdf_utils import simulate_confidence_bands

from bayesmix.engines.exact.engine import Exact
from bayesmix.engines.whitened.engine import Whitened
from benchmarks.calibrating.breaking import BROKEN
from benchmarks.calibrating.designs import DESIGNS, EXACT, WHITENED, CalibrationDesign
from benchmarks.calibrating.fits import Calibration, adjusted, calibrate, judge, replicate
from benchmarks.calibrating.quantities import ranked_quantities
from benchmarks.calibrating.report import ALPHA, smallest_p
from benchmarks.calibrating.uniformity import KEPT, Envelope, chi_square_p, holm

REPLICATIONS = 50
SHORT = tuple(design for design in EXACT if not design.limit)
COUNTS = WHITENED[1]


# Six of the families; `tests/benchmarks/calibration.py --method families` has all.
SIX = (
    *("student", "beta", "zero_inflated_negbinomial", "hurdle_poisson", "cumulative"),
    "gaussian, sigma ~ x + (1 | g)",
)


@functools.cache
def calibrated(name: str, draws: int = 250, replications: int = REPLICATIONS) -> Calibration:
    (design,) = (one for designs in DESIGNS.values() for one in designs if one.name == name)
    return calibrate(design, replications, draws=draws)


@pytest.mark.slow
def test_exact_method_is_calibrated() -> None:
    calibrations = [calibrated(design.name) for design in SHORT]
    assert [one.fell_back for one in calibrations] == [0] * len(SHORT)
    table = adjusted(pd.concat(map(judge, calibrations), ignore_index=True))
    assert smallest_p(table) > ALPHA, table.nsmallest(5, "ecdf")


@pytest.mark.slow
def test_wrong_sds_are_seen() -> None:
    calibration = calibrated(SHORT[1].name)
    assert smallest_p(adjusted(judge(calibration.scaled_sds(1.5)))) < ALPHA


@pytest.mark.slow
@pytest.mark.parametrize("design", WHITENED[1:4], ids=lambda design: design.name)
def test_whitened_method_is_calibrated(design: CalibrationDesign) -> None:
    calibration = calibrated(design.name, draws=1000)
    assert (calibration.fell_back, calibration.warned) == (0, {})
    table = adjusted(judge(calibration))
    assert smallest_p(table) > ALPHA / 3, table.nsmallest(5, "ecdf")


@pytest.mark.slow
@pytest.mark.parametrize("name", SIX)
def test_families_are_calibrated(name: str) -> None:
    calibration = calibrated(name, replications=100)
    assert calibration.fell_back == 0
    table = adjusted(judge(calibration))
    assert smallest_p(table) > ALPHA / len(SIX), table.nsmallest(5, "ecdf")


@pytest.mark.slow
def test_wrong_whitened_sds_are_seen() -> None:
    calibration = calibrated(COUNTS.name, draws=1000)
    assert smallest_p(adjusted(judge(calibration.scaled_sds(1.5)))) < ALPHA


@pytest.mark.slow
def test_wrong_whitened_method_is_seen() -> None:
    calibration = calibrate(COUNTS, REPLICATIONS, broken=next(iter(BROKEN)))
    assert (calibration.fell_back, calibration.warned) == (0, {})
    assert smallest_p(adjusted(judge(calibration))) < ALPHA


@pytest.mark.slow
def test_draws_that_ignore_the_data_are_seen_by_the_densities_only() -> None:
    """The prior in place of the posterior has uniform ranks, but for quantities that know y."""
    n = 300
    spec = SHORT[1].spec()
    prior = spec.sample_prior(n * (KEPT + 1), random_seed=1)
    (responses,) = prior["prior_predictive"].dataset.data_vars.values()
    y = np.repeat(responses.values[0, :n], KEPT, axis=0)
    parameters = prior["prior"].dataset
    truth = ranked_quantities(spec, parameters.isel(draw=slice(n)), responses.values[0, :n])
    draws = ranked_quantities(spec, parameters.isel(draw=slice(n, None)), y)
    calibration = Calibration(
        SHORT[1],
        truth,
        {name: values.reshape(n, KEPT) for name, values in draws.items()},
        fell_back=0,
        warned={},
        facts=pd.DataFrame(index=range(n)),
        seconds=0.0,
    )
    table = adjusted(judge(calibration))
    knows_y = table["quantity"].str.startswith("log ")
    assert smallest_p(table[~knows_y]) > ALPHA
    assert (table[knows_y]["ecdf_holm"] < ALPHA).all()


@pytest.mark.parametrize(("design", "engine"), [(SHORT[0], Exact), (WHITENED[0], Whitened)])
def test_a_fit_that_needs_nuts_is_counted(
    design: CalibrationDesign, engine: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "draw", lambda self, spec, options: None)
    y = design.frame()["y"].to_numpy()
    assert replicate(design, 20, y, 1).draws is None


def test_warnings_are_counted() -> None:
    design = SHORT[0]
    replication = replicate(design, 25, design.frame()["y"].to_numpy(), 1)
    assert replication.draws is not None
    assert all(values.shape == (KEPT,) for values in replication.draws.values())
    assert replication.warned["ConvergenceWarning"] == 1


def test_log_densities_of_one_draw_by_hand() -> None:
    from scipy import stats

    import bayesmix as bm

    design = dataclasses.replace(SHORT[0], formula="y ~ 1 + (1 | g)", weights="w")
    priors = {name: prior for name, prior in design.priors.items() if name not in ("beta", "cor")}
    spec = bm.prepare(design.formula, design.frame(), priors=priors, weights="w")
    y, weights = spec.design.y, spec.design.weights
    assert weights is not None
    rng = np.random.default_rng(3)
    zeta, sd, sigma, intercept = rng.standard_normal(6), 0.7, 1.3, 0.4
    draws = one_draw(spec, zeta, sd, sigma, intercept)
    values = ranked_quantities(spec, draws, y)
    u = sd * zeta[spec.design.groups[0].codes]
    given_u = stats.norm.logpdf(y, intercept + u, sigma / np.sqrt(weights)).sum()
    codes = spec.design.groups[0].codes
    covariance = sd**2 * (codes[:, None] == codes) + np.diag(sigma**2 / weights)
    without_u = stats.multivariate_normal.logpdf(y, np.full(len(y), intercept), covariance)
    prior = (
        stats.norm.logpdf(intercept, 1, 2.5) - sd - sigma + stats.norm.logpdf(zeta).sum()
    )  # Exponential(1)
    assert values["log likelihood"] == pytest.approx([given_u])
    assert values["log likelihood, no u"] == pytest.approx([without_u])
    assert values["log joint"] == pytest.approx([given_u + prior])


def one_draw(spec, zeta, sd, sigma, intercept):
    import xarray as xr

    lead = ("chain", "draw")
    return xr.Dataset(
        {
            "beta": ((*lead, "term"), np.full((1, 1, 1), intercept)),
            "Intercept_centred": (lead, np.full((1, 1), intercept)),
            "slope": ((*lead, "slope_term"), np.empty((1, 1, 0))),
            "sd_g": ((*lead, "g_effect"), np.full((1, 1, 1), sd)),
            "zeta_g": ((*lead, "g", "g_effect"), zeta[None, None, :, None]),
            "u_g": ((*lead, "g", "g_effect"), sd * zeta[None, None, :, None]),
            "sigma": (lead, np.full((1, 1), sigma)),
        },
        coords={
            "term": ["Intercept"],
            "g": spec.design.groups[0].levels,
            "g_effect": ["Intercept"],
        },
    )


@pytest.mark.parametrize("alpha", [0.1, 0.01])
def test_envelope_has_its_probability(alpha: float) -> None:
    """Against plain simulation, and against the simulated envelope of ArviZ."""
    n, simulations = 120, 10_000
    exact = Envelope(n)
    lowest, highest = exact.band(alpha)
    rng = np.random.default_rng(11)
    ecdf = np.array([exact.counts(rng.integers(0, KEPT + 1, n)) / n for _ in range(simulations)])
    left = ((ecdf < lowest) | (ecdf > highest)).any(axis=1).mean()
    error = np.sqrt(alpha * (1 - alpha) / simulations)
    # Counts are whole numbers, so that the envelope is a little wider than asked for.
    assert 0.7 * alpha - 4 * error < left < alpha + 4 * error
    pointwise = simulate_confidence_bands(n, 1, exact.at, 1 - alpha, simulations, rng)
    assert exact.leaves(1 - pointwise)[0] == pytest.approx(alpha, abs=0.3 * alpha + 4 * error)


def test_p_values_of_uniform_ranks_are_not_too_small() -> None:
    rng = np.random.default_rng(5)
    exact = Envelope(100)
    ranks = rng.integers(0, KEPT + 1, (2000, 100))
    by_ecdf = exact.leaves([exact.gamma(one) for one in ranks])
    by_counts = np.array([chi_square_p(one) for one in ranks])
    for p in (by_ecdf, by_counts):
        for alpha in (0.01, 0.05, 0.2):
            assert (p <= alpha).mean() < alpha + 4 * np.sqrt(alpha * (1 - alpha) / len(p))
        assert (p <= 0.2).mean() > 0.1


def test_ranks_of_a_shifted_method_leave_the_envelope() -> None:
    rng = np.random.default_rng(6)
    exact = Envelope(300)
    for shape in ((1.4, 1.0), (1.5, 1.5), (0.7, 0.7)):  # shifted, too wide, too narrow
        ranks = np.floor(rng.beta(*shape, 300) * (KEPT + 1)).astype(np.int64)
        assert exact.leaves(exact.gamma(ranks))[0] < ALPHA


def test_holm() -> None:
    assert holm([[0.01, 0.04], [0.03, 0.005]]) == pytest.approx(
        np.array([[0.03, 0.06], [0.06, 0.02]])
    )
    assert holm([0.9, 0.8]) == pytest.approx([1.0, 1.0])
