"""The unit of a column, of the response or of the weights is the user's choice and says nothing."""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import integrate, stats

import bayesmix as bm
from bayesmix.design.magnitudes import root_mean_weight
from bayesmix.design.spreads import mean, sd, spread
from bayesmix.engines.nuts.joint import build_model
from bayesmix.engines.prior import sample_prior
from bayesmix.engines.rescaling import rescaled, with_numbers_of
from bayesmix.engines.scaling import ORDINARY_TO_EXACT, Units
from bayesmix.engines.trees import constant_data
from bayesmix.model.schema import Schema
from summarised import with_effects_summarised

N = 60


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    data = pd.DataFrame(
        {"x": 1 + rng.normal(size=N), "z": rng.normal(size=N), "g": np.repeat(np.arange(10), 6)}
    )
    data["h"] = np.tile(np.arange(4), N // 4)
    group = rng.normal(size=(10, 2))
    data["y"] = 2 + data.x + group[data.g, 0] + group[data.g, 1] * data.x + rng.normal(size=N)
    return data.assign(w=rng.uniform(0.5, 2.0, N))


def fit(formula: str, data: pd.DataFrame, **options) -> bm.MixedFit:
    options = {"draws": 250, "chains": 2, "cores": 1, "random_seed": 1} | options
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bm.ConvergenceWarning)
        return bm.fit(formula, data, progressbar=False, **options)


def in_units(fit: bm.MixedFit, y: float, x: float, z: float, w: float) -> dict[str, np.ndarray]:
    """Draws of everything, as if nothing had been scaled."""
    of = {"Intercept": 1.0, "x": x, "z": z}
    posterior = fit.posterior
    terms = np.array([of[term] for term in fit.spec.design.terms])
    found = {
        "beta": posterior["beta"].to_numpy() * terms / y,
        "sigma": posterior["sigma"].to_numpy() / y / np.sqrt(w),
    }
    for term in fit.spec.design.groups:
        effects = np.array([of[effect] for effect in term.effects]) / y
        for name in ("sd", "u"):
            found[f"{name}_{term.factor}"] = posterior[f"{name}_{term.factor}"].to_numpy() * effects
        if f"cor_{term.factor}" in posterior:
            found[f"cor_{term.factor}"] = posterior[f"cor_{term.factor}"].to_numpy()
    return found


# Powers of ten for y, x, z and the weights.
SCALES = [
    *((y, 0, 0, 0) for y in (-100, -30, 30, 100)),
    *((0, x, 0, 0) for x in (-100, -30, 30, 100)),
    (0, 0, -100, 0),
    (30, 30, -30, 0),
    *((0, 0, 0, w) for w in (-6, 6, 20)),
    (100, -20, 100, -6),
]


@pytest.fixture(scope="module", params=["y ~ x + z + (x | g)", "y ~ x + z + (1 | g) + (0 + z | h)"])
def plain(request) -> bm.MixedFit:
    return fit(request.param, frame(), weights="w", method="exact")


quiet = pytest.mark.filterwarnings(
    "ignore::bayesmix.DesignWarning",
    "ignore::bayesmix.ConvergenceWarning",
    "ignore::bayesmix.ComparisonWarning",
)


@quiet
class TestExact:
    @pytest.mark.slow
    @pytest.mark.parametrize("powers", SCALES, ids=str)
    def test_draws_are_those_of_ordinary_numbers(self, plain, powers):
        """Rounding differs, and hundreds of steps make a little more of it: not of all draws."""
        y, x, z, w = (10.0**power for power in powers)
        data = frame()
        data = data.assign(y=data.y * y, x=data.x * x, z=data.z * z, w=data.w * w)
        scaled = fit(plain.spec.design.formula.text, data, weights="w", method="exact")
        assert scaled.idata.attrs["method"] == "exact"
        ours, theirs = in_units(scaled, y, x, z, w), in_units(plain, 1, 1, 1, 1)
        for name, values in theirs.items():
            near = np.isclose(ours[name], values, rtol=1e-3, atol=1e-3 * values.std())
            assert near.mean() > 0.98, name
        shift = N * np.log(y)
        assert scaled.loo().elpd + shift == pytest.approx(plain.loo().elpd, abs=0.05)
        assert scaled.waic().elpd + shift == pytest.approx(plain.waic().elpd, abs=0.05)

    def test_ordinary_numbers_keep_their_bits(self):
        spec = bm.prepare("y ~ x + (x | g)", frame() * [1e6, 1, 1, 1, 1e-6, 1e6], weights="w")
        units = Units.of(spec.design, ORDINARY_TO_EXACT)
        assert units.are_one
        assert units.design(spec.design) is spec.design

    @pytest.mark.slow
    @pytest.mark.parametrize("scale", [1e-100, 1e100])
    def test_all_that_a_fit_can_do(self, scale, tmp_path):
        import matplotlib.pyplot as plt

        data = frame()
        data = data.assign(y=data.y * scale)
        scaled, plain = fit("y ~ x + (x | g)", data), fit("y ~ x + (x | g)", frame())
        assert "1 | g" not in str(scaled)
        assert scaled._repr_html_()
        assert scaled.summary(cor_re=True)
        for table in ("fixef", "ranef", "coef", "no_pooling"):
            ours, theirs = getattr(scaled, table)(), getattr(plain, table)()
            np.testing.assert_allclose(ours["value"] / scale, theirs["value"], rtol=0.02, atol=0.02)
            np.testing.assert_allclose(ours["se"] / scale, theirs["se"], rtol=0.02)
        ours, theirs = scaled.varcorr(), plain.varcorr()
        np.testing.assert_allclose(ours["variance"] / scale**2, theirs["variance"], rtol=0.02)
        np.testing.assert_allclose(ours["var_prop"], theirs["var_prop"], rtol=0.02)
        np.testing.assert_allclose(
            scaled.shrinkage()["shrinkage"].median(),
            plain.shrinkage()["shrinkage"].median(),
            rtol=0.02,
        )
        ours, theirs = scaled.predict(random_seed=1), plain.predict(random_seed=1)
        np.testing.assert_allclose(ours["value"] / scale, theirs["value"], rtol=0.02, atol=0.02)
        elpd = scaled.kfold(k=3, random_seed=1).elpd + N * np.log(scale)
        assert elpd == pytest.approx(plain.kfold(k=3, random_seed=1).elpd, abs=0.1)
        elpd = scaled.logo("g").elpd + N * np.log(scale)
        assert elpd == pytest.approx(plain.logo("g").elpd, abs=0.3)
        scaled.save(tmp_path / "fit.bm")
        assert bm.load(tmp_path / "fit.bm").fixef().equals(scaled.fixef())
        for plot in ("plot_shrinkage", "plot_ranef", "plot_trends", "plot_varcorr", "plot_ppc"):
            getattr(scaled, plot)()
            plt.gcf().canvas.draw()
            plt.close("all")

    def test_effects_that_are_summarised(self):
        data = frame()
        large = data.assign(y=data.y * 1e100, x=data.x * 1e-30)
        plain, scaled = (
            with_effects_summarised(fit("y ~ x + (x | g)", rows)) for rows in (data, large)
        )
        assert "u_g" not in scaled.posterior
        ours, theirs = scaled.ranef("g"), plain.ranef("g")
        unit = np.where(ours["effect"] == "x", 1e130, 1e100)
        np.testing.assert_allclose(ours["value"] / unit, theirs["value"], rtol=0.05, atol=0.02)
        np.testing.assert_allclose(ours["se"] / unit, theirs["se"], rtol=0.05)


class TestWeights:
    def test_sigma_has_the_unit_of_the_weights(self):
        data = frame()
        for unit in (1e-6, 1.0, 1e6):
            weights = unit * data.w / data.w.mean()
            priors = bm.prepare("y ~ x + (1 | g)", data, weights=weights).priors
            expected = data.y.std() * np.sqrt(unit)
            assert priors.auxiliary["sigma"].parameters["scale"] == pytest.approx(expected)
        plain = bm.prepare("y ~ x + (1 | g)", data).priors
        ones = bm.prepare("y ~ x + (1 | g)", data, weights=np.ones(N)).priors
        assert ones == plain

    def test_posterior_of_sigma_by_quadrature(self):
        """One intercept, known but for its Normal prior: p(sigma | y) on a grid."""
        y, unit = np.array([1.0, 2.0, 4.0, 7.0, 3.0]), 1e4
        w = unit * np.array([1.0, 2.0, 0.5, 1.0, 0.5])
        fitted = fit("y ~ 1", pd.DataFrame({"y": y}), weights=w, draws=2000, chains=4)
        s_y = y.std(ddof=1)

        def density(log_sigma: float) -> float:
            sigma = np.exp(log_sigma)
            covariance = np.diag(sigma**2 / w) + (2.5 * s_y) ** 2
            likelihood = stats.multivariate_normal(
                np.full(5, np.average(y, weights=w)), covariance
            ).pdf(y)
            return likelihood * np.exp(-sigma / (s_y * np.sqrt(w.mean()))) * sigma

        grid = np.linspace(np.log(10), np.log(1e5), 2001)
        values = np.array([density(v) for v in grid])
        log_mean = integrate.simpson(values * grid, x=grid) / integrate.simpson(values, x=grid)
        draws = np.log(fitted.posterior["sigma"].to_numpy())
        error = draws.std() / np.sqrt(draws.size / 2)
        assert abs(draws.mean() - log_mean) < 4 * error

    @pytest.mark.slow
    @quiet
    @pytest.mark.parametrize("unit", [1e-6, 1e6])
    def test_criteria_and_regressions_of_groups(self, unit):
        data = frame()
        scaled = fit("y ~ x + (1 | g)", data, weights=data.w * unit)
        plain = fit("y ~ x + (1 | g)", data, weights=data.w)
        assert scaled.loo().elpd == pytest.approx(plain.loo().elpd, abs=0.05)
        assert scaled.kfold(k=3, random_seed=1).elpd == pytest.approx(
            plain.kfold(k=3, random_seed=1).elpd, abs=0.1
        )
        for table in ("no_pooling", "shrinkage"):
            ours, theirs = getattr(scaled, table)(), getattr(plain, table)()
            numbers = ours.select_dtypes("number").columns
            np.testing.assert_allclose(ours[numbers], theirs[numbers], rtol=0.02, atol=0.02)


def column(**new):
    return lambda data: data.assign(**{name: data[name] * by for name, by in new.items()})


class TestBeyondDoublePrecision:
    @pytest.mark.parametrize(
        ("change", "words"),
        [
            (column(y=1e160), r"The sd of the response 'y' .* divide by 1e160"),
            (column(y=1e-160), r"The sd of the response 'y' .* divide by 1e-160"),
            (column(x=1e160), r"The column 'x' .* Rescale it: divide by 1e159"),
            (column(x=1e-300), r"The column 'x'"),
            (column(y=1e100, x=1e-100), r"A slope over 'x' .* Rescale the column"),
            (column(w=1e300), r"The residual sd of a row of weight one .* the weights"),
            (column(w=1e-290), r"The residual sd of a row of weight one .* the weights"),
        ],
    )
    def test_what_to_rescale_is_named(self, change, words):
        with pytest.raises(bm.BayesmixError, match=words):
            bm.prepare("y ~ x + (1 | g)", change(frame()), weights="w")

    def test_the_advice_works(self):
        data = frame()
        data["x"] *= 1e160
        assert bm.prepare("y ~ x + (1 | g)", data.assign(x=data.x / 1e159)).design.n_terms == 2

    @pytest.mark.parametrize(
        "priors",
        [
            {"sigma": bm.Prior("Uniform", lower=0, upper=1e-200)},
            {"x": bm.Prior("Normal", mu=1e200, sigma=1)},
            {"Intercept": bm.Prior("Normal", mu=1e200, sigma=1)},
        ],
    )
    def test_priors_that_leave_no_density(self, priors):
        with pytest.raises(bm.BayesmixError, match="no point to start from"):
            fit("y ~ x + (1 | g)", frame(), priors=priors, method="exact")

    @pytest.mark.parametrize(
        "prior",
        [
            bm.Prior("InverseGamma", alpha=0.001, beta=0.001),
            bm.Prior("HalfNormal", sigma=1e30),
            bm.Prior("HalfCauchy", beta=1e100),
        ],
        ids=str,
    )
    def test_a_vague_prior_does_not_say_where_sigma_is(self, prior):
        """Their density is as good as flat, or 1 / sigma, where the likelihood is."""
        fitted = fit("y ~ x + (x | g)", frame(), priors={"sigma": prior}, method="exact")
        assert fitted.idata.attrs["method"] == "exact"
        plain = fit("y ~ x + (x | g)", frame())
        sigma, reference = (f.posterior["sigma"].to_numpy() for f in (fitted, plain))
        assert abs(sigma.mean() - reference.mean()) < reference.std()

    def test_a_flat_and_a_fixed_population_effect(self):
        priors = {"x": bm.Prior("Normal", sigma=1e200), "z": bm.Prior("Normal", sigma=1e-200)}
        fitted = fit("y ~ x + z", frame(), priors=priors)
        value = fitted.fixef().set_index("term")["value"]
        data = frame()
        slope, _ = np.polyfit(data.x, data.y, 1)
        assert abs(value["z"]) < 1e-100
        assert abs(value["x"] - slope) < 0.1 * fitted.fixef()["se"].iloc[1]


class TestSizes:
    @pytest.mark.parametrize("unit", [2.0**-900, 1.0, 2.0**900])
    def test_moments_of_numbers_whose_squares_are_none(self, unit):
        column = np.array([1.0, 2.0, 4.0])
        assert mean(column * unit) == np.mean(column) * unit
        assert sd(column * unit) == np.std(column, ddof=1) * unit
        assert spread(column * unit) == np.std(column, ddof=1) * unit
        assert spread(np.full(3, -unit)) == unit

    def test_degenerate_columns(self):
        assert sd(np.array([1.0])) == 0
        assert spread(np.zeros(3)) == 1

    def test_mean_weight(self):
        spec = bm.prepare("y ~ x", frame(), weights=np.full(N, 2.0**600))
        assert root_mean_weight(spec.design) == 2.0**300


# Each has its own form of the unit, so that x / unit has the density that it says.
PRIORS = [
    bm.Prior("Normal", mu=1, sigma=2),
    bm.Prior("Normal", mu=1, tau=2),
    bm.Prior("StudentT", nu=4, mu=1, sigma=2),
    bm.Prior("StudentT", nu=4, mu=1, lam=2),
    bm.Prior("Cauchy", alpha=1, beta=2),
    bm.Prior("Laplace", mu=1, b=2),
    bm.Prior("Logistic", mu=1, s=2),
    bm.Prior("Gumbel", mu=1, beta=2),
    bm.Prior("Uniform", lower=-1, upper=2e9),
    bm.Prior("TruncatedNormal", mu=1, sigma=2, lower=0, upper=4e9),
    bm.Prior("HalfNormal", sigma=2),
    bm.Prior("HalfNormal", tau=2),
    bm.Prior("HalfCauchy", beta=2),
    bm.Prior("HalfStudentT", nu=3, sigma=2),
    bm.Prior("HalfStudentT", nu=3, lam=2),
    bm.Prior("Exponential", scale=2),
    bm.Prior("Exponential", lam=2),
    bm.Prior("Gamma", alpha=2, beta=3),
    bm.Prior("Gamma", mu=2, sigma=3),
    bm.Prior("InverseGamma", alpha=2, beta=3),
    bm.Prior("InverseGamma", mu=2, sigma=3),
    bm.Prior("Weibull", alpha=2, beta=3),
    bm.Prior("Pareto", alpha=2, m=0.5),
    bm.Prior("LogNormal", mu=1, sigma=2),
]


class TestRescaled:
    @pytest.mark.parametrize("prior", PRIORS, ids=str)
    def test_priors_are_of_the_parameter_in_its_unit(self, prior):
        from bayesmix.engines.rescaling import _in_unit

        unit, value = 2.0**20, np.array([0.7, 1.3, 5.0])
        ours = _in_unit("sigma", prior, unit).log_density(value / unit) - np.log(unit)
        np.testing.assert_allclose(ours, prior.log_density(value), rtol=1e-9)

    def test_a_prior_without_a_scale(self):
        data = frame()
        priors = {"sigma": bm.Prior("ChiSquared", nu=3)}
        spec = bm.prepare("y ~ x + (1 | g)", data.assign(y=1e9 * data.y), priors=priors)
        units = Units.of(spec.design, 16)
        with pytest.raises(bm.BayesmixError, match=r"'sigma' .* ChiSquared\(nu=3\).* Rescale"):
            rescaled(spec, units)
        assert rescaled(bm.prepare("y ~ x", data), Units.of(spec.design, 1000)) is not None

    @quiet
    @pytest.mark.parametrize(
        "formula",
        [
            "y ~ 0 + (0 + x | g)",
            pytest.param("y ~ x + (x | g)", marks=pytest.mark.slow),
            pytest.param("y ~ 0 + x + (x || g) + (1 | h)", marks=pytest.mark.slow),
        ],
    )
    def test_there_and_back(self, formula):
        """Prior draws of the rescaled model have the density of the model itself."""
        data = frame()
        spec = bm.prepare(formula, data.assign(y=1e9 * data.y, x=1e-7 * data.x), weights="w")
        units = Units.of(spec.design, 16)
        inner = rescaled(spec, units)
        assert abs(np.log(inner.design.y.std())) < 1
        prior = sample_prior(inner, 20, random_seed=1)["prior"].dataset
        data = constant_data(inner, xr.DataArray(spec.design.rows, dims="obs"))
        observed = xr.Dataset({Schema.of(inner).observed: ("obs", inner.design.y)})
        tree = xr.DataTree.from_dict(
            {"posterior": prior, "observed_data": observed, "constant_data": data}
        )
        back = with_numbers_of(spec, units, tree)
        np.testing.assert_array_equal(back["observed_data"]["y_observed"], spec.design.y)
        np.testing.assert_array_equal(back["constant_data"]["weights"], spec.design.weights)
        for term in spec.design.groups:
            np.testing.assert_array_equal(back["constant_data"][f"Z_{term.factor}"], term.Z)
        names = {v.name for v in spec.build().free_RVs}
        assert names <= set(back["posterior"].data_vars)
        # The density of all, data included, at each draw; it shifts by the Jacobian, a constant.
        ours, theirs = (
            log_density(s, t["posterior"].dataset) for s, t in ((spec, back), (inner, tree))
        )
        np.testing.assert_allclose(np.ptp(ours - theirs), 0, atol=1e-6)

    @pytest.mark.slow
    @pytest.mark.parametrize("power", [-100, 100])
    @pytest.mark.parametrize("name", ["y", "x"])
    def test_nuts_and_exact_agree(self, name, power):
        data = frame()
        data[name] *= 10.0**power
        exact = fit("y ~ x + (x | g)", data, draws=1000, chains=4)
        nuts = fit("y ~ x + (x | g)", data, draws=1000, chains=2, cores=2, method="nuts")
        ours, theirs = nuts.fixef(), exact.fixef()
        error = theirs["se"] / np.sqrt(100)
        assert (np.abs(ours["value"] - theirs["value"]) < 4 * error).all()
        np.testing.assert_allclose(ours["se"], theirs["se"], rtol=0.3)
        np.testing.assert_allclose(nuts.varcorr()["sd"], exact.varcorr()["sd"], rtol=0.3)


def log_density(spec: bm.ModelSpec, posterior) -> np.ndarray:
    model = build_model(spec)
    point = {v.name: model.rvs_to_values[v] for v in model.free_RVs}
    compiled = model.compile_logp(jacobian=False)
    values = []
    for draw in range(posterior.sizes["draw"]):
        own = {}
        for rv in model.free_RVs:
            number = posterior[rv.name].to_numpy()[0, draw]
            transform = model.rvs_to_transforms[rv]
            if transform is not None:
                number = transform.forward(number, *rv.owner.inputs).eval()
            own[point[rv.name].name] = number
        values.append(float(compiled(own)))
    return np.array(values)


class TestOddSizes:
    """Small and degenerate data: fits, or errors that say what is wrong."""

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("formula", "change"),
        [
            ("y ~ x", lambda d: d.head(2)),
            ("y ~ x", lambda d: d.head(3)),
            ("y ~ 0 + (1 | g)", lambda d: d.iloc[::6].head(2)),
            ("y ~ x + (1 | g)", lambda d: d.iloc[::3].head(6)),
            ("y ~ x + copy + (1 | g)", lambda d: d.assign(copy=d.x)),
            ("y ~ x + (x + copy | g)", lambda d: d.assign(copy=2 * d.x)),
            ("y ~ zero + (zero | g)", lambda d: d.assign(zero=0.0)),
            ("y ~ x + (0 + zero | g)", lambda d: d.assign(zero=0.0)),
            ("y ~ x + (1 | g)", lambda d: d.assign(y=1e15 + d.y)),
            ("y ~ x + (1 | g)", lambda d: d.assign(y=np.r_[1e100, d.y[1:]])),
            ("y ~ x + (x | g)", lambda d: d.assign(x=np.r_[1e100, d.x[1:]])),
        ],
    )
    @quiet
    def test_they_fit(self, formula, change):
        fitted = fit(formula, change(frame()), draws=100, method="exact")
        assert np.isfinite(fitted.varcorr()["sd"]).all()
        assert str(fitted)

    @pytest.mark.parametrize("rows", [1, 4])
    def test_a_response_that_does_not_vary(self, rows):
        with pytest.raises(bm.BayesmixError, match="constant"):
            bm.prepare("y ~ x", frame().head(rows).assign(y=3.0))

    def test_more_columns_than_rows(self):
        rng = np.random.default_rng(1)
        data = pd.DataFrame(rng.normal(size=(10, 30)), columns=[f"x{i}" for i in range(30)])
        data = data.assign(y=rng.normal(size=10), g=list("aabbccddee"))
        formula = f"y ~ {' + '.join(data.columns[:30])} + (1 | g)"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", bm.DesignWarning)
            assert np.isfinite(fit(formula, data, draws=100).fixef()["se"]).all()


class TestNoPopulationEffect:
    FORMULAS = ("y ~ 0", "y ~ 0 + (1 | g)", "y ~ 0 + (x | g)", "y ~ 0 + (1 | g) + (1 | h)")

    @pytest.mark.slow
    @pytest.mark.parametrize("formula", FORMULAS)
    @quiet
    def test_all_that_a_fit_can_do(self, formula, tmp_path):
        data = frame()
        fitted = fit(formula, data, method="exact")
        assert "beta" not in fitted.posterior
        assert fitted.fixef().empty
        assert str(fitted)
        assert fitted._repr_html_()
        assert len(fitted.varcorr())
        assert np.isfinite(fitted.loo().elpd)
        assert np.isfinite(fitted.loo(integrated=False).elpd)
        assert np.isfinite(fitted.waic().elpd)
        assert np.isfinite(fitted.kfold(k=2, random_seed=1).elpd)
        assert len(fitted.predict(data.head(3))) == 3
        assert len(fitted.ranef()) == len(fitted.coef()) == len(fitted.shrinkage())
        fitted.save(tmp_path / "fit.bm")
        assert bm.load(tmp_path / "fit.bm").varcorr().equals(fitted.varcorr())

    def test_sds_against_the_marginal_density_on_a_grid(self):
        """``y ~ 0``: sigma alone, whose posterior is known up to a constant."""
        y = frame()["y"].to_numpy()
        fitted = fit("y ~ 0", frame(), draws=2000, chains=4)
        sigma = np.linspace(0.5, 8, 4001)
        log = -N * np.log(sigma) - (y @ y) / (2 * sigma**2) - sigma / y.std(ddof=1)
        weight = np.exp(log - log.max())
        expected = (weight @ sigma) / weight.sum()
        draws = fitted.posterior["sigma"].to_numpy()
        assert abs(draws.mean() - expected) < 4 * draws.std() / np.sqrt(draws.size / 2)


def test_a_sampler_that_panics_ends_in_our_error(monkeypatch):
    import pymc as pm

    class PanicException(BaseException):
        pass

    def panic(*args, **kwargs):
        raise PanicException("called `Result::unwrap()` on an `Err` value")

    monkeypatch.setattr(pm, "sample", panic)
    with pytest.raises(bm.BayesmixError, match=r"failed with PanicException: called"):
        fit("y ~ x + (1 | g)", frame(), method="nuts")


def test_starts_are_those_of_the_default_priors_where_a_prior_is_far():
    spec = bm.prepare("y ~ x + (x | g)", frame())
    far = dataclasses.replace(
        spec, priors=spec.priors.replace({"sigma": bm.Prior("HalfNormal", sigma=1e30)})
    )
    from bayesmix.engines.exact.space import ThetaSpace

    near, moved = (ThetaSpace.of(s).candidates(np.random.default_rng(1), 50) for s in (spec, far))
    assert len(near) == 50
    assert len(moved) > 50
    assert moved[50:, -1].max() < 3
