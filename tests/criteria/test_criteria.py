from __future__ import annotations

import dataclasses
import pickle
import tracemalloc
import warnings

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.special import logsumexp

import bayesmix as bm
from bayesmix.base.errors import BayesmixError, ComparisonWarning
from bayesmix.criteria import conditional, logo, repair
from bayesmix.criteria.conditional import conditional_blocks, conditional_densities
from bayesmix.criteria.densities import Integrated
from bayesmix.criteria.facts import Facts
from bayesmix.criteria.psis import Pointwise, pareto_smoothed
from bayesmix.criteria.repair import values_moved
from bayesmix.criteria.theta import ThetaDraws, integrates
from bayesmix.engines.exact.left_out import group_densities, row_densities, theta_of
from bayesmix.posterior.threads import threads


def quietly(function, *args, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ComparisonWarning)
        return function(*args, **options)


def log_likelihood(fit: bm.MixedFit) -> xr.DataArray:
    """Compute the whole matrix from named arrays, without any block."""
    posterior, design = fit.posterior, fit.design
    rows = xr.DataArray(np.arange(design.n_rows), dims="obs")
    X = xr.DataArray(design.X, dims=("obs", "term"), coords={"term": list(design.terms)})
    eta = (posterior["beta"] * X).sum("term")
    for term in design.groups:
        codes = xr.DataArray(term.codes, dims="obs")
        Z = xr.DataArray(
            term.Z, dims=("obs", term.effect_dim), coords={term.effect_dim: list(term.effects)}
        )
        u = posterior[f"u_{term.factor}"].isel({term.dim: codes}).drop_vars(term.dim)
        eta = eta + (u * Z).sum(term.effect_dim)
    y = xr.DataArray(design.y, dims="obs")
    sigma = posterior["sigma"]
    log = -0.5 * np.log(2 * np.pi) - np.log(sigma) - 0.5 * ((y - eta) / sigma) ** 2
    return log.transpose("chain", "draw", "obs").assign_coords(obs=design.rows[rows.values])


class TestConditionalDensities:
    @pytest.mark.parametrize("case", ["sleepstudy-slopes", "penicillin-crossed", "pastes-nested"])
    def test_equal_the_matrix_computed_at_once(self, fitted, case):
        fit = fitted(case)
        expected = log_likelihood(fit).values.reshape(4000, -1)
        n = fit.design.n_rows
        np.testing.assert_allclose(
            conditional_densities(fit.spec, fit.posterior, slice(0, n)), expected, atol=1e-10
        )
        part = conditional_densities(fit.spec, fit.posterior, slice(7, 12))
        np.testing.assert_allclose(part, expected[:, 7:12], atol=1e-10)

    @pytest.mark.slow
    @pytest.mark.filterwarnings("ignore::bayesmix.ConvergenceWarning")
    def test_equal_those_of_pymc(self, fitted):
        import pymc as pm

        fit = fitted("cbpp-binomial", draws=300, tune=500, chains=2)
        with fit.model:
            pymc = pm.compute_log_likelihood(
                fit.idata, progressbar=False, extend_inferencedata=False
            )
        (expected,) = pymc.data_vars.values()
        own = conditional_densities(fit.spec, fit.posterior, slice(0, 56))
        np.testing.assert_allclose(own, expected.values.reshape(600, -1), atol=1e-10)

    def test_weights_and_offset_count(self, load):
        data = load("sleepstudy").assign(w=np.tile([1.0, 4.0], 90))
        spec = bm.prepare("Reaction ~ Days + offset(Days)", data, weights="w")
        posterior = xr.Dataset(
            {
                "beta": (("chain", "draw", "term"), [[[250.0, 10.0]]]),
                "sigma": (("chain", "draw"), [[50.0]]),
            }
        )
        sd = 50 / np.sqrt(data["w"].to_numpy())
        z = (data["Reaction"].to_numpy() - 250 - 11 * data["Days"].to_numpy()) / sd
        expected = -0.5 * np.log(2 * np.pi) - np.log(sd) - 0.5 * z**2
        np.testing.assert_allclose(
            conditional_densities(spec, posterior, slice(0, 180))[0], expected, rtol=1e-12
        )

    def test_effects_that_were_not_kept(self, fitted):
        fit = fitted("sleepstudy-slopes")
        with pytest.raises(
            BayesmixError, match="'Subject', whose 18 levels were too many for them"
        ):
            conditional_densities(fit.spec, fit.posterior.drop_vars("u_Subject"), slice(0, 5))


class TestConditionalLoo:
    @pytest.mark.parametrize("case", ["sleepstudy-slopes", "penicillin-crossed"])
    def test_equals_arviz_on_the_stored_log_likelihood(self, fitted, case):
        import arviz_stats

        fit = fitted(case)
        tree = fit.idata.copy()
        tree["log_likelihood"] = xr.Dataset({"y": log_likelihood(fit)})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = arviz_stats.loo(tree, pointwise=True)
        own = quietly(fit.loo, integrated=False)
        np.testing.assert_allclose(own.elpd_i, expected.elpd_i, rtol=0, atol=1e-10)
        np.testing.assert_allclose(own.pareto_k, expected.pareto_k, rtol=0, atol=1e-8)
        for name in ("elpd", "se", "p", "good_k"):
            assert own[name] == pytest.approx(expected[name], abs=1e-8)
        assert (own.n_samples, own.n_data_points) == (4000, fit.design.n_rows)
        assert own.kind == "loo"
        assert own.warning == expected.warning
        np.testing.assert_array_equal(own.elpd_i["obs"], expected.elpd_i["obs"])

    def test_blocks_of_rows_are_those_of_the_whole_matrix(self, fitted):
        fit = fitted("sleepstudy-slopes")
        rows, parts = zip(*conditional_blocks(fit.spec, fit.posterior, 4000 * 7), strict=True)
        assert [part.stop - part.start for part in rows] == [7] * 25 + [5]
        whole = conditional_densities(fit.spec, fit.posterior, slice(0, 180))
        np.testing.assert_allclose(np.concatenate(parts, axis=1), whole, rtol=1e-12)

    @pytest.mark.slow
    def test_warns_of_high_k_and_names_the_remedy(self, fitted):
        fit = fitted("gpa-slopes")
        with pytest.warns(ComparisonWarning, match=r"of 1200 rows .* fit\.loo\(\) integrates"):
            result = fit.loo(integrated=False)
        assert 3 <= int((result.pareto_k > 0.7).sum()) <= 25
        assert result.warning

    def test_never_holds_the_whole_matrix(self, fitted):
        fit = fitted("gpa-slopes")
        whole = 8 * 4000 * 1200
        tracemalloc.start()
        try:
            for _ in conditional_blocks(fit.spec, fit.posterior, 4000 * 20):
                pass
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 0.5 * whole

    def test_a_row_without_information_has_no_k(self):
        log = np.log(np.random.default_rng(1).uniform(0.1, 0.9, (1000, 2)))
        log[:, 1] = 0.0
        values = pareto_smoothed([(slice(0, 2), log)], 2, 1000, 1.0)
        assert values.elpd[1] == values.p[1] == values.k[1] == 0

    def test_too_few_draws(self, fitted):
        fit = fitted("sleepstudy-intercept")
        few = dataclasses.replace(fit, idata=fit.idata.isel(chain=slice(1), draw=slice(20)))
        for integrated in (True, False):
            with pytest.raises(BayesmixError, match="20 draws, and at least 25"):
                few.loo(integrated=integrated)


class TestIntegratedLoo:
    @pytest.mark.parametrize(
        "case",
        [
            "sleepstudy-slopes",
            "gpa-slopes",
            pytest.param("pupils-slopes", marks=pytest.mark.slow),
            pytest.param("pupils-cell-means", marks=pytest.mark.slow),
            pytest.param("pupils-combinations", marks=pytest.mark.slow),
        ],
    )
    def test_no_row_has_a_high_k(self, fitted, case):
        result = fitted(case).loo()
        assert result.integrated
        assert float(result.pareto_k.max()) < 0.7
        assert not result.warning

    @pytest.mark.parametrize(
        "case",
        [
            "sleepstudy-slopes",
            pytest.param("gpa-slopes", marks=pytest.mark.slow),
            "penicillin-crossed",
            "pastes-nested",
            "sleepstudy-no-groups",
        ],
    )
    def test_agrees_with_the_conditional_one_where_that_can_be_trusted(self, fitted, case):
        fit = fitted(case)
        integrated, conditional = fit.loo(), quietly(fit.loo, integrated=False)
        good = (conditional.pareto_k < 0.5).values
        difference = (integrated.elpd_i - conditional.elpd_i).values[good]
        # The Monte-Carlo error of one row; the conditional estimate is also biased upwards.
        n = fit.design.n_rows
        density = np.exp(conditional_densities(fit.spec, fit.posterior, slice(0, n))[:, good])
        harmonic = 1 / (1 / density).mean(axis=0)
        se = np.sqrt(((1 - harmonic / density) ** 2).mean(axis=0) / len(density))
        assert np.mean(np.abs(difference) < 4 * se + 0.02) > 0.98
        assert np.abs(difference).max() < 0.2
        assert -0.02 * good.sum() < difference.sum() < 1

    @pytest.mark.slow
    def test_the_conditional_one_approaches_it_with_more_draws(self, fitted):
        few, many = fitted("gpa-slopes"), fitted("gpa-slopes", draws=4000)
        gap_few = quietly(few.loo, integrated=False).elpd - few.loo().elpd
        gap_many = quietly(many.loo, integrated=False).elpd - many.loo().elpd
        assert abs(few.loo().elpd - many.loo().elpd) < 0.2
        assert 1 < gap_many < 0.7 * gap_few

    def test_is_psis_over_theta(self, fitted):
        from arviz_stats.base import array_stats

        fit = fitted("sleepstudy-slopes")
        theta = theta_of(fit.spec, fit.posterior)
        log = np.concatenate([part for _, part in row_densities(fit.spec, theta)], axis=1)
        elpd_i, k, p = array_stats.loo(log.T, chain_axis=None, r_eff=1.0)
        result, good = fit.loo(), k < 0.6
        np.testing.assert_allclose(result.elpd_i[good], elpd_i[good], atol=0.01)
        np.testing.assert_allclose(result.p_loo_i[good], p[good], atol=0.01)
        np.testing.assert_allclose(result.pareto_k[good], k[good], atol=0.05)
        assert good.sum() >= 175

    def test_draws_are_moved_for_rows_with_a_high_k(self, fitted):
        fit = fitted("sleepstudy-slopes")
        result = fit.loo()
        plain = Pointwise(*(result[x].values for x in ("elpd_i", "p_loo_i", "pareto_k")))
        with threads(fit) as pool:
            values, note = values_moved(fit, plain, ThetaDraws.of(fit), 0.25, pool)
        moved = plain.k > 0.25
        assert 1 <= moved.sum() <= 20
        np.testing.assert_array_equal(values.elpd[~moved], plain.elpd[~moved])
        np.testing.assert_allclose(values.elpd[moved], plain.elpd[moved], atol=0.2)
        np.testing.assert_allclose(values.elpd + values.p, plain.elpd + plain.p, atol=1e-9)
        assert "with a Pareto k above 0.25 the draws of theta were moved" in note

    @pytest.mark.slow
    def test_equals_exact_leave_one_out_by_refits(self, fitted):
        fit = fitted("sleepstudy-slopes")
        exact = fit.kfold(k=180, progressbar=False)
        difference = (fit.loo().elpd_i - exact.elpd_i).values
        assert abs(difference.sum()) < 0.2
        assert np.abs(difference).max() < 0.1

    def test_rows_without_effects_that_integrate_are_conditional(self, fitted):
        spec = bm.prepare("y ~ x", counts(), family="poisson")
        with pytest.raises(BayesmixError, match="the model has no group effects"):
            integrates(spec, True)
        assert not integrates(spec, None)
        assert integrates(bm.prepare("y ~ x + (1 | g)", counts(), family="poisson"), None)
        assert not integrates(fitted("sleepstudy-slopes").spec, False)

    def test_few_draws_serve_where_densities_are_dear(self, fitted):
        fit = fitted("sleepstudy-slopes")
        draws = ThetaDraws.of(fit, dear=0.0)
        assert len(draws.theta) == 500
        assert "500 of 4000 draws were used, evenly spaced" in draws.note
        densities = Integrated(fit, draws, map)
        values = pareto_smoothed(densities.blocks(), 180, densities.n_draws, densities.r_eff)
        assert values.elpd.sum() == pytest.approx(fit.loo().elpd, abs=0.5)


class TestReloo:
    @pytest.mark.slow
    def test_refits_mend_the_rows_with_a_high_k(self, fitted):
        fit = fitted("gpa-slopes")
        conditional = quietly(fit.loo, integrated=False)
        mended = fit.loo(integrated=False, reloo=True)
        bad = (conditional.pareto_k > 0.7).values
        assert float(mended.pareto_k.max()) <= 0.7
        assert not mended.warning
        assert f"{bad.sum()} rows with a Pareto k above 0.70 were left out" in repr(mended)
        np.testing.assert_array_equal(mended.elpd_i[~bad], conditional.elpd_i[~bad])
        exact = fit.loo().elpd_i[bad]
        np.testing.assert_allclose(mended.elpd_i[bad], exact, atol=0.05)
        assert mended.elpd == pytest.approx(float(mended.elpd_i.sum()))
        lppd = conditional.elpd_i + conditional.p_loo_i
        np.testing.assert_allclose(mended.elpd_i + mended.p_loo_i, lppd)

    def test_refits_nothing_where_all_is_well(self, fitted):
        fit = fitted("sleepstudy-slopes")
        np.testing.assert_array_equal(fit.loo(reloo=True).elpd_i, fit.loo().elpd_i)


class TestWaic:
    def test_of_a_matrix_with_a_known_answer(self, fitted, monkeypatch):
        fit = fitted("sleepstudy-no-groups")
        few = dataclasses.replace(
            fit,
            spec=dataclasses.replace(fit.spec, design=fit.design.take([0, 1])),
            idata=fit.idata.isel(chain=slice(2), draw=slice(2)),
        )
        # Densities 1/2 and 1/4 by turns: mean 3/8, variance of the logs (log 2)^2 / 3.
        log = np.log([[0.5, 0.5], [0.25, 0.5], [0.5, 0.5], [0.25, 0.5]])
        monkeypatch.setattr(conditional, "conditional_densities", lambda *_: log)
        result = few.waic()
        p = np.log(2) ** 2 / 3
        np.testing.assert_allclose(result.p_waic_i, [p, 0], atol=1e-12)
        np.testing.assert_allclose(result.elpd_i, [np.log(3 / 8) - p, np.log(0.5)])
        assert result.elpd == pytest.approx(np.log(3 / 16) - p)
        assert result.p == pytest.approx(p)
        a, b = result.elpd_i.values
        assert result.se == pytest.approx(abs(a - b))
        assert result.kind == "waic"
        assert not result.warning

    def test_equals_a_direct_calculation(self, fitted):
        fit = fitted("gpa-slopes")
        log = log_likelihood(fit).values.reshape(4000, -1)
        p = log.var(axis=0, ddof=1)
        elpd = logsumexp(log, axis=0) - np.log(4000) - p
        with pytest.warns(ComparisonWarning, match=r"p_waic above 0\.4.*use fit\.loo\(\)"):
            result = fit.waic()
        np.testing.assert_allclose(result.elpd_i, elpd, atol=1e-9)
        assert result.elpd == pytest.approx(elpd.sum())
        assert result.se == pytest.approx(np.sqrt(1200 * elpd.var(ddof=1)))
        text = repr(result)
        assert "elpd_waic" in text
        assert "p_waic" in text
        assert f"{(p > 0.4).sum()} of 1200 rows" in text

    def test_arviz_compares_and_pickles_it(self, fitted):
        import arviz_stats

        results = {
            case: quietly(fitted(case).waic)
            for case in ("sleepstudy-slopes", "sleepstudy-intercept")
        }
        table = arviz_stats.compare(results)
        assert list(table.index) == ["sleepstudy-slopes", "sleepstudy-intercept"]
        again = pickle.loads(pickle.dumps(results["sleepstudy-slopes"]))
        assert again.elpd == results["sleepstudy-slopes"].elpd
        mixed = {"a": results["sleepstudy-slopes"], "b": fitted("sleepstudy-intercept").loo()}
        with pytest.raises(ValueError, match="incompatible"):
            arviz_stats.compare(mixed)


class TestLogo:
    def test_is_psis_over_theta_with_groups_as_units(self, fitted):
        from arviz_stats.base import array_stats

        fit = fitted("sleepstudy-slopes")
        log = group_densities(fit.spec, theta_of(fit.spec, fit.posterior), "Subject")
        elpd_i, k, _ = array_stats.loo(log.T, chain_axis=None, r_eff=1.0)
        result, good = fit.logo("Subject"), k < 0.6
        np.testing.assert_allclose(result.elpd_i[good], elpd_i[good], atol=0.05)
        assert good.sum() >= 16
        assert result.elpd_i.dims == ("Subject",)
        np.testing.assert_array_equal(result.elpd_i["Subject"], fit.design.groups[0].levels)
        assert (result.kind, result.group, result.n_data_points) == ("logo", "Subject", 18)
        assert float(result.pareto_k.max()) < 0.7
        assert "18 groups of Subject, left out one at a time" in repr(result)
        assert "elpd_logo" in repr(result)

    @pytest.mark.slow
    def test_equals_refits_without_each_group(self, fitted):
        fit = fitted("sleepstudy-slopes")
        # One subject is so unlike the others that few draws of a refit give it any density.
        options = dataclasses.replace(fit.options, draws=5000)
        exact = dataclasses.replace(fit, options=options).logo("Subject", refit=True)
        difference = (fit.logo("Subject").elpd_i - exact.elpd_i).values
        assert np.abs(difference).max() < 0.2
        assert abs(difference.sum()) < 0.4
        assert exact.pareto_k is None
        assert exact.kind == "logo"

    def test_refits_mend_a_group_with_a_high_k(self, fitted, monkeypatch):
        fit = fitted("sleepstudy-slopes")
        moved = fit.logo("Subject")
        monkeypatch.setattr(logo, "values_moved", lambda _, values, draws, *__: (values, ""))
        with pytest.warns(ComparisonWarning, match=r"1 of 18 groups of Subject has .*reloo=True"):
            result = fit.logo("Subject", reloo=False)
        mended = fit.logo("Subject", reloo=True)
        unasked = fit.logo("Subject")
        np.testing.assert_array_equal(unasked.elpd_i, mended.elpd_i)
        assert "reloo=False does not" in unasked.note
        monkeypatch.setattr(repair, "UNASKED", 0.0)
        with pytest.warns(ComparisonWarning, match="1 of 18 groups"):
            np.testing.assert_array_equal(fit.logo("Subject").elpd_i, result.elpd_i)
        bad = (result.pareto_k > 0.7).values
        np.testing.assert_array_equal(mended.elpd_i[~bad], result.elpd_i[~bad])
        np.testing.assert_allclose(mended.elpd_i[bad], moved.elpd_i[bad], atol=0.2)
        assert float(moved.pareto_k.max()) < 0.7
        assert not mended.warning
        assert "1 group with a Pareto k above 0.70 was left out in a refit" in repr(mended)

    def test_refits_that_do_not_converge_are_not_trusted(self, fitted, monkeypatch):
        fit = fitted("sleepstudy-slopes")
        refits = repair.fold_results

        def doubtful(*args):
            return [dataclasses.replace(result, messages=("R-hat",)) for result in refits(*args)]

        monkeypatch.setattr(logo, "values_moved", lambda _, values, draws, *__: (values, ""))
        monkeypatch.setattr(repair, "fold_results", doubtful)
        with pytest.warns(ComparisonWarning, match="1 refit without these groups did not converge"):
            result = fit.logo("Subject")
        assert result.warning
        other = quietly(fitted("sleepstudy-intercept").logo, "Subject")
        with pytest.warns(ComparisonWarning, match=r"some refits did not converge.*more draws"):
            bm.compare({"slopes": result, "intercepts": other})

    def test_no_refits_where_none_are_wanted(self, fitted, monkeypatch):
        monkeypatch.setattr(logo, "groups_left_out_obstacle", lambda *_: "they are Student-t")
        with pytest.raises(BayesmixError, match=r"but they are Student-t\. Leave reloo out"):
            fitted("sleepstudy-slopes").logo("Subject", reloo=False)

    @pytest.mark.parametrize(
        ("group", "text"),
        [
            ([1, 2], r"group has shape \(2,\): give the name"),
            ([None] + [1.0] * 179, "group has 1 missing label: give the name"),
            (5, "group=5 is not usable: give the name"),
            ("Days", r"no grouping factor.*For another column give its values"),
        ],
    )
    def test_groups_that_are_none(self, fitted, group, text):
        with pytest.raises(BayesmixError, match=text):
            fitted("sleepstudy-slopes").logo(group)

    def test_groups_of_another_column(self, fitted):
        fit = fitted("sleepstudy-slopes")
        term = fit.design.groups[0]
        labels = pd.Series(term.levels[term.codes], name="person")
        result = quietly(fit.logo, labels)
        assert result.group == "person"
        by_label = dict(zip(result.elpd_i["person"].values, result.elpd_i.values, strict=True))
        expected = quietly(fit.logo, "Subject").elpd_i
        np.testing.assert_allclose([by_label[level] for level in term.levels], expected)

    def test_a_group_that_is_not_there(self, fitted):
        fit = fitted("sleepstudy-slopes")
        with pytest.raises(BayesmixError, match=r"'subject' is no .*Did you mean 'Subject'"):
            fit.logo("subject")
        with pytest.raises(BayesmixError, match=r"of the model\. It has none"):
            fitted("sleepstudy-no-groups").logo("Subject")
        with pytest.raises(BayesmixError, match="one label for each of the 180 rows"):
            fit.logo(["a", "b"])
        with pytest.raises(BayesmixError, match="one level only"):
            fit.logo(["a"] * 180)
        with pytest.raises(BayesmixError, match="a grouping factor of the model: give one of Sub"):
            fit.logo(np.tile(["a", "b"], 90), refit=True)

    @pytest.mark.slow
    @pytest.mark.filterwarnings("ignore::bayesmix.ConvergenceWarning")
    def test_of_another_family_by_weights_and_by_refits(self):
        simulation = bm.simulate(
            6, 8, beta={"Intercept": 0.5}, sd={"Intercept": 0.5}, family="bernoulli", random_seed=1
        )
        fit = bm.fit(
            simulation.formula,
            simulation.data,
            family="bernoulli",
            draws=200,
            tune=300,
            chains=2,
            random_seed=1,
            progressbar=False,
        )
        result = fit.logo("group", refit=True)
        assert result.elpd_i.shape == (6,)
        assert -8 < result.elpd / 6 < -3
        weighted = fit.logo("group", refit=False)
        np.testing.assert_allclose(weighted.elpd_i, result.elpd_i, atol=0.3)


def counts() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {"y": rng.poisson(3, 40), "x": rng.normal(size=40), "g": np.repeat(list("abcdefgh"), 5)}
    )


class TestFacts:
    @pytest.mark.parametrize(
        ("case", "K", "n_random_effects"),
        [
            ("pupils-slopes", 10, 150),
            ("pupils-cell-means", 10, 150),
            ("pupils-combinations", 6, 198),
            ("sleepstudy-uncorrelated", 5, 36),
            ("sleepstudy-no-groups", 3, 0),
        ],
    )
    def test_counts_parameters_and_effects(self, fitted, case, K, n_random_effects):
        facts = Facts.of(fitted(case))
        assert (facts.K, facts.n_random_effects) == (K, n_random_effects)

    def test_travel_with_the_result(self, fitted):
        fit = fitted("sleepstudy-slopes")
        assert Facts.read(fit.loo()) == Facts.of(fit)
        assert Facts.read(quietly(fit.logo, "Subject")).group == "Subject"


class TestSubsample:
    @pytest.mark.parametrize("integrated", [True, False])
    def test_of_all_rows_is_the_whole(self, fitted, integrated):
        fit = fitted("penicillin-crossed")
        whole = quietly(fit.loo, integrated=integrated)
        part = quietly(fit.loo, integrated=integrated, subsample=fit.design.n_rows)
        assert part.elpd == pytest.approx(whole.elpd, abs=1e-8)
        assert part.p == pytest.approx(whole.p, abs=1e-8)
        np.testing.assert_allclose(part.elpd_i, whole.elpd_i, atol=1e-8)
        assert part.subsampling_se == 0
        assert part.integrated is integrated

    @pytest.mark.slow
    @pytest.mark.parametrize(("case_id", "size"), [("gpa-slopes", 200), ("pupils-slopes", 150)])
    def test_is_near_the_whole(self, fitted, case_id, size):
        fit = fitted(case_id)
        whole, part = fit.loo(), fit.loo(subsample=size)
        assert abs(part.elpd - whole.elpd) < 4 * part.subsampling_se
        assert part.subsampling_se < 0.1 * part.se
        assert part.se == pytest.approx(whole.se, rel=0.1)
        chosen = part.loo_subsample_observations
        np.testing.assert_allclose(part.elpd_i[chosen], whole.elpd_i[chosen], atol=1e-8)
        assert int(np.isfinite(part.elpd_i).sum()) == size

    def test_arviz_compares(self, fitted):
        import arviz_stats

        results = {
            name: fitted(name).loo(subsample=200) for name in ("gpa-slopes", "gpa-intercept")
        }
        table = arviz_stats.compare(results)
        assert table.index[0] == "gpa-slopes"
        assert (table["subsampling_dse"] >= 0).all()
        with pytest.raises(bm.BayesmixError, match=r"subsample of the rows\. arviz_stats\.compare"):
            bm.compare(results)
        with pytest.raises(bm.BayesmixError, match=r"subsample=50: compare judges by all rows"):
            bm.compare(fitted("gpa-slopes"), fitted("gpa-intercept"), subsample=50)

    def test_effects_that_were_not_kept(self, fitted):
        fit = fitted("sleepstudy-slopes")
        idata = fit.idata.copy()
        idata["posterior"] = xr.DataTree(fit.posterior.drop_vars(["u_Subject", "zeta_Subject"]))
        unkept = dataclasses.replace(fit, idata=idata)
        with pytest.raises(BayesmixError, match="were too many for them to be kept"):
            unkept.loo(subsample=20, integrated=False)
        assert np.isfinite(unkept.loo(subsample=20).elpd)

    @pytest.mark.parametrize(
        ("options", "text"),
        [
            ({"subsample": 1}, "subsample=1 is not usable: give a whole number >= 2"),
            ({"subsample": 2.5}, "subsample=2.5 is not usable"),
            ({"subsample": 181}, "more than the 180 rows"),
            ({"subsample": 10, "reloo": True}, "without subsample"),
        ],
    )
    def test_errors(self, fitted, options, text):
        with pytest.raises(bm.BayesmixError, match=text):
            fitted("sleepstudy-slopes").loo(**options)
