"""Which way the densities of held-out rows are computed."""

from __future__ import annotations

import numpy as np
import pytest

import bayesmix as bm
from bayesmix.predictions.by_draws import ByDraws
from bayesmix.predictions.closed import Closed
from bayesmix.predictions.predictive import PREDICTIVES, predictive
from gaussian import frame


@pytest.mark.parametrize(
    ("family", "prior", "way"),
    [
        ("gaussian", bm.Prior("Normal", mu=0, sigma=1), Closed),
        # Held-out rows are given draws of beta, whatever its prior was.
        ("gaussian", bm.Prior("StudentT", nu=4, mu=0, sigma=1), Closed),
        ("poisson", bm.Prior("Normal", mu=0, sigma=1), ByDraws),
    ],
)
def test_the_first_without_an_obstacle_serves(family, prior, way):
    data = frame()
    data["y"] = np.arange(len(data)) % 7
    spec = bm.prepare("y ~ x + (x | g)", data, family=family, priors={"x": prior})
    assert isinstance(predictive(spec), way)
    assert PREDICTIVES[-1].obstacle(spec) is None
