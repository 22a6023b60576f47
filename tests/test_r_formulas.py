"""Formulas in R's spelling give the designs that R gives.

`r_formulas.json` holds a data frame of 12 rows, formulas as they are typed in R (`model.matrix`),
lme4 (`lFormula`), glmmTMB, MixedModels.jl and brms, and the columns that R, lme4 and glmmTMB made
of them (the versions are in the file). Labels and the order of columns are formulae's, so that
columns are compared as sets; where the basis differs too (B-splines, scale's divisor, products
without their parts) the spaces are compared.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bayesmix.base.errors import DesignWarning
from bayesmix.families.registry import get_family
from bayesmix.preparation.make import make_design

CONTENT = json.loads(Path(__file__).with_name("r_formulas.json").read_text(encoding="utf-8"))
CASES = CONTENT["cases"]


def design_of(case, formula=None):
    data = pd.DataFrame(CONTENT["data"])
    if "columns" in case:
        data = data[case["columns"]]
    family = get_family(case.get("family", "gaussian"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DesignWarning)  # few rows, few levels
        return make_design(formula or case["formula"], data, family=family)


def matrix(columns):
    return np.array(columns, dtype=np.float64).reshape(len(columns), -1).T


def is_same_set(ours, theirs):
    """Whether each column of one is a column of the other, each used once."""
    left = list(range(theirs.shape[1]))
    for column in ours.T:
        found = next((j for j in left if np.allclose(theirs[:, j], column, atol=1e-9)), None)
        if found is None:
            return False
        left.remove(found)
    return not left


def is_same_space(ours, theirs):
    def holds(space, columns):
        weights = np.linalg.lstsq(space, columns, rcond=1e-9)[0]
        return np.allclose(space @ weights, columns, atol=1e-8)

    return holds(ours, theirs) and holds(theirs, ours)


def blocks_of(design):
    for term in design.groups:
        for block in term.blocks:
            yield term.codes, term.n_levels, term.Z[:, block]


def is_same_block(ours, theirs):
    codes, n_levels, Z = ours
    pairs = set(zip(codes.tolist(), theirs["codes"], strict=True))
    return (
        len(pairs) == n_levels == theirs["n_levels"]
        and n_levels * Z.shape[1] == theirs["n_levels"] * len(theirs["Z"])
        and is_same_set(Z, matrix(theirs["Z"]))
    )


@pytest.mark.parametrize("case", CASES, ids=[case["formula"] for case in CASES])
def test_the_design_is_the_one_of_r(case):
    design = design_of(case)
    X = matrix(case["X"]) if case["X"] else np.empty((design.n_rows, 0))
    same = is_same_space if case.get("space") else is_same_set
    assert same(design.X, X), design.terms
    np.testing.assert_allclose(design.y, case["y"], rtol=1e-10)
    for name in ("trials", "offset"):
        if name in case:
            np.testing.assert_allclose(getattr(design, name), case[name], rtol=1e-10)
        else:
            assert getattr(design, name) is None
    left = list(blocks_of(design))
    for theirs in case.get("blocks", ()):
        found = next(i for i, ours in enumerate(left) if is_same_block(ours, theirs))
        del left[found]
    assert not left


@pytest.mark.parametrize("case", CASES, ids=[case["formula"] for case in CASES])
def test_what_was_read_is_read_again(case):
    first = design_of(case)
    again = design_of(case, first.formula.text)
    assert again.formula == first.formula
    canonical = design_of(case, str(first.formula))
    assert canonical.terms == first.terms
    assert [term.blocks for term in canonical.groups] == [term.blocks for term in first.groups]


def test_the_table_is_long_enough():
    assert len(CASES) > 150
    assert sum("blocks" in case for case in CASES) > 30
