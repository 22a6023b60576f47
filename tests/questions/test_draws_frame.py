"""`draws_frame`: columns by the paths of the tables, effects of levels by name."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

import bayesmix as bm
from bayesmix.questions.draws_frame import draws_frame
from posteriors import CASES, S, even


@pytest.mark.parametrize("case", CASES)
def test_columns_are_the_parameters_that_diagnostics_names(case):
    fit = CASES[case]()
    frame = draws_frame(fit)
    expected = [label for label in fit.truth if not label.startswith("u:")]
    assert sorted(frame) == sorted(expected)
    assert list(frame) == list(bm.MixedFit.diagnostics(fit)["parameter"])
    assert frame.index.names == ["chain", "draw"]
    for label in frame:
        np.testing.assert_allclose(frame[label].mean(), fit.truth[label][0], atol=1e-9)


def test_draws_are_in_the_order_of_the_chains():
    fit = CASES["slopes"]()
    frame = draws_frame(fit, "Days")
    np.testing.assert_array_equal(frame.loc[1, "beta:Days"], fit.posterior["beta"].values[1, :, 1])


@pytest.mark.parametrize(
    ("asked", "columns"),
    [
        ("sigma", ["sigma"]),
        ("Days", ["beta:Days"]),
        ("Intercept", ["beta:Intercept"]),
        ("beta", ["beta:Intercept", "beta:Days"]),
        ("sd", ["sd:Subject:Intercept", "sd:Subject:Days"]),
        ("sd:Subject", ["sd:Subject:Intercept", "sd:Subject:Days"]),
        ("cor:Subject:Intercept", ["cor:Subject:Intercept:Days"]),
        (["sigma", "Days", "sigma"], ["sigma", "beta:Days"]),
        (["sd:Subject:Days", "sd"], ["sd:Subject:Days", "sd:Subject:Intercept"]),
        (pd.Series(["sigma", "cor"]), ["sigma", "cor:Subject:Intercept:Days"]),
        ("u:Subject:Days", [f"u:Subject:Days:{level}" for level in (308, 309, 310, 330)]),
        (["u:Subject:Days:310", "sigma"], ["u:Subject:Days:310", "sigma"]),
    ],
)
def test_names_and_starts_of_names(asked, columns):
    fit = CASES["slopes"]()
    frame = draws_frame(fit, asked)
    assert list(frame) == columns
    for label in columns:
        np.testing.assert_allclose(frame[label].mean(), fit.truth[label][0], atol=1e-9)


@pytest.mark.parametrize("asked", ["u", "u:school:term", "u:school:ses[mid]:7"])
def test_effects_of_levels_of_factors_with_colons(asked):
    fit = CASES["pupils"]()
    frame = draws_frame(fit, asked)
    expected = [n for n in fit.truth if n == asked or n.startswith(f"{asked}:")]
    assert sorted(frame) == sorted(expected)
    for label in frame:
        np.testing.assert_allclose(frame[label].mean(), fit.truth[label][0], atol=1e-9)


def test_long_has_a_row_for_each_number():
    fit = CASES["regression"]()
    wide, long = draws_frame(fit), draws_frame(fit, long=True)
    assert list(long) == ["chain", "draw", "parameter", "value"]
    assert len(long) == wide.size
    back = long.pivot(index=["chain", "draw"], columns="parameter", values="value")
    pd.testing.assert_frame_equal(back[list(wide)], wide, check_names=False)


def test_a_term_called_as_a_start_has_two_meanings():
    case = CASES["slopes"]()
    design = dataclasses.replace(case.design, terms=("Intercept", "sd"))
    posterior = case.posterior.assign_coords(term=["Intercept", "sd"])
    with pytest.raises(bm.BayesmixError, match="'beta:sd', and all of 'sd:Subject"):
        draws_frame(dataclasses.replace(case, design=design, posterior=posterior), "sd")


def test_distributional_ordinal_and_categorical_models(scale_fit, rating_fit, kind_fit):
    for fit in (scale_fit, rating_fit, kind_fit):
        assert list(fit.draws_frame()) == list(fit.diagnostics()["parameter"])
    assert list(scale_fit.draws_frame("sigma")) == [
        "sigma:beta:Intercept",
        "sigma:beta:x",
        "sigma:sd:g:Intercept",
    ]
    assert list(scale_fit.draws_frame("sigma:x")) == ["sigma:beta:x"]
    assert scale_fit.draws_frame("sigma:u:g").shape == (1000, 12)
    assert list(rating_fit.draws_frame(["cutpoint", "Intercept[1]"])) == [
        "cutpoint:1",
        "cutpoint:2",
    ]
    assert list(kind_fit.draws_frame(["mub:x", "muc:x"])) == ["beta:x", "muc:beta:x"]


def test_draws_that_were_not_kept_are_told():
    case = CASES["counts"]()
    posterior = case.posterior.drop_vars("u_herd")
    with pytest.raises(bm.BayesmixError, match=r"too many for them to be kept.*ranef"):
        draws_frame(dataclasses.replace(case, posterior=posterior), "u:herd")


def test_what_does_not_fit_into_memory_is_refused(monkeypatch):
    monkeypatch.setattr("bayesmix.questions.names._MOST_NUMBERS", 3 * S)
    with pytest.raises(bm.BayesmixError, match="Name some, such as 'u:Subject:Intercept:308'"):
        draws_frame(CASES["slopes"](), "u:Subject:Days")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("sd:Subjct", "Did you mean 'sd:Subject'"),
        ("days", "Did you mean 'Days'"),
        ("mu", "Unknown parameter 'mu'. Parameters of this model: beta:Intercept"),
        ("u:Subject:Days:999", "Unknown parameter"),
        ("u:Subject:Days:31", "Did you mean 'u:Subject:Days:310'"),
        ("u:School", "Effects of single levels: u:Subject"),
        ("sd:", "Unknown parameter"),
        ("", "Unknown parameter"),
        ("x" * 5000, "Unknown parameter"),
        ([], "names nothing"),
        (["sigma", 3], "list of names"),
        (3, "list of names"),
        (True, "list of names"),
        ({"sigma": 1}, "list of names"),
        (np.array([["sigma"]]), "list of names"),
        ("sd:Subject:Days > 5", "Unknown parameter"),
    ],
)
def test_bad_parameters(asked, message):
    with pytest.raises(bm.BayesmixError, match=message) as error:
        draws_frame(CASES["slopes"](), asked)
    assert len(str(error.value)) < 1500


@pytest.mark.parametrize("long", [None, 1, "yes", [True]])
def test_bad_long(long):
    with pytest.raises(bm.BayesmixError, match="give True or False"):
        draws_frame(CASES["slopes"](), long=long)


def test_the_frame_is_a_copy():
    fit = CASES["regression"]()
    frame = draws_frame(fit)
    frame["sigma"] = 0.0
    np.testing.assert_allclose(draws_frame(fit)["sigma"].mean(), even(1.5, 0.5).mean())
