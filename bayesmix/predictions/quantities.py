"""What is predicted: a linear predictor, a parameter, or the expected response."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np

from bayesmix.base.arguments import one_of
from bayesmix.base.arrays import FloatArray
from bayesmix.design.design import Design
from bayesmix.families.links import ARRAYS, LINKS
from bayesmix.families.values import value_of_mu
from bayesmix.model.spec import ModelSpec
from bayesmix.posterior.fitted import Fitted

__all__ = ["Auxiliary", "Quantity", "as_column", "expected", "linear"]

type Auxiliary = Mapping[str, FloatArray]


@dataclasses.dataclass(frozen=True, eq=False)
class Quantity:
    """A function of the parameters of each row and draw.

    Attributes
    ----------
    spec : ModelSpec
        The model of the predictors that it needs.
    of : callable
        Design of b rows, draws of all parameters of the family but the first, and the linear
        predictor of that (b, S) -> (b, S), or (b, S, categories).
    needs_trials : bool
        Whether it needs the number of trials, of a family that has them.
    is_linear : bool
        Whether it is linear in the linear predictor of the first parameter and has no other.
    link : str
        The link that it is the inverse of, of that linear predictor alone; empty where it is not.
        ``"identity"`` of the linear predictor itself.
    """

    spec: ModelSpec
    of: Callable[[Design, Auxiliary, FloatArray], FloatArray]
    needs_trials: bool = False
    is_linear: bool = False
    link: str = ""


def linear(fit: Fitted, parameter: str | None) -> Quantity:
    """Return the linear predictor of the formula, or of a further parameter."""
    spec = _of_one(fit.spec, _own_name(fit, parameter))
    return Quantity(spec, lambda rows, auxiliary, eta: eta, is_linear=True, link="identity")


def expected(fit: Fitted, parameter: str | None, *, per_trial: bool = False) -> Quantity:
    """Return the expected response, or a further parameter on its own scale.

    Parameters
    ----------
    fit : Fitted
    parameter : str or None
    per_trial : bool
        Of a family with trials, expect the response of one trial.
    """
    name, family = _own_name(fit, parameter), fit.family
    # Of a categorical response none of the predictors is that of the response itself.
    if name is not None or (parameter is not None and family.categories):
        link = LINKS[dict(family.predicted).get(name or "", family.link)]
        spec = _of_one(fit.spec, name)
        return Quantity(
            spec, lambda rows, auxiliary, eta: link.inverse(eta, ARRAYS), link=link.name
        )

    def mean(rows: Design, auxiliary: Auxiliary, eta: FloatArray) -> FloatArray:
        trials = np.ones(rows.n_rows) if per_trial and family.trials else rows.trials
        known = family.rows(as_column(rows.weights), as_column(trials))
        return np.asarray(family.mean(family.values(eta, auxiliary), known))

    # Of one trial the expected response is a probability.
    is_inverse = family.mean is value_of_mu or (per_trial and family.trials)
    return Quantity(
        fit.spec,
        mean,
        link=family.link if is_inverse else "",
        needs_trials=not per_trial,
        is_linear=family.on_response_scale and not family.categories,
    )


def as_column(values: FloatArray | None) -> FloatArray | None:
    """Put numbers of rows beside draws."""
    return None if values is None else values[:, np.newaxis]


def _own_name(fit: Fitted, parameter: str | None) -> str | None:
    """Return the further parameter that was asked for; None for that of the formula."""
    if parameter is None:
        return None
    main, *others = fit.family.predictors
    one_of("parameter", parameter, [main, *others])
    return None if parameter == main else parameter


def _of_one(spec: ModelSpec, name: str | None) -> ModelSpec:
    """Return the model of one predictor, whose columns alone are needed; None for the formula's."""
    if name is not None:
        return spec.predictor(name)
    encoder = dataclasses.replace(spec.design.encoder, predictors={})
    design = dataclasses.replace(spec.design, encoder=encoder, predictors={})
    return dataclasses.replace(spec, design=design)
