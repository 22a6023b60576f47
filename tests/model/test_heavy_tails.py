"""Group effects that are Student-t: the model, its verbs, and what is refused."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from scipy.special import logsumexp, stdtr

import bayesmix as bm
from bayesmix.base.errors import BayesmixError
from bayesmix.base.quiet import quiet_libraries
from bayesmix.engines.rescaling import rescaled, units_of
from bayesmix.engines.run import chosen
from bayesmix.model.centring import scale_as_written
from bayesmix.model.options import SampleOptions
from bayesmix.posterior.mixing import draw_mixing, mixing_of_normal
from bayesmix.predictions.heldout import log_joint_predictive, log_predictive
from bayesmix.priors.effects import df_log_density
from bayesmix.priors.prior import Prior

FORMULA, SIGMA = "y ~ x + z + (1 + x + z | g) + (1 | h)", "~ 1 + (1 | h)"
LAWS = {"u:g": "student", "sigma:u": bm.StudentT(nu=5)}


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    g = np.repeat(list("abcdef"), 8)
    x, z = rng.normal(3.0, 1.0, len(g)), rng.standard_normal(len(g))
    level = rng.standard_t(2, 6)[np.searchsorted(list("abcdef"), g)]
    y = 1 + x + level + 0.5 * rng.standard_normal(len(g))
    return pd.DataFrame({"y": y, "x": x, "z": z, "g": g, "h": np.tile(list("uvwxyz"), 8)})


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    return frame()


@pytest.fixture(scope="module")
def spec(data) -> bm.ModelSpec:
    return bm.prepare(FORMULA, data, sigma=SIGMA, priors=LAWS)


def t_density(s: np.ndarray, nu: float, root: np.ndarray) -> float:
    """Log density of levels (J, q) that are multivariate t with the scale ``root root'``."""
    law = stats.multivariate_t(np.zeros(s.shape[1]), root @ root.T, df=nu)
    return float(np.sum(law.logpdf(s)))


def log_slope(s: np.ndarray, nu: float) -> float:
    """Log determinant of standard effects by the t numbers that they are made of."""
    before = np.cumsum(s**2, axis=1) - s**2
    return float(0.5 * np.log((nu + before) / (nu + np.arange(s.shape[1]))).sum())


@pytest.fixture(scope="module")
def compiled(spec):
    model = spec.build()
    names = ["beta", "sigma_beta", "u_g", "u_h", "sigma_u_h", "df_g", "sd_h", "sigma_sd_h"]
    names += ["centred_sd_g", "lkj_g", "zeta_h", "Intercept_centred", "slope"]
    names += ["sigma_Intercept_centred"]
    outs = [model.logp(jacobian=True), model.logp(jacobian=False)]
    outs += model.replace_rvs_by_values([model[name] for name in names])
    function = model.compile_fn(outs, mode="FAST_COMPILE", point_fn=True)
    return model, names, function


class TestDensity:
    @pytest.mark.parametrize("seed", range(3))
    def test_it_is_that_of_multivariate_t_effects(self, spec, compiled, seed):
        model, names, function = compiled
        rng = np.random.default_rng(seed)
        point = {
            name: 0.5 * rng.standard_normal(np.shape(value))
            for name, value in model.initial_point().items()
        }
        with_jacobian, without, *values = function(point)
        value = dict(zip(names, values, strict=True))
        design, priors = spec.design, spec.priors
        sigma, (g, h) = design.predictors["sigma"], design.groups
        own, nu = sigma.groups[0], float(value["df_g"])

        correlations = spec.correlations(g)
        factor = correlations.factor(2 * value["lkj_g"][None] - 1)[0]
        root = value["centred_sd_g"][:, None] * factor
        written = scale_as_written(spec.centre(g), root[None])[0]
        assert spec.centre(g).any()  # the covariance as written is another one
        s = np.linalg.solve(written, value["u_g"].T).T
        mean = design.X @ value["beta"] + g.dot(value["u_g"]) + h.dot(value["u_h"])
        log_sigma = sigma.X @ value["sigma_beta"] + own.dot(value["sigma_u_h"])

        expected = stats.norm(mean, np.exp(log_sigma)).logpdf(design.y).sum()
        expected += t_density(value["u_g"], nu, written) + log_slope(s, nu)
        expected += g.n_levels * np.log(np.abs(np.diagonal(factor))).sum()
        expected += t_density(value["sigma_u_h"], 5.0, value["sigma_sd_h"][:, None])
        expected += stats.norm.logpdf(value["zeta_h"]).sum()
        expected += stats.gamma(2, scale=10).logpdf(nu) - stats.gamma(2, scale=10).logsf(1)
        expected += stats.beta(*correlations.shapes.T).logpdf(value["lkj_g"]).sum()
        for prior, x in [
            (priors.intercept, value["Intercept_centred"]),
            *zip(priors.beta, value["slope"], strict=True),
            *zip(priors.sd["g"], value["centred_sd_g"], strict=True),
            *zip(priors.sd["h"], value["sd_h"], strict=True),
            *zip(priors.of("sigma").sd["h"], value["sigma_sd_h"], strict=True),
            (priors.of("sigma").intercept, value["sigma_Intercept_centred"]),
        ]:
            expected += float(prior.log_density(x))
        assert_allclose(without, expected, rtol=1e-10, atol=1e-8)
        logs = sum(np.log(value[n]).sum() for n in ("centred_sd_g", "sd_h", "sigma_sd_h"))
        logs += np.log(value["lkj_g"] * (1 - value["lkj_g"])).sum() + np.log(nu - 1)
        assert_allclose(with_jacobian, expected + logs, rtol=1e-10, atol=1e-8)

    @pytest.mark.slow
    @pytest.mark.parametrize(
        "prior",
        [
            Prior("HalfStudentT", nu=3, sigma=10),
            Prior("Normal", mu=-3, sigma=10),
            Prior("Uniform", lower=2, upper=30),
        ],
        ids=repr,
    )
    def test_a_prior_of_df_is_cut_off_at_one(self, data, prior):
        import pymc as pm

        spec = bm.prepare("y ~ 1 + (1 | g)", data, priors={"u": bm.StudentT(nu=prior)})
        model = spec.build()
        start = model.initial_point()
        df = model["df_g"]
        given = model.rvs_to_values[df]
        log = model.logp(df, jacobian=False)
        from_scratch = model.compile_fn(log, inputs=[given], mode="FAST_COMPILE", point_fn=False)
        at = start["df_g_interval__"]
        assert_allclose(from_scratch(at), float(df_log_density(prior, 1 + np.exp(at))), rtol=1e-7)
        grid = np.linspace(1, 5000, 2_000_001)
        density = np.exp(df_log_density(prior, grid[1:]))
        assert_allclose(np.trapezoid(density, grid[1:]), 1, atol=2e-3)
        with quiet_libraries():  # PyTensor tells that NumPy makes the draws
            drawn = pm.draw(df, 2000, random_seed=1)
        assert drawn.min() > 1
        between = np.exp(prior.log_mass_above(1)) - np.exp(prior.log_mass_above(np.median(drawn)))
        assert_allclose(between / np.exp(prior.log_mass_above(1)), 0.5, atol=0.05)


class TestPriors:
    def test_the_table_has_the_law_and_its_degrees_of_freedom(self, spec):
        table = spec.prior_table().set_index("parameter")["prior"]
        assert table["u:g"] == "StudentT(nu=Gamma(alpha=2, beta=0.1))"
        assert table["df:g"] == "Gamma(alpha=2, beta=0.1), above 1"
        assert table["sigma:u:h"] == "StudentT(nu=5)"
        assert not {"u:h", "df:h", "sigma:df:h"} & set(table.index)

    def test_paths_cascade(self, data):
        spec = bm.prepare(FORMULA, data, priors={"u": "student", "u:h": "normal"})
        assert list(spec.priors.student) == ["g"]
        own = Prior("Exponential", scale=10)
        both = bm.prepare(FORMULA, data, priors={"u": "student", "df": own})
        assert both.priors.student == {"g": bm.StudentT(nu=own), "h": bm.StudentT(nu=own)}
        assert (
            both.priors.by_path.keys()
            == bm.prepare(
                FORMULA, data, priors={"u:g": bm.StudentT(nu=own), "u:h": bm.StudentT(nu=own)}
            ).priors.by_path.keys()
        )

    def test_normal_models_stay_as_they_are(self, data):
        plain = bm.prepare(FORMULA, data)
        assert plain.priors == bm.prepare(FORMULA, data, priors={"u": "normal"}).priors
        assert not any("df" in v or v.startswith("u:") for v in plain.prior_table()["parameter"])

    def test_a_column_with_the_name_of_a_root_keeps_its_short_path(self, data):
        named = data.rename(columns={"x": "u", "z": "df"})
        own = Prior("Normal", mu=0, sigma=3)
        formula = "y ~ u + df + u:g + (1 | g)"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", bm.DesignWarning)
            spec = bm.prepare(formula, named, priors={"u": own, "df": own})
            both = bm.prepare(formula, named, priors={"u": "student", "beta:u": own})
        assert dict(zip(spec.design.terms[1:], spec.priors.beta, strict=True))["u"] == own
        assert dict(zip(spec.design.terms[1:], spec.priors.beta, strict=True))["df"] == own
        assert not spec.priors.student
        assert list(both.priors.student) == ["g"]

    def test_edits_can_be_changed(self, spec):
        back = spec.priors.replace({"u:g": "normal"})
        assert "g" not in back.student
        assert "df:g" not in back.table()["parameter"].tolist()
        fixed = spec.priors.replace({"u:g": bm.StudentT(nu=3)})
        assert fixed.student["g"].nu == 3
        assert spec.uncorrelated().priors.student.keys() == {"g"}


class TestMethods:
    @pytest.mark.parametrize("method", ["exact", "whitened"])
    def test_only_nuts_samples_it(self, data, spec, method):
        with pytest.raises(BayesmixError, match=r"'g' are Student-t\. Use method='nuts'"):
            chosen(spec, SampleOptions(method=method))

    def test_auto_takes_nuts(self, spec):
        assert [engine.name for engine in chosen(spec, SampleOptions())] == ["nuts"]

    def test_units_of_the_data_leave_the_law_as_it_is(self, data):
        large = data.assign(y=1e8 * data["y"])
        spec = bm.prepare("y ~ x + (1 + x | g)", large, priors={"u": "student"})
        other = rescaled(spec, units_of(spec))
        assert other is not spec
        assert other.priors.student == spec.priors.student


class TestSimulation:
    def test_effects_are_t_with_the_scale_that_was_given(self):
        simulation = bm.simulate(
            4000, 1, beta={"Intercept": 0.0}, sd={"Intercept": 2.0}, df=3, random_seed=1
        )
        u = simulation.u["group"]["Intercept"] / 2
        assert stats.kstest(u, stats.t(3).cdf).pvalue > 0.01
        assert simulation.parameters["df:group"] == 3

    def test_normal_effects_are_those_of_before(self):
        options = {"beta": {"Intercept": 0.0}, "sd": {"Intercept": 2.0}, "random_seed": 1}
        plain, heavy = bm.simulate(9, 3, **options), bm.simulate(9, 3, df=1000, **options)
        assert_allclose(plain.u["group"], heavy.u["group"], rtol=0.15)
        assert plain.df == {}
        assert "df:group" not in plain.parameters

    def test_one_of_several_factors(self):
        simulation = bm.simulate(
            {"a": 20, "b": 10},
            5,
            beta={"Intercept": 0.0},
            sd={"a": {"Intercept": 1.0}, "b": {"Intercept": 1.0}},
            df={"b": 4},
            random_seed=1,
        )
        assert simulation.df == {"b": 4.0}


@pytest.fixture(scope="module")
def split(data):
    """A model of one factor, draws that are all alike, and rows of a level left out."""
    import xarray as xr

    spec = bm.prepare("y ~ z + (1 + z | g)", data, priors={"u": bm.StudentT(nu=2.5)})
    rows = np.flatnonzero(spec.design.groups[0].codes == 2)
    train = np.setdiff1d(np.arange(48), rows)
    kept = bm.ModelSpec(spec.design.take(train), spec.family, spec.priors)
    S, root = 400, np.array([[1.0, 0.0], [0.3, 0.8]])
    sd, r = np.sqrt((root**2).sum(axis=1)), 0.3 / np.sqrt(0.73)
    ones = np.ones((2, S))
    term = spec.design.groups[0]
    name = "centred_sd_g" if spec.is_centred(term) else "sd_g"
    posterior = xr.Dataset(
        {
            "beta": (("chain", "draw", "term"), ones[..., None] * [4.0, 0.0]),
            "sigma": (("chain", "draw"), 0.7 * ones),
            name: (("chain", "draw", "g_effect"), ones[..., None] * sd),
            "lkj_g": (("chain", "draw", "g_pair"), ones[..., None] * (1 + r) / 2),
            "u_g": (("chain", "draw", "g", "g_effect"), np.zeros((2, S, 6, 2))),
        }
    )
    return spec, kept, rows, posterior, root


class TestHeldOut:
    """Densities of levels without rows, against brute force."""

    def likelihood(self, spec, rows, root, n) -> np.ndarray:
        """Log densities (n, m) of rows at effects that were drawn by brute force."""
        rng = np.random.default_rng(5)
        s = stats.multivariate_t(np.zeros(2), np.eye(2), df=2.5, seed=rng).rvs(n)
        Z = spec.design.groups[0].Z[rows] - spec.centre(spec.design.groups[0])
        mean = 4.0 + (s @ root.T) @ Z.T
        return stats.norm(mean, 0.7).logpdf(spec.design.y[rows])

    def test_single_rows(self, split):
        spec, kept, rows, posterior, root = split
        ours = log_predictive(kept, spec.design.take(rows), posterior, 1)
        brute = self.likelihood(spec, rows, root, 400_000)
        expected = logsumexp(brute, axis=0) - np.log(len(brute))
        error = np.exp(brute - expected).std(axis=0) / np.sqrt(len(brute))
        assert (np.abs(ours - expected) < 4 * error + 0.004).all()

    def test_a_group_together(self, split):
        spec, kept, rows, posterior, root = split
        own = rows[:3]  # few enough for brute force to hit them
        ours, notes = log_joint_predictive(
            kept, spec.design.take(own), posterior, np.random.default_rng(1)
        )
        total = self.likelihood(spec, own, root, 2_000_000).sum(axis=1)
        expected = logsumexp(total) - np.log(len(total))
        error = np.exp(total - expected).std() / np.sqrt(len(total))
        assert not notes
        assert abs(ours - expected) < 4 * error + 0.02

    def test_scales_rise_from_normal_numbers(self):
        z = np.linspace(-5, 5, 11)
        w = mixing_of_normal(np.array([3.0]), z)
        law = stats.invgamma(1.5, scale=1.5)
        assert_allclose(law.cdf(w), stats.norm.cdf(z), rtol=1e-8, atol=1e-14)
        assert np.isfinite(mixing_of_normal(np.array([1.01]), np.array([-40.0, 40.0]))).all()
        drawn = draw_mixing(np.random.default_rng(1), np.full(4000, 3.0))
        assert stats.kstest(drawn, law.cdf).pvalue > 0.01
        t = np.random.default_rng(2).standard_normal(4000) * np.sqrt(drawn)
        assert stats.kstest(stdtr(3.0, t), "uniform").pvalue > 0.01


@pytest.fixture(scope="module")
def simulation() -> bm.Simulation:
    return bm.simulate(
        150,
        6,
        beta={"Intercept": 1.0},
        sd={"Intercept": 0.4},
        sigma=1.0,
        df=2.5,
        random_seed=4,
    )


@pytest.fixture(scope="module")
def fits(simulation) -> tuple[bm.MixedFit, bm.MixedFit]:
    options = {"random_seed": 1, "progressbar": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bm.ConvergenceWarning)
        heavy = bm.fit(
            simulation.formula,
            simulation.data,
            priors={"u:group": "student"},
            chains=2,
            **options,
        )
    return heavy, bm.fit(simulation.formula, simulation.data, **options)


@pytest.mark.slow
class TestSampling:
    """One real fit of effects with few degrees of freedom."""

    def test_it_finds_the_truth(self, simulation, fits):
        df = fits[0].posterior["df_group"].to_numpy().ravel()
        lower, upper = np.quantile(df, [0.025, 0.975])
        assert lower < 2.5 < upper < 15
        sd = fits[0].posterior["sd_group"].to_numpy().ravel()
        assert np.quantile(sd, 0.005) < 0.4 < np.quantile(sd, 0.995)
        figures = fits[0].diagnostics()
        assert figures["r_hat"].max() < 1.03

    def test_levels_far_out_are_shrunk_less_and_the_others_more(self, simulation, fits):
        u = simulation.u["group"]["Intercept"].to_numpy()
        heavy, normal = (fit.ranef() for fit in fits)
        raw = simulation.data.groupby("group", observed=True)["y"].mean().to_numpy()
        far = np.argsort(-np.abs(u))[:3]
        near = np.argsort(np.abs(raw - np.median(raw)))[:75]
        of_heavy, of_normal = (fit.coef()["value"].to_numpy() for fit in fits)
        assert (np.abs(of_heavy - raw)[far] < np.abs(of_normal - raw)[far]).all()
        assert heavy["se"].to_numpy()[near].mean() < normal["se"].to_numpy()[near].mean()
