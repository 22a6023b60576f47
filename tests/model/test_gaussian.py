"""Which models are Gaussian, and which of their effects can be integrated out."""

from __future__ import annotations

import pytest

import bayesmix as bm
from bayesmix.model.gaussian import effects_obstacle, response_obstacle
from gaussian import frame

FORMULA = "y ~ x + (x | g)"


def test_normal_priors_and_response():
    spec = bm.prepare(FORMULA, frame())
    assert response_obstacle(spec) is None
    assert effects_obstacle(spec) is None


@pytest.mark.parametrize(
    ("prior", "words"),
    [
        ({"x": bm.Prior("StudentT", nu=4, mu=0, sigma=1)}, "beta:x is StudentT"),
        ({"Intercept": bm.Prior("Flat")}, "Intercept is Flat"),
    ],
)
def test_population_effects_need_normal_priors_and_group_effects_do_not(prior, words):
    spec = bm.prepare(FORMULA, frame(), priors=prior)
    assert response_obstacle(spec) is None
    assert words in effects_obstacle(spec)


@pytest.mark.parametrize(
    ("family", "y"),
    [("poisson", [0, 1, 2]), ("bernoulli", [0, 1, 0])],
)
def test_another_family(family, y):
    data = frame()
    data["y"] = [y[i % 3] for i in range(len(data))]
    spec = bm.prepare(FORMULA, data, family=family)
    assert "is not Gaussian" in response_obstacle(spec)
    assert effects_obstacle(spec) == response_obstacle(spec)
