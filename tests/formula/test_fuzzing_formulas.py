"""Formulas from a grammar and mutated ones mean what a second implementation reads in them."""

from __future__ import annotations

import numpy as np
import pytest

from fuzzing.algebra import read
from fuzzing.formulas import FRAME, check, run


def told(wrong):
    return "\n".join(f"{text!r}: {outcome}" for text, outcome in wrong)


@pytest.mark.parametrize(
    ("count", "least"), [(200, 60), pytest.param(4000, 1200, marks=pytest.mark.slow)]
)
def test_formulas_mean_what_they_say(count, least):
    outcomes, wrong = run(seed=count, count=count)
    assert not wrong, told(wrong)
    assert outcomes["valid, same"] > least  # that not all are refused


@pytest.mark.parametrize(
    ("text", "n_columns", "n_numeric"),
    [
        ("y ~ x + (z - x)", 3, 3),
        ("y ~ 0 + f + a", 4, 0),
        ("y ~ f*a - f", 6, 1),
        ("y ~ f/x - 1", 6, 0),
        ("y ~ (x + z + f)^2 + offset(w)", 10, 4),
        ("log(w) ~ .", 1 + 1 + 2 + 1 + 3 + 6 + 8 + 1, 9),
        ("y ~ x*poly(z, 2) %in% f", 1 + 1 + 6 + 6, 2),
    ],
)
def test_the_second_implementation_counts_as_by_hand(text, n_columns, n_numeric):
    _, model = read(text, FRAME)
    assert model.n_columns() == n_columns
    assert model.numeric_columns(len(FRAME)).shape[1] == n_numeric
    assert np.linalg.matrix_rank(model.matrix(len(FRAME))) == n_columns


def test_a_difference_is_found(monkeypatch):
    import fuzzing.formulas as module

    monkeypatch.setattr(module, "read", lambda text, frame: read(text.replace("- x", "+ 0"), frame))
    assert check("y ~ x + f - x + z", is_valid=True) not in ("same", "refused", "unknown")
