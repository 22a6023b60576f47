"""What links and Cholesky factors are made of, for PyTensor's tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bayesmix.base.arrays import IntArray
from bayesmix.base.interrupts import import_whole
from bayesmix.covariance.operations import Operations
from bayesmix.families.links import Functions
from bayesmix.families.tails import LARGEST_EXPONENT

__all__ = ["tensor_functions", "tensor_operations"]


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
        gumbel=_gumbel,
        log_gumbel=_log_gumbel,
        cauchy=_cauchy,
        log_cauchy=_log_cauchy,
        gammaln=pt.gammaln,
        log1mexp=_log1mexp,
        where=pt.switch,
        cumsum=lambda values: pt.cumsum(values, axis=-1),
        joined=lambda parts: pt.concatenate(parts, axis=-1),
    )


def tensor_operations() -> Operations:
    """Return what factors are made of, as `bayesmix.covariance.operations.ARRAYS` for arrays."""
    import pytensor.tensor as pt

    def cumprod(values: Any) -> Any:
        return pt.cumprod(values, axis=-1)

    def joined(parts: Sequence[Any]) -> Any:
        return pt.concatenate(parts, axis=-1)

    def placed(values: Any, row: IntArray, column: IntArray, size: int) -> Any:
        return pt.set_subtensor(pt.zeros((size, size))[row, column], values)

    return Operations(pt.sqrt, cumprod, joined, placed)


# As log odds, PyMC's densities take the logarithms of these and of their complements exactly.


def _gumbel(eta: Any) -> Any:
    import pytensor.tensor as pt

    return pt.sigmoid(_log_gumbel(eta) + pt.exp(pt.minimum(eta, LARGEST_EXPONENT)))


def _cauchy(eta: Any) -> Any:
    import pytensor.tensor as pt

    return pt.sigmoid(_log_cauchy(eta) - _log_cauchy(-eta))


# Both sides of a switch are differentiated, so that each must be finite where the other is taken.


def _log_gumbel(eta: Any) -> Any:
    import pytensor.tensor as pt

    low = pt.exp(pt.clip(eta, -40.0, 0.0))
    high = pt.exp(pt.clip(eta, -1.0, LARGEST_EXPONENT))
    below = eta + pt.log(-pt.expm1(-low) / low)
    return pt.switch(eta < -0.5, below, pt.log1p(-pt.exp(-high)))


def _log_cauchy(eta: Any) -> Any:
    import pytensor.tensor as pt

    half_turn = np.asarray(np.pi)  # PyTensor may take a Python number for single precision
    below = pt.log(pt.arctan2(1.0, -eta) / half_turn)
    above = pt.log1p(-pt.arctan2(1.0, pt.maximum(eta, -1.0)) / half_turn)
    return pt.switch(eta < 0, below, above)


def _log1mexp(x: Any) -> Any:
    import pytensor.tensor as pt

    near = pt.log(-pt.expm1(-pt.minimum(x, 1.0)))
    return pt.switch(x < 0.7, near, pt.log1p(-pt.exp(-pt.maximum(x, 0.5))))
