"""Parameters with predictors of their own, ``sigma="~ x + (1 | g)"``, from formula to file."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats

import bayesmix as bm
from bayesmix.base.errors import BayesmixError
from bayesmix.criteria.conditional import conditional_densities
from bayesmix.criteria.facts import Facts
from bayesmix.model.schema import Schema
from bayesmix.posterior.draws import Draws, linear_predictor
from bayesmix.predictions.heldout import log_joint_predictive, log_predictive

FORMULA = "y ~ x + (1 + x | g)"
SIGMA = "~ x + f + (1 | g) + (1 | h)"


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    n, J = 240, 24
    g, x = np.repeat(np.arange(J), n // J), rng.normal(3.0, 1.0, n)
    data = pd.DataFrame({"g": g, "h": rng.integers(0, 8, n), "x": x, "f": np.tile(list("ab"), 120)})
    level = rng.normal(0.0, 0.6, (J, 2))
    log_sigma = -0.5 + 0.2 * (x - 3) + 0.4 * (data["f"] == "b") + rng.normal(0.0, 0.3, J)[g]
    data["y"] = 2 + x + level[g, 0] + level[g, 1] * (x - 3)
    data["y"] += np.exp(log_sigma) * rng.standard_normal(n)
    data["count"] = rng.poisson(np.exp(0.3 * (x - 3) + level[g, 0]))
    return data


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    return frame()


@pytest.fixture(scope="module")
def fit(data) -> bm.MixedFit:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bm.ConvergenceWarning)
        return bm.fit(FORMULA, data, sigma=SIGMA, draws=100, random_seed=1, progressbar=False)


def log_sigma(fit, design, draws) -> np.ndarray:
    """Make the linear predictor of sigma by hand, (S, n)."""
    own, part = draws.predictors["sigma"], design.predictors["sigma"]
    eta = own.beta @ part.X.T
    for term in part.groups:
        eta = eta + own.u[term.factor][:, term.codes, 0]
    return eta


class TestSpecification:
    def test_each_predictor_has_its_columns_groups_and_priors(self, data):
        spec = bm.prepare(FORMULA, data, sigma=SIGMA)
        sigma = spec.design.predictors["sigma"]
        assert sigma.formula.text == f"sigma {SIGMA}"
        assert sigma.terms == ("Intercept", "x", "f[b]")
        assert [term.factor for term in sigma.groups] == ["g", "h"]
        assert spec.prior_table()["parameter"].tolist() == [
            "Intercept",
            "beta:x",
            "sd:g:Intercept",
            "sd:g:x",
            "cor:g",
            "sigma:Intercept",
            "sigma:beta:x",
            "sigma:beta:f[b]",
            "sigma:sd:g:Intercept",
            "sigma:sd:h:Intercept",
        ]

    def test_the_intercept_sits_at_the_median_of_the_parameter_without_a_predictor(self, data):
        spec = bm.prepare("y ~ x", data, sigma="~ x")
        prior = spec.priors.of("sigma").intercept
        median = np.log(2) * data["y"].std()
        assert prior.parameters["mu"] == pytest.approx(np.log(median))
        assert prior.parameters["sigma"] == 2.5

    def test_priors_are_set_by_paths_that_cascade(self, data):
        wide, narrow = bm.Prior("Normal", mu=0, sigma=9), bm.Prior("Normal", mu=0, sigma=0.1)
        half = bm.Prior("HalfNormal", sigma=1)
        given = {"sigma:beta": wide, "sigma:x": narrow, "sigma:sd": half, "beta": wide}
        priors = bm.prepare(FORMULA, data, sigma=SIGMA, priors=given).priors
        assert priors.of("sigma").beta == (narrow, wide)
        assert priors.of("sigma").sd == {"g": (half,), "h": (half,)}
        assert priors.beta == (wide,)

    def test_a_missing_value_of_any_predictor_drops_the_row(self, data):
        holes = data.assign(z=np.where(np.arange(len(data)) < 3, np.nan, 1.0 * data["h"]))
        with pytest.warns(bm.DesignWarning, match="3 of 240 rows"):
            spec = bm.prepare("y ~ x", holes, sigma="~ z")
        assert spec.design.n_rows == spec.design.predictors["sigma"].n_rows == 237

    def test_a_column_may_have_the_name_of_the_parameter(self, data):
        spec = bm.prepare("y ~ x", data.assign(sigma=data["x"]), sigma="~ sigma")
        assert spec.design.predictors["sigma"].terms == ("Intercept", "sigma")

    def test_columns_that_others_make_are_told_for_each_predictor(self, data):
        with pytest.warns(bm.DesignWarning, match=r"'I\(2 \* x\)'"):
            bm.prepare("y ~ x", data, sigma="~ x + I(2 * x)")

    def test_a_dot_stands_for_all_columns_but_the_response(self, data):
        spec = bm.prepare("y ~ x", data[["y", "x", "h"]], sigma="~ .")
        assert spec.design.predictors["sigma"].terms == ("Intercept", "x", "h")

    @pytest.mark.parametrize(
        ("sigma", "formula"),
        [
            ("~ 0", "1"),
            ("~ 0 + offset(x)", r"1 \+ offset\(x\)"),
            ("~ x - 1", r"1 \+ x"),
            ("~ 0 + (1 | g)", r"1 \+ \(1 \| g\)"),
        ],
    )
    def test_a_level_that_nothing_estimates_is_told(self, data, sigma, formula):
        with pytest.warns(bm.DesignWarning, match=f"sigma is 1 .*Write sigma='~ {formula}'"):
            bm.prepare("y ~ x", data, sigma=sigma)

    def test_the_columns_of_all_categories_have_a_level(self, data):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            bm.prepare("y ~ x", data, sigma="~ 0 + f + x")

    def test_correlations_have_lkj_priors(self, data):
        priors = {"sigma:cor:g": bm.LKJ(2)}
        spec = bm.prepare("y ~ x", data, sigma="~ x + (x | g)", priors=priors)
        assert spec.priors.of("sigma").cor == {"g": bm.LKJ(2)}

    def test_uncorrelated_splits_the_blocks_of_all_predictors(self, data):
        spec = bm.prepare("y ~ x + (x | g)", data, sigma="~ x + (x | g)").uncorrelated()
        assert spec.design.formula.text == "y ~ x + (x || g)"
        assert spec.design.predictors["sigma"].formula.text == "sigma ~ x + (x || g)"
        assert not spec.priors.of("sigma").cor


BAD = {
    "no tilde": ({"sigma": "x"}, "has no '~'"),
    "a number": ({"sigma": 3}, "is no formula"),
    "nothing": ({"sigma": None}, "is no formula"),
    "another response": ({"sigma": "y ~ x"}, "has a response"),
    "another parameter": ({"sigma": "nu ~ x"}, "has a response"),
    "empty": ({"sigma": "~"}, "sigma"),
    "a column that is not there": ({"sigma": "~ nothing"}, "Unknown column 'nothing'"),
    "a factor that is not there": ({"sigma": "~ (1 | nothing)"}, "Unknown column 'nothing'"),
    "the response": ({"sigma": "~ y"}, "has the response y"),
    "a bracket": ({"sigma": "~ (1 | g"}, "sigma"),
    "the formula's own parameter": ({"mu": "~ x"}, "is the predictor of the formula itself"),
    "a parameter of other families": ({"zi": "~ x"}, "Families with zi: zero_inflated_poisson"),
    "a typing error": ({"sigm": "~ x"}, "Did you mean 'sigma'"),
    "an argument with a typing error": ({"weigths": "x"}, "none of the arguments"),
    "a prior of the parameter": (
        {"sigma": "~ x", "priors": {"sigma": bm.Prior("HalfNormal")}},
        "paths of their own",
    ),
    "a prior of no column": (
        {"sigma": "~ x", "priors": {"sigma:beta:z": bm.Prior("Normal")}},
        "Unknown prior path 'sigma:beta:z'",
    ),
    "a prior of an sd without groups": (
        {"sigma": "~ x", "priors": {"sigma:sd": bm.Prior("HalfNormal")}},
        "Unknown prior path 'sigma:sd'",
    ),
    "a Normal for an sd": (
        {"sigma": "~ (1 | g)", "priors": {"sigma:sd": bm.Prior("Normal")}},
        "positive numbers",
    ),
    "a Normal for a correlation": (
        {"sigma": "~ x + (x | g)", "priors": {"sigma:cor:g": bm.Prior("Normal")}},
        "must be an LKJ",
    ),
    "the name of the formula's own parameter in a path": (
        {"sigma": "~ x", "priors": {"mu:beta:x": bm.Prior("Normal")}},
        "have no name before them",
    ),
    "a family without it": ({"family": "poisson", "sigma": "~ x"}, "has no parameter 'sigma'"),
    "exact": ({"sigma": "~ x", "method": "exact"}, "sigma has a predictor"),
}


@pytest.mark.filterwarnings("ignore::bayesmix.DesignWarning")
@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_told(data, name):
    arguments, message = BAD[name]
    response = "count" if arguments.get("family") == "poisson" else "y"
    with pytest.raises(BayesmixError, match=message.replace("(", r"\(")):
        bm.fit(f"{response} ~ x", data, progressbar=False, draws=10, **arguments)


class TestFit:
    def test_tables_name_the_parameter_first(self, fit):
        assert fit.fixef().columns[0] == "parameter"
        assert fit.fixef()["parameter"].tolist() == ["mu"] * 2 + ["sigma"] * 3
        assert fit.varcorr()["parameter"].tolist() == ["mu", "mu", "sigma", "sigma"]
        assert_allclose(fit.varcorr().groupby("parameter")["var_prop"].sum(), 1)
        assert fit.ranef("h")["parameter"].unique().tolist() == ["sigma"]
        assert list(fit.cor_re()) == ["g", "sigma:g", "sigma:h"]
        assert fit.cor_re(long=True)["parameter"].tolist() == ["mu"]

    def test_coef_adds_effects_of_the_same_parameter(self, fit):
        coef, effects, population = fit.coef("g"), fit.ranef("g"), fit.fixef()
        named = population.rename(columns={"term": "effect"})
        twin = effects.merge(named, on=["parameter", "effect"])
        assert_allclose(coef["value"], twin["value_x"] + twin["value_y"])

    def test_predictions_are_those_made_by_hand(self, fit, data):
        draws = Draws.of(fit.spec, fit.posterior)
        eta = log_sigma(fit, fit.design, draws)
        own = fit.linpred(parameter="sigma", draws=True).values.reshape(eta.shape)
        assert_allclose(own, eta)
        assert_allclose(fit.epred(parameter="sigma")["value"], np.exp(eta).mean(axis=0))
        assert_allclose(fit.epred(), fit.epred(parameter="mu"))
        assert_allclose(fit.epred(data.head(7)), fit.epred().head(7))

    def test_a_predictor_needs_its_own_columns_only(self, fit, data):
        new = data.head(4).drop(columns=["f", "h", "y"])
        pd.testing.assert_frame_equal(fit.linpred(new), fit.linpred().head(4))
        new = data.head(4).drop(columns="y")
        sigma = fit.epred(new.assign(x=new["x"] + 0.0), parameter="sigma")
        pd.testing.assert_frame_equal(sigma, fit.epred(parameter="sigma").head(4))
        with pytest.raises(BayesmixError, match=r"column 'f'.*\n.*sigma ~ x"):
            fit.predict(new.drop(columns="f"))

    def test_new_responses_vary_as_sigma_says(self, fit):
        drawn = fit.predict(draws=True).values.reshape(400, -1)
        z = (drawn - fit.linpred(draws=True).values.reshape(400, -1)) / fit.epred(
            parameter="sigma", draws=True
        ).values.reshape(400, -1)
        assert stats.kstest(z.ravel()[::7], "norm").pvalue > 1e-3

    def test_new_levels_are_drawn_for_each_parameter(self, fit, data):
        new = data.head(2).assign(g="new")
        with pytest.raises(BayesmixError, match="levels that the fit did not have: of 'g' 'new'"):
            fit.predict(new)
        draws = Draws.of(fit.spec, fit.posterior)
        sampled = fit.linpred(new, new_levels="sample", parameter="sigma", draws=True)
        fixed = fit.linpred(new, new_levels="population", parameter="sigma", draws=True)
        u = (sampled - fixed).values[..., 0].ravel() / draws.predictors["sigma"].scale["g"][:, 0, 0]
        main = fit.linpred(new, new_levels="sample", draws=True)
        main = (main - fit.linpred(new, new_levels="population", draws=True)).values[..., 0].ravel()
        assert stats.kstest(u, "norm").pvalue > 1e-3
        assert abs(np.corrcoef(u, main)[0, 1]) < 4.5 / np.sqrt(len(u))

    def test_groups_are_chosen_for_all_parameters(self, fit):
        alone = fit.linpred(groups="population", parameter="sigma", draws=True)
        draws = Draws.of(fit.spec, fit.posterior).predictors["sigma"]
        by_hand = draws.beta @ fit.design.predictors["sigma"].X.T
        assert_allclose(alone.values.reshape(by_hand.shape), by_hand)
        some = fit.linpred(groups=["h"], parameter="sigma", draws=True).values
        h = fit.design.predictors["sigma"].groups[1]
        assert_allclose(some.reshape(by_hand.shape), by_hand + draws.u["h"][:, h.codes, 0])

    def test_densities_of_rows_are_those_of_scipy(self, fit):
        draws = Draws.of(fit.spec, fit.posterior)
        eta = linear_predictor(fit.design, draws, {})
        sigma = np.exp(log_sigma(fit, fit.design, draws))
        own = conditional_densities(fit.spec, fit.posterior, slice(3, 50))
        expected = stats.norm.logpdf(fit.design.y, eta, sigma)[:, 3:50]
        assert_allclose(own, expected, rtol=1e-10)

    def test_unseen_levels_of_two_parameters_are_integrated(self, fit):
        """Against a million draws of the effects of the level."""
        inside = np.flatnonzero(fit.design.groups[0].codes == 5)
        train = fit.design.take(np.setdiff1d(np.arange(fit.design.n_rows), inside))
        held_out = fit.design.take(inside[:4])
        spec = type(fit.spec)(train, fit.family, fit.spec.priors)
        rows = log_predictive(spec, held_out, fit.posterior, 1)
        together, _ = log_joint_predictive(spec, held_out, fit.posterior, np.random.default_rng(2))
        draws = Draws.of(fit.spec, fit.posterior)
        without = {"g": np.ones(4, dtype=bool), "h": np.zeros(4, dtype=bool)}
        main = linear_predictor(held_out, draws, without)[:, None]
        own = draws.predictors["sigma"]
        other = linear_predictor(held_out.predictors["sigma"], own, without)[:, None]
        rng, many = np.random.default_rng(3), 2500
        u = rng.standard_normal((len(draws), many, 2)) @ np.swapaxes(draws.scale["g"], 1, 2)
        main = main + u @ held_out.groups[0].Z.T
        other = other + rng.standard_normal((len(draws), many, 1)) * own.scale["g"]
        log = stats.norm.logpdf(held_out.y, main, np.exp(other))

        def averaged(values):
            each = np.exp(values).mean(axis=1)
            return np.log(each.mean(axis=0)), each.std(axis=0) / each.mean(axis=0)

        expected, _ = averaged(log)
        assert_allclose(rows, expected, atol=0.02)
        expected, _ = averaged(log.sum(axis=-1, keepdims=True))
        assert_allclose(together, expected[0], atol=0.1)

    @pytest.mark.slow
    def test_a_file_and_folds_keep_correlations_of_further_parameters(self, data, tmp_path):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fit = bm.fit("y ~ x", data, sigma="~ x + (x | g)", draws=50, progressbar=False)
            fit.save(tmp_path / "cor.fit")
            assert bm.load(tmp_path / "cor.fit").priors.equals(fit.priors)
            assert np.isfinite(fit.kfold(k=2, progressbar=False).elpd)

    def test_a_file_brings_it_back(self, fit, tmp_path):
        fit.save(tmp_path / "sigma.fit")
        again = bm.load(tmp_path / "sigma.fit")
        assert again.family == fit.family
        pd.testing.assert_frame_equal(again.fixef(), fit.fixef())
        pd.testing.assert_frame_equal(again.priors, fit.priors)
        pd.testing.assert_frame_equal(again.predict(random_seed=1), fit.predict(random_seed=1))

    def test_simulated_data_have_the_truth_of_all_parameters(self, fit):
        simulation = bm.simulate_from(fit, random_seed=3)
        assert set(simulation.parameters) == set(fit.diagnostics()["parameter"])
        assert simulation.formulas == {"sigma": f"sigma {SIGMA}"}
        eta = simulation.predictors["sigma"].eta
        z = (simulation.data["y"] - simulation.eta) / np.exp(eta)
        assert stats.kstest(z, "norm").pvalue > 1e-3
        bm.prepare(simulation.formula, simulation.data, **simulation.formulas)

    def test_own_regressions_weigh_rows_by_their_sigma(self, fit, data):
        table = fit.no_pooling("g")
        rows = (data["g"] == 3).to_numpy()
        sigma = np.exp(log_sigma(fit, fit.design, Draws.of(fit.spec, fit.posterior)).mean(axis=0))
        X = np.column_stack([np.ones(rows.sum()), data["x"][rows]]) / sigma[rows, None]
        expected = np.linalg.lstsq(X, data["y"][rows] / sigma[rows], rcond=None)[0]
        assert_allclose(table[table["group"] == "3"]["value"], expected, rtol=1e-6)
        assert len(fit.shrinkage("g")) == 48
        with pytest.raises(BayesmixError, match="in the predictor of sigma only"):
            fit.no_pooling("h")

    def test_comparisons_count_the_parameters_of_all_predictors(self, fit):
        facts = Facts.of(fit)
        assert len(fit.diagnostics()) == facts.K
        assert facts.n_random_effects == 24 * 3 + 8
        assert facts.formula == f"{FORMULA}; sigma {SIGMA}"

    def test_figures_show_the_effects_of_all_parameters(self, fit):
        axes = np.ravel(fit.plot_ranef())
        labels = [axis.get_xlabel().partition("\n")[0] for axis in axes]
        assert labels == [
            "Intercept by g",
            "x by g",
            "Intercept of sigma by g",
            "Intercept of sigma by h",
        ]
        (axis,) = np.ravel(fit.plot_ranef("h"))
        (dots,) = (line for line in axis.lines if len(line.get_xdata()) == 8)
        effects = fit.ranef("h")
        assert_allclose(np.sort(dots.get_xdata()), np.sort(effects["value"]))
        assert len(np.ravel(fit.plot_varcorr())) == 5

    @pytest.mark.slow
    def test_new_responses_are_those_of_pymc(self, fit):
        import pymc as pm

        tree = pm.sample_posterior_predictive(
            fit.idata, model=fit.model, progressbar=False, random_seed=3
        )
        name = Schema.of(fit.spec).observed
        theirs = tree["posterior_predictive"][name].values.reshape(400, -1)
        ours = fit.predict(draws=True).values.reshape(400, -1)
        z = theirs.mean(axis=0) - ours.mean(axis=0)
        z /= np.sqrt((theirs.var(axis=0) + ours.var(axis=0)) / 400)
        assert np.abs(z).max() < stats.norm.isf(5e-4 / len(z))
        ratio = np.log(theirs.std(axis=0) / ours.std(axis=0))
        assert abs(ratio.mean()) < 4.5 * ratio.std() / np.sqrt(len(ratio)) + 0.01

    def test_the_summary_names_links_and_formulas(self, fit):
        text = repr(fit)
        assert f"sigma {SIGMA}" in text
        assert "log link of sigma" in text
        assert "Residual" not in text
