"""Rows in memory and in files, and the sums over them that must be the same."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd

import bayesmix as bm
from bayesmix.streams.summing import totals_of

N = 600


def rows(n=N, seed=0):
    """Rows with every kind of column."""
    rng = np.random.default_rng(seed)
    school = rng.integers(0, 8, n)
    pupil = rng.integers(0, 5, n)
    data = pd.DataFrame(
        {
            "x": rng.normal(50, 3, n),
            "z": rng.integers(0, 9, n),
            "year": 2000 + rng.integers(0, 4, n),
            "f": pd.Categorical(rng.choice(["mid", "low", "high"], n), ["low", "mid", "high"]),
            "t": rng.choice(["b", "a", "c"], n),
            "is_on": rng.random(n) < 0.4,
            "school": np.array([f"s{k}" for k in school]),
            "pupil": pupil,
            "item": rng.integers(0, 12, n),
            "w": rng.uniform(0.5, 2, n),
            "exposure": rng.normal(3, 1, n),
            "se": rng.uniform(0.5, 1, n),
        }
    )
    effect = rng.normal(size=8)[school] + rng.normal(size=40)[school * 5 + pupil]
    data["y"] = 2 * data["x"] + effect + rng.normal(0, 1.5, n) + data["exposure"]
    return data.sort_values("year", ignore_index=True)


def with_gaps(data, seed=1):
    rng = np.random.default_rng(seed)
    data = data.copy()
    for name in ("y", "x", "school", "w"):
        data.loc[rng.random(len(data)) < 0.05, name] = None
    return data


def written(data, folder, parts=4):
    """Write the rows to some files; return the pattern of their names."""
    for i, part in enumerate(np.array_split(np.arange(len(data)), parts)):
        data.iloc[part].to_parquet(folder / f"part-{i}.parquet", row_group_size=70, index=False)
    return str(folder / "*.parquet")


def quietly(function, *args, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*args, **options)


def assert_same_products(one, two, within=1e-10):
    assert one.n_rows == two.n_rows
    np.testing.assert_allclose(one.log_weights, two.log_weights, rtol=within, atol=1e-12)
    pairs = [(one.corner, two.corner)]
    pairs += zip(one.diagonal + one.border, two.diagonal + two.border, strict=True)
    assert one.cross.keys() == two.cross.keys()
    for key, blocks in one.cross.items():
        np.testing.assert_array_equal(blocks.row, two.cross[key].row)
        np.testing.assert_array_equal(blocks.column, two.cross[key].column)
        pairs.append((blocks.values, two.cross[key].values))
    for a, b in pairs:
        np.testing.assert_allclose(a, b, rtol=within, atol=within * np.abs(b).max(initial=1e-300))


def assert_same_priors(one, two, within=1e-9):
    assert [leaf.path for leaf in one.leaves] == [leaf.path for leaf in two.leaves]
    assert one.centred == two.centred
    for a, b in zip(one.leaves, two.leaves, strict=True):
        if isinstance(a.prior, bm.LKJ):
            assert a.prior == b.prior
            continue
        assert a.prior.distribution == b.prior.distribution
        assert a.prior.parameters.keys() == b.prior.parameters.keys()
        for name, value in a.prior.parameters.items():
            np.testing.assert_allclose(value, b.prior.parameters[name], rtol=within, atol=1e-12)


def assert_same_model(streamed, whole):
    """The sums of two passes are those of the frame in memory, and so are the priors."""
    design = streamed.design
    assert design.n_rows == whole.design.n_rows
    assert design.terms == whole.design.terms
    for one, two in zip(design.groups, whole.design.groups, strict=True):
        assert one.levels.tolist() == two.levels.tolist()
        assert (one.effects, one.blocks) == (two.effects, two.blocks)
        np.testing.assert_array_equal(one.counts, two.counts)
        if two.means is not None:
            np.testing.assert_allclose(one.means, two.means, rtol=1e-12, atol=1e-12)
    expected = totals_of(whole.design, design.totals.reference)
    assert_same_products(design.totals.products, expected.products)
    assert_same_priors(streamed.priors, whole.priors)
