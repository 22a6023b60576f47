"""The functions of links for PyTensor's tensors."""

from __future__ import annotations

from typing import Any

from bayesmix.base.interrupts import import_whole
from bayesmix.families.links import Functions

__all__ = ["tensor_functions"]


def tensor_functions() -> Functions:
    """Return what links are made of, as `bayesmix.families.links.ARRAYS` does for arrays."""
    import_whole("pymc")
    import pymc as pm
    import pytensor.tensor as pt
    from pymc.distributions.dist_math import normal_lcdf

    def log_ndtr(eta: Any) -> Any:
        return normal_lcdf(0.0, 1.0, eta)

    def ndtr(eta: Any) -> Any:
        # invprobit is exactly 0 or 1 from |eta| = 9 on, where its logarithm is infinite.
        return pm.math.invlogit(log_ndtr(eta) - log_ndtr(-eta))

    return Functions(
        exp=pt.exp,
        log=pt.log,
        expit=pm.math.invlogit,
        log_expit=lambda eta: -pt.softplus(-eta),
        ndtr=ndtr,
        log_ndtr=log_ndtr,
    )
