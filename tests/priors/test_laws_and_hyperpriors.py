"""What cannot be a law of group effects, a prior of its degrees of freedom, or a hyperprior."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest

import bayesmix as bm
from bayesmix.base.errors import BayesmixError
from bayesmix.priors.prior import LKJ, Prior

HALF = Prior("HalfNormal", sigma=1)
NESTED = Prior("Normal", mu=0, sigma=HALF)
GAMMA = Prior("Gamma", alpha=2, beta=0.1)


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    columns = {name: rng.standard_normal(40) for name in ("y", "x", "sigma")}
    return pd.DataFrame(columns | {"g": np.repeat(list("abcdefgh"), 5), "h": list("uvwxy") * 8})


def prepared(formula="y ~ x + (1 + x | g) + (1 | h)", **options) -> bm.ModelSpec:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bm.DesignWarning)
        return bm.prepare(formula, frame(), **options)


LAWS = {
    "a word with a slip": ({"u:g": "studnet"}, r"'normal', 'student' or StudentT.*Did you mean"),
    "brms's word": ({"u:g": "cauchy"}, "'normal', 'student' or StudentT"),
    "the class": ({"u:g": bm.StudentT}, r"Write StudentT\(\)"),
    "a number": ({"u:g": 4}, r"StudentT\(nu=\.\.\.\); got 4"),
    "nothing": ({"u": None}, "got None"),
    "a prior": ({"u:g": HALF}, "The prior of their sds has the path 'sd:g'"),
    "a t prior": ({"u:g": Prior("StudentT", nu=3)}, r"stands inside: StudentT\(nu=Prior"),
    "an LKJ": ({"u:g": LKJ(2)}, "correlations has the path 'cor:g'"),
    "a law for an sd": ({"sd:g": bm.StudentT()}, r"'sd:g' must be a Prior.*got StudentT"),
    "a word for an sd": ({"sd": "student"}, "'sd' must be a Prior"),
    "a law for a slope": ({"x": bm.StudentT()}, "'beta:x' must be a Prior"),
    "a law for correlations": ({"cor:g": "student"}, "'cor:g' must be an LKJ"),
    "an unknown factor": ({"u:k": "student"}, r"Unknown prior path 'u:k'.*u, u:g, u:h"),
    "single effects": ({"u:g:x": "student"}, "Unknown prior path 'u:g:x'"),
    "sigma without a predictor": ({"sigma:u:g": "student"}, "Unknown prior path 'sigma:u:g'"),
    "df of normal effects": ({"df:g": GAMMA}, "effects of 'g' are normal.*'u:g': 'student'"),
    "df of some": ({"u:g": "student", "df:h": GAMMA}, "effects of 'h' are normal"),
    "df twice": (
        {"u:g": bm.StudentT(nu=Prior("Exponential", scale=9)), "df:g": GAMMA},
        "given twice, as 'df:g' and inside",
    ),
    "df beside a number": (
        {"u:g": bm.StudentT(nu=4), "df:g": GAMMA},
        "has fixed degrees of freedom",
    ),
    "df as a number": ({"u:g": "student", "df:g": 4}, r"fixed with priors=.*StudentT\(nu=4\)"),
    "df below one": (
        {"u:g": "student", "df": Prior("Uniform", lower=0, upper=1)},
        "has its mass above 1",
    ),
    "df with hyperpriors": (
        {"u:g": "student", "df": Prior("Exponential", scale=HALF)},
        "its parameters are numbers",
    ),
    "df of PyMC alone": (
        {"u:g": "student", "df": Prior("Rice", nu=5, sigma=5)},
        "it is one of the common ones",
    ),
    "df improper": ({"u:g": "student", "df": Prior("HalfFlat")}, "it is one of the common ones"),
}


@pytest.mark.parametrize(("priors", "message"), LAWS.values(), ids=LAWS)
def test_laws_that_cannot_be(priors, message):
    with pytest.raises(BayesmixError, match=message):
        prepared(priors=priors)


@pytest.mark.parametrize(
    "nu", [0, 1, -3, np.nan, np.inf, 1e6, "4", None, True, [4], Prior("Beta", alpha=2, beta=2)]
)
def test_degrees_of_freedom_that_cannot_be(nu):
    with pytest.raises(BayesmixError, match=r"StudentT: nu|has its mass above 1"):
        bm.StudentT(nu=nu)


PRIORS = {
    "a Normal for sigma": (
        lambda: Prior("Normal", mu=0, sigma=Prior("Normal")),
        "sigma is positive, and its prior, .*HalfNormal",
    ),
    "a Uniform below zero": (
        lambda: Prior("Laplace", mu=0, b=Prior("Uniform", lower=-1, upper=1)),
        "b is positive",
    ),
    "three deep": (
        lambda: Prior("Normal", sigma=Prior("HalfNormal", sigma=Prior("HalfNormal", sigma=HALF))),
        "Nest no more than 2",
    ),
    "improper": (lambda: Prior("Normal", mu=Prior("Flat")), "improper"),
    "of PyMC alone, outside": (
        lambda: Prior("SkewNormal", mu=0, sigma=HALF, alpha=1),
        "SkewNormal takes numbers",
    ),
    "of PyMC alone, inside": (
        lambda: Prior("Normal", sigma=Prior("Rice", nu=1, sigma=1)),
        "is one of Normal",
    ),
    "a bound": (lambda: Prior("Uniform", lower=0, upper=HALF), "upper must be one number"),
    "the start of a Pareto": (lambda: Prior("Pareto", alpha=2, m=HALF), "m must be one number"),
    "moments of a Beta": (lambda: Prior("Beta", mu=HALF, sigma=0.1), "mu must be one number"),
    "an unknown parameter": (lambda: Prior("Normal", scale=HALF), "no parameter 'scale'"),
    "both sd and precision": (lambda: Prior("Normal", sigma=1, tau=HALF), "cannot be made from"),
    "a law of effects": (lambda: Prior("Normal", sigma=bm.StudentT()), "must be one number"),
    "a word": (lambda: Prior("Normal", sigma="HalfNormal"), "must be one number"),
    "of an LKJ": (lambda: LKJ(HALF), "are for those of population effects"),
    "of Flat": (lambda: Prior("Flat", mu=HALF), "Flat takes numbers"),
}


@pytest.mark.parametrize(("make", "message"), PRIORS.values(), ids=PRIORS)
def test_hyperpriors_that_cannot_be(make, message):
    with pytest.raises(BayesmixError, match=message):
        make()


PATHS = {
    "an sd": ({"sd:g": Prior("HalfNormal", sigma=HALF)}, r"'sd:g'.*only.*population effects"),
    "all sds": ({"sd": Prior("Exponential", scale=HALF)}, "'sd'.*has priors in the place of"),
    "sigma": ({"sigma": Prior("HalfNormal", sigma=HALF)}, "'sigma'.*Give numbers"),
    "correlations": ({"cor": NESTED}, "'cor' must be an LKJ"),
    "a hyperparameter": (
        {"beta": NESTED, "beta:sigma": HALF},
        r"Unknown prior path 'beta:sigma'. A parameter of a prior has its prior inside",
    ),
}


@pytest.mark.parametrize(("priors", "message"), PATHS.values(), ids=PATHS)
def test_places_of_hyperpriors_that_there_are_not(priors, message):
    with pytest.raises(BayesmixError, match=message):
        prepared(priors=priors)


def test_auxiliaries_of_families_take_numbers():
    with pytest.raises(BayesmixError, match=r"'nu'.*only those of population effects"):
        prepared(family="student", priors={"nu": Prior("Gamma", alpha=2, beta=HALF)})


def test_a_coefficient_that_is_called_like_a_hyperparameter():
    with pytest.raises(BayesmixError, match="both a coefficient and a hyperparameter"):
        prepared("y ~ x + sigma + (1 | g)", priors={"beta": NESTED})


def test_a_factor_that_is_called_like_a_new_variable():
    data = frame().rename(columns={"h": "df_g"})
    formula = "y ~ x + (1 | g) + (1 | df_g)"
    assert bm.prepare(formula, data).design.groups[1].dim == "df_g"
    with pytest.raises(BayesmixError, match="'df_g' beside the prior of 'u:g'"):
        bm.prepare(formula, data, priors={"u:g": "student"})


def test_no_bars():
    with pytest.raises(BayesmixError, match="The formula has no bars"):
        prepared("y ~ x", priors={"u": "student"})


def test_numbers_of_hyperpriors_are_asked_for_by_the_right_name():
    assert NESTED.arguments == {"mu": 0.0, "sigma": HALF}
    with pytest.raises(NotImplementedError, match="are no numbers"):
        _ = NESTED.parameters
    assert NESTED.at_medians == Prior("Normal", mu=0, sigma=HALF.median)
    assert not NESTED.has_log_density
    assert pickle.loads(pickle.dumps(NESTED)) == NESTED
    assert hash(bm.StudentT()) == hash(bm.StudentT(nu=GAMMA))


@pytest.mark.parametrize(
    ("df", "message"),
    [
        (0, "Degrees of freedom are positive"),
        (np.nan, "finite number"),
        ({"k": 3}, "unknown grouping factor 'k'"),
        ("3", "finite number"),
        ([3], "finite number"),
    ],
    ids=str,
)
def test_degrees_of_freedom_that_cannot_be_simulated(df, message):
    with pytest.raises(BayesmixError, match=message):
        bm.simulate(9, 3, beta={"x": 1.0}, sd={"Intercept": 1.0}, df=df)


def test_one_number_for_several_factors():
    sds = {"a": {"Intercept": 1.0}, "b": {"Intercept": 1.0}}
    with pytest.raises(BayesmixError, match="Say whose effects are Student-t"):
        bm.simulate({"a": 9, "b": 3}, 3, beta={"x": 1.0}, sd=sds, df=3)
