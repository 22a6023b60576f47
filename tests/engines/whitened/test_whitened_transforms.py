"""Real numbers to parameters with bounds: Jacobians and inverses, by differences."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from bayesmix.engines.whitened.transforms import (
    Bounded,
    Correlation,
    HalfLine,
    Identity,
    Rising,
    Scale,
    between,
)

TRANSFORMS = {
    "identity": Identity(),
    "scale": Scale(np.array([[1.0], [0.1], [30.0], [1e-8]])),
    "above": HalfLine(2.0),
    "below": HalfLine(1.0, -1.0),
    "between": Bounded(-1.0, 4.0),
    "rising": Rising(),
}


@pytest.fixture
def x():
    return 2 * np.random.default_rng(1).standard_normal((4, 6))


@pytest.mark.parametrize("name", TRANSFORMS)
def test_derivatives_are_those_of_differences(name, x):
    transform = TRANSFORMS[name]
    moved = transform.move(x)
    step = 1e-4
    jacobian = np.empty((x.shape[1], 4, 4))
    slope = np.empty_like(x)
    for i in range(4):
        shift = np.zeros((4, 1))
        shift[i] = step
        below, above = transform.move(x - shift), transform.move(x + shift)
        jacobian[:, :, i] = (above.values - below.values).T / (2 * step)
        slope[i] = (above.log_jacobian - below.log_jacobian) / (2 * step)
    np.testing.assert_allclose(np.linalg.slogdet(jacobian)[1], moved.log_jacobian, atol=1e-6)
    np.testing.assert_allclose(slope, moved.slope, atol=1e-6)
    by_value = np.random.default_rng(2).standard_normal(x.shape)
    expected = np.einsum("mji,jm->im", jacobian, by_value)
    np.testing.assert_allclose(moved.pull(by_value), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_the_way_back(name, x):
    transform = TRANSFORMS[name]
    values = transform.values(x)
    np.testing.assert_array_equal(values, transform.move(x).values)
    np.testing.assert_allclose(transform.back(values), x, atol=1e-8)


def test_free_numbers_of_correlations_have_their_beta_prior(x):
    a = np.array([[0.7], [1.0], [2.5], [9.0]])
    b = np.array([[0.7], [1.0], [1.5], [9.0]])
    moved = Correlation(np.hstack([a, b])).move(x)
    share = (1 + np.tanh(x)) / 2
    expected = stats.beta(a, b).logpdf(share) + np.log(0.5 * (1 - np.tanh(x) ** 2))
    np.testing.assert_allclose(moved.log_jacobian, expected.sum(axis=0), rtol=1e-10)
    step = 1e-4
    transform = Correlation(np.hstack([a, b]))
    for i in range(4):
        shift = np.zeros((4, 1))
        shift[i] = step
        above, below = transform.move(x + shift), transform.move(x - shift)
        difference = (above.log_jacobian - below.log_jacobian) / (2 * step)
        np.testing.assert_allclose(difference, moved.slope[i], atol=1e-6)


def test_correlations_of_one_have_a_density():
    """An LKJ prior below 1 would otherwise rise without end where tanh rounds to 1."""
    moved = Correlation(np.array([[0.5, 0.5]])).move(np.array([[15.0, 18.0, 25.0, 400.0]]))
    assert np.isfinite(moved.log_jacobian).all()
    assert (np.diff(moved.log_jacobian) < 0).all()


def test_the_scale_of_an_sd_has_a_gaussian_tail_at_zero():
    """A density that is flat in the sd at 0 falls like a normal one in x, not exponentially."""
    x = np.array([[-6.0, -5.0, -4.0]])
    log = Scale(np.ones((1, 1))).move(np.repeat(x, 3, axis=0)[:1]).log_jacobian
    expected = stats.norm.logpdf(x[0])
    np.testing.assert_allclose(np.diff(log), np.diff(expected), rtol=1e-3)


@pytest.mark.parametrize(
    ("bounds", "kind"),
    [
        ((-np.inf, np.inf), Identity),
        ((0.0, np.inf), HalfLine),
        ((-np.inf, 3.0), HalfLine),
        ((1.0, 2.0), Bounded),
    ],
)
def test_bounds_choose_the_transform(bounds, kind):
    transform = between(*bounds)
    assert isinstance(transform, kind)
    values = transform.values(np.linspace(-30, 30, 7)[:, None])
    assert (values >= bounds[0]).all()
    assert (values <= bounds[1]).all()
