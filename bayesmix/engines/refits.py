"""The same data and options with another specification."""

from __future__ import annotations

import dataclasses

from bayesmix.engines.run import sample
from bayesmix.model.spec import ModelSpec
from bayesmix.posterior.fitted import Fitted
from bayesmix.preparation.zeros import warn_of_zeros

__all__ = ["refitted", "uncorrelated"]


def refitted[F: Fitted](fit: F, spec: ModelSpec) -> F:
    """Sample another specification with the options of a fit."""
    return dataclasses.replace(fit, spec=spec, idata=sample(spec, fit.options))


def uncorrelated[F: Fitted](fit: F) -> F:
    """Refit the same model with every block of effects split into blocks of one.

    Its formula is ``(x || g)`` for ``(x | g)``, and ``diag(f | g)`` for a categorical f, whose
    columns ``||`` keeps together. Options and priors stay.

    The default prior of ``(x | g)`` does not depend on where x is zero. That of ``(x || g)``
    does, and so does the model: it takes the intercepts where x is zero as independent of the
    slopes. Where the zero of x has no meaning, center x first, as in
    ``center(x) + (center(x) || g)``.

    Parameters
    ----------
    fit : Fitted

    Returns
    -------
    MixedFit

    Raises
    ------
    BayesmixError
        The new model cannot be sampled with the options of the fit: its method, sampler or size.

    Warns
    -----
    ConvergenceWarning
        The draws should not be trusted yet.
    DesignWarning
        The zero of a covariate is far from the data, and the new model depends on it.

    Examples
    --------
    >>> import bayesmix as bm
    >>> data = bm.load_dataset("sleepstudy")
    >>> spec = bm.prepare("Reaction ~ Days + (Days | Subject)", data)
    >>> spec.uncorrelated().design.formula.text
    'Reaction ~ Days + (Days || Subject)'
    """
    split = fit.spec.uncorrelated()
    if split.design.formula != fit.design.formula and split.design.totals is None:
        design = warn_of_zeros(split.design, split.priors)
        split = dataclasses.replace(split, design=design)
    return refitted(fit, split)
