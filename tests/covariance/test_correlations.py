"""Correlations of a grouping factor: factor, inverse, derivative and prior, of any structure."""

from __future__ import annotations

import dataclasses
import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

import bayesmix as bm
from bayesmix.covariance.correlations import Correlations
from bayesmix.covariance.registry import ENTRIES, STRUCTURES
from bayesmix.engines.exact.space import ThetaSpace
from toystructures import COMPOUND

PARTITIONS = (
    ((0, 1),),
    ((0,), (1, 2), (3, 4, 5)),
    ((0, 2), (1,)),
    ((0, 2, 3), (1, 4)),
    ((0, 1, 2, 3, 4),),
)
NAMES = (*STRUCTURES, COMPOUND.name)


@pytest.fixture(autouse=True)
def with_a_toy(monkeypatch):
    monkeypatch.setitem(ENTRIES, COMPOUND.name, COMPOUND)


def correlations(partition, name, eta=1.0):
    effects = tuple("abcdef"[: sum(map(len, partition))])
    return Correlations(effects, partition, (name,) * len(partition), eta)


def some(own, n=200, largest=0.95):
    return np.random.default_rng(len(own)).uniform(-largest, largest, (n, len(own)))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("partition", PARTITIONS)
class TestFactor:
    def test_is_that_of_a_correlation_matrix(self, partition, name):
        own = correlations(partition, name)
        factor = own.factor(some(own))
        R = factor @ np.swapaxes(factor, -1, -2)
        np.testing.assert_allclose(factor, np.linalg.cholesky(R), atol=1e-12)
        np.testing.assert_allclose(np.einsum("...ii->...i", R), 1, rtol=1e-14)
        q = len(own.effects)
        outside = np.ones((q, q), dtype=bool)
        outside[tuple(np.transpose(own.pattern))] = False
        assert not factor[:, outside].any()
        pairs = {frozenset(pair) for pair in own.pairs}
        assert pairs == {frozenset(place) for place in own.pattern if place[0] != place[1]}

    def test_has_an_inverse(self, partition, name):
        own = correlations(partition, name)
        free = some(own)
        np.testing.assert_allclose(own.free(own.factor(free)), free, atol=1e-10)

    def test_derivatives_are_those_of_differences(self, partition, name):
        own = correlations(partition, name)
        free = some(own, largest=0.9)
        q, step = len(own.effects), 1e-5
        slope = np.random.default_rng(2).standard_normal((len(free), q, q))

        def value(free):
            return (own.factor(free) * slope).sum(axis=(-1, -2))

        theirs = [
            (value(free + unit) - value(free - unit)) / (2 * step)
            for unit in step * np.eye(len(own))
        ]
        np.testing.assert_allclose(
            own.pullback(free, slope), np.stack(theirs, axis=-1), rtol=1e-6, atol=1e-7
        )

    def test_tensors_have_the_same_numbers_and_derivatives(self, partition, name):
        import pytensor
        import pytensor.tensor as pt

        from bayesmix.engines.nuts.tensors import tensor_operations

        own = correlations(partition, name)
        free = some(own, n=3)
        slope = np.random.default_rng(2).standard_normal((len(own.effects),) * 2)
        x = pt.vector("x")
        factor = own.factor(x, tensor_operations())
        gradient = pytensor.grad((factor * slope).sum(), x)
        compute = pytensor.function([x], [factor, gradient], mode="FAST_COMPILE")
        for one in free:
            theirs = compute(one)
            np.testing.assert_allclose(theirs[0], own.factor(one), rtol=1e-13, atol=1e-15)
            np.testing.assert_allclose(theirs[1], own.pullback(one, slope), rtol=1e-10, atol=1e-12)

    def test_labels_and_draws_are_of_the_free_numbers(self, partition, name):
        own = correlations(partition, name, eta=2.5)
        assert len(own.labels) == len(own.shapes) == len(own) == own.blocks[-1].free.stop
        drawn = own.draw(np.random.default_rng(3), 4000)
        a, b = own.shapes.T
        for values, one, other in zip(drawn.T, a, b, strict=True):
            assert stats.kstest((1 + values) / 2, stats.beta(one, other).cdf).pvalue > 1e-4

    def test_survives_pickling(self, partition, name):
        own = correlations(partition, name)
        assert len(own.blocks)
        assert pickle.loads(pickle.dumps(dataclasses.replace(own))) == own


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("eta", [1.0, 0.6, 3.0])
def test_prior_of_two_effects_is_lkj(name, eta):
    own = correlations(((0, 1),), name, eta)

    def density(y):
        return np.exp(own.log_prior(np.tanh(np.array([y]))))

    assert integrate.quad(density, -15, 15)[0] == pytest.approx(1, abs=1e-6)
    for y in (-0.7, 0.2, 1.1):
        r = np.tanh(y)
        theirs = stats.beta(eta, eta).pdf((1 + r) / 2) / 2 * (1 - r**2)
        assert density(y) == pytest.approx(theirs)


@pytest.mark.parametrize("eta", [1.0, 2.0])
def test_prior_of_one_correlation_is_the_density_of_its_determinant(eta):
    own = correlations(((0, 1, 2, 3),), "cs", eta)
    r = np.array([-0.2, 0.1, 0.7])
    free = 2 * (r + 1 / 3) / (4 / 3) - 1
    factor = own.factor(free[:, None])
    np.testing.assert_allclose(factor[:, 3, 0], r)
    log = own.log_prior(free[:, None]) - np.log1p(-(free**2))
    determinant = np.log(np.linalg.det(factor @ np.swapaxes(factor, -1, -2)))
    np.testing.assert_allclose(log - log[0], (eta - 1) * (determinant - determinant[0]), atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_correlations_of_one_are_numbers(name):
    own = correlations(((0, 1, 2),), name)
    ends = np.array([[1.0] * len(own), [-1.0] * len(own)])
    assert np.isfinite(own.factor(ends)).all()
    if name == "us":
        assert np.isfinite(own.pullback(ends, np.ones((2, 3, 3)))).all()


def test_without_correlations():
    own = correlations(((0,), (1,)), "us")
    assert not own
    assert (len(own), own.pairs, own.pattern, own.labels) == (0, (), ((0, 0), (1, 1)), ())
    np.testing.assert_array_equal(own.factor(np.empty((3, 0))), np.eye(2))
    assert own.free(np.broadcast_to(np.eye(2), (3, 2, 2))).shape == (3, 0)
    assert own.pullback(np.empty((3, 0)), np.ones((3, 2, 2))).shape == (3, 0)


@pytest.fixture
def data():
    rng = np.random.default_rng(1)
    f, g = np.tile(np.repeat(list("abc"), 4), 40), np.repeat(np.arange(40), 12)
    R = 0.6 + 0.4 * np.eye(3)
    u = rng.standard_normal((40, 3)) @ np.linalg.cholesky(R).T * [1, 2, 1.5]
    y = u[g, np.unique(f, return_inverse=True)[1]] + 0.5 * rng.standard_normal(480)
    return pd.DataFrame({"y": y, "f": f, "g": g.astype(str), "x": rng.standard_normal(480)})


class TestAStructureInAFormula:
    """A file and a line of the registry are all that a structure needs."""

    FORMULA = "y ~ f + cs(0 + f | g)"

    def test_has_one_free_number(self, data):
        spec = bm.prepare(self.FORMULA, data)
        (term,) = spec.design.groups
        assert (term.blocks, term.structures) == (((0, 1, 2),), ("cs",))
        assert ThetaSpace.of(spec).size == 3 + 1 + 1
        assert spec.design.formula.bars[0].structure == "cs"
        assert str(spec.design.formula.bars[0]) == "cs(0 + f | g)"

    @pytest.mark.slow
    def test_is_fitted_by_the_exact_method(self, data, tmp_path):
        fit = bm.fit(self.FORMULA, data, random_seed=1, progressbar=False)
        table = fit.cor_re(long=True)
        assert len(table) == 3
        assert table["value"].nunique() == 1
        assert (table["lower_2.5"] < 0.6).all()
        assert (table["upper_97.5"] > 0.6).all()
        assert "cor:g" in set(fit.priors["parameter"])
        fit.save(tmp_path / "cs.fit")
        loaded = bm.load(tmp_path / "cs.fit")
        assert loaded.design.groups[0].structures == ("cs",)
        assert loaded.loo().elpd == fit.loo().elpd
        assert bm.plot_correlation(fit).size == 3
        split = fit.uncorrelated()
        assert split.design.formula.text == "y ~ f + diag(0 + f | g)"
        assert split.design.groups[0].structures == ("us",) * 3

    def test_has_the_density_of_the_joint_model(self, data):
        """The exact method's prior of its free number is that of the joint model."""
        spec = bm.prepare(self.FORMULA, data, priors={"cor": bm.LKJ(2)})
        model = spec.build()
        (lkj,) = (v for v in model.free_RVs if v.name == "lkj_g")
        own = spec.correlations(spec.design.groups[0])
        free = np.array([0.3])
        theirs = model.compile_logp([lkj], jacobian=False)
        point = model.initial_point()
        point["lkj_g_logodds__"] = np.log((1 + free) / (1 - free))
        # (1 + tanh(y)) / 2 has the derivative (1 - tanh(y)^2) / 2.
        expected = theirs(point) + np.log((1 - free[0] ** 2) / 2)
        assert own.log_prior(free) == pytest.approx(expected)

    def test_depends_on_the_zero_of_a_covariate(self, data):
        spec = bm.prepare("y ~ x + cs(x | g)", data)
        (term,) = spec.design.groups
        assert term.means is None
        assert not spec.is_centred(term)
        with pytest.warns(bm.DesignWarning, match=r"cs\(1 \+ center\(far\) \| g\)"):
            bm.prepare("y ~ far + cs(far | g)", data.assign(far=data["x"] + 50))

    def test_twice_and_with_two_bars(self, data):
        with pytest.warns(bm.DesignWarning, match=r"cs\(1 \+ x \| g\) is in the formula twice"):
            bm.prepare("y ~ x + cs(x | g) + cs(x | g)", data)
        with pytest.raises(bm.FormulaError, match=r"Write cs\(x \| g\) or \(x \|\| g\)"):
            bm.prepare("y ~ x + cs(x || g)", data)
