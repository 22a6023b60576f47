"""Variances on the scale of the linear predictor: of population effects, of groups, of the rest."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from bayesmix.base.arrays import FloatArray
from bayesmix.base.errors import BayesmixError
from bayesmix.families.family import Family
from bayesmix.families.links import LINKS
from bayesmix.posterior.draws import Draws, linear_predictor
from bayesmix.posterior.fitted import Fitted
from bayesmix.questions.evaluation import Asked

_R2 = ", fit.r2() R2 of predictions."

__all__ = ["Variances", "check_variance", "has_own_variance", "variances_of"]


@dataclasses.dataclass(frozen=True, eq=False)
class Variances:
    """Variances of each draw, all of shape (S,).

    Attributes
    ----------
    fixed : ndarray
        Of the population effects over the rows.
    random : mapping of str to ndarray
        By grouping factor, of its effects, averaged over the rows.
    own : ndarray
        Of the distribution itself.
    text : str
        The formula of that.
    """

    fixed: FloatArray
    random: Mapping[str, FloatArray]
    own: FloatArray
    text: str

    @property
    def of_groups(self) -> FloatArray:
        """That of all groups together."""
        return np.sum([*self.random.values(), np.zeros_like(self.fixed)], axis=0)


def variances_of(fit: Fitted, verb: str) -> Variances:
    """Compute the variances of a fit.

    Raises
    ------
    BayesmixError
        The variance of the distribution itself is not known on the scale of the linear predictor.
    """
    family = fit.family
    if family.own_variance is None or not has_own_variance(family):
        raise BayesmixError(
            f"{verb} compares variances on the scale of the linear predictor, and that of family "
            f"{family!r} itself is not known there"
            + (" where disc has a predictor" if "disc" in family.predictors else "")
            + ". fit.varcorr() has the variances of the groups"
            + ("." if verb == "r2" or family.response.has_categories else _R2)
        )
    draws, design = Draws.of(fit.spec, fit.posterior), fit.design
    columns = design.X - design.X.mean(axis=0)
    covariance = columns.T @ columns / max(design.n_rows - 1, 1)
    fixed = np.einsum("si,ij,sj->s", draws.beta, covariance, draws.beta, optimize=True)
    random = {}
    for term in design.groups:
        # mean of z' Sigma z over the rows: the trace of Sigma and the mean of z z'
        products = term.Z.T @ term.Z / design.n_rows
        scale = draws.scale[term.factor]
        own = np.einsum("sik,sjk,ij->s", scale, scale, products, optimize=True)
        if term.factor in draws.df:  # Student-t effects vary more than their scale
            df = draws.df[term.factor]
            check_variance(verb, term.factor, df)
            own *= df / (df - 2)
        random[term.factor] = own
    text = family.own_variance.text(family.link)
    return Variances(fixed, random, _own(fit, draws), text)


def check_variance(verb: str, factor: str, df: FloatArray) -> None:
    """Refuse Student-t effects of so few degrees of freedom that they have no variance."""
    if (df <= 2).any():
        raise BayesmixError(
            f"{verb} compares variances, and the Student-t effects of '{factor}' have none with 2 "
            f"or fewer degrees of freedom, as {100 * (df <= 2).mean():.0f} % of the draws have. "
            f"Give 'df:{factor}' a prior above 2, or fit normal effects."
        )


def has_own_variance(family: Family) -> bool:
    """Tell whether the variance of a family itself is known on the scale of the predictor."""
    if family.own_variance is None or "disc" in family.predictors:
        return False
    return bool(family.own_variance.text(family.link))


def _own(fit: Fitted, draws: Draws) -> FloatArray:
    """Compute the variance of the distribution itself, averaged over rows that differ in it."""
    family, design = fit.family, fit.design
    assert family.own_variance is not None
    link = LINKS[family.link]
    n_rows = design.n_rows
    total = np.zeros(len(draws))
    mean = _mean_response(fit) if family.link == "log" else np.zeros(len(draws))
    eta = np.asarray(link.function(mean)) if family.link == "log" else mean
    start = 0
    for batch in draws.batches(n_rows):
        some = slice(start, start + len(batch))
        auxiliary = batch.auxiliary_beside(1) | {
            name: linear_predictor(own, batch.predictors[name], {})
            for name, own in design.predictors.items()
        }
        p = family.values(eta[some, None], auxiliary)
        own = np.asarray(family.own_variance.of(p, family.rows(design.weights, design.trials)))
        # One number of a draw where rows do not differ.
        total[some] = np.broadcast_to(own, np.broadcast_shapes(own.shape, (len(batch), 1))).mean(1)
        start += len(batch)
    return total


def _mean_response(fit: Fitted) -> FloatArray:
    """Compute the mean of the rows of new groups, which each draw expects."""
    asked = Asked.of(fit, "response", "average", "error", None, None)
    settings = [asked.rows(None)]
    total = np.zeros(settings[0].n_draws)
    for _, (values,) in asked.values(settings):
        total += values.sum(axis=0)
    return total / fit.design.n_rows
