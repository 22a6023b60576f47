from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import integrate, stats

import bayesmix as bm
from bayesmix.correlation import Correlation, _about_correlations, _about_prediction, correlations
from bayesmix.errors import BayesmixError


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
        pairs = spec.partial_correlations(spec.design.groups[0])
        rng = np.random.default_rng(2)
        w = 2 * rng.beta(pairs.concentration, pairs.concentration, (4000, len(pairs))) - 1
        L = pairs.cholesky(w, effects)
        R = L @ np.swapaxes(L, 1, 2)
        own = Correlation("g", "a", "b", np.zeros(2), eta + (effects - 2) / 2)
        for i in range(effects):
            for j in range(i):
                uniform = stats.beta.cdf((1 + R[:, i, j]) / 2, own.concentration, own.concentration)
                assert stats.kstest(uniform, "uniform").pvalue > 1e-3


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
        assert "correlation of Intercept and Days by Subject is perhaps positive" in sentence
        assert "P(r > 0) = 0.6" in sentence
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
