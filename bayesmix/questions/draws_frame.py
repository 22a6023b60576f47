"""The draws of parameters as a data frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from bayesmix.base.arguments import true_or_false
from bayesmix.posterior.fitted import Fitted
from bayesmix.posterior.summaries import text_column
from bayesmix.questions.names import Parameters

__all__ = ["draws_frame"]


def draws_frame(
    fit: Fitted, parameters: str | Sequence[str] | None = None, *, long: bool = False
) -> pd.DataFrame:
    """Return the draws of parameters as a data frame.

    Parameters
    ----------
    fit : Fitted
    parameters : str or list of str, optional
        Which ones: a column, such as ``"sd:Subject:Days"``; what columns begin with, such as
        ``"sd"`` or ``"sd:Subject"``; or a term of the population effects, such as ``"Days"``. By
        default all but the effects of single levels. These are asked for by name: all of a factor
        as ``"u:Subject"``, of one effect as ``"u:Subject:Days"``, of one level as
        ``"u:Subject:Days:308"``.
    long : bool
        One row for each number.

    Returns
    -------
    pandas.DataFrame
        One row for each draw, index ``chain, draw``, and a column for each parameter, called as in
        `diagnostics`: ``beta:Days``, ``sd:Subject:Days``, ``cor:Subject:Intercept:Days``,
        ``sigma``, ``cutpoint:1``, ``sigma:beta:x``, in the order asked for. Long:
        ``chain, draw, parameter, value``, parameter after parameter.

    Raises
    ------
    BayesmixError
        A name is none of the model, or has two meanings; the draws of the effects of a factor were
        not kept.

    Examples
    --------
    >>> import bayesmix as bm
    >>> data = bm.load_dataset("sleepstudy")
    >>> fit = bm.fit("Reaction ~ Days + (Days | Subject)", data, random_seed=1, progressbar=False)
    >>> list(fit.draws_frame("sd"))
    ['sd:Subject:Intercept', 'sd:Subject:Days']
    >>> list(fit.draws_frame(["Days", "u:Subject:Days:308"]))
    ['beta:Days', 'u:Subject:Days:308']
    >>> fit.draws_frame().shape
    (4000, 6)
    """
    true_or_false("long", long)
    found = Parameters.of(fit)
    draws = found.named if parameters is None else found.select(found.names_of(parameters))
    chains, per_chain = fit.posterior["chain"].values, fit.posterior["draw"].values
    if long:
        n = len(chains) * len(per_chain)
        return pd.DataFrame(
            {
                "chain": np.tile(np.repeat(chains, len(per_chain)), len(draws)),
                "draw": np.tile(per_chain, len(chains) * len(draws)),
                "parameter": text_column(list(draws)).repeat(n).reset_index(drop=True),
                "value": np.concatenate(list(draws.values())) if draws else np.empty(0),
            }
        )
    index = pd.MultiIndex.from_product([chains, per_chain], names=["chain", "draw"])
    return pd.DataFrame(draws, index=index, columns=list(draws))
