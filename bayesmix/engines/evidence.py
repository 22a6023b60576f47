"""The evidence of a model, log p(y), whichever method drew its posterior.

This is a question to the specification: `evidence` answers it, or `evidence_obstacle` says why not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from bayesmix.base.errors import BayesmixError
from bayesmix.engines.exact.evidence import evidence_of_gaussian
from bayesmix.engines.left_out import closed_left_out, closed_obstacle
from bayesmix.engines.log_integral import LogIntegral
from bayesmix.engines.whitened.coordinates import bounds_obstacle
from bayesmix.engines.whitened.evidence import evidence_by_annealing
from bayesmix.engines.whitened.learning import LostError
from bayesmix.model.joint_only import joint_obstacle
from bayesmix.model.row_effects import with_row_effects
from bayesmix.model.spec import ModelSpec

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["evidence", "evidence_obstacle"]


def evidence_obstacle(spec: ModelSpec) -> str | None:
    """Say why the evidence of a specification with proper priors is not known; None if it is."""
    if closed_obstacle(spec) is None:
        return None
    return joint_obstacle(spec) or bounds_obstacle(spec)


def evidence(
    spec: ModelSpec,
    posterior: xr.Dataset,
    random_seed: np.random.SeedSequence,
    cores: int | None,
    report: Callable[[str, float], None],
) -> LogIntegral:
    """Compute log p(y) of a specification without an obstacle, whose priors are proper.

    Parameters
    ----------
    spec : ModelSpec
    posterior : Dataset
        Draws by whichever method.
    random_seed : SeedSequence
    cores : int or None
        Threads; the numbers do not depend on it.
    report : callable
        Called with what is done and the share that is done.

    Returns
    -------
    LogIntegral

    Raises
    ------
    BayesmixError
        The chains are where nothing can be computed.
    """
    if closed_obstacle(spec) is None:
        rng = np.random.default_rng(random_seed)
        theta = closed_left_out(spec).theta(posterior)
        return evidence_of_gaussian(with_row_effects(spec), theta, rng)
    try:
        return evidence_by_annealing(spec, random_seed, cores, report)
    except (LostError, np.linalg.LinAlgError) as error:
        raise BayesmixError(
            "The evidence of this model could not be computed: chains came to points where its "
            "density is no number. Narrower priors, or a response of ordinary size, may help."
        ) from error
