"""The widely applicable information criterion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import logsumexp

from bayesmix.base.words import have, percentage
from bayesmix.criteria.conditional import conditional_blocks
from bayesmix.criteria.facts import Facts
from bayesmix.criteria.psis import Pointwise, enough_draws, warn_of
from bayesmix.posterior.fitted import Fitted

if TYPE_CHECKING:
    from bayesmix.criteria.elpd import ELPDDataWAIC

__all__ = ["waic"]

GOOD_P_WAIC = 0.4


def waic(fit: Fitted) -> ELPDDataWAIC:
    """Compute the widely applicable information criterion, given the group effects.

    ``elpd_i`` is the log of the mean density of the row less ``p_waic_i``, the variance of its log
    density over the draws (ddof 1). WAIC is ``-2 elpd``.

    Parameters
    ----------
    fit : Fitted

    Returns
    -------
    ELPDDataWAIC
        An ArviZ ``ELPDData`` of kind waic: ``elpd``, ``se``, ``p``, and by row ``elpd_i`` and
        ``p_waic_i``, dim ``obs``.

    Raises
    ------
    BayesmixError
        The draws of a factor were not kept.

    Warns
    -----
    ComparisonWarning
        For rows with a p_waic above 0.4, whose approximation fails.

    References
    ----------
    Watanabe (2010), Journal of Machine Learning Research 11, 3571-3594,
    https://doi.org/10.48550/arXiv.1004.2316; Vehtari, Gelman & Gabry (2017), Statistics and
    Computing 27, 1413-1432, https://doi.org/10.1007/s11222-016-9696-4

    Examples
    --------
    >>> import bayesmix as bm
    >>> data = bm.load_dataset("sleepstudy")
    >>> fit = bm.fit("Reaction ~ Days + (1 + Days | Subject)", data)  # doctest: +SKIP
    >>> fit.waic()  # doctest: +SKIP
    """
    from bayesmix.criteria.elpd import ELPDDataWAIC

    design, sizes = fit.spec.design, fit.idata["posterior"].sizes
    n, S = design.n_rows, sizes["chain"] * sizes["draw"]
    enough_draws(S, at_least=2)
    values = Pointwise(np.empty(n), np.empty(n), None)
    for rows, log in conditional_blocks(fit.spec, fit.posterior):
        values.p[rows] = log.var(axis=0, ddof=1)
        values.elpd[rows] = logsumexp(log, axis=0) - np.log(S) - values.p[rows]
    doubtful = int((values.p > GOOD_P_WAIC).sum())
    note = ""
    if doubtful:
        note = (
            f"{doubtful} of {n} rows ({percentage(doubtful, n)}) {have(doubtful)} a p_waic above "
            f"{GOOD_P_WAIC}, where WAIC is a poor approximation: use fit.loo()."
        )
        warn_of(note)
    fields = values.fields("obs", {"obs": design.rows}, Facts.of(fit))
    fields["p_waic_i"] = fields.pop("p_loo_i")
    return ELPDDataWAIC(
        n_samples=S, n_data_points=n, good_k=None, warning=doubtful > 0, note=note, **fields
    )
