"""Models that the questions are asked of, one for each kind of response, and their rows."""

from __future__ import annotations

import numpy as np
import pandas as pd

FORMULAS = {
    "gaussian": ("y ~ x * f + (1 + x | g)", {}),
    "bernoulli": ("yes ~ x * f + poly(z, 2) + (1 + x | g)", {}),
    "binomial": ("p(s, n) ~ x + f + (1 | g)", {}),
    "poisson": ("count ~ x + f + offset(log_e) + (1 | g) + (1 | h)", {}),
    "cumulative": ("rating ~ x + f + (1 | g)", {}),
    "categorical": ("kind ~ x + (1 | g)", {}),
    "hurdle_poisson": ("count ~ x + (1 | g)", {"hu": "~ z + (1 | g)"}),
    "lognormal": ("positive ~ x + b + (x | g)", {}),
}


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    n, J = 300, 20
    g, x, z = np.repeat(np.arange(J), n // J), rng.normal(1.0, 1.0, n), rng.normal(size=n)
    f = np.array(list("abc"))[rng.integers(0, 3, n)]
    eta = 0.3 + 0.5 * x - 0.4 * (f == "b") + rng.normal(0, 0.8, J)[g]
    data = pd.DataFrame(
        {
            "x": x,
            "z": z,
            "f": f,
            "b": rng.integers(0, 2, n),
            "g": [f"g{j:02d}" for j in g],
            "h": rng.integers(0, 6, n),
            "n": rng.integers(1, 9, n),
            "log_e": rng.normal(0, 0.3, n),
            "w": rng.uniform(0.5, 2.0, n),
        }
    )
    p = 1 / (1 + np.exp(-eta))
    data["y"] = eta + 0.5 * rng.normal(size=n)
    data["yes"], data["s"] = rng.binomial(1, p), rng.binomial(data["n"], p)
    data["count"] = rng.poisson(np.exp(eta + data["log_e"])) * (rng.random(n) < 0.8)
    data["rating"] = pd.cut(
        eta + rng.logistic(size=n), [-np.inf, -0.5, 1.0, 2.0, np.inf], labels=list("pqrs")
    )
    data["kind"] = np.array(list("uvw"))[np.searchsorted([-0.5, 1.5], eta + rng.logistic(size=n))]
    data["positive"] = np.exp(eta)
    return data
