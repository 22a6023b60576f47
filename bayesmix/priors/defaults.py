"""Which prior stands on which parameter: defaults from the scale of the data, edits by path.

`resolve_priors` gives every column of a design its own prior once, in column order, so that
building the model needs no look-up by name.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import logsumexp

from bayesmix.base.arrays import BoolArray, FloatArray, unique
from bayesmix.base.errors import BayesmixError
from bayesmix.design.magnitudes import check_response_size, check_sizes, root_mean_weight
from bayesmix.design.names import hyper_name
from bayesmix.design.spreads import mean, sd
from bayesmix.families.family import Family
from bayesmix.families.links import LINKS
from bayesmix.families.parameters import Parameter, Sizes
from bayesmix.families.registry import parameter_names
from bayesmix.priors.edits import read_edits
from bayesmix.priors.effects import AnyPrior
from bayesmix.priors.leaves import Leaf
from bayesmix.priors.predictors import predictor_leaves
from bayesmix.priors.prior import Prior
from bayesmix.priors.priorset import PriorSet, edited

if TYPE_CHECKING:
    from bayesmix.design.design import Design

__all__ = ["resolve_priors"]


def resolve_priors(
    design: Design, family: Family, priors: Mapping[str, AnyPrior | str] | None = None
) -> PriorSet:
    """Give every parameter of a model its prior: the default, or the closest edit.

    Parameters
    ----------
    design : Design
        Columns, grouping factors and response.
    family : Family
        Distribution of the response.
    priors : mapping of str to Prior or LKJ, optional
        Path -> prior. Paths cascade, and the more specific one wins whatever the order:
        ``beta`` < ``beta:occasion`` (the bare name of a column is short for it);
        ``sd`` < ``sd:student`` < ``sd:student:occasion``; ``cor`` < ``cor:student``;
        ``Intercept``; the family's auxiliaries, such as ``sigma``. ``u`` < ``u:student`` takes the
        law of group effects, ``"student"`` or a `StudentT`, and ``df`` < ``df:student`` the prior
        of its degrees of freedom.

    Returns
    -------
    PriorSet

    Raises
    ------
    BayesmixError
        A path is unknown, ambiguous or given twice, or its prior has the wrong type or support.

    Notes
    -----
    Defaults, with s_y the sd of the response where the link is the identity and 1 otherwise, and
    m_y the link of its mean less the mean of the offset (of `Family.of_mean` of it, where the first
    parameter of the family is not the mean):

    ==============================  ==================================================
    Intercept, of centred columns   Normal(m_y, 2.5 s_y)
    beta of a column x              Normal(0, 2.5 s_y / sd(x))
    sd of a group effect            Exponential with mean s_y for an intercept,
                                    s_y / sd(z) for the slope of a column z
    correlations                    LKJ(1)
    sigma                           Exponential with mean s_y sqrt(mean(weights))
    other auxiliaries               what the family says of its `Parameter`
    ==============================  ==================================================

    Of the predictor of a further parameter, ``sigma="~ x"``, the scale is that of its link: s_y is
    1, and m_y the link of the median of the prior that the parameter has without a predictor.
    Of the predictors of categories s_y is 1, and m_y the log ratio of the frequency of the category
    to that of the first. For ``disc`` s_y is 0.4, so that beta of a column x has
    Normal(0, 1 / sd(x)), and m_y is 0.

    The mean is that of all trials for probabilities, at most half a success away from 0 and 1;
    with weights it is the weighted one. For the log link m_y is the log of the sum of the responses
    over the sum of exp(offset), the rate by exposure; half a count stands for none at all.
    Where standard errors are known, the weights are their inverse squares and s_y is at least
    1 / sqrt(mean(weights)), since a few estimates may be closer to each other than any is known; a
    residual beside them has the prior of an sd.
    sigma is the sd of a row of weight one, so that with the root of the mean weight the unit of
    the weights changes nothing but sigma; weights with mean one leave its prior as it is without
    them.

    In a correlated block with an intercept, such as ``(x | g)``, the priors of sds and correlations
    are those of the block with its other columns centred at their means over the rows, so that the
    model does not depend on the zero of x; what is reported are the effects as written. Effects of
    several predictors that ``(x | p | g)`` correlates are centred within each predictor. A prior
    that is set for the sd of that intercept (``sd``, ``sd:g`` or ``sd:g:Intercept``) is for the
    effect as written, and then nothing of the block is centred.

    A constant column counts with its absolute value in place of its sd. Indicator columns that
    sum to one in every row are intercepts, one for each cell, not slopes: in ``0 + ses`` they get
    the prior that the intercept of the same model would have on uncentred columns,
    Normal(m_y, 2.5 s_y sqrt(1 + sum of (mean(x) / sd(x))^2 over the other columns)), and in
    ``(0 + ses | g)`` each sd gets the default of an intercept.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> from bayesmix.design.columnsums import RowColumns
    >>> X = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]])
    >>> design = SimpleNamespace(
    ...     y=np.array([1.0, 2.0, 3.0]),
    ...     X=X,
    ...     columns=RowColumns(X),
    ...     terms=("Intercept", "x"),
    ...     groups=(),
    ...     joint_effects=(),
    ...     has_intercept=True,
    ...     offset=None,
    ...     weights=None,
    ...     totals=None,
    ...     predictor="",
    ...     predictors={},
    ... )
    >>> from bayesmix.families.registry import get_family
    >>> resolve_priors(design, get_family("gaussian"), {"x": Prior("Normal", sigma=0.5)})
    parameter                                 prior
    Intercept Normal(mu=2, sigma=2.5), x at its mean
       beta:x                Normal(mu=0, sigma=0.5)
        sigma                  Exponential(scale=1)
    """
    leaves = _default_leaves(design, family)
    given = {} if priors is None else priors
    if family.categories and isinstance(given, Mapping):
        given = _without_the_first(given, family.predictors[0])
    priors_of_all = edited(leaves, read_edits(leaves, given))
    _check_new_names(design, priors_of_all)
    return priors_of_all


def _without_the_first[P](priors: Mapping[str, P], first: str) -> dict[str, P]:
    """Read paths of the first of several categories, ``mub:beta:x``, as those of the formula."""
    found: dict[str, P] = {}
    for path, prior in priors.items():
        own = path.removeprefix(f"{first}:") if isinstance(path, str) else path
        if own in found:
            raise BayesmixError(
                f"The prior of {own!r} is given twice, with '{first}:' before it and without. "
                "Give one of them."
            )
        found[own] = prior
    return found


def _response_sd(design: Design, family: Family) -> float | None:
    """Sd of the response where linear predictors are; None where it has no place there."""
    if design.totals is not None:
        return design.totals.response_sd
    y = family.on_predictor_scale(design.y)
    return None if y is None else sd(y[_placed_rows(y)])


def _placed_rows(placed: FloatArray) -> BoolArray | slice:
    """Find the numbers; where all are, so that they need not be copied."""
    missing = np.isnan(placed)
    return ~missing if missing.any() else slice(None)


def _default_leaves(design: Design, family: Family) -> tuple[Leaf, ...]:
    with np.errstate(over="ignore"):  # what is too large is named by `check_sizes`
        location = _location(design, family)
    scale = _response_sd(design, family)
    if scale is None:
        scale = 1.0
        check_response_size(design)
    else:
        if family.known_errors:
            scale = max(scale, 1 / root_mean_weight(design))
        if scale == 0:
            raise BayesmixError(
                "The sd of the response is 0, so the default priors have no scale. "
                "Check that the response varies."
            )
    check_sizes(design, scale, location)
    _check_names(design, family)
    sizes = Sizes(
        scale=scale,
        residual=scale * root_mean_weight(design),
        categories=1 + int(design.y.max(initial=0.0)) if family.discrete else 0,
    )
    auxiliary = tuple(_auxiliary_leaves(design, family, sizes))
    own = predictor_leaves(
        design,
        location,
        scale,
        correlated=_correlated(design, ""),
        has_thresholds=family.thresholds is not None,
    )
    return (
        *(leaf for leaf in auxiliary if leaf.is_threshold),
        *own,
        *(leaf for leaf in auxiliary if not leaf.is_threshold),
        *(
            leaf
            for own in design.predictors.values()
            for leaf in _further_leaves(family, own, sizes, _correlated(design, own.predictor))
        ),
    )


def _default(parameter: Parameter, sizes: Sizes) -> Prior:
    if parameter.prior is None:
        raise AssertionError(f"the parameter {parameter.name!r} has no default prior")
    distribution, numbers = parameter.prior(sizes)
    return Prior(distribution, **numbers)


def _correlated(design: Design, predictor: str) -> dict[str, tuple[str, ...]]:
    """Find the factors whose correlations count to a predictor, and whose effects they are of."""
    return {
        joint.factor: tuple(term.predictor for term in joint.terms)
        for joint in design.joint_effects
        if joint.predictor == predictor and joint.correlations
    }


def _further_leaves(
    family: Family, own: Design, sizes: Sizes, correlated: Mapping[str, tuple[str, ...]]
) -> tuple[Leaf, ...]:
    """Expect a parameter with a predictor where it is without: at its number, or its median."""
    parameter = family.parameter(own.predictor)
    if family.intercepts is not None:
        names = family.predictors
        location = float(family.intercepts(own.y, len(names))[names.index(own.predictor)])
    else:
        value = _default(parameter, sizes).median if parameter.fixed is None else parameter.fixed
        location = float(LINKS[dict(family.predicted)[own.predictor]].function(value))
    location -= 0.0 if own.offset is None else mean(own.offset)
    at_threshold = own.means is not None
    return predictor_leaves(
        own, location, parameter.step, correlated=correlated, has_thresholds=at_threshold
    )


def _auxiliary_leaves(design: Design, family: Family, sizes: Sizes) -> Iterator[Leaf]:
    """Yield the parameters of the family that have no linear predictor."""
    specific = (own for own in design.predictors.values() if own.predictor in family.specific)
    columns = unique(term for part in (design, *specific) for term in part.terms)
    for parameter in map(family.parameter, family.auxiliary):
        default = _default(parameter, sizes)
        yield Leaf(
            (parameter.name,),
            default,
            default,
            support=parameter.support,
            length=None if parameter.length is None else parameter.length(sizes),
            at_means=columns if parameter.is_threshold else (),
            is_threshold=parameter.is_threshold,
        )


def _check_names(design: Design, family: Family) -> None:
    """Raise for columns with the name of a parameter, which families by name make way for."""
    if family.has_residual_sd and any(group.factor == "Residual" for group in design.groups):
        raise BayesmixError(
            f"No grouping factor can be called 'Residual': that is the row of {family.residual} in "
            "the table of variance components. Rename that column of the data."
        )
    unknown = set(family.auxiliary) - parameter_names()
    if not unknown:
        return
    names = {"The response": design.response}
    names |= {f"The grouping factor {group.factor!r}": group.dim for group in design.groups}
    for what, name in names.items():
        if name in unknown:
            raise BayesmixError(
                f"{what} has the name of a parameter of family {family.name!r}, {name}. Rename "
                "the column."
            )


def _check_new_names(design: Design, priors: PriorSet) -> None:
    """Raise for a factor that is called like a variable that only some priors bring."""
    if not any(leaf.follows_an_edit for leaf in priors.leaves):
        return
    names = {hyper_name(path): path for path in priors.hyperparameters}
    for part in design.parts:
        student = priors.of(part.predictor).student
        for term in part.groups:
            if term.factor in student:
                names[term.names.df] = f"u:{term.factor}"
    for term in design.every_group:
        if term.dim in names:
            raise BayesmixError(
                f"No grouping factor can be called '{term.factor}' beside the prior of "
                f"{names[term.dim]!r}: the posterior has another thing of that name. Rename the "
                "column."
            )


def _location(design: Design, family: Family) -> float:
    """Find where the intercept would be without other effects: the link of the mean response."""
    if design.totals is not None:
        return design.totals.location
    y, offset = design.y, design.offset
    if family.intercepts is not None:
        own = float(family.intercepts(y, len(family.predictors))[0])
        return own - (0.0 if offset is None else mean(offset))
    if family.of_mean is not None:
        return _at_mean(design, family)
    placed = family.on_predictor_scale(y)
    if placed is not None:
        rows = _placed_rows(placed)
        weights = None if design.weights is None else design.weights[rows]
        return mean(placed[rows], weights) - (0.0 if offset is None else mean(offset[rows]))
    total = float(np.sum(y))
    if family.link == "log":
        # Offsets of a rate are exposures: the events over the sum of these. Without any event the
        # rate is that of half of one, below that of one event.
        exposure = math.log(len(y)) if offset is None else float(logsumexp(offset))
        return math.log(total if total > 0 else 0.5) - exposure
    if not family.parameters[0].support.has_bounds:
        return 0.0  # a latent scale, on which the mean of the response has no place
    return _at_mean(design, family)


def _at_mean(design: Design, family: Family) -> float:
    """Take the mean response, less the mean of the offset, to the scale of the linear predictor."""
    y, offset = design.y, design.offset
    if family.binary:
        trials = float(len(y) if design.trials is None else np.sum(design.trials))
        nearest = 0.5 / (trials + 1)  # all failures or all successes, where the link is infinite
        average = min(max(float(np.sum(y)) / trials, nearest), 1 - nearest)
    else:
        average = mean(y, design.weights)
    with np.errstate(all="ignore"):
        value = average if family.of_mean is None else family.of_mean(np.float64(average))
        location = float(LINKS[family.link].function(value))
    if math.isfinite(average) and not math.isfinite(location):
        raise _no_location(family, average)
    return location - (0.0 if offset is None else mean(offset))


def _no_location(family: Family, average: float) -> BayesmixError:
    """Make the error for a family whose first parameter cannot be what the mean response is."""
    first = family.parameters[0].name
    from_mean = "the mean response" if family.of_mean is None else "of_mean of the mean response"
    return BayesmixError(
        f"Family {family.name!r} has no finite default prior of the intercept: it is at the link "
        f"{family.link} of {from_mean}, {average:g}, where '{first}' cannot be. Give the family "
        f"of_mean, a function from the mean response to '{first}': for a probability of success "
        "in counts of failures, of_mean=lambda mean: 1 / (1 + mean)."
    )
