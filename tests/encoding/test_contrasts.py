"""Contrasts against numbers of R 4.2.2 (contr.helmert, contr.poly) and MASS 7.3 (contr.sdif)."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest

import bayesmix as bm
from bayesmix.base.errors import BayesmixError, DesignWarning
from bayesmix.design.design import Design
from bayesmix.encoding.contrasts import CONTRASTS, Diff, Helmert, Poly
from bayesmix.families.registry import get_family
from bayesmix.preparation.make import make_design

LEVELS = ["a", "b", "c", "d"]
HELMERT = [[-1, -1, -1], [1, -1, -1], [0, 2, -1], [0, 0, 3]]
POLY = [
    [-0.67082039324993692, 0.5, -0.22360679774997891],
    [-0.22360679774997896, -0.5, 0.67082039324993681],
    [0.22360679774997896, -0.5, -0.67082039324993692],
    [0.67082039324993692, 0.5, 0.22360679774997899],
]
POLY_1248 = [
    [-0.51287764453217255, 0.52962714133237609, -0.454369467397651772],
    [-0.32637668288410993, -0.10592542826647537, 0.795146567945890781],
    [0.04662524041201567, -0.76795935493194512, -0.397573283972945501],
    [0.79262908700426671, 0.34425764186604435, 0.056796183424706527],
]
SDIF = [[-0.75, -0.5, -0.25], [0.25, -0.5, -0.25], [0.25, 0.5, -0.25], [0.25, 0.5, 0.75]]


def data() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "y": [3.0, 1, 4, 1, 5, 9, 2, 6],
            "f": LEVELS * 2,
            "h": list("uuuuvvvv"),
            "x": [1.0, 2, 4, 7, 3, 1, 2, 5],
            "g": [1, 2, 1, 2, 3, 3, 1, 2],
        }
    )


def design(formula: str, frame: pd.DataFrame, **options: object) -> Design:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DesignWarning)
        return make_design(formula, frame, family=get_family("gaussian"), **options)


def notes(formula: str, frame: pd.DataFrame) -> list[str]:
    return [note for note in design(formula, frame).notes if "ordered" in note]


@pytest.mark.parametrize(
    ("contrast", "expected", "labels"),
    [
        (Helmert(), HELMERT, ["b", "c", "d"]),
        (Poly(), POLY, [".L", ".Q", ".C"]),
        (Poly(1, 2, 4, 8), POLY_1248, [".L", ".Q", ".C"]),
        (Poly(scores=np.array([10, 20, 40, 80])), POLY_1248, [".L", ".Q", ".C"]),
        (Diff(), SDIF, ["b-a", "c-b", "d-c"]),
    ],
)
def test_matrices_are_those_of_R(contrast, expected, labels):
    result = contrast.code_without_intercept(LEVELS)
    np.testing.assert_allclose(result.matrix, expected, atol=1e-14)
    assert result.labels == labels


def test_polynomials_of_a_high_degree():
    quintic = Poly().code_without_intercept(list("abcdef"))
    assert quintic.labels == [".L", ".Q", ".C", "^4", "^5"]
    expected = [-0.062994078834871, 0.314970394174355, -0.629940788348712]
    expected += [-value for value in reversed(expected)]
    np.testing.assert_allclose(quintic.matrix[:, 4], expected, atol=1e-14)
    many = Poly().code_without_intercept(list(range(60))).matrix
    np.testing.assert_allclose(many.T @ many, np.eye(59), atol=1e-12)
    np.testing.assert_allclose(many.sum(axis=0), 0, atol=1e-12)


@pytest.mark.parametrize(
    ("contrast", "expected"),
    [
        ("Helmert", [3.875, 0.5, -0.5, -0.125]),
        ("Poly", [3.875, -0.78262379212492639, -0.25, 1.22983738762488426]),
        (
            "Poly(1, 2, 4, 8)",
            [3.875, -0.76931646679825805, 0.48990510573244733, 1.1643217602064825],
        ),
        ("Diff", [3.875, 1, -2, 0.5]),
    ],
)
def test_least_squares_gives_the_coefficients_of_lm(contrast, expected):
    result = design(f"y ~ C(f, {contrast})", data())
    assert all(term.startswith(f"C(f, {contrast})[") for term in result.terms[1:])
    np.testing.assert_allclose(np.linalg.lstsq(result.X, result.y)[0], expected, atol=1e-12)


@pytest.mark.parametrize("contrast", ["Helmert", "Poly", "Diff"])
def test_without_an_intercept_there_is_one_column_for_each_category_as_in_R(contrast):
    result = design(f"y ~ 0 + C(f, {contrast})", data())
    assert result.terms == tuple(f"C(f, {contrast})[{level}]" for level in LEVELS)
    np.testing.assert_array_equal(result.X, np.tile(np.eye(4), (2, 1)))


def test_a_second_factor_keeps_its_contrasts_without_an_intercept():
    # model.matrix(~ 0 + h + f, contrasts.arg = list(f = "contr.helmert"))
    result = design("y ~ 0 + h + C(f, Helmert)", data())
    expected = np.hstack([np.repeat(np.eye(2), 4, axis=0), np.tile(HELMERT, (2, 1))])
    np.testing.assert_array_equal(result.X, expected)


@pytest.mark.parametrize("contrast", ["Helmert", "Poly", "Diff", "Sum", "Treatment('c')"])
@pytest.mark.parametrize("pattern", ["C(f, {})", "C(f, {})*x", "C(f, {}):h", "0 + C(f, {}):x"])
def test_new_rows_are_coded_as_those_of_the_fit(contrast, pattern):
    term = pattern.format(contrast)
    result = design(f"y ~ {term} + ({term} | g)", data())
    for one in (result, pickle.loads(pickle.dumps(result))):
        for rows in ([6], [1, 1, 5], [7, 0], list(range(8))):
            again = one.at(data().iloc[rows])
            np.testing.assert_array_equal(again.X, result.X[rows])
            np.testing.assert_array_equal(again.groups[0].Z, result.groups[0].Z[rows])


def test_a_column_of_the_same_name_is_no_contrast():
    frame = data().assign(Diff=data()["x"], Poly="a")
    result = design("y ~ C(f, Diff) + C(f, contrast=Poly) + Diff", frame)
    np.testing.assert_allclose(result.X[:4, 1:4], SDIF)
    np.testing.assert_allclose(result.X[:4, 4:7], POLY, atol=1e-14)
    np.testing.assert_array_equal(result.X[:, 7], frame["x"])


def test_the_order_of_levels_is_the_users():
    order = ["d", "a", "c", "b"]
    result = design("y ~ C(f, Diff, levels=order)", data(), namespace={"order": order})
    assert result.terms[1:] == tuple(
        f"C(f, Diff, levels=order)[{pair}]" for pair in ("a-d", "c-a", "b-c")
    )
    np.testing.assert_allclose(result.X[[3, 0, 2, 1], 1:], SDIF)


def test_a_saved_fit_knows_its_contrasts(tmp_path):
    frame = pd.concat([data()] * 6, ignore_index=True)
    formula = "y ~ C(f, Poly(1, 2, 4, 8)) + C(h, Helmert) + C(h, Treatment('v')):x"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # 50 draws are too few for anything but this
        fit = bm.fit(formula, frame, draws=50, random_seed=1, progressbar=False)
    fit.save(tmp_path / "a.fit")
    again = bm.load(tmp_path / "a.fit").spec.design
    np.testing.assert_array_equal(again.at(frame.head(1)).X, fit.spec.design.X[:1])


@pytest.mark.parametrize(
    ("term", "message"),
    [
        ("C(f, Poly(1, 2))", r"scores 1.0, 2.0, but the column has 4 categories \(a, b, c, d\)"),
        ("C(f, Poly(1, 2, 2, 3))", "they must be finite and differ"),
        ("C(f, Poly('a', 'b', 'c', 'd'))", "they are not numbers"),
        ("C(f, 'b')", r"got 'b'. For another reference write C\(f, Treatment\('b'\)\)"),
        ("C(f, Treatment('e'))", "'e' is no category of 'f'. Write one of 'a', 'b', 'c', 'd'"),
        ("C(f, Sum('e'))", "'e' is no category of 'f'"),
        ("T(f, ref='e')", "'e' is no category of 'f'"),
        ("S(f, 'e')", "'e' is no category of 'f'"),
        ("C(f, levels=order)", r"the levels are 'a', 'b', and the data have 'a', 'b', 'c', 'd'"),
    ],
)
def test_a_contrast_that_cannot_be_made_says_what_to_write(term, message):
    with pytest.raises(BayesmixError, match=message):
        design(f"y ~ {term}", data(), namespace={"order": ["a", "b"]})


def test_every_contrast_is_known_by_its_name():
    assert {name: value.__name__ for name, value in CONTRASTS.items()} == {n: n for n in CONTRASTS}


# --- ordered categories -------------------------------------------------------------------------


def ordered() -> pd.DataFrame:
    frame = data()
    return frame.assign(
        f=pd.Categorical(frame["f"], LEVELS, ordered=True),
        h=pd.Categorical(frame["h"], ["u", "v"], ordered=True),
    )


def test_ordered_categories_are_told_of_once_with_all_their_names():
    with pytest.warns(DesignWarning) as caught:
        make_design("y ~ f*x + (h | g)", ordered(), family=get_family("gaussian"))
    (said,) = [str(one.message) for one in caught if "ordered" in str(one.message)]
    assert said.startswith("Columns 'f', 'h' have ordered categories, coded by treatment contrasts")
    assert notes("y ~ f + h", ordered()) == notes("y ~ f*h + (f | g)", ordered())


@pytest.mark.parametrize(
    "formula",
    ["y ~ x + (1 | f)", "y ~ 0 + f", "y ~ C(f) + x", "y ~ C(f, Sum) + (C(f, Poly) | g)", "y ~ x"],
)
def test_no_word_where_nothing_was_chosen_for_the_user(formula):
    assert notes(formula, ordered()) == []
    assert notes("y ~ f + h", data()) == []


def test_what_the_note_advises_is_silent_and_does_what_it_says():
    (note,) = notes("y ~ f", ordered())
    default = design("y ~ f", ordered())
    for term in ("C(f, Poly)", "C(f, Treatment)"):
        assert term in note
        assert notes(f"y ~ {term}", ordered()) == []
    np.testing.assert_array_equal(design("y ~ C(f, Treatment)", ordered()).X, default.X)
    np.testing.assert_allclose(design("y ~ C(f, Poly)", ordered()).X[:4, 1:], POLY, atol=1e-14)
