"""Draws before and after their data tree is made."""

from __future__ import annotations

import dataclasses
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import bayesmix as bm
from bayesmix.posterior.drawn import Drawn, Variables, drawn_of
from bayesmix.posterior.parameters import parameter_draws
from bayesmix.tables.summary import summary


@pytest.fixture
def fit():
    data = bm.load_dataset("sleepstudy")
    return bm.fit(
        "Reaction ~ Days + (Days | Subject)", data, draws=300, random_seed=1, progressbar=False
    )


def test_the_tree_is_made_once_and_keeps_what_is_written_into_it(fit):
    assert isinstance(drawn_of(fit).posterior, Variables)
    tree = fit.idata
    assert fit.idata is tree
    tree.attrs["seconds"] = 99.0
    assert "99.0 s" in str(summary(fit))


def test_tables_are_those_of_the_tree(fit):
    before = str(summary(fit, cor_re=True, cor_fe=True)), fit.diagnostics(), fit.varcorr()
    drawn = drawn_of(fit)
    early = parameter_draws(fit.design, fit.family, drawn.posterior)
    tree = fit.idata
    late = parameter_draws(fit.design, fit.family, tree["posterior"].dataset)
    assert list(early) == list(late)
    for name, values in early.items():
        np.testing.assert_array_equal(values, late[name])
    after = str(summary(fit, cor_re=True, cor_fe=True)), fit.diagnostics(), fit.varcorr()
    assert before[0] == after[0]
    assert before[1].equals(after[1])
    assert before[2].equals(after[2])
    read = Drawn.of(tree)
    assert (read.diverged, read.thin, dict(read.attrs)) == (0, 1, dict(drawn.attrs))
    assert dict(read.posterior.sizes) == dict(drawn.posterior.sizes)


def test_a_fit_without_a_tree_pickles_and_is_replaced(fit):
    copy = pickle.loads(pickle.dumps(fit))
    assert isinstance(drawn_of(copy).posterior, Variables)
    assert str(copy.summary()) == str(fit.summary())
    other = dataclasses.replace(fit, options=fit.options)
    assert other.idata is fit.idata
    assert fit.idata.identical(copy.idata)


def test_threads_get_the_same_tree(fit):
    n = 8
    together = threading.Barrier(n)

    def tree(_: int) -> int:
        together.wait()
        return id(fit.idata)

    with ThreadPoolExecutor(n) as pool:
        assert len(set(pool.map(tree, range(n)))) == 1


def test_thinning_and_divergences_are_read_from_a_tree(fit):
    tree = fit.idata.copy()
    stats = tree["sample_stats"].to_dataset()
    tree["sample_stats"] = stats.assign(diverging=stats["lp"] > stats["lp"].median()).assign_attrs(
        thin=3
    )
    read = Drawn.of(tree)
    assert (read.diverged, read.thin) == (600, 3)
