"""Effects that differ between the thresholds of ordered categories, ``cs(x)``."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import bayesmix as bm
from bayesmix.base.errors import BayesmixError
from bayesmix.criteria.facts import Facts
from bayesmix.families.registry import get_family, with_predictors
from bayesmix.families.values import Rows
from bayesmix.formula.formula import parse_formula
from bayesmix.posterior.draws import Draws
from wine import wine

FAMILIES = [
    get_family(name, link)
    for name in ("sratio", "cratio", "acat")
    for link in ("logit", "probit", "cloglog", "cauchit")
]
every = pytest.mark.parametrize("family", FAMILIES, ids=repr)
THRESHOLDS = np.array([-1.0, 0.2, 1.4])
Y = np.tile(np.arange(4.0), 10)


def point(seed: int = 2) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Linear predictors of 40 rows and 3 chains, of mu and of three thresholds, with disc."""
    rng = np.random.default_rng(seed)
    given = {name: rng.normal(0, 0.4, (40, 3)) for name in ("disc", "cs1", "cs2", "cs3")}
    given["cutpoint"] = THRESHOLDS[:, None] + rng.normal(0, 0.1, (3, 3))
    return rng.normal(0, 0.7, (40, 3)), given


class TestDensities:
    @every
    def test_a_row_has_thresholds_of_its_own(self, family):
        eta, given = point()
        own = {name: given[name][:, 0] for name in ("cs1", "cs2", "cs3")}
        found = family.with_specific(3).log_density(Y, eta[:, 0], {"cutpoint": THRESHOLDS} | own)
        for i in range(40):
            moved = THRESHOLDS - [own[name][i] for name in ("cs1", "cs2", "cs3")]
            expected = family.log_density(Y[i], eta[i, 0], {"cutpoint": moved})
            assert found[i] == pytest.approx(expected, rel=1e-12)

    @every
    def test_the_same_at_all_thresholds_is_an_effect_of_all(self, family):
        eta, given = point()
        mu, same = eta[:, 0], given["cs1"][:, 0]
        own = {"cutpoint": THRESHOLDS, "cs1": same, "cs2": same, "cs3": same}
        expected = family.log_density(Y, mu + same, {"cutpoint": THRESHOLDS})
        assert_allclose(family.with_specific(3).log_density(Y, mu, own), expected, rtol=1e-12)

    def test_adjacent_categories_are_then_a_multinomial_logit(self):
        """Each category's log odds over the first are sums of those over the one before."""
        eta, given = point()
        own = {"cutpoint": THRESHOLDS} | {k: given[k][:, 0] for k in ("cs1", "cs2", "cs3")}
        found = get_family("acat").with_specific(3).log_density(Y, eta[:, 0], own)
        steps = np.array([eta[:, 0] + own[f"cs{k + 1}"] - THRESHOLDS[k] for k in range(3)])
        odds = np.cumsum(steps, axis=0)
        family = get_family("categorical").completed(("1", "2", "3", "4"))
        others = dict(zip(family.predictors[1:], odds[1:], strict=True))
        assert_allclose(found, family.log_density(Y, odds[0], others), rtol=1e-12)

    @every
    @pytest.mark.parametrize("with_disc", [False, True])
    def test_scores_and_slopes_are_those_of_differences(self, family, with_disc):
        eta, given = point()
        if with_disc:
            family = with_predictors(family, ["disc"])
        else:
            del given["disc"]
        family = family.with_specific(3)
        scores = family.scores(Y, eta.copy(), given, Rows())

        def log(changed: dict[str, np.ndarray]) -> np.ndarray:
            p = family.chains_first(changed.get("mu", eta), {**given, **changed})
            return np.asarray(family.density(Y, p, Rows()))

        assert_allclose(scores.total, log({}).sum(axis=1), rtol=1e-12)
        step = 1e-5
        slopes = family.slopes(Y, family.chains_first(eta, given), Rows())
        for name in ("mu", "disc", "cs1", "cs2", "cs3"):
            if name == "disc" and not with_disc:
                continue
            at = eta if name == "mu" else given[name]
            difference = (log({name: at + step}) - log({name: at - step})) / (2 * step)
            own = scores.score if name == "mu" else scores.auxiliary[name]
            assert_allclose(own, difference.T, rtol=1e-5, atol=1e-7)
            assert_allclose(slopes[name].score, difference, rtol=1e-5, atol=1e-7)
        for k in range(3):
            shift = np.zeros((3, 1))
            shift[k] = step
            high, low = (log({"cutpoint": given["cutpoint"] + s}) for s in (shift, -shift))
            difference = (high - low).sum(axis=1) / (2 * step)
            assert_allclose(scores.auxiliary["cutpoint"][k], difference, rtol=1e-5, atol=1e-6)

    @every
    def test_a_copy_is_the_same_family(self, family):
        own = with_predictors(family, ["disc"]).with_specific(3)
        assert pickle.loads(pickle.dumps(own)) == own
        assert own.specific == ("cs1", "cs2", "cs3")
        assert own.predictors == ("mu", "disc", "cs1", "cs2", "cs3")


def test_formulas_are_read():
    formula = parse_formula("y ~ x + cs(a * b) + (1 | g) + cs(log(z))")
    assert formula.common == "1 + x"
    assert formula.specific == "1 + a + b + a:b + log(z)"
    assert str(parse_formula(str(formula))) == str(formula)
    assert set(formula.variables) == {"y", "x", "a", "b", "z", "g"}
    assert parse_formula("y ~ x", columns=["y", "x", "cs"]).specific == ""
    assert parse_formula("y ~ x + cs", columns=["y", "x", "cs"]).common == "1 + x + cs"


def test_a_function_of_the_user_comes_first():
    def cs(x):
        return x**2

    formula = parse_formula("y ~ cs(x)", columns=["y", "x"], namespace={"cs": cs})
    assert (formula.common, formula.specific) == ("1 + cs(x)", "")


BAD = {
    "a product": ("rating ~ contact*cs(temp)", {}, r"cs\(\) in a product"),
    "a bar": ("rating ~ (cs(x) | judge)", {}, r"cs\(\) in a bar"),
    "a bar of thresholds": ("rating ~ (cs(1) | judge)", {}, r"cs\(\) in a bar"),
    "nothing inside": ("rating ~ cs()", {}, "takes a sum of terms"),
    "two arguments": ("rating ~ cs(x, temp)", {}, "takes a sum of terms"),
    "a named argument": ("rating ~ cs(x=3)", {}, "takes a sum of terms"),
    "an intercept": ("rating ~ cs(1)", {}, "takes terms beside the thresholds"),
    "no intercept": ("rating ~ cs(0 + x)", {}, "takes terms beside the thresholds"),
    "twice": ("rating ~ cs(cs(x))", {}, "twice"),
    "an offset": ("rating ~ cs(offset(x))", {}, "An offset"),
    "inside and outside": ("rating ~ x + cs(x)", {}, "stands in the sum and in"),
    "all columns": ("rating ~ cs(.)", {}, "Name the column"),
    "a bar inside": ("rating ~ cs((1 | judge))", {}, "A bar inside"),
    "a column that is not there": ("rating ~ cs(nothing)", {}, "Unknown column 'nothing'"),
    "thresholds in order": ("rating ~ cs(x)", {"family": "cumulative"}, "in order"),
    "no thresholds": ("x ~ cs(temp)", {"family": "gaussian"}, "has no thresholds"),
    "no order": ("rating ~ cs(x)", {"family": "categorical"}, "has no thresholds"),
    "equal distances": (
        "rating ~ cs(x)",
        {"family": "acat(logit, threshold=equidistant)"},
        "equal distances",
    ),
    "of disc": ("rating ~ x", {"disc": "~ 0 + cs(temp)"}, "in the predictor of disc"),
    "by its name": ("rating ~ x", {"cs1": "~ temp"}, "no parameter 'cs1'"),
    "a prior of no threshold": (
        "rating ~ cs(x)",
        {"priors": {"cs5:beta:x": bm.Prior("Normal")}},
        "Unknown prior path 'cs5:beta:x'",
    ),
    "a prior of all": (
        "rating ~ cs(x)",
        {"priors": {"beta:x": bm.Prior("Normal")}},
        "Did you mean 'cs1:beta:x'",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_told(name):
    formula, given, message = BAD[name]
    data = wine().assign(x=np.linspace(-1, 1, 72))
    with pytest.raises(BayesmixError, match=message):
        bm.prepare(formula, data, **{"family": "sratio"} | given)


class TestChecks:
    def prepared(self, formula, **columns):
        data = wine().assign(x=np.linspace(-1, 1, 72), year=2000.0 + np.arange(72) % 9, **columns)
        return bm.prepare(formula, data, family="acat")

    def test_columns_that_others_make_are_told_once(self):
        with pytest.warns(bm.DesignWarning) as told:
            self.prepared("rating ~ x + cs(I(2 * x))")
        assert len(told) == 1
        assert "of cs() is a linear combination of 'x'" in str(told[0].message)

    def test_constants_are_told(self):
        with pytest.warns(bm.DesignWarning, match="told from the thresholds"):
            self.prepared("rating ~ cs(one)", one=1.0)

    def test_a_zero_far_away_changes_nothing(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            far, near = self.prepared("rating ~ cs(year)"), self.prepared("rating ~ cs(x)")
        assert far.parts[1].population_centre == pytest.approx(
            [np.mean(2000.0 + np.arange(72) % 9)]
        )
        assert near.priors.auxiliary == far.priors.auxiliary


# No cold wine was rated 5 and no warm wine 1, of which a warning would tell.
OF_WARMTH = {f"cs{k}:beta:temp[warm]": bm.Prior("Normal", sigma=5) for k in (1, 2, 3, 4)}


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    return wine().assign(year=2000.0 + np.arange(72) % 9)


@pytest.fixture(scope="module")
def fit(data) -> bm.MixedFit:
    return bm.fit(
        "rating ~ contact + cs(temp + year) + (1 | judge)",
        data,
        family="acat",
        priors=OF_WARMTH,
        random_seed=1,
        progressbar=False,
        draws=250,
    )


class TestFit:
    def test_tables_have_a_row_for_each_threshold(self, fit):
        table = fit.fixef()
        assert table["parameter"].tolist() == ["mu"] * 5 + [
            f"cs{k}" for k in (1, 1, 2, 2, 3, 3, 4, 4)
        ]
        assert table["term"].tolist()[4:7] == ["contact[yes]", "temp[warm]", "year"]
        text = repr(fit)
        assert "cs1 ~" not in text
        assert "link of cs" not in text
        assert Facts.of(fit).K == len(fit.diagnostics()) == 14

    def test_probabilities_are_those_made_by_hand(self, fit, data):
        draws = Draws.of(fit.spec, fit.posterior)
        own = draws.auxiliary["cutpoint"][:, None, :]
        mu = draws.beta @ fit.design.X.T + draws.u["judge"][:, fit.design.groups[0].codes, 0]
        warm, year = (data["temp"] == "warm").to_numpy(), data["year"].to_numpy()
        odds = np.zeros((len(draws), 72, 5))
        for k in range(4):
            beta = draws.predictors[f"cs{k + 1}"].beta
            moved = beta[:, :1] * warm + beta[:, 1:] * year
            odds[..., k + 1] = odds[..., k] + mu + moved - own[..., k]
        p = np.exp(odds - odds.max(axis=-1, keepdims=True))
        p /= p.sum(axis=-1, keepdims=True)
        found = fit.epred(draws=True)
        found = found.transpose("chain", "draw", "obs", "category").values
        assert_allclose(found.reshape(p.shape), p, atol=1e-9)

    def test_new_rows_are_encoded_as_those_of_the_fit(self, fit, data):
        pd.testing.assert_frame_equal(fit.epred(data.head(4)), fit.epred().head(20))
        with pytest.raises(BayesmixError, match="column 'year'"):
            fit.epred(data.head(4).drop(columns="year"))

    def test_a_file_brings_it_back(self, fit, tmp_path):
        fit.save(tmp_path / "cs.fit")
        again = bm.load(tmp_path / "cs.fit")
        assert again.family == fit.family
        pd.testing.assert_frame_equal(again.fixef(), fit.fixef())
        pd.testing.assert_frame_equal(again.predict(random_seed=1), fit.predict(random_seed=1))

    def test_simulated_data_can_be_fitted_again(self, fit):
        simulation = bm.simulate_from(fit, random_seed=3)
        assert simulation.formulas == {}
        assert set(simulation.parameters) == set(fit.diagnostics()["parameter"])
        spec = bm.prepare(simulation.formula, simulation.data, family="acat", priors=OF_WARMTH)
        assert spec.design.predictors.keys() == {"cs1", "cs2", "cs3", "cs4"}

    @pytest.mark.filterwarnings("ignore::bayesmix.ComparisonWarning")
    def test_criteria_and_tables_of_groups_know_it(self, fit):
        assert np.isfinite(fit.waic().elpd)
        assert np.isfinite(fit.loo(reloo=False).elpd)
        assert len(fit.shrinkage()) == 9
        assert len(fit.ranef()) == 9


def test_effects_of_single_thresholds_are_those_of_glm():
    """R 4.2.2: ``glm(stop ~ 0 + k + k:t + c, binomial)`` of a row for each threshold k reached.

    Two of the effects are infinite, and a penalty that is hardly there holds them.
    """
    from scipy import optimize

    data = wine()
    family = get_family("sratio").with_specific(4)
    warm, yes = (data["temp"] == "warm").to_numpy(), (data["contact"] == "yes").to_numpy()
    y = data["rating"].to_numpy() - 1.0

    def minus_log(x: np.ndarray) -> float:
        own = {"cutpoint": x[:4]} | {f"cs{k + 1}": x[4 + k] * warm for k in range(4)}
        return -float(family.log_density(y, x[8] * yes, own).sum()) + 1e-8 * float(x @ x)

    found = optimize.minimize(minus_log, np.zeros(9), method="BFGS", options={"gtol": 1e-6}).x
    assert minus_log(found) == pytest.approx(85.18436, abs=2e-4)
    assert_allclose(found[:3], [-1.3474786, 0.7413563, 2.7938249], atol=1e-3)
    assert_allclose(found[[5, 6, 8]], [1.8644625, 2.3928845, 1.2164714], atol=1e-3)


def test_questions_on_the_latent_scale_name_a_threshold(fit):
    with pytest.raises(BayesmixError, match="each threshold has a linear predictor"):
        fit.comparisons("temp", by=True, scale="link")
    table = fit.comparisons("temp", by=True, scale="link", parameter="cs2")
    own = fit.fixef()
    beta = own[(own["parameter"] == "cs2") & (own["term"] == "temp[warm]")]["value"]
    assert table["value"][0] == pytest.approx(float(beta.iloc[0]))


def test_effects_of_groups_beside_those_of_thresholds_are_no_surprise():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bm.prepare("rating ~ cs(temp) + (temp | judge)", wine(), family="acat", priors=OF_WARMTH)
