"""Discrimination of ordered categories: a parameter that is there with a predictor only."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats

import bayesmix as bm
from bayesmix.base.errors import BayesmixError
from bayesmix.families.registry import get_family, with_predictors
from bayesmix.families.values import Rows

FAMILIES = [
    get_family(name, link)
    for name in ("cumulative", "sratio", "cratio", "acat")
    for link in ("logit", "probit", "cloglog", "cauchit")
]
every = pytest.mark.parametrize("family", FAMILIES, ids=repr)

# R: ordinal::wine, ratings of bitterness; eight of each judge: four cold ones, four
# warm ones, two without contact and two with.
WINE = "233444551213235423325544323232532343333332322454112223232223333412323244"


def wine() -> pd.DataFrame:
    columns = {
        "rating": [int(one) for one in WINE],
        "temp": list("ccccwwww") * 9,
        "contact": list("nnyy") * 18,
    }
    return pd.DataFrame(columns)


def frame(n: int = 750) -> pd.DataFrame:
    """Ratings whose latent sd is exp(-0.6) in b."""
    rng = np.random.default_rng(1)
    g, f, x = np.repeat(np.arange(30), n // 30), np.tile(list("ab"), n // 2), rng.normal(size=n)
    latent = 0.8 * x + 0.7 * rng.normal(size=30)[g]
    latent += rng.logistic(size=n) * np.exp(-0.6 * (f == "b"))
    y = pd.cut(latent, [-np.inf, -1.5, 0.0, 1.5, np.inf], labels=list("pqrs"))
    return pd.DataFrame({"y": y, "x": x, "f": f, "g": g, "age": 50 + 3 * x})


@pytest.fixture(scope="module")
def fit() -> bm.MixedFit:
    return bm.fit(
        "y ~ x + (1 | g)",
        frame(),
        family="cumulative",
        disc="~ 0 + f",
        random_seed=1,
        progressbar=False,
        draws=500,
    )


class TestDensities:
    def point(self, family, seed=2):
        rng = np.random.default_rng(seed)
        eta, log_disc = rng.normal(0, 1.5, (40, 3)), rng.normal(0, 0.7, (40, 3))
        cutpoint = np.array([[-1.0, -1.2, -0.9], [0.2, 0.1, 0.3], [1.4, 1.1, 1.6]])
        y = rng.integers(0, 4, 40).astype(float)
        return y, eta, {"cutpoint": cutpoint, "disc": log_disc}

    @every
    def test_at_zero_they_are_those_without(self, family):
        y, eta, given = self.point(family)
        own = family.log_density(y, eta[:, 0], {"cutpoint": given["cutpoint"][:, 0]})
        given = {"cutpoint": given["cutpoint"][:, 0], "disc": np.zeros(40)}
        assert_allclose(with_predictors(family, ["disc"]).log_density(y, eta[:, 0], given), own)

    def test_they_are_intervals_of_a_normal_variable_whose_sd_is_one_over_disc(self):
        y, eta, given = self.point(None)
        family = with_predictors(get_family("cumulative(probit)"), ["disc"])
        one = {name: values[..., 0] for name, values in given.items()}
        edges = np.array([-np.inf, *one["cutpoint"], np.inf])
        scale = np.exp(-one["disc"])
        upper, lower = (stats.norm.cdf(edges[y.astype(int) + k], eta[:, 0], scale) for k in (1, 0))
        assert_allclose(family.log_density(y, eta[:, 0], one), np.log(upper - lower), rtol=1e-7)

    @every
    def test_scores_are_those_of_differences(self, family):
        family = with_predictors(family, ["disc"])
        y, eta, given = self.point(family)
        closed = family.scores(y, eta.copy(), given, Rows())
        general = replace(family, closed_scores=None, closed_slopes=None)
        ours = general.scores(y, eta.copy(), given, Rows())
        assert_allclose(closed.total, ours.total, rtol=1e-11)
        assert_allclose(closed.score, ours.score, rtol=1e-6, atol=1e-7)
        for name in ("disc", "cutpoint"):
            assert_allclose(closed.auxiliary[name], ours.auxiliary[name], rtol=1e-6, atol=1e-7)

    @every
    def test_information_is_the_expected_square_of_the_score(self, family):
        family = with_predictors(family, ["disc"])
        _, eta, given = self.point(family)
        p = family.chains_first(eta, given)
        probabilities = np.asarray(family.mean(p, Rows()))
        for name in ("mu", "disc"):
            by_category = [family.slopes(np.full(40, k), p, Rows(), name)[name] for k in range(4)]
            scores = np.stack([one.score for one in by_category], axis=-1)
            assert_allclose((probabilities * scores).sum(axis=-1), 0, atol=1e-10)
            expected = (probabilities * scores**2).sum(axis=-1)
            assert_allclose(by_category[0].information, expected, rtol=1e-8)


class TestSpecification:
    def test_it_is_no_parameter_without_a_predictor(self):
        spec = bm.prepare("y ~ x", frame(), family="cumulative")
        assert spec.prior_table()["parameter"].tolist() == ["cutpoint", "beta:x"]
        assert spec.family.others == spec.family.auxiliary == ("cutpoint",)

    def test_categories_are_compared_with_the_first(self):
        spec = bm.prepare("y ~ x", frame(), family="acat", disc="~ 0 + f")
        assert spec.design.predictors["disc"].terms == ("f[b]",)
        assert spec.design.predictors["disc"].formula.text == "disc ~ 0 + f"
        (prior,) = spec.priors.of("disc").beta
        sd = (frame()["f"] == "b").std()
        assert prior == bm.Prior("Normal", mu=0, sigma=prior.parameters["sigma"])
        assert prior.parameters["sigma"] == pytest.approx(1 / sd)

    @pytest.mark.parametrize(
        ("disc", "message"),
        [
            ("~ f", r"intercept of disc cannot be told .* disc='~ 0 \+ f'"),
            ("~ 1", "intercept of disc cannot be told"),
            ("~ x + (1 | g)", r"disc='~ 0 \+ x \+ \(1 \| g\)'"),
            ("~ 0 + age", r"'age' .* far from zero, where disc is 1.* center\(age\)"),
        ],
    )
    def test_what_only_priors_identify_is_told(self, disc, message):
        with pytest.warns(bm.DesignWarning, match=message):
            bm.prepare("y ~ x", frame(), family="cumulative", disc=disc)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"family": "bernoulli", "disc": "~ x"}, "Families with disc: cumulative, sratio"),
            ({"family": "cumulative", "cutpoint": "~ x"}, "cannot have a predictor"),
            ({"family": "cumulative", "disc": "x"}, "has no '~'"),
            (
                {"family": "cumulative", "priors": {"disc": bm.Prior("HalfNormal", sigma=1)}},
                "Unknown prior path 'disc'",
            ),
        ],
    )
    def test_bad_input_is_told(self, arguments, message):
        with pytest.raises(BayesmixError, match=message):
            bm.prepare(
                "I(f == 'a') ~ x" if arguments["family"] == "bernoulli" else "y ~ x",
                frame(),
                **arguments,
            )

    def test_it_pickles_by_name(self):
        family = with_predictors(get_family("acat(probit)"), ["disc"])
        assert pickle.loads(pickle.dumps(family)) == family


class TestFit:
    @pytest.mark.slow
    def test_it_finds_the_truth(self, fit):
        table = fit.fixef().set_index(["parameter", "term"])
        for place, truth in {("mu", "x"): 0.8, ("disc", "f[b]"): 0.6}.items():
            assert abs(table["value"][place] - truth) < 3 * table["se"][place]
        assert fit.diagnostics()["ess_bulk"].min() > 400

    def test_predictions_have_it(self, fit):
        data = frame().head(4)
        assert_allclose(fit.epred(data, parameter="disc")["value"].iloc[[0, 2]], 1.0)
        expected = np.exp(fit.linpred(data, parameter="disc", draws=True)).mean(("chain", "draw"))
        assert_allclose(fit.epred(data, parameter="disc")["value"], expected)
        eta = fit.linpred(data, draws=True).values[..., np.newaxis]
        disc = fit.epred(data, parameter="disc", draws=True).values[..., np.newaxis]
        cutpoint = fit.posterior["cutpoint"].to_numpy()[:, :, np.newaxis]
        reached = np.concatenate(
            [np.zeros_like(eta), stats.logistic.cdf(disc * (cutpoint - eta)), np.ones_like(eta)], -1
        )
        own = fit.epred(data, draws=True).values
        assert_allclose(own, np.diff(reached, axis=-1), atol=1e-12)

    def test_a_file_brings_it_back(self, fit, tmp_path):
        fit.save(tmp_path / "disc.fit")
        again = bm.load(tmp_path / "disc.fit")
        assert again.family == fit.family
        pd.testing.assert_frame_equal(again.priors, fit.priors)
        new = frame().head(3)
        pd.testing.assert_frame_equal(again.epred(new), fit.epred(new))

    @pytest.mark.slow
    def test_loo_prefers_it(self, fit):
        without = bm.fit(
            "y ~ x + (1 | g)",
            frame(),
            family="cumulative",
            random_seed=1,
            progressbar=False,
            draws=500,
        )
        table = bm.compare({"with": fit, "without": without})
        assert table.index[0] == "with"


def test_estimates_of_r_are_where_the_likelihood_is_flat():
    """clm(rating ~ temp + contact, scale = ~ temp, data = wine, link = "probit"): 1 / disc."""
    cutpoint = np.array([-0.7787826237, 0.7452512259, 2.1434013960, 3.1420198918])
    data = wine()
    warm, contact = (data["temp"] == "w").to_numpy(), (data["contact"] == "y").to_numpy()
    eta = 1.5866860421 * warm + 0.9113892931 * contact
    given = {"cutpoint": cutpoint[:, np.newaxis], "disc": (-0.1110826630 * warm)[:, np.newaxis]}
    family = with_predictors(get_family("cumulative(probit)"), ["disc"])
    scores = family.scores(data["rating"].to_numpy() - 1.0, eta[:, np.newaxis], given, Rows())
    assert_allclose(scores.auxiliary["cutpoint"], 0, atol=1e-4)
    slopes = (scores.score[warm], scores.score[contact], scores.auxiliary["disc"][warm])
    assert_allclose([slope.sum() for slope in slopes], 0, atol=1e-4)
