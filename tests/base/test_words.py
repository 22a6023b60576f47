"""Numbers with their nouns, and messages that count one of something."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

import bayesmix as bm
from bayesmix.base.words import count, percentage
from bayesmix.criteria.psis import enough_draws


@pytest.mark.parametrize(
    ("args", "options", "said"),
    [
        ((1, "row"), {}, "1 row"),
        ((0, "row"), {}, "0 rows"),
        ((2, "category", "categories"), {}, "2 categories"),
        ((1, "category", "categories"), {}, "1 category"),
        ((12345, "level"), {"commas": True}, "12,345 levels"),
    ],
)
def test_count(args, options, said):
    assert count(*args, **options) == said


@pytest.mark.parametrize(
    ("part", "whole", "said"),
    [
        (1, 2287, "less than 1 %"),
        (0, 10, "0 %"),
        (1, 100, "1 %"),
        (5, 10, "50 %"),
        (2286, 2287, "more than 99 %"),
        (7, 7, "100 %"),
    ],
)
def test_percentage(part, whole, said):
    assert percentage(part, whole) == said


def test_one_draw_and_one_column():
    with pytest.raises(bm.BayesmixError, match="The fit has 1 draw, and at least 2"):
        enough_draws(1, at_least=2)
    data = pd.DataFrame({"y": [1.0, 2.0], "x": [0.5, 0.1], "g": ["a", "b"]})
    with pytest.warns(bm.DesignWarning) as caught:
        bm.prepare("y ~ x + (1 | g)", data)
    text = " ".join(str(warning.message) for warning in caught)
    assert "2 columns for 2 rows" in text
    assert "alone makes 1 column" in text
    assert not re.search(r"\b1 (rows|columns|levels|effects)\b", text)


def test_one_missing_row_has_a_missing_value():
    data = bm.load_dataset("sleepstudy")
    data.loc[data.index[0], "Days"] = np.nan
    with pytest.warns(bm.DesignWarning, match="1 of 180 rows has missing values"):
        bm.prepare("Reaction ~ Days + (1 | Subject)", data)
