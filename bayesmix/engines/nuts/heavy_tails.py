"""Group effects that are Student-t: normal ones of which each level has a scale of its own."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesmix.design.groupterm import GroupTerm
from bayesmix.model.spec import ModelSpec
from bayesmix.priors.effects import LEAST_DF
from bayesmix.priors.prior import Prior

__all__ = ["root_of_mixing"]


def root_of_mixing(spec: ModelSpec, term: GroupTerm) -> Any:
    """Make ``sqrt(w)``, shape (J, 1), that multiplies all effects of a level; None if normal.

    With ``w ~ InverseGamma(nu / 2, nu / 2)`` these are multivariate t with nu degrees of freedom.
    """
    import pymc as pm
    import pytensor.tensor as pt

    law = spec.student(term)
    if law is None:
        return None
    nu: Any = law.nu
    if isinstance(nu, Prior):
        nu = _degrees_of_freedom(term.names.df, nu)
    w = pm.InverseGamma(term.names.mixing, alpha=nu / 2, beta=nu / 2, dims=term.dim)
    return pt.sqrt(w)[:, None]


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
