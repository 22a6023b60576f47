"""What a family says of itself is all that other modules ask.

Everything from `prepare` to a saved file works with the families of `toyfamilies`, and no module
knows their names.
"""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numpy.testing import assert_allclose
from scipy.special import logsumexp

import bayesmix as bm
from bayesmix.base.errors import BayesmixError
from bayesmix.criteria.conditional import conditional_densities
from bayesmix.engines.nuts.tensors import tensor_functions
from bayesmix.engines.rescaling import rescaled
from bayesmix.engines.scaling import Units
from bayesmix.families.family import ENTRIES
from bayesmix.families.links import ARRAYS, LINKS
from bayesmix.families.parameters import Sizes
from bayesmix.families.slopes import difference
from bayesmix.families.supports import ORDERED, POSITIVE, REAL, UNIT, above
from bayesmix.families.values import Value
from bayesmix.model.schema import Schema
from bayesmix.posterior.parameters import parameter_draws
from bayesmix.predictions.heldout import log_predictive
from bayesmix.tables.components import family_parameters
from posteriors import fit_of
from toyfamilies import (
    CASES,
    GRADED,
    STUDENT,
    TOYS,
    Case,
    a_fit,
    a_frame,
    at_draw,
    eta_of,
    expected_log_density,
    expected_mean,
    labels_beside_the_residual,
    labels_of,
)

cases = pytest.mark.parametrize("case", CASES, ids=lambda case: case.family)
toys = pytest.mark.parametrize("case", CASES[2:], ids=lambda case: case.family)
with_auxiliary = pytest.mark.parametrize(
    "case", [case for case in CASES[2:] if case.auxiliary], ids=lambda case: case.family
)


@pytest.fixture
def registered(monkeypatch):
    """Our families and those of this file, by name."""
    for family in TOYS:
        monkeypatch.setitem(ENTRIES, family.name, family)


class TestDistribution:
    @cases
    def test_log_density_is_that_of_scipy(self, case):
        y, eta = np.array(case.y), np.array(case.eta)
        actual = case.made.log_density(y, eta, case.auxiliary)
        assert_allclose(actual, expected_log_density(case, y, eta), rtol=1e-10)

    @cases
    def test_draws_of_the_parameters_broadcast(self, case):
        y, eta = np.array(case.y), np.stack([np.array(case.eta), np.array(case.eta) + 0.5])
        scale = np.array([1.0, 1.1])
        draws = {
            name: (value * scale.reshape(2, 1, *[1] * np.ndim(value)))
            for name, value in case.auxiliary.items()
        }
        together = case.made.log_density(y, eta, draws)
        for row in range(2):
            own = {name: value[row, 0] for name, value in draws.items()}
            assert_allclose(together[row], case.made.log_density(y, eta[row], own), rtol=1e-12)

    @cases
    def test_mean_is_that_of_the_closed_form(self, case):
        eta = np.array(case.eta)
        actual = case.made.expectation(eta, auxiliary=case.auxiliary)
        assert_allclose(actual, expected_mean(case, eta), rtol=1e-12)

    @cases
    def test_draws_have_the_mean(self, case):
        eta = np.tile(np.array(case.eta), (40_000, 1))
        drawn = case.made.draw(np.random.default_rng(2), eta, case.auxiliary)
        mean = expected_mean(case, np.array(case.eta))
        if mean.ndim > 1:
            drawn = drawn[..., np.newaxis] == np.arange(mean.shape[1])
        error = drawn.std(axis=0) / np.sqrt(len(drawn))
        assert (np.abs(drawn.mean(axis=0) - mean) < 4.5 * error).all()

    @cases
    def test_slopes_are_those_of_differences(self, case):
        made = case.made
        y, p = np.array(case.y), made.values(np.array(case.eta), case.auxiliary)
        slopes = made.slopes(y, p, made.rows())
        numbers = [parameter.name for parameter in made.parameters if parameter.length is None]
        assert list(slopes) == numbers
        step = 1e-4
        for name, (score, information) in slopes.items():

            def density(eta, name=name):
                moved = {**p, name: replace(p[name], eta=eta)}
                return made.density(y, moved, made.rows())

            below, middle, above_ = (density(p[name].eta + k * step) for k in (-1, 0, 1))
            assert_allclose(score, (above_ - below) / (2 * step), rtol=1e-5, atol=1e-6)
            second = (above_ - 2 * middle + below) / step**2
            is_closed = name == made.parameters[0].name and made.closed_slopes
            if is_closed or name in made.further_slopes:
                assert (information >= 0).all()  # and that of `test_families.py`
                continue
            assert_allclose(information, -second, rtol=1e-4, atol=1e-5)

    def test_differences_of_a_known_function(self):
        at = np.array([-2.0, 0.0, 30.0])
        found = difference(lambda x: np.sin(x), at)
        assert_allclose(found.score, np.cos(at), rtol=1e-6, atol=1e-8)
        assert_allclose(found.information, np.sin(at), rtol=1e-5, atol=1e-8)

    @toys
    def test_density_is_that_of_pymc(self, case):
        pm = pytest.importorskip("pymc")
        y, eta = np.array(case.y), np.array(case.eta)
        name, arguments = case.made.pymc(case.made.values(eta, case.auxiliary), case.made.rows())
        assert name == case.made.distribution
        value = y.astype(int) if case.made.discrete else y
        variable = getattr(pm, name).dist(**arguments)
        computed = pm.logp(variable, value).eval(mode="FAST_COMPILE")
        # PyMC takes Python's numbers for single precision, its constants among them.
        assert_allclose(computed, case.made.log_density(y, eta, case.auxiliary), rtol=1e-7)


class TestValue:
    ETA = np.array([-40.0, -2.0, 0.0, 0.5, 3.0])

    @pytest.mark.parametrize("link", LINKS.values(), ids=lambda link: link.name)
    def test_tensors_have_the_numbers_of_arrays(self, link):
        pt = pytest.importorskip("pytensor.tensor")
        eta = np.abs(self.ETA) if link.name == "identity" else self.ETA
        arrays = Value(eta, link)
        tensors = Value(pt.as_tensor(eta), link, tensor_functions())
        # PyMC's normal_lcdf has constants in single precision.
        for quantity in ("value", "log"):
            ours = getattr(tensors, quantity).eval(mode="FAST_COMPILE")
            assert_allclose(ours, getattr(arrays, quantity), rtol=1e-6)
        complement = tensors.complement.value.eval(mode="FAST_COMPILE")
        assert_allclose(complement, arrays.complement.value, rtol=1e-6)

    @pytest.mark.parametrize("link", LINKS.values(), ids=lambda link: link.name)
    def test_is_what_the_link_undoes(self, link):
        value = Value(np.array([-0.7, 0.2, 1.3]), link)
        assert_allclose(link.function(value.value), value.eta, rtol=1e-12)
        assert_allclose(value.complement.value, 1 - value.value, rtol=1e-12)

    @pytest.mark.parametrize("name", ["logit", "probit"])
    def test_keeps_its_digits_in_the_tails(self, name):
        far = Value(np.array([40.0, 400.0]), LINKS[name])
        assert (far.value == 1).all()
        assert np.isfinite(far.complement.log).all()
        assert (far.complement.log < -30).all()

    def test_functions_are_those_of_arrays_unless_told(self):
        assert Value(0.0, LINKS["log"]).functions is ARRAYS


@pytest.mark.usefixtures("registered")
class TestPipeline:
    @cases
    def test_default_priors_are_those_of_the_family(self, case):
        data = a_frame(case)
        spec = bm.prepare(case.formula, data, family=case.family)
        table = spec.prior_table().set_index("parameter")["prior"]
        for name, prior in case.priors.items():
            assert table[name].startswith(prior)
        if "sigma" in case.priors:
            scale = spec.priors.auxiliary["sigma"].parameters["scale"]
            placed = case.made.on_predictor_scale(data["y"])
            assert scale == pytest.approx(placed.std(ddof=1))
        assert list(spec.priors.auxiliary) == list(case.auxiliary)

    @cases
    def test_variance_components_have_a_residual_only_where_there_is_one(self, case):
        table = a_fit(case).varcorr()
        assert ("Residual" in set(table["group"])) == case.residual
        assert table["var_prop"].sum() == pytest.approx(1)

    @cases
    def test_expected_responses_are_those_of_each_draw(self, case):
        fit = a_fit(case)
        eta = eta_of(fit)
        draws = fit.epred(draws=True)
        assert draws.dims[:3] == ("chain", "draw", "obs")
        values = draws.values.reshape(50, *draws.shape[2:])
        for draw in (0, 7, 49):
            own = at_draw(case, fit, draw)
            assert_allclose(values[draw], expected_mean(own, eta[draw]), rtol=1e-10)
        table = fit.epred()
        assert_allclose(table["value"], values.mean(axis=0).ravel(), rtol=1e-10)

    @cases
    def test_densities_of_rows_are_those_of_each_draw(self, case):
        fit = a_fit(case)
        eta, y = eta_of(fit), fit.design.y
        log = conditional_densities(fit.spec, fit.posterior, slice(0, len(y)))
        for draw in (0, 31):
            own = at_draw(case, fit, draw)
            assert_allclose(log[draw], expected_log_density(own, y, eta[draw]), rtol=1e-9)

    @cases
    def test_predictions_are_responses(self, case):
        fit = a_fit(case)
        drawn = fit.predict(draws=True, random_seed=1)
        assert drawn.shape == (2, 25, fit.design.n_rows)
        if case.made.discrete:
            assert (drawn.values == np.floor(drawn.values)).all()
        new = fit.predict(a_frame(case).head(3), random_seed=1)
        assert len(new) == 3
        np.testing.assert_array_equal(drawn, fit.predict(draws=True, random_seed=1))

    @cases
    def test_comes_back_from_a_file(self, case, tmp_path):
        fit = a_fit(case)
        fit.save(tmp_path / "fit")
        back = bm.load(tmp_path / "fit")
        assert back.family == ENTRIES[case.family]
        assert back.spec.priors == fit.spec.priors
        assert back.spec.priors.lengths == fit.spec.priors.lengths
        pd.testing.assert_frame_equal(back.epred(), fit.epred())
        pd.testing.assert_frame_equal(back.varcorr(), fit.varcorr())

    def test_a_family_without_a_name_is_not_saved(self, tmp_path, monkeypatch):
        fit = a_fit(CASES[2])
        monkeypatch.delitem(ENTRIES, "bounded_student")
        with pytest.raises(BayesmixError, match="'bounded_student' is none of those that have"):
            fit.save(tmp_path / "fit")
        assert not (tmp_path / "fit").exists()

    @with_auxiliary
    def test_draws_out_of_their_support_do_not_come_back(self, case, tmp_path):
        supports = {parameter.name: parameter.support for parameter in case.made.parameters[1:]}
        name = [one for one in supports if supports[one] != REAL][-1]
        fit = a_fit(case)
        posterior = fit.posterior.assign({name: -fit.posterior[name]})
        fit_of(fit.spec, posterior).save(tmp_path / "fit")
        with pytest.raises(BayesmixError, match=f"a draw of {name} is out of its range"):
            bm.load(tmp_path / "fit")

    @cases
    def test_pickles_by_name(self, case):
        copy = pickle.loads(pickle.dumps(case.made))
        assert copy == ENTRIES[case.family]

    @cases
    def test_diagnostics_name_each_parameter(self, case):
        fit = a_fit(case)
        labels = [
            label
            for label in fit.diagnostics()["parameter"]
            if label.partition(":")[0] in case.auxiliary
        ]
        assert labels == labels_of(case)
        draws = parameter_draws(fit.design, fit.family, fit.posterior)
        assert all(draws[label].shape == (2, 25) for label in labels)

    @cases
    def test_the_summary_shows_each_parameter(self, case):
        fit = a_fit(case)
        table = family_parameters(fit)
        assert list(table["parameter"]) == labels_beside_the_residual(case)
        assert ("Family Parameters" in str(fit.summary())) == (len(table) > 0)
        assert ("Family Parameters" in str(fit.summary(ci=False))) == (len(table) > 0)
        for label, value in table.set_index("parameter")["value"].items():
            name, _, element = label.partition(":")
            draws = fit.posterior[name].values
            own = draws[..., int(element) - 1] if element else draws
            assert value == pytest.approx(own.mean())

    @cases
    def test_each_group_has_its_own_regression(self, case):
        """Given the true parameters, estimates of groups are the truth but for their errors."""
        simulation = bm.simulate(
            {"g": 30},
            200,
            beta={"x": 0.5},
            sd={"Intercept": 0.4},
            family=case.made,
            random_seed=4,
            **case.auxiliary,
        )
        fit = a_fit(replace(case, formula="y ~ 0 + x + (1 | g)"), simulation.data)
        truth = {"beta": 0.5} | case.auxiliary
        posterior = fit.posterior.assign(
            {name: xr.zeros_like(fit.posterior[name]) + value for name, value in truth.items()}
        )
        table = fit_of(fit.spec, posterior).no_pooling().set_index("group")
        u = simulation.u["g"]["Intercept"]
        z = (table["value"] - u.loc[table.index]) / table["se"]
        assert abs(z.mean()) < 4 / np.sqrt(30)
        assert 0.6 < z.std() < 1.5

    @pytest.mark.slow
    @cases
    def test_the_joint_model_has_the_density(self, case):
        pm = pytest.importorskip("pymc")
        spec = bm.prepare(case.formula, a_frame(case), family=case.family)
        model = spec.build()
        names = {variable.name for variable in model.free_RVs}
        assert set(case.auxiliary) <= names
        point = model.initial_point()
        assert np.isfinite(model.compile_logp(mode="FAST_COMPILE")(point))
        with model:
            assert pm.modelcontext(None).named_vars.keys() >= case.auxiliary.keys()

    def test_draws_of_the_prior_rise(self):
        case = CASES[5]
        prior = bm.prepare(case.formula, a_frame(case), family=case.family).sample_prior(
            40, random_seed=1
        )
        cutpoints = prior["prior"]["cutpoint"]
        assert cutpoints.dims == ("chain", "draw", "cutpoint_element")
        assert (np.diff(cutpoints.values) > 0).all()
        assert not np.isnan(prior["prior_predictive"]["y_observed"].values).any()

    def test_parameters_with_the_unit_of_the_response_follow_it(self):
        case = CASES[2]
        data = a_frame(case)
        spec = bm.prepare(case.formula, data.assign(y=data["y"] * 2.0**40), family=case.family)
        units = Units.of(spec.design, 20, response=True)
        own = rescaled(spec, units).priors.auxiliary
        assert units.response > 1e9
        scale = spec.priors.auxiliary["sigma"].parameters["scale"]
        assert own["sigma"].parameters["scale"] == scale / units.response
        assert own["nu"] == spec.priors.auxiliary["nu"]

    @cases
    def test_rows_that_were_not_fitted(self, case):
        fit = a_fit(case)
        levels = fit.design.groups[0].codes
        train, new = levels < 5, np.flatnonzero(levels == 5)
        spec = replace(fit.spec, design=fit.spec.design.take(train))
        known = log_predictive(spec, fit.design.take(train), fit.posterior, 1)
        log = conditional_densities(fit.spec, fit.posterior, slice(0, fit.design.n_rows))
        expected = logsumexp(log, axis=0) - np.log(50)
        if not case.residual:
            assert_allclose(known, expected[train], rtol=1e-8)
        unseen = log_predictive(spec, fit.design.take(new), fit.posterior, 1)
        assert np.isfinite(unseen).all()

    @toys
    def test_leaves_rows_out(self, case):
        with pytest.warns(bm.ComparisonWarning, match="Pareto"):
            elpd = a_fit(case).loo(reloo=False)
        assert np.isfinite(float(elpd.elpd))

    def test_a_family_without_a_name_needs_columns_with_other_names(self, monkeypatch):
        monkeypatch.delitem(ENTRIES, "inflated")
        case = CASES[3]
        data = a_frame(case).rename(columns={"g": "psi"})
        with pytest.raises(BayesmixError, match="The grouping factor 'psi' has the name of a para"):
            bm.prepare("y ~ x + (1 | psi)", data, family=case.made)
        with pytest.raises(BayesmixError, match="The response has the name of a parameter"):
            bm.prepare("psi ~ x", a_frame(case).rename(columns={"y": "psi"}), family=case.made)

    def test_a_grouping_factor_with_the_name_of_a_parameter(self):
        case = CASES[3]
        data = a_frame(case).rename(columns={"g": "psi"})
        spec = bm.prepare("y ~ x + (1 | psi)", data, family=case.family)
        assert spec.design.groups[0].dim == "psi_level"
        assert "psi" in {variable.name for variable in spec.build().free_RVs}
        renamed = data.rename(columns={"y": "shape"})
        other = bm.prepare("shape ~ x", renamed, family="poisson")
        assert Schema.of(other).observed == "shape_observed"

    @pytest.mark.parametrize(
        ("case", "name", "prior", "message"),
        [
            (3, "psi", bm.Prior("Uniform", upper=3), "'psi' must have its support between 0 and 1"),
            (3, "psi", bm.Prior("HalfNormal"), "between 0 and 1.* Use for example Prior.'Beta'"),
            (2, "nu", bm.Prior("Gamma", alpha=2, beta=0.1), "'nu' must have its support above 1"),
            (
                2,
                "nu",
                bm.Prior("Exponential"),
                "'TruncatedNormal', mu=1, sigma=1, lower=1",
            ),
            (4, "shape", bm.Prior("Normal"), "'shape' must have its support on the positive"),
            (5, "cutpoint", bm.LKJ(1), "'cutpoint' must be a Prior"),
            (1, "psi", bm.Prior("Beta", alpha=1, beta=1), "The family has no psi"),
        ],
    )
    def test_priors_out_of_the_support_are_refused(self, case, name, prior, message):
        case = CASES[case]
        with pytest.raises(BayesmixError, match=message):
            bm.prepare(case.formula, a_frame(case), family=case.family, priors={name: prior})

    @pytest.mark.parametrize(
        ("case", "name", "prior"),
        [
            (3, "psi", bm.Prior("Uniform", lower=0.2, upper=1)),
            (3, "psi", bm.Prior("Kumaraswamy", a=2, b=3)),
            (2, "nu", bm.Prior("Pareto", alpha=1, m=2)),
            (2, "nu", bm.Prior("TruncatedNormal", mu=0.1, sigma=0.3, lower=1)),
            (4, "shape", bm.Prior("LogNormal")),
            (5, "cutpoint", bm.Prior("StudentT", nu=3, sigma=2)),
        ],
    )
    def test_priors_inside_the_support_are_taken(self, case, name, prior):
        case = CASES[case]
        spec = bm.prepare(case.formula, a_frame(case), family=case.family, priors={name: prior})
        assert spec.priors.auxiliary[name] == prior

    def test_a_fold_without_the_last_category_keeps_its_cutpoints(self):
        case = CASES[5]
        spec = bm.prepare(case.formula, a_frame(case), family=case.family)
        few = replace(spec, design=spec.design.take(spec.design.y < 3))
        assert few.priors.lengths == {"cutpoint": 3}
        assert Schema.of(few).coords["cutpoint_element"].tolist() == [1, 2, 3]

    def test_probabilities_of_categories_have_a_row_each(self):
        fit = a_fit(CASES[5])
        table = fit.epred(a_frame(CASES[5]).iloc[[4, 2]])
        assert list(table)[:2] == ["category", "value"]
        assert table.index.tolist() == [4] * 4 + [2] * 4
        assert table["category"].tolist() == [0, 1, 2, 3] * 2
        assert table["value"].groupby(level=0).sum().tolist() == pytest.approx([1, 1])
        assert fit.epred(draws=True).dims == ("chain", "draw", "obs", "category")


@pytest.mark.usefixtures("registered")
class TestSimulation:
    @toys
    def test_takes_the_parameters_by_name(self, case):
        simulation = self.simulated(case)
        assert simulation.auxiliary.keys() == case.auxiliary.keys()
        for name, value in case.auxiliary.items():
            assert_allclose(simulation.auxiliary[name], value)
        assert set(labels_of(case)) <= simulation.parameters.keys()
        assert case.made.check_response("y", simulation.data["y"]) is None

    @pytest.mark.parametrize(
        ("case", "changes", "message"),
        [
            (2, {"nu": 0.5}, "nu is 0.5. It is a number above 1."),
            (2, {"nu": None}, "The bounded_student family needs its parameter nu. Give nu="),
            (2, {"nuu": 3.0}, "has no argument 'nuu'.*sigma, nu.*Did you mean 'nu'"),
            (3, {"psi": 1.5}, "psi is 1.5. It is a number between 0 and 1"),
            (3, {"sigma": 1.0}, "The inflated family has no residual sd"),
            (5, {"cutpoint": [1.0, 0.0]}, "numbers on the real numbers, each larger than the one"),
            (5, {"cutpoint": "high"}, "cutpoint is 'high'"),
        ],
    )
    def test_refuses_what_the_family_does_not_have(self, case, changes, message):
        with pytest.raises(BayesmixError, match=message):
            self.simulated(CASES[case], **changes)

    @staticmethod
    def simulated(case: Case, **changes: Any) -> bm.Simulation:
        return bm.simulate(
            8,
            9,
            beta={"x": 0.5},
            sd={"Intercept": 0.4},
            family=case.made,
            random_seed=1,
            **(case.auxiliary | changes),
        )

    @toys
    def test_simulates_from_a_fit(self, case):
        simulation = bm.simulate_from(a_fit(case), a_frame(case), random_seed=1)
        assert simulation.auxiliary.keys() == case.auxiliary.keys()
        for name, value in simulation.auxiliary.items():
            assert np.shape(value) == np.shape(case.auxiliary[name])


@pytest.mark.usefixtures("registered", "without_a_screen")
class TestFigures:
    @pytest.mark.slow
    @cases
    def test_components_with_their_priors(self, case):
        fit = a_fit(case)
        axes = np.atleast_1d(fit.plot_varcorr())
        labels = [one.get_xlabel() for one in axes]
        named = [*["Residual sd\nof y"] * case.residual, *labels_beside_the_residual(case)]
        assert labels[len(labels) - len(named) :] == named
        by_label = dict(zip(labels, axes, strict=True))
        if "psi" in by_label:
            assert by_label["psi"].get_xlim() == (0, 1)
        if "nu" in by_label:
            assert by_label["nu"].get_xlim()[0] >= 1
        for one in axes:
            prior = next(line for line in one.lines if line.get_label() == "prior")
            assert (prior.get_ydata() > 0).any()

    @with_auxiliary
    def test_chains(self, case):
        assert a_fit(case).plot_trace(labels_of(case)).shape == (len(labels_of(case)), 2)


def test_sizes_are_all_that_a_prior_or_a_length_needs():
    sizes = Sizes(scale=2.0, residual=3.0, categories=4)
    assert STUDENT.parameters[1].prior(sizes) == ("Exponential", {"scale": 3.0})
    assert GRADED.parameters[1].length(sizes) == 3


def test_a_family_that_has_no_name_here_pickles_by_its_parts():
    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        pickle.dumps(STUDENT)
    another = replace(bm.get_family("poisson"), name="counts")
    assert pickle.loads(pickle.dumps(another)) == another
    # A name that is taken by another family does not stand for this one.
    impostor = replace(bm.get_family("poisson"), name="binomial")
    assert pickle.loads(pickle.dumps(impostor)) == impostor


@pytest.mark.parametrize(
    ("support", "inside", "outside", "edge"),
    [
        (REAL, [-1e300, 0.0], [np.inf], []),
        (POSITIVE, [1e-300, 4.0], [0.0, -1.0, np.nan], [0.0]),
        (UNIT, [0.2, 0.999], [0.0, 1.0, 3.0], [0.0, 1.0]),
        (above(1), [1.001, 1e9], [1.0, 0.5], [1.0]),
        (ORDERED, [[-1.0, 0.0, 2.0]], [[0.0, 0.0], [1.0, 0.0]], [[0.0, 0.0]]),
    ],
)
def test_supports(support, inside, outside, edge):
    assert all(support.holds(one) for one in inside)
    assert not any(support.holds(one) for one in outside)
    assert all(support.may_hold(one) for one in [*inside, *edge])


@pytest.mark.slow
@pytest.mark.usefixtures("registered")
@toys
def test_nuts_finds_the_parameters(case):
    simulation = bm.simulate(
        25,
        20,
        beta={"x": 0.5},
        sd={"Intercept": 0.4},
        family=case.family,
        random_seed=4,
        **case.auxiliary,
    )
    fit = bm.fit(
        simulation.formula,
        simulation.data,
        family=case.family,
        draws=500,
        tune=500,
        chains=2,
        random_seed=1,
        progressbar=False,
    )
    draws = parameter_draws(fit.design, fit.family, fit.posterior)
    for label, truth in simulation.parameters.items():
        assert abs(draws[label].mean() - truth) < 4 * draws[label].std()
