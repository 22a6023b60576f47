"""Verbs of one fit with Student-t group effects and hyperpriors; its draws are of the prior."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from pymc.testing import mock_sample_setup_and_teardown
from scipy import stats

import bayesmix as bm
from bayesmix.base.errors import BayesmixError
from bayesmix.criteria import jobs
from bayesmix.criteria.facts import Facts
from bayesmix.model.centring import centred_scale, scale_as_written
from bayesmix.posterior.draws import Draws
from bayesmix.priors.prior import Prior

FORMULA, SIGMA = "y ~ x + z + (1 + x + z | g) + (1 | h)", "~ 1 + (1 | h)"
HALF = Prior("HalfNormal", sigma=0.3)
PRIORS = {
    "u:g": "student",
    "sigma:u": bm.StudentT(nu=5),
    "beta": Prior("Normal", mu=0, sigma=HALF),
    "Intercept": Prior("Normal", mu=4, sigma=Prior("HalfNormal", sigma=0.5)),
    # Near enough to the data for the criteria to have something to weigh.
    "sd:g:x": HALF,
    "sd:g:z": HALF,
    "sd:h": HALF,
    "sigma:sd": HALF,
    "sigma:Intercept": Prior("Normal", mu=1, sigma=0.1),
}


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
def fit(data) -> bm.MixedFit:
    return mocked(FORMULA, data, sigma=SIGMA, priors=PRIORS)


def mocked(*model, **options) -> bm.MixedFit:
    """A whole fit whose draws are those of the prior."""
    mock = mock_sample_setup_and_teardown()
    next(mock)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return bm.fit(*model, draws=60, chains=2, random_seed=1, progressbar=False, **options)
    finally:
        next(mock, None)


def without(fit: bm.MixedFit, *paths: str) -> bm.MixedFit:
    """The same draws as those of a model without some priors."""
    left = {path: prior for path, prior in PRIORS.items() if path not in paths}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bm.DesignWarning)
        spec = bm.prepare(FORMULA, frame(), sigma=SIGMA, priors=left)
    return bm.MixedFit(spec, fit.idata, fit.options)


class TestTables:
    @pytest.mark.slow
    def test_the_summary_says_what_is_what_and_why(self, fit):
        text = " ".join(repr(fit).split())
        assert "NUTS was used, since the effects of 'g' are Student-t" in text
        assert "Effects of g are Student-t; sd is the scale of that distribution" in text
        assert "Effects of sigma:h are Student-t with df fixed at 5" in text
        assert "Effects of h " not in text
        assert "Degrees of Freedom of Group Effects: Parameter Value" in text
        assert "df:g" in text
        assert "Hyperparameters: Parameter Value" in text
        assert "beta:sigma" in text
        assert "Lower_2.5" not in repr(fit.summary(ci=False))

    def test_parameters_are_reported(self, fit):
        parameters = fit.diagnostics()["parameter"].tolist()
        assert {"df:g", "beta:sigma", "Intercept:sigma"} <= set(parameters)
        assert "sigma:df:h" not in parameters
        assert "df:h" not in parameters
        assert_allclose(fit.posterior["slope"][..., 0], fit.posterior["beta"].sel(term="x"))

    def test_tables_answer(self, fit):
        assert set(fit.varcorr()["group"]) == {"g", "h"}
        assert fit.cor_re()["g"].shape == (3, 3)
        for table in (fit.ranef(), fit.coef(), fit.find_typical(), fit.fixef()):
            assert np.isfinite(table["value"]).all()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert len(fit.shrinkage())
            assert len(fit.no_pooling())

    def test_comparisons_count_them(self, fit):
        K = Facts.of(fit).K
        assert Facts.of(without(fit, "u:g")).K == K - 1
        assert Facts.of(without(fit, "beta", "Intercept")).K == K - 2
        assert Facts.of(without(fit, "sigma:u")).K == K

    def test_figures(self, fit, without_a_screen):
        labels = [axis.get_xlabel() for axis in np.ravel(fit.plot_varcorr())]
        assert any(label.startswith("Degrees of freedom\nof effects by g") for label in labels)
        assert not any("beta" in label or "Intercept:sigma" in label for label in labels)
        fit.plot_trace(["df:g", "beta:sigma", "Intercept:sigma"])
        fit.plot_ppc(draws=10, random_seed=1)
        fit.plot_ranef()

    def test_a_file_keeps_them(self, fit, tmp_path):
        fit.save(tmp_path / "t.fit")
        back = bm.load(tmp_path / "t.fit")
        assert repr(back) == repr(fit)
        assert back.spec.priors == fit.spec.priors
        assert list(back.spec.priors.hyperparameters) == list(fit.spec.priors.hyperparameters)
        pd.testing.assert_frame_equal(back.priors, fit.priors)
        pd.testing.assert_frame_equal(back.diagnostics(), fit.diagnostics())


class TestPredictions:
    def test_draws_know_their_degrees_of_freedom(self, fit):
        draws = Draws.of(fit.spec, fit.posterior)
        assert_allclose(draws.df["g"], fit.posterior["df_g"].to_numpy().ravel())
        assert "h" not in draws.df
        assert (draws.predictors["sigma"].df["h"] == 5).all()
        assert_allclose(draws[3:7].df["g"], draws.df["g"][3:7])

    def test_new_levels_are_jointly_t_with_the_df_of_each_draw(self, fit):
        """The squared length of standardised effects of a level is F(q, df) of each draw."""
        n = 200
        unit = pd.DataFrame({"x": 0.0, "z": 0.0, "h": "u", "g": [f"new{k}" for k in range(n)]})
        base, by_x, by_z = (
            fit.linpred(
                newdata=unit.assign(**({name: 1.0} if name else {})),
                groups=["g"],
                new_levels="sample",
                draws=True,
                random_seed=3,
            )
            .to_numpy()
            .reshape(-1, n)
            for name in ("", "x", "z")
        )
        beta = fit.posterior["beta"].to_numpy().reshape(-1, 3)
        u = np.stack([base - beta[:, :1], by_x - base - beta[:, 1:2], by_z - base - beta[:, 2:]], 2)
        term = fit.design.groups[0]
        root = centred_scale(fit.spec, fit.design.joint_effects[0], fit.posterior)
        root = scale_as_written(fit.spec.centre(term), root)
        s = np.linalg.solve(root, np.swapaxes(u, 1, 2))  # S, q, n
        df = fit.posterior["df_g"].to_numpy().ravel()
        uniform = stats.f(3, df[:, None]).cdf((s**2).sum(axis=1) / 3)
        assert stats.kstest(uniform.ravel(), "uniform").pvalue > 0.01
        # Normal effects would not be, nor would those with a scale for each effect of a level.
        normal = stats.chi2(3).cdf((s**2).sum(axis=1))
        assert stats.kstest(normal.ravel(), "uniform").pvalue < 1e-6

    def test_rows_of_a_new_level_of_sigma_share_its_effect(self, fit):
        rows = pd.DataFrame({"x": 3.0, "z": [0.0, 1.0], "g": "a", "h": "new"})
        eta = fit.linpred(
            newdata=rows, parameter="sigma", new_levels="sample", draws=True, random_seed=1
        ).to_numpy()
        assert_allclose(eta[..., 0], eta[..., 1])
        own = eta[..., 0] - fit.posterior["sigma_beta"].to_numpy()[..., 0]
        standard = own / fit.posterior["sigma_sd_h"].to_numpy()[..., 0]
        assert stats.kstest(standard.ravel(), stats.t(5).cdf).pvalue > 0.001

    def test_new_levels_of_other_words(self, fit):
        newdata = frame().assign(g="new")
        for groups, levels in (
            ("conditional", "sample"),
            ("population", "error"),
            (["h"], "error"),
        ):
            table = fit.predict(newdata=newdata, groups=groups, new_levels=levels, random_seed=1)
            assert np.isfinite(table["value"]).all()

    def test_simulation_from_the_fit(self, fit):
        simulation = bm.simulate_from(fit, random_seed=1)
        assert_allclose(simulation.df["g"], fit.posterior["df_g"].mean())
        assert simulation.predictors["sigma"].df == {"h": 5.0}
        assert {"df:g", "sigma:df:h"} <= simulation.parameters.keys()
        own = frame()
        many = pd.concat([own.assign(g=own["g"] + str(k)) for k in range(150)], ignore_index=True)
        study = bm.simulate_from(fit, many, random_seed=2)
        standard = study.u["g"]["z"] / study.sd["g"]["z"]
        assert stats.kstest(standard, stats.t(study.df["g"]).cdf).pvalue > 0.01


class TestCriteria:
    def test_they_take_the_draws_of_the_effects(self, fit):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            loo = fit.loo()
            assert not loo.integrated
            assert np.isfinite(loo.elpd)
            assert np.isfinite(fit.waic().elpd)
        with pytest.raises(BayesmixError, match="integrates group effects out"):
            fit.loo(integrated=True)
        with pytest.raises(BayesmixError, match="'g' are Student-t"):
            fit.logo("g", refit=False)

    def test_folds_have_the_same_priors(self, fit, monkeypatch):
        """The draws of the fit stand for those without a fold."""
        specs = []
        monkeypatch.setattr(jobs, "sample", lambda spec, _: specs.append(spec) or fit.idata)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = fit.kfold(3, group_by="g", random_seed=1, progressbar=False)
            logo = fit.logo("g")
        assert np.isfinite(result.elpd_i).all()
        assert np.isfinite(logo.elpd_i).all()
        assert len(specs) == 3 + 6
        for spec in specs:
            assert spec.priors.student == fit.spec.priors.student
            assert spec.priors.of("sigma").student == {"h": bm.StudentT(nu=5)}
            paths = ["beta:sigma", "beta:Intercept_centred:sigma"]
            assert sorted(spec.priors.hyperparameters) == sorted(paths)

    def test_splits_have_the_same_priors(self, fit):
        split = fit.spec.uncorrelated().priors
        assert split.student == fit.spec.priors.student
        assert split.hyperparameters == fit.spec.priors.hyperparameters


@pytest.mark.slow
def test_draws_are_in_the_numbers_of_the_user(data):
    """Whatever units NUTS has: an effect alone is what is sampled."""
    fit = mocked("y ~ 1 + (1 | g)", data.assign(y=1e8 * data["y"]), priors={"u": "student"})
    assert_allclose(fit.posterior["zeta_g"], fit.posterior["u_g"], rtol=1e-12)
    assert fit.posterior["sd_g"].mean() > 1e6
    assert fit.posterior["df_g"].mean() < 1e3


def test_contours_are_those_of_the_t(fit, without_a_screen):
    """Half of a t with two effects is inside a wider curve than half of a normal distribution."""
    from bayesmix.model.spec import ModelSpec

    def width(own: bm.MixedFit) -> float:
        axes = own.plot_shrinkage(kind="plane", re="g", effects=["x", "z"])
        curves = [line.get_xdata() for line in axes.lines if len(line.get_xdata()) == 181]
        return max(float(np.ptp(curve)) for curve in curves)

    normal = bm.MixedFit(
        ModelSpec(fit.design, fit.family, fit.spec.priors.replace({"u:g": "normal"})),
        fit.idata,
        fit.options,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ratio = width(fit) / width(normal)
    df = float(fit.posterior["df_g"].mean())
    assert_allclose(ratio**2, 2 * stats.f(2, df).ppf(0.9) / stats.chi2(2).ppf(0.9), rtol=1e-6)


@pytest.mark.slow
def test_draws_of_the_prior(data):
    law = bm.StudentT(nu=Prior("Uniform", lower=2.9, upper=3.1))
    priors = {"u:g": law, "sd:g": Prior("Uniform", lower=0.999, upper=1.001), "cor": bm.LKJ(1e6)}
    priors["beta"] = Prior("Normal", mu=0, sigma=Prior("Uniform", lower=1.999, upper=2.001))
    spec = bm.prepare("y ~ z + x + (1 + z | g)", data, priors=priors)
    prior = spec.sample_prior(2000, random_seed=1)["prior"]
    assert float(prior["df_g"].min()) > 2.9
    assert float(prior["df_g"].max()) < 3.1
    u = prior["u_g"].to_numpy()[0]  # draw, level, effect
    # Of two effects of a level that share its scale, and of one.
    assert stats.kstest((u[:, 0] ** 2).sum(axis=1) / 2, stats.f(2, 3).cdf).pvalue > 0.01
    assert stats.kstest(u[:, 1, 1], stats.t(3).cdf).pvalue > 0.01
    slopes = prior["beta"].to_numpy()[0, :, 1:]
    assert stats.kstest(slopes.ravel(), stats.norm(0, 2).cdf).pvalue > 0.01
