"""Shrinkage of more groups than arrows can be told apart."""

from __future__ import annotations

import warnings

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib import pyplot as plt

import bayesmix as bm

mpl.use("Agg")


def test_of_many_groups_some_have_an_arrow():
    rng = np.random.default_rng(1)
    g, x = np.repeat(np.arange(400), 4), np.tile(np.arange(4.0), 400)
    y = rng.normal(size=400)[g] + rng.normal(size=400)[g] * x + rng.normal(size=1600)
    data = pd.DataFrame({"g": g, "x": x, "y": y})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bm.ConvergenceWarning)
        fit = bm.fit("y ~ x + (x | g)", data, draws=20, chains=2, random_seed=1, progressbar=False)
    axes = fit.plot_shrinkage()
    (arrows,) = (one for one in axes.collections if hasattr(one, "U"))
    assert len(arrows.U) == 120
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert "arrows: 120 of 400" in labels
    table = fit.shrinkage().pivot_table(
        index="group", columns="effect", values="partial_pooling", observed=True
    )
    ends = arrows.XY + np.column_stack([arrows.U, arrows.V])
    known = table[["Intercept", "x"]].to_numpy()
    assert np.abs(ends[:, None] - known[None]).max(axis=2).min(axis=1).max() < 1e-9
    plt.close("all")
