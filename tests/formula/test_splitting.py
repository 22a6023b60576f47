"""Formulas of models without correlations: near to what was typed, and read as the same model."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import bayesmix as bm
from bayesmix.formula.formula import Bar, parse_formula
from bayesmix.formula.splitting import with_bars

pytestmark = pytest.mark.filterwarnings(
    "ignore::bayesmix.DesignWarning", "ignore::bayesmix.ConvergenceWarning"
)


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(6)
    n = 240
    return pd.DataFrame(
        {
            "y": rng.normal(size=n),
            "x": rng.normal(3, 1, n),
            "z": rng.normal(size=n),
            "body mass": rng.normal(size=n),
            "f": rng.choice(list("abc"), n),
            "two": rng.choice(list("pq"), n),
            "g": rng.integers(0, 8, n),
            "h": rng.integers(0, 5, n),
            "a | b": rng.integers(0, 6, n),
        }
    )


# As typed, and the formula of the model without correlations.
FORMULAS = {
    "y ~ x + (x | g)": "y ~ x + (x || g)",
    "y~x+(1+x|g)": "y~x+(1+x||g)",
    "y ~ x*z + (x*z | g) + (1 | h)": "y ~ x*z + (x*z || g) + (1 | h)",
    "y ~ x + (x | g/h)": "y ~ x + (x || g/h)",
    "y ~ x + (x | g:h) + (1 + z | g)": "y ~ x + (x || g:h) + (1 + z || g)",
    "y ~ (x | g) + x": "y ~ (x || g) + x",
    "y ~ x + ((x | g) + z)": "y ~ x + ((x || g) + z)",
    "y ~ x + (1 | g) + (0 + x + z | g)": "y ~ x + (1 | g) + (0 + x + z || g)",
    "y ~ x + (I((x + z) * 2) + z | g)": "y ~ x + (I((x + z) * 2) + z || g)",
    "y ~ x + (`body mass` | g)": "y ~ x + (`body mass` || g)",
    "y ~ x + (x | `a | b`)": "y ~ x + (x || `a | b`)",
    # || keeps the columns of a category together.
    "y ~ f + (f | g)": "y ~ f + diag(f | g)",
    "y ~ f + (0 + f | g)": "y ~ f + diag(0 + f | g)",
    "y ~ f + x + (f + x || g)": "y ~ f + x + diag(f + x | g)",
    "y ~ f*x + (f:x | g) + (x | h)": "y ~ f*x + diag(f:x | g) + (x || h)",
    "y ~ x + (poly(x, 2) | g/h)": "y ~ x + diag(poly(x, 2) | g/h)",
    # An intercept and one difference are columns of their own.
    "y ~ two + (two | g)": "y ~ two + (two || g)",
    "y ~ two + (0 + two | g)": "y ~ two + diag(0 + two | g)",
    # Nothing to change.
    "y ~ x + (x || g)": "y ~ x + (x || g)",
    "y ~ x + (1 | g) + (0 + x | g)": "y ~ x + (1 | g) + (0 + x | g)",
    "y ~ x + diag(f | g)": "y ~ x + diag(f | g)",
    "y ~ x": "y ~ x",
}


@pytest.mark.parametrize("formula", FORMULAS)
def test_the_formula_means_the_model(formula):
    data = frame()
    spec = bm.prepare(formula, data).uncorrelated()
    design = spec.design
    assert design.formula.text == FORMULAS[formula]
    again = bm.prepare(design.formula.text, data)
    assert design.formula == again.design.formula == design.encoder.formula
    for ours, own in zip(design.groups, again.design.groups, strict=True):
        assert (ours.factor, ours.effects, ours.blocks) == (own.factor, own.effects, own.blocks)
        assert all(len(block) == 1 for block in ours.blocks)
        np.testing.assert_array_equal(ours.Z, own.Z)
        np.testing.assert_array_equal(ours.codes, own.codes)
    pd.testing.assert_frame_equal(spec.prior_table(), again.prior_table())
    # New rows are encoded in the same blocks.
    for term, new in zip(design.groups, design.at(data.head(9)).groups, strict=True):
        assert (term.effects, term.blocks, term.means) == (new.effects, new.blocks, new.means)
    assert spec.uncorrelated().design.formula == design.formula


def test_the_model_that_was_split_does_not_change():
    spec = bm.prepare("y ~ f + (f | g)", frame())
    spec.uncorrelated()
    assert spec.design.formula.text == "y ~ f + (f | g)"
    assert spec.design.groups[0].blocks == ((0, 1, 2),)
    assert spec.design.encoder.groupings[0].bars == (Bar("1 + f", ("g",)),)


@pytest.mark.slow
@pytest.mark.parametrize("bar", ["(x | g)", "(f + x | g)"])
def test_a_fit_prints_saves_and_folds_its_own_formula(bar, tmp_path):
    data = frame()
    options = {"draws": 100, "random_seed": 1, "progressbar": False}
    split = bm.fit(f"y ~ x + {bar}", data, **options).uncorrelated()
    text = split.design.formula.text
    assert repr(split).startswith(f"{text}\n")
    assert split.idata.attrs["formula"] == text
    # The same seed gives the same numbers, as the model is the same.
    written = bm.fit(text, data, **options)
    pd.testing.assert_frame_equal(written.varcorr(), split.varcorr())
    split.save(tmp_path / "split")
    loaded = bm.load(tmp_path / "split")
    assert loaded.design.formula == split.design.formula
    assert [term.blocks for term in loaded.design.groups] == [
        term.blocks for term in split.design.groups
    ]
    folds = [
        one.kfold(2, random_seed=3, progressbar=False).elpd for one in (split, loaded, written)
    ]
    assert folds[0] == folds[1] == folds[2]
    table = bm.compare({"split": split, "written": written})
    assert table["K"].nunique() == 1


def test_what_cannot_be_typed_over_is_written_anew():
    """A bar in brackets of brackets has no sign of its own to change."""
    formula = parse_formula("y ~ x + (((x | g)))")
    split = with_bars(formula, lambda bar: Bar(bar.effects, bar.factor, correlated=False))
    assert parse_formula(split.text).bars == split.bars == (Bar("1 + x", ("g",), False),)


def test_bars_of_one_category_are_split_in_diag_alone():
    for bar, blocks in (
        ("(0 + f | g)", ((0, 1, 2),)),
        ("(0 + f || g)", ((0, 1, 2),)),
        ("diag(0 + f | g)", ((0,), (1,), (2,))),
    ):
        (term,) = bm.prepare(f"y ~ f + {bar}", frame()).design.groups
        assert term.blocks == blocks


def test_diag_of_a_column_is_a_function():
    with pytest.raises(bm.FormulaError, match=r"Unknown function 'diag'"):
        bm.prepare("y ~ diag(x) + (1 | g)", frame())
