from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import pytest
from scipy import integrate, stats

import bayesmix as bm
from bayesmix.base.errors import BayesmixError
from bayesmix.criteria.correlation_words import (
    _about_correlations,
    _about_prediction,
    what_is_compared,
)
from bayesmix.criteria.correlations import Correlation, correlations
from bayesmix.criteria.loo import loo
from bayesmix.engines.exact.implied import implied_priors


@pytest.fixture(scope="module")
def sleepstudy(fitted):
    return fitted("sleepstudy-slopes").compare_correlation()


class TestPrior:
    @pytest.mark.parametrize("concentration", [1.0, 1.5, 4.0])
    def test_density_and_quantiles_belong_together(self, concentration):
        one = Correlation("g", "a", "b", np.zeros(2), concentration)
        total, _ = integrate.quad(one.prior_density, -1, 1)
        below, _ = integrate.quad(one.prior_density, -1, float(one.prior_quantile(0.1)))
        assert total == pytest.approx(1, abs=1e-6)
        assert below == pytest.approx(0.1, abs=1e-6)

    @pytest.mark.parametrize(("eta", "effects"), [(1, 2), (2, 3)])
    def test_is_the_marginal_of_the_prior_of_the_model(self, load, eta, effects):
        """Draw partial correlations from their prior, and look at the correlations they make."""
        data = load("sleepstudy").assign(x=np.random.default_rng(1).normal(size=180))
        bar = "Days" if effects == 2 else "Days + x"
        spec = bm.prepare(
            f"Reaction ~ Days + x + ({bar} | Subject)", data, priors={"cor": bm.LKJ(eta)}
        )
        pairs = spec.correlations(spec.design.groups[0])
        rng = np.random.default_rng(2)
        L = pairs.factor(pairs.draw(rng, 4000))
        R = L @ np.swapaxes(L, 1, 2)
        own = Correlation("g", "a", "b", np.zeros(2), eta + (effects - 2) / 2)
        for i in range(effects):
            for j in range(i):
                uniform = stats.beta.cdf((1 + R[:, i, j]) / 2, own.concentration, own.concentration)
                assert stats.kstest(uniform, "uniform").pvalue > 1e-3

    @pytest.mark.parametrize("eta", [1.0, 3.0])
    def test_of_a_centred_block_is_that_of_the_effects_as_written(self, fitted, eta):
        """Against the covariance of two effects as written, by its formula."""
        fit = fitted("sleepstudy-slopes")
        priors = fit.spec.priors.replace({"cor": bm.LKJ(eta)})
        spec = dataclasses.replace(fit.spec, priors=priors)
        (one,) = correlations(dataclasses.replace(fit, spec=spec))
        rng = np.random.default_rng(3)
        scales = [prior.parameters["scale"] for prior in priors.sd["Subject"]]
        a, b = (rng.exponential(scale, 20_000) for scale in scales)
        rho = 2 * rng.beta(eta, eta, 20_000) - 1
        m = 4.5
        variance = a**2 - 2 * m * rho * a * b + (m * b) ** 2
        r = (rho * a * b - m * b**2) / (b * np.sqrt(variance))
        assert stats.ks_2samp(r, one.implied.draws).pvalue > 1e-3
        total, _ = integrate.quad(one.prior_density, -1, 1, limit=200)
        assert total == pytest.approx(1, abs=0.01)
        assert one.prior_quantile(0.5) == pytest.approx(np.median(one.implied.draws))
        # Clearly not the prior of the centred block.
        assert stats.kstest((1 + one.implied.draws) / 2, stats.beta(eta, eta).cdf).pvalue < 1e-6

    def test_of_slopes_in_a_centred_block_has_its_closed_form(self, load):
        data = load("sleepstudy").assign(x=np.random.default_rng(1).normal(5, 1, size=180))
        formula = "Reaction ~ Days + x + (Days + x | Subject)"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fit = bm.fit(formula, data, draws=50, chains=1, random_seed=1, progressbar=False)
        closed = {(one.effect_1, one.effect_2): one.implied is None for one in correlations(fit)}
        pairs = [("Intercept", "Days"), ("Intercept", "x"), ("Days", "x")]
        assert closed == dict(zip(pairs, [False, False, True], strict=True))

    def test_of_the_sd_of_an_intercept_is_drawn_as_written(self, fitted):
        spec = fitted("sleepstudy-slopes").spec
        sds = implied_priors(spec, spec.design.joint_effects[0])[0]
        intercept, slope = sds["Intercept"].draws, sds["Days"].draws
        own = [prior.parameters["scale"] for prior in spec.priors.sd["Subject"]]
        # E sd0^2 = E a^2 + m^2 E b^2, since the correlation has mean zero.
        expected = 2 * own[0] ** 2 + 4.5**2 * 2 * own[1] ** 2
        squares = intercept**2
        assert abs(squares.mean() - expected) < 5 * squares.std() / np.sqrt(len(squares))
        assert stats.kstest(slope, stats.expon(scale=own[1]).cdf).pvalue > 1e-3


class TestTrust:
    @pytest.mark.slow
    def test_what_cannot_be_trusted_comes_first_and_is_no_verdict(self, fitted, monkeypatch):
        fit = fitted("sleepstudy-slopes")

        def doubtful(one, *args, **options):
            result = loo(one)
            k = result.pareto_k.copy()
            k[:58] = 1.5
            return dataclasses.replace(result, pareto_k=k)

        monkeypatch.setattr("bayesmix.criteria.correlation.loo", doubtful)
        with pytest.warns(bm.ComparisonWarning) as caught:
            result = fit.compare_correlation(eta=[1, 2], logo=False)
        assert len(caught) == 1
        assert caught[0].filename == __file__
        first, second = result.warnings
        assert first.startswith("LOO cannot be trusted here, and no model is judged by it: 'corr")
        assert "'correlated' (58 of 180 rows: Pareto k above 0.70), 'uncorrelated' (58" in first
        assert "fit.loo(reloo=True) refits without each row" in first
        assert second.startswith("LOO with LKJ(2) cannot be trusted here")
        assert str(caught[0].message) == f"{first} {second}"
        assert " ".join(repr(result).split()).startswith(f"Warning: {first} Warning: {second}")
        html = result._repr_html_()
        assert html.index("cannot be trusted") < html.index("The correlation of Intercept")
        assert "what modelling it does to predictions is not known" in result.sentence
        for words in ("improves", "worsens", "hardly changes", "may "):
            assert words not in result.sentence
        assert "P(r > 0)" in result.sentence


class TestWhatIsCompared:
    def test_says_that_the_uncorrelated_model_depends_on_the_zero(self, sleepstudy):
        (note,) = sleepstudy.notes
        assert "uncorrelated model depends on where Days is zero (its mean is 4.5)" in note
        assert "by Subject" in note
        assert "the correlated model is the same wherever that is" in note
        assert note in " ".join(repr(sleepstudy).split())
        assert note in sleepstudy._repr_html_()

    def test_is_silent_of_centred_columns(self, load):
        spec = bm.prepare("Reaction ~ center(Days) + (center(Days) | Subject)", load("sleepstudy"))
        assert what_is_compared(spec) == ()

    def test_of_a_prior_for_the_intercept_as_written(self, load):
        priors = {"sd:Subject:Intercept": bm.Prior("HalfNormal", sigma=50)}
        formula = "Reaction ~ Days + (Days | Subject)"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            spec = bm.prepare(formula, load("sleepstudy"), priors=priors)
        (note,) = what_is_compared(spec)
        assert "so does the correlated one, by the prior that was set" in note

    def test_names_columns_and_factors(self, load):
        data = load("sleepstudy").assign(x=np.random.default_rng(1).normal(5, 1, size=180))
        data["week"] = data["Days"] // 2
        formula = "Reaction ~ Days + x + (Days + x | Subject) + (x | week)"
        first, second = what_is_compared(bm.prepare(formula, data))
        assert "Days and x are zero (means 4.5, 4.9" in first
        assert "by week" in second

    def test_the_correlated_model_is_the_same_with_another_zero_and_the_uncorrelated_is_not(
        self, load
    ):
        data = load("sleepstudy").assign(late=lambda d: d["Days"] + 40)
        options = {"random_seed": 1, "progressbar": False}
        elpd = {}
        for name in ("Days", "late"):
            fit = bm.fit(f"Reaction ~ {name} + ({name} | Subject)", data, **options)
            if name == "late":
                with pytest.warns(bm.DesignWarning, match="'late' .* far from zero") as caught:
                    split = fit.uncorrelated()
                assert caught[0].filename == __file__
                assert str(caught[0].message) in split.design.notes
            else:
                split = fit.uncorrelated()
            elpd[name] = fit.logo("Subject").elpd, split.logo("Subject").elpd
        assert abs(elpd["Days"][0] - elpd["late"][0]) < 0.5
        assert elpd["Days"][1] - elpd["late"][1] > 5


class TestResult:
    def test_of_sleepstudy(self, sleepstudy, fitted):
        models = sleepstudy.models
        assert list(models.columns) == [
            "criterion",
            "elpd_correlated",
            "elpd_uncorrelated",
            "difference",
            "se",
        ]
        assert models["criterion"].tolist() == ["LOO", "LOGO, Subject"]
        np.testing.assert_allclose(
            models["difference"], models["elpd_correlated"] - models["elpd_uncorrelated"]
        )
        assert models["elpd_correlated"][0] == fitted("sleepstudy-slopes").loo().elpd
        assert models["elpd_correlated"][1] == (
            fitted("sleepstudy-slopes").logo("Subject", reloo=True).elpd
        )

    def test_correlations_stand_beside_their_prior(self, sleepstudy, fitted):
        (row,) = sleepstudy.correlations.to_dict("records")
        fit = fitted("sleepstudy-slopes")
        draws = fit.posterior["cor_Subject"].values[:, :, 0, 1]
        assert (row["group_var"], row["effect_1"], row["effect_2"]) == (
            "Subject",
            "Intercept",
            "Days",
        )
        assert row["value"] == pytest.approx(draws.mean())
        assert row["p_positive"] == pytest.approx((draws > 0).mean())
        assert row["lower_2.5"] == pytest.approx(np.quantile(draws, 0.025))
        # The prior is that of Days at its mean; as written, the correlation has another.
        rng = np.random.default_rng(1)
        sds = fit.spec.priors.sd["Subject"]
        intercept, slope = (prior.draw(rng, 100_000) for prior in sds)
        r, mean = rng.uniform(-1, 1, 100_000), fit.design.X[:, 1].mean()
        covariance = r * intercept * slope - mean * slope**2
        variance = intercept**2 + (mean * slope) ** 2 - 2 * mean * r * intercept * slope
        prior = np.quantile(covariance / np.sqrt(variance) / slope, [0.025, 0.975])
        np.testing.assert_allclose([row["prior_2.5"], row["prior_97.5"]], prior, atol=0.02)

    def test_priors_hold_the_correlation_closer_to_zero(self, sleepstudy):
        priors = sleepstudy.priors
        assert priors["eta"].tolist() == [1, 2, 4]
        width = priors["upper_97.5"] - priors["lower_2.5"]
        assert width.is_monotonic_decreasing
        assert priors["loo_difference"][0] == sleepstudy.models["difference"][0]

    def test_the_sentence_says_it_all(self, sleepstudy):
        sentence = sleepstudy.sentence
        assert "correlation of Intercept and Days by Subject is of uncertain sign" in sentence
        assert "P(r > 0) = 0.4" in sentence
        assert "hardly changes the prediction of new rows of the same groups" in sentence
        assert "a new Subject" in sentence
        assert sentence.count(". ") == 0

    def test_text_and_html(self, sleepstudy):
        text, html = repr(sleepstudy), sleepstudy._repr_html_()
        for title in ("Correlated against uncorrelated", "Correlations", "With the prior LKJ"):
            assert title in text
            assert title in html
        assert sleepstudy.sentence in " ".join(text.split())
        assert max(map(len, text.splitlines())) <= 80
        with pytest.raises(dataclasses.FrozenInstanceError):
            sleepstudy.sentence = ""

    @pytest.mark.slow
    def test_of_several_correlations(self, fitted):
        result = fitted("pupils-slopes").compare_correlation(eta=[1], logo=False)
        assert len(result.correlations) == 3
        assert result.models["criterion"].tolist() == ["LOO"]
        assert "of 3 correlations" in result.sentence or "of the 3" in result.sentence

    def test_finds_a_correlation_that_is_there(self):
        data = bm.simulate(
            40,
            6,
            beta={"Intercept": 1, "x": 1},
            sd={"Intercept": 1, "x": 1},
            cor=0.9,
            sigma=0.5,
            random_seed=1,
        ).data
        fit = bm.fit(
            "y ~ 1 + x + (1 + x | group)", data, draws=500, random_seed=1, progressbar=False
        )
        result = fit.compare_correlation(eta=[1])
        assert "clearly positive" in result.sentence
        assert result.models["difference"].min() > 4
        assert "improves the prediction of a new group" in result.sentence


def test_words_for_every_size():
    import pandas as pd

    def words(difference, se):
        row = ("LOGO, g", 0.0, 0.0, difference, se)
        names = ["criterion", "elpd_correlated", "elpd_uncorrelated", "difference", "se"]
        return _about_prediction(pd.DataFrame([row], columns=names))

    assert "hardly changes the prediction of a new g (+3.0" in words(3.0, 0.1)
    assert "may improve" in words(5.0, 3.0)
    assert "may worsen" in words(-5.0, 3.0)
    assert "improves" in words(9.0, 3.0)
    assert "worsens" in words(-9.0, 3.0)


def test_words_for_several_correlations():
    import pandas as pd

    rows = [
        {"effect_1": "a", "effect_2": name, "group_var": "g", "value": 0.5} for name in ("b", "c")
    ]
    table = pd.DataFrame(rows).assign(**{"lower_2.5": [-0.1, 0.2], "upper_97.5": [0.8, 0.9]})
    words = _about_correlations(table)
    assert words == "1 of 2 correlations has a 95 % interval without zero: a and c by g (0.50)"
    table["lower_2.5"] = -0.3
    assert _about_correlations(table).startswith("None of the 2 correlations has")


def test_collects_every_correlation(fitted):
    assert correlations(fitted("sleepstudy-uncorrelated")) == ()
    found = correlations(fitted("pupils-slopes"))
    assert [one.concentration for one in found] == [1.5] * 3
    names = [(one.effect_1, one.effect_2) for one in found]
    assert names == [
        ("Intercept", "ses[mid]"),
        ("Intercept", "ses[high]"),
        ("ses[mid]", "ses[high]"),
    ]


class TestRefusals:
    def test_nothing_is_correlated(self, fitted):
        with pytest.raises(BayesmixError, match=r"no correlated group effects.*\(1 \+ x \| g\)"):
            fitted("sleepstudy-uncorrelated").compare_correlation()

    @pytest.mark.parametrize("eta", [0, -1, "1", [], [1, None], [np.inf], True])
    def test_eta(self, fitted, eta):
        with pytest.raises(BayesmixError, match=r"eta=.* is not usable: give positive numbers"):
            fitted("sleepstudy-slopes").compare_correlation(eta=eta)

    def test_logo(self, fitted):
        with pytest.raises(BayesmixError, match="logo='yes'"):
            fitted("sleepstudy-slopes").compare_correlation(logo="yes")
