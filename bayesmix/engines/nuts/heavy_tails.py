"""Standard group effects of the joint model, normal or Student-t.

brms has a normal vector and a scale of its own for each level. Here the scale is integrated out:
the model is the same, with a number less for each level, and NUTS has an easier time.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesmix.design.groupterm import GroupTerm
from bayesmix.model.spec import ModelSpec
from bayesmix.priors.effects import LEAST_DF
from bayesmix.priors.prior import Prior

__all__ = ["standard_effects"]


def standard_effects(spec: ModelSpec, term: GroupTerm, sd: Any) -> Any:
    """Make effects of all levels (J, q) with no correlations and scales of one.

    Those of a level that are Student-t are multivariate t: each is univariate t given those before
    it, ``s_k = r_k sqrt((nu + s_1^2 + ... + s_(k-1)^2) / (nu + k - 1))`` with independent ``r_k``
    of ``nu + k - 1`` degrees of freedom. What is sampled is ``sd_k r_k``: levels far out, for which
    this law is taken, are known too well from their rows to be stretched with every step of the sd.
    """
    import pymc as pm
    import pytensor.tensor as pt

    law, dims = spec.student(term), (term.dim, term.effect_dim)
    if law is None:
        return pm.Normal(term.names.zeta, 0.0, 1.0, dims=dims)
    nu: Any = law.nu
    if isinstance(nu, Prior):
        nu = _degrees_of_freedom(term.names.df, nu)
    every = nu + np.arange(term.n_effects, dtype=np.float64)
    r = pm.StudentT(term.names.zeta, nu=every, mu=np.float64(0.0), sigma=sd, dims=dims) / sd
    columns, squares = [r[:, 0]], nu + r[:, 0] ** 2
    for k in range(1, term.n_effects):
        columns.append(r[:, k] * pt.sqrt(squares / every[k]))
        squares = squares + columns[-1] ** 2
    return pt.stack(columns, axis=1)


def _degrees_of_freedom(name: str, prior: Prior) -> Any:
    """Make the degrees of freedom, whose prior is cut off at the least that they may be.

    PyMC's own truncation lacks some distributions, and rounds constants to single precision.
    """
    import pymc as pm
    import pytensor.tensor as pt

    distribution, parameters = getattr(pm, prior.distribution), prior.parameters
    least, log_mass = np.float64(LEAST_DF), np.float64(prior.log_mass_above(LEAST_DF))

    def logp(value: Any) -> Any:
        own = pm.logp(distribution.dist(**parameters), value) - log_mass
        return pt.switch(value > least, own, -np.inf)

    def random(rng: np.random.Generator | None = None, size: Any = None) -> Any:
        return prior.above(LEAST_DF, 1 - np.random.default_rng(rng).random(size))

    return pm.CustomDist(
        name,
        logp=logp,
        random=random,
        support_point=lambda rv, size: pt.as_tensor(np.float64(prior.above(LEAST_DF, 0.5))),
        transform=pm.distributions.transforms.Interval(lower=least, upper=None),
        signature="->()",
    )
