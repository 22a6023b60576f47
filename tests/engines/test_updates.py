"""A fit with changed arguments is the fit that these arguments make."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import bayesmix as bm
from bayesmix.base.errors import BayesmixError
from bayesmix.formula.formula import parse_formula
from bayesmix.formula.updating import updated

pytestmark = pytest.mark.filterwarnings("ignore::bayesmix.ConvergenceWarning")
FEW = {"draws": 40, "chains": 2, "random_seed": 3, "progressbar": False}


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    rng = np.random.default_rng(2)
    n, g = 120, np.repeat(np.arange(12), 10)
    x, z = rng.normal(size=n), rng.normal(size=n)
    y = 1 + x + rng.normal(size=12)[g] + rng.normal(size=n)
    frame = pd.DataFrame({"y": y, "x": x, "z": z, "g": g, "w": rng.uniform(0.5, 2, n)})
    frame["rating"] = np.clip(np.round(y) + 2, 1, 4).astype(int)
    frame["n"] = rng.integers(2, 9, n)
    frame["share"] = rng.binomial(frame["n"], 0.4) / frame["n"]
    return frame.set_index(np.arange(n) + 500)


def same(one: bm.MixedFit, two: bm.MixedFit) -> None:
    assert one.design.formulas == two.design.formulas
    pd.testing.assert_frame_equal(one.priors, two.priors)
    pd.testing.assert_frame_equal(one.fixef(), two.fixef())


CASES = {
    "a term more": (("y ~ x + (1 | g)", {}), {"formula": ". ~ . + w"}, ("y ~ x + (1 | g) + w", {})),
    "a term less": (("y ~ x + z", {}), {"formula": ". ~ . - z"}, ("y ~ x + z - z", {})),
    "a bar less": (("y ~ x + (1 | g)", {}), {"formula": "~ . - (1 | g)"}, ("y ~ x", {})),
    "another family": (
        ("y ~ x + (1 | g)", {}),
        {"family": "student"},
        ("y ~ x + (1 | g)", {"family": "student"}),
    ),
    "a formula of sigma": (("y ~ x", {}), {"sigma": "~ z"}, ("y ~ x", {"sigma": "~ z"})),
    "more of sigma": (
        ("y ~ x", {"sigma": "~ z"}),
        {"sigma": "~ . + x"},
        ("y ~ x", {"sigma": "~ z + x"}),
    ),
    "sigma without a formula": (("y ~ x", {"sigma": "~ z"}), {"sigma": None}, ("y ~ x", {})),
    "weights": (
        ("y ~ x", {"weights": "w"}),
        {"formula": ". ~ . + z"},
        ("y ~ x + z", {"weights": "w"}),
    ),
    "no weights": (("y ~ x", {"weights": "w"}), {"weights": None}, ("y ~ x", {})),
    "shares of trials": (
        ("share ~ x", {"family": "binomial", "weights": "n"}),
        {"formula": ". ~ . + z"},
        ("share ~ x + z", {"family": "binomial", "weights": "n"}),
    ),
    "known errors": (
        ("y ~ 1", {"se": "w", "residual": True}),
        {"formula": ". ~ . + x"},
        ("y ~ 1 + x", {"se": "w", "residual": True}),
    ),
    "thresholds": (
        ("rating ~ x", {"family": "acat(probit)"}),
        {"formula": ". ~ . + cs(z)"},
        ("rating ~ x + cs(z)", {"family": "acat(probit)"}),
    ),
    "categories": (
        ("rating ~ x", {"family": "categorical"}),
        {"formula": ". ~ . + z"},
        ("rating ~ x + z", {"family": "categorical"}),
    ),
    "other draws": (("y ~ x", {}), {"draws": 60}, ("y ~ x", {"draws": 60})),
}


@pytest.mark.parametrize("name", CASES)
def test_it_is_the_fit_of_the_new_arguments(data, name):
    (formula, others), changes, (new_formula, new_others) = CASES[name]
    fit = bm.fit(formula, data, **FEW | others)
    before = fit.fixef()
    same(fit.update(**changes, data=data), bm.fit(new_formula, data, **FEW | new_others))
    pd.testing.assert_frame_equal(fit.fixef(), before)


def test_the_columns_of_the_fit_suffice_where_it_used_them(data, tmp_path):
    fit = bm.fit("y ~ x + z + (1 | g)", data, **FEW)
    expected = bm.fit("y ~ x:z + (1 | g)", data, **FEW)
    same(fit.update(". ~ x:z + (1 | g)"), expected)
    fit.save(tmp_path / "x.fit")
    same(bm.load(tmp_path / "x.fit").update(". ~ x:z + (1 | g)"), expected)
    with pytest.raises(BayesmixError, match="'w' is not among them"):
        fit.update(". ~ . + w")


def test_new_rows(data):
    fit = bm.fit("y ~ x + (1 | g)", data, **FEW)
    same(fit.update(data=data.head(60)), bm.fit("y ~ x + (1 | g)", data.head(60), **FEW))


def test_weights_that_came_as_an_array(data):
    fit = bm.fit("y ~ x", data, weights=data["w"].to_numpy(), **FEW)
    again = fit.update(". ~ . + I(x**2)")
    pd.testing.assert_frame_equal(
        again.fixef(), bm.fit("y ~ x + I(x**2)", data, weights="w", **FEW).fixef()
    )
    with pytest.raises(BayesmixError, match="weights of the fit came as an array"):
        fit.update(data=data.head(20))


def test_priors_stay_are_added_and_taken_back(data):
    priors = {"x": bm.Prior("Normal", sigma=1), "sd:g": bm.Prior("HalfNormal", sigma=1)}
    fit = bm.fit("y ~ x + (1 | g)", data, priors=priors, **FEW)
    assert fit.update(". ~ . + z", data=data).spec.priors.edits == fit.spec.priors.edits
    with pytest.warns(bm.DesignWarning, match="'sd:g' is left out"):
        new = fit.update(". ~ . - (1 | g)")
    assert set(new.spec.priors.edits) == {"beta:x"}
    sigma = bm.Prior("HalfNormal", sigma=2)
    new = fit.update(priors={"sigma": sigma, "beta:x": None})
    assert new.spec.priors.edits == {"sigma": sigma, "sd:g": priors["sd:g"]}


def test_functions_of_the_user(data):
    def half(x):
        return x / 2

    fit = bm.fit("y ~ half(x)", data, **FEW)
    del half
    new = fit.update(". ~ . + z", data=data)
    assert new.design.terms == ("Intercept", "half(x)", "z")

    def third(x):
        return x / 3

    assert fit.update(". ~ third(x)").design.terms == ("Intercept", "third(x)")


@pytest.mark.parametrize(
    ("old", "change", "expected"),
    [
        ("y ~ x + (1 + x | g) + (1 | h)", ". ~ . + z - (1 | h)", "y ~ x + (1 + x | g) + z"),
        ("y ~ x + (1 | g)", "log(.) ~ .", "log(y) ~ x + (1 | g)"),
        ("y ~ x", ". ~ . * z", "y ~ (x) * z"),
        ("y ~ x + z", ". ~ .:w", "y ~ (x + z):w"),
        ("y ~ x", "w ~ q", "w ~ q"),
        ("y ~ x + (x | g)", ". ~ . - (x | g) + (x || g)", "y ~ x + (x || g)"),
        ("y ~ (1 | g)", ". ~ . - (1 | g)", "y ~ 1"),
        ("p(s, n) ~ x", ". ~ . + (1 | g)", "p(s, n) ~ x + (1 | g)"),
        ("y ~ x", ". ~ . + poly(z, 2) + I(x * .5)", "y ~ x + poly(z, 2) + I(x * 0.5)"),
    ],
)
def test_dots_stand_for_the_old_sides(old, change, expected):
    made = updated(parse_formula(old), change)
    assert str(parse_formula(made)) == str(parse_formula(expected))


BAD = {
    "a number": ({"formula": 3}, "is no formula"),
    "no tilde": ({"formula": "x"}, "has no '~'"),
    "nothing after it": ({"formula": ". ~"}, "Nothing follows '~'"),
    "half a sum": ({"formula": ". ~ . +"}, r"Nothing follows '\+'"),
    "a bracket": ({"formula": ". ~ ((.)"}, "never closed"),
    "a bar that is not there": ({"formula": ". ~ . - (1 | h)"}, r"not there. Bars: \(1 \| g\)"),
    "a column that was not used": ({"formula": ". ~ . + q"}, "'q' is not among them"),
    "the response": ({"formula": "x ~ ."}, "on the right of '~' too"),
    "no frame": ({"data": 3}, "data must be a data frame"),
    "an argument that is none": ({"weihgts": "~ x"}, "none of the arguments"),
    "a number for an argument that is none": ({"nope": 1}, "nope= is none of the arguments"),
    "a formula that is none": ({"sigma": 3}, "is no formula"),
    "another family's parameter": ({"zi": "~ x"}, "zi= is none of the arguments"),
    "a dot without an old one": ({"sigma": "~ . + x"}, "not known here"),
    "no family": ({"family": "normal"}, "Unknown family"),
    "the wrong family": ({"family": "poisson"}, "must not be negative"),
    "priors of nothing": ({"priors": {"beta:q": bm.Prior("Normal")}}, "Unknown prior path"),
    "priors that are none": ({"priors": 3}, "is no mapping"),
    "a prior that was not set": ({"priors": {"sd": None}}, "no path that a prior was set for"),
    "no draws": ({"draws": 0}, "draws=0"),
    "no method": ({"method": "mcmc"}, "Unknown method"),
    "no weights": ({"weights": "v"}, "is not a column"),
    "both": ({"weights": "x", "se": "x"}, "Give one of them"),
    "missing": ({"missing": "fill"}, "Unknown missing"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_changes_are_told(data, name):
    fit = bm.fit("y ~ x + (1 | g)", data, **FEW)
    changes, message = BAD[name]
    with pytest.raises(BayesmixError, match=message):
        fit.update(**changes)


def test_priors_that_stand_beside_others_stay(data):
    """The degrees of freedom of Student-t effects have a prior where the effects are Student-t."""
    from bayesmix.engines.updates import possible_priors

    df = bm.Prior("Gamma", alpha=2, beta=0.1)
    spec = bm.prepare("y ~ x + (1 | g)", data, priors={"df:g": df, "u:g": "student"})
    edits = spec.priors.edits
    assert possible_priors(spec, dict(reversed(edits.items()))).keys() == edits.keys()
    other = bm.prepare("y ~ x", data)
    assert possible_priors(other, edits) == {}
