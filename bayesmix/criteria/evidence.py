"""The evidence of a fit: log p(y), all parameters integrated over their priors."""

from __future__ import annotations

import dataclasses

import numpy as np

from bayesmix.base.arguments import seed, true_or_false
from bayesmix.base.errors import BayesmixError, ComparisonWarning, warn
from bayesmix.base.progress import late_progress
from bayesmix.engines.evidence import evidence, evidence_obstacle
from bayesmix.model.spec import ModelSpec
from bayesmix.posterior.fitted import Fitted
from bayesmix.priors.prior import Prior

__all__ = ["Evidence", "log_evidence"]

# Of the seed of the fit, beside those of refits.
OWN_SEED = 3


@dataclasses.dataclass(frozen=True, repr=False)
class Evidence:
    """log p(y) of a model, with its Monte-Carlo error.

    Attributes
    ----------
    log_evidence : float
        Natural logarithm of the marginal likelihood, with all constants of likelihood and priors.
    se : float
        Its Monte-Carlo standard error: by how much it differs with another seed.
    method : str
        How it was computed, in words.
    warning : str
        Why it cannot be trusted; empty where it can.
    """

    log_evidence: float
    se: float
    method: str
    warning: str = ""

    def __repr__(self) -> str:
        """Return the number with its error, and how it was computed."""
        text = (
            f"Log evidence {self.log_evidence:.2f} (Monte-Carlo standard error {self.se:.2g}), by "
            f"{self.method}"
        )
        return f"{text}. Not to be trusted: {self.warning}." if self.warning else text


def log_evidence(
    fit: Fitted,
    *,
    random_seed: int | np.random.Generator | None = None,
    progressbar: bool = True,
) -> Evidence:
    """Compute the evidence log p(y), the density of the response before anything was seen of it.

    All parameters and group effects are integrated over their priors. The difference of two models
    of the same response is the logarithm of their Bayes factor: `bayesmix.compare` with
    ``ic="evidence"`` says what it means. All priors count, also wide ones that hardly matter to
    estimates: an sd of a prior that is ten times as large costs about 2.3 for each parameter.
    Default priors are weak ones on the scale of the data: set those that matter.

    - Gaussian models: effects are integrated in closed form, and theta (sds, correlations, sigma)
      by importance sampling from a mixture of t distributions fitted to its draws.
    - All others: annealed importance sampling from a known distribution to the posterior, in the
      coordinates of the whitened method, with as many temperatures as it takes.

    The density is that of the response as it is in the model: with ``log(y)`` in the formula, of
    ``log(y)``. Priors are normalised: half distributions on the positive numbers, correlations as
    LKJ, thresholds that rise as independent ones given that they do (brms and PyMC leave the
    logarithm of K! out there, for K thresholds that have a prior).

    Parameters
    ----------
    fit : Fitted
    random_seed : int, Generator or None
        By default the seed of the fit, so that a fit with a seed gives the same numbers.
    progressbar : bool
        Show progress where it takes longer than a second.

    Returns
    -------
    Evidence
        ``log_evidence``, ``se``, ``method`` and ``warning``.

    Raises
    ------
    BayesmixError
        A prior is improper, or the model has what only its joint density knows: effects that are
        Student-t, parameters of priors with priors.

    Warns
    -----
    ComparisonWarning
        It could not be estimated well: a few weights decide.

    References
    ----------
    Neal (2001), Statistics and Computing 11, 125-139, https://doi.org/10.1023/A:1008923215028;
    Gronau et al. (2017), Journal of Mathematical Psychology 81, 80-97,
    https://doi.org/10.1016/j.jmp.2017.09.005

    Examples
    --------
    >>> import bayesmix as bm
    >>> data = bm.load_dataset("sleepstudy")
    >>> fit = bm.fit("Reaction ~ Days + (1 + Days | Subject)", data)  # doctest: +SKIP
    >>> fit.log_evidence()  # doctest: +SKIP
    Log evidence -891.51 (Monte-Carlo standard error 0.007), by importance sampling with 4000 points
    """
    true_or_false("progressbar", progressbar)
    check_evidence(fit.spec)
    own = seed(fit.options.random_seed if random_seed is None else random_seed)
    with late_progress(progressbar, "Computing the evidence") as report:
        found = evidence(
            fit.spec,
            fit.idata["posterior"].dataset,
            np.random.SeedSequence([own, OWN_SEED]),
            fit.options.cores,
            report,
        )
    result = Evidence(found.value, found.se, found.how, found.doubt)
    if result.warning:
        warn(
            f"The evidence {result.log_evidence:.1f} is not to be trusted: {result.warning}.",
            ComparisonWarning,
        )
    return result


def check_evidence(spec: ModelSpec) -> None:
    """Raise where a specification has no evidence, or none that can be computed."""
    improper = {
        leaf.path: leaf.prior
        for leaf in spec.priors.leaves
        if isinstance(leaf.prior, Prior) and not leaf.prior.is_proper
    }
    if improper:
        each = ", ".join(f"{path!r}: {prior!r}" for path, prior in improper.items())
        path = next(iter(improper))
        raise BayesmixError(
            f"A model with an improper prior has no evidence, since its prior has no total to be "
            f"one ({each}). Give a proper one that says what is plausible, for example "
            f"priors={{{path!r}: Prior('Normal', mu=0, sigma=10)}}, and fit again."
        )
    obstacle = evidence_obstacle(spec)
    if obstacle is not None:
        raise BayesmixError(
            f"The evidence of this model is not computed, because {obstacle}. Compare it by "
            "fit.loo(), or take normal effects and priors with numbers."
        )
