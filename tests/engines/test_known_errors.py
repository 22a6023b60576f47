"""Meta-analyses: posteriors against numerical integration, metafor and the other methods."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bayesmix as bm
from bayesmix.engines.exact.target import Target
from bayesmix.engines.left_out import left_out
from bayesmix.model.row_effects import with_row_effects
from meta_analyses import eight_schools, school_calendars

OPTIONS = {"random_seed": 1, "progressbar": False, "cores": 1}
MU, SCALE_TAU, SCALE_SIGMA = (5.0, 20.0), 8.0, 4.0
PRIORS = {
    "Intercept": bm.Prior("Normal", mu=MU[0], sigma=MU[1]),
    "sd": bm.Prior("Exponential", scale=SCALE_TAU),
}


def normal_parts(
    y: np.ndarray, covariances: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log density of y, mean and variance of the intercept, given covariances (B, n, n) of y."""
    log, mean, variance = np.empty((3, len(covariances)))
    one = np.ones(len(y))
    for b, V in enumerate(covariances):
        inverse = np.linalg.inv(V)
        variance[b] = 1 / (one @ inverse @ one + MU[1] ** -2)
        mean[b] = variance[b] * (one @ inverse @ y + MU[0] / MU[1] ** 2)
        total = V + MU[1] ** 2
        log[b] = stats.multivariate_normal.logpdf(y, np.full(len(y), MU[0]), total)
    return log, mean, variance


def test_eight_schools_are_those_of_integration_over_tau():
    data = eight_schools()
    fit = bm.fit("effect ~ 1 + (1 | school)", data, se="se", priors=PRIORS, **OPTIONS)
    assert fit.idata.attrs["method"] == "exact"
    assert "sigma" not in fit.posterior
    y, se = data["effect"].to_numpy(), data["se"].to_numpy()
    tau = np.linspace(1e-6, 90, 20_001)
    total = se**2 + tau[:, None] ** 2
    precision = (1 / total).sum(axis=1) + MU[1] ** -2
    mean = ((y / total).sum(axis=1) + MU[0] / MU[1] ** 2) / precision
    log = stats.norm.logpdf(y, mean[:, None], np.sqrt(total)).sum(axis=1)
    log += stats.norm.logpdf(mean, *MU) + 0.5 * np.log(2 * np.pi / precision)
    log += stats.expon.logpdf(tau, scale=SCALE_TAU)
    weight = np.exp(log - log.max())
    weight /= weight.sum()

    variance = weight @ (1 / precision + mean**2) - (weight @ mean) ** 2
    draws = fit.posterior["beta"].to_numpy().ravel()
    sd = np.sqrt(variance)
    assert draws.mean() == pytest.approx(weight @ mean, abs=4 * sd / np.sqrt(3500))
    assert draws.std() == pytest.approx(sd, rel=4 / np.sqrt(2 * 3500))
    drawn_tau = fit.posterior["sd_school"].to_numpy().ravel()
    for p in (0.05, 0.25, 0.5, 0.75, 0.95):
        below = weight[tau <= np.quantile(drawn_tau, p)].sum()
        assert below == pytest.approx(p, abs=4 * np.sqrt(p * (1 - p) / 3500))
    # A school given tau: its estimate and the mean of all, weighted by their precisions.
    share = tau[:, None] ** 2 / total
    school = weight @ (share * y + (1 - share) * mean[:, None])
    coef = fit.coef()
    off = np.abs(coef["value"] - school) / coef["se"]
    assert off.max() < 4 / np.sqrt(3500)


def test_medians_of_schools_are_those_that_were_published():
    """Gelman et al., Bayesian Data Analysis, 3rd edition, table 5.3; flat priors, 200 draws."""
    flat = {
        "Intercept": bm.Prior("Normal", mu=0, sigma=1e4),
        "sd": bm.Prior("Uniform", lower=0, upper=1e3),
    }
    fit = bm.fit("effect ~ 1 + (1 | school)", eight_schools(), se="se", priors=flat, **OPTIONS)
    draws = fit.posterior["beta"].to_numpy() + fit.posterior["u_school"].to_numpy()[..., 0]
    medians = np.median(draws, axis=(0, 1))
    np.testing.assert_allclose(medians, [10, 8, 7, 8, 5, 6, 10, 8], atol=1.1)


def pairs() -> pd.DataFrame:
    """Three estimates of each of seven studies."""
    rng = np.random.default_rng(4)
    study = np.repeat(np.arange(7), 3)
    se = rng.uniform(0.5, 4, len(study))
    noise = np.sqrt(se**2 + 9) * rng.standard_normal(len(study))
    return pd.DataFrame({"study": study, "se": se, "y": 6 * rng.standard_normal(7)[study] + noise})


@pytest.mark.slow
@pytest.mark.parametrize("method", ["exact", "whitened"])
def test_a_residual_beside_the_errors_is_that_of_integration_over_both_sds(method):
    data = pairs()
    priors = {**PRIORS, "sigma": bm.Prior("Exponential", scale=SCALE_SIGMA)}
    options = {**OPTIONS, "method": method, "priors": priors}
    fit = bm.fit("y ~ 1 + (1 | study)", data, se="se", residual=True, **options)
    assert fit.idata.attrs["method"] == method
    tau, sigma = np.meshgrid(np.linspace(0.02, 40, 140), np.linspace(0.02, 20, 120))
    tau, sigma = tau.ravel(), sigma.ravel()
    y, study = data["y"].to_numpy(), data["study"].to_numpy()
    same = (study[:, None] == study).astype(float)
    diagonal = np.eye(len(y))
    covariances = tau[:, None, None] ** 2 * same + diagonal * (
        data["se"].to_numpy() ** 2 + sigma[:, None, None] ** 2
    )
    log, mean, variance = normal_parts(y, covariances)
    log += stats.expon.logpdf(tau, scale=SCALE_TAU) + stats.expon.logpdf(sigma, scale=SCALE_SIGMA)
    weight = np.exp(log - log.max())
    weight /= weight.sum()
    table = fit.varcorr().set_index("group")
    assert list(table.index) == ["study", "Residual"]
    for group, name, values in (("study", "sd_study", tau), ("Residual", "sigma", sigma)):
        sd = np.sqrt(weight @ values**2 - (weight @ values) ** 2)
        assert table.loc[group, "sd"] == pytest.approx(weight @ values, abs=4 * sd / np.sqrt(2000))
        assert fit.posterior[name].std() == pytest.approx(sd, rel=0.1)
    sd = np.sqrt(weight @ (variance + mean**2) - (weight @ mean) ** 2)
    assert fit.fixef()["value"][0] == pytest.approx(weight @ mean, abs=4 * sd / np.sqrt(2000))
    assert fit.fixef()["se"][0] == pytest.approx(sd, rel=0.06)


def test_three_levels_are_those_of_metafor():
    """Within 0.3 standard errors, and sds inside the intervals.

    rma.mv(yi, vi, random = ~ 1 | district/school, data = dat.konstantopoulos2011), metafor 3.8-1;
    the same numbers are in Konstantopoulos (2011) and on metafor's pages.
    """
    fit = bm.fit("effect ~ 1 + (1 | district/school)", school_calendars(), se="se", **OPTIONS)
    assert fit.idata.attrs["method"] == "exact"
    (effect,) = fit.fixef().itertuples()
    assert abs(effect.value - 0.184713) < 0.3 * 0.084556
    assert effect.se == pytest.approx(0.084556, rel=0.2)
    table = fit.varcorr(ci_level=0.8).set_index("group")
    for group, sd in {"district": 0.255072, "district:school": 0.180932}.items():
        assert table.loc[group, "sd_10"] < sd < table.loc[group, "sd_90"]
    assert "Residual" not in table.index
    assert fit.diagnostics()["r_hat"].max() < 1.01


@pytest.mark.parametrize("residual", [False, True])
def test_methods_agree(residual):
    data = school_calendars().iloc[:40]
    fits = [
        bm.fit(
            "effect ~ year + (1 | district)",
            data,
            se="se",
            residual=residual,
            method=method,
            **OPTIONS,
        )
        for method in ("exact", "whitened")
    ]
    exact, whitened = (fit.fixef() for fit in fits)
    assert (np.abs(exact["value"] - whitened["value"]) < 0.15 * exact["se"]).all()
    np.testing.assert_allclose(exact["se"], whitened["se"], rtol=0.12)
    sds = [fit.varcorr()["sd"] for fit in fits]
    np.testing.assert_allclose(*sds, rtol=0.08)


def test_without_groups_draws_are_those_of_the_closed_posterior():
    data = eight_schools()
    fit = bm.fit("effect ~ 1", data, se="se", priors={"Intercept": PRIORS["Intercept"]}, **OPTIONS)
    precision = (data["se"] ** -2).sum() + MU[1] ** -2
    mean = ((data["effect"] / data["se"] ** 2).sum() + MU[0] / MU[1] ** 2) / precision
    draws = fit.posterior["beta"].to_numpy().ravel()
    assert stats.kstest(draws, stats.norm(mean, precision**-0.5).cdf).pvalue > 1e-3
    assert fit.varcorr().empty
    assert np.isfinite(fit.loo().elpd)
    assert fit.diagnostics()["r_hat"].max() < 1.01


@pytest.mark.parametrize("formula", ["y ~ 1 + (1 | study)", "y ~ 1", "y ~ se + (se | study)"])
def test_rows_left_out_beside_a_residual(formula):
    """Against the joint normal of all rows, for any theta."""
    spec = bm.prepare(formula, pairs(), se="se", residual=True)
    model = with_row_effects(spec)
    target = Target.of(model, map)
    x = np.random.default_rng(3).normal(0, 0.4, size=(3, target.space.size))
    theta = target.space.theta(x)
    densities = np.concatenate([own for _, own in left_out(spec).rows(theta)], axis=1)
    groups = left_out(spec).groups(theta, np.repeat(np.arange(7), 3))
    design = spec.design
    center = design.X.mean(axis=0) * np.r_[0.0, np.ones(design.n_terms - 1)]
    X = design.X - center
    priors = spec.population_priors
    sds = np.array([prior.parameters["sigma"] for prior in priors])
    mean = X @ [prior.parameters["mu"] for prior in priors]
    for b, scales in enumerate(zip(*theta.scale, strict=True)):
        V = (X * sds**2) @ X.T + np.diag(pairs()["se"] ** 2 + scales[-1][0, 0] ** 2)
        for term, scale in zip(design.groups, scales[:-1], strict=True):
            Z = (term.Z - spec.centre(term)) @ scale
            V += (Z @ Z.T) * (term.codes[:, None] == term.codes)

        def conditional(rows: np.ndarray, V: np.ndarray = V) -> float:
            rest = np.setdiff1d(np.arange(len(V)), rows)
            whole = stats.multivariate_normal.logpdf(design.y, mean, V)
            others = np.ix_(rest, rest)
            return whole - stats.multivariate_normal.logpdf(design.y[rest], mean[rest], V[others])

        wanted = [conditional(np.array([i])) for i in range(len(V))]
        np.testing.assert_allclose(densities[b], wanted, rtol=1e-7)
        wanted = [conditional(np.arange(3 * g, 3 * g + 3)) for g in range(7)]
        np.testing.assert_allclose(groups[b], wanted, rtol=1e-7)


def test_few_estimates_that_lie_close_together_do_not_make_the_priors_narrow():
    y, errors = [0.50, 0.51, 0.49, 0.50, 0.51], [0.3, 0.4, 0.2, 0.5, 0.3]
    data = pd.DataFrame({"y": y, "s": errors, "g": list("abcde")})
    spec = bm.prepare("y ~ 1 + (1 | g)", data, se="s")
    typical = np.mean(1 / data["s"] ** 2) ** -0.5
    assert spec.priors.sd["g"][0].parameters["scale"] == pytest.approx(typical)
    assert spec.priors.intercept.parameters["sigma"] == pytest.approx(2.5 * typical)
    same = bm.fit("y ~ 1 + (1 | g)", data.assign(y=0.5), se="s", **OPTIONS)
    assert same.fixef()["value"][0] == pytest.approx(0.5, abs=0.03)


UNITS = (1e-120, 1e-12, 1e12, 1e120)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("unit", "residual", "method"),
    [*itertools.product(UNITS, (False, True), ("exact", "whitened"))],
)
def test_the_unit_of_the_response_changes_nothing(unit, residual, method):
    data = pairs()
    options = {**OPTIONS, "se": "se", "residual": residual, "method": method, "draws": 500}
    fit = bm.fit("y ~ 1 + (1 | study)", data, **options)
    other = bm.fit(
        "y ~ 1 + (1 | study)", data.assign(y=data.y * unit, se=data.se * unit), **options
    )
    np.testing.assert_allclose(other.varcorr()["sd"], fit.varcorr()["sd"] * unit, rtol=0.15)
    np.testing.assert_allclose(other.fixef()["se"], fit.fixef()["se"] * unit, rtol=0.2)
