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

from bayesmix.base.arrays import FloatArray
from bayesmix.base.errors import BayesmixError
from bayesmix.design.magnitudes import check_sizes, mean, root_mean_weight, sd, spread
from bayesmix.families.family import Family
from bayesmix.families.links import LINKS
from bayesmix.families.parameters import Sizes
from bayesmix.families.registry import parameter_names
from bayesmix.families.supports import POSITIVE, REAL
from bayesmix.priors.prior import LKJ, Prior
from bayesmix.priors.priorset import Leaf, PriorSet, edited, read_edits

if TYPE_CHECKING:
    from bayesmix.design.design import Design
    from bayesmix.design.groupterm import GroupTerm

__all__ = ["resolve_priors"]


def resolve_priors(
    design: Design, family: Family, priors: Mapping[str, Prior | LKJ] | None = None
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
        ``Intercept``; the family's auxiliaries, such as ``sigma``.

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

    The mean is that of all trials for probabilities, at most half a success away from 0 and 1;
    with weights it is the weighted one. For the log link m_y is the log of the sum of the responses
    over the sum of exp(offset), the rate by exposure; half a count stands for none at all.
    sigma is the sd of a row of weight one, so that with the root of the mean weight the unit of
    the weights changes nothing but sigma; weights with mean one leave its prior as it is without
    them.

    In a correlated block with an intercept, such as ``(x | g)``, the priors of sds and correlations
    are those of the block with its other columns centred at their means over the rows, so that the
    model does not depend on the zero of x; what is reported are the effects as written. A prior
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
    >>> design = SimpleNamespace(
    ...     y=np.array([1.0, 2.0, 3.0]),
    ...     X=np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]]),
    ...     terms=("Intercept", "x"),
    ...     groups=(),
    ...     has_intercept=True,
    ...     offset=None,
    ...     weights=None,
    ... )
    >>> from bayesmix.families.registry import get_family
    >>> resolve_priors(design, get_family("gaussian"), {"x": Prior("Normal", sigma=0.5)})
    parameter                                 prior
    Intercept Normal(mu=2, sigma=2.5), x at its mean
       beta:x                Normal(mu=0, sigma=0.5)
        sigma                  Exponential(scale=1)
    """
    leaves = _default_leaves(design, family)
    return edited(leaves, read_edits(leaves, {} if priors is None else priors))


def _default_leaves(design: Design, family: Family) -> tuple[Leaf, ...]:
    with np.errstate(over="ignore"):  # what is too large is named by `check_sizes`
        location = _location(design, family)
    scale = 1.0
    y = family.on_predictor_scale(design.y)
    if y is not None:
        scale = sd(y)
        if scale == 0:
            raise BayesmixError(
                "The sd of the response is 0, so the default priors have no scale. "
                "Check that the response varies."
            )
    check_sizes(design, scale, location)
    defaults: list[tuple[tuple[str, ...], Prior | LKJ]] = []
    beside = {
        f"sd:{group.factor}:Intercept": tuple(group.effects[k] for k in group.intercept_block[1:])
        for group in design.groups
        if group.means is not None
    }
    if design.has_intercept:
        defaults.append((("Intercept",), Prior("Normal", mu=location, sigma=2.5 * scale)))
    first = int(design.has_intercept)
    for term, prior in zip(
        design.terms[first:],
        _population_defaults(
            design.X[:, first:], location, scale, not (design.has_intercept or family.thresholds)
        ),
        strict=True,
    ):
        defaults.append((("beta", term), prior))
    for group in design.groups:
        intercepts = _intercept_like(group)
        for effect, z, is_intercept in zip(group.effects, group.Z.T, intercepts, strict=True):
            size = scale if is_intercept else scale / spread(z)
            defaults.append((("sd", group.factor, effect), Prior("Exponential", scale=size)))
    defaults += [(("cor", group.factor), LKJ(1.0)) for group in design.groups if group.correlations]
    of_predictor = (
        Leaf(node, p, p, beside.get(":".join(node), ()), support=_SUPPORTS[node[0]])
        for node, p in defaults
    )
    auxiliary = tuple(_auxiliary_leaves(design, family, scale))
    thresholds = tuple(leaf for leaf in auxiliary if leaf.at_means)
    return (*thresholds, *of_predictor, *(leaf for leaf in auxiliary if not leaf.at_means))


# Of correlations the prior is known by its type.
_SUPPORTS = {"Intercept": REAL, "beta": REAL, "sd": POSITIVE, "cor": REAL}


def _auxiliary_leaves(design: Design, family: Family, scale: float) -> Iterator[Leaf]:
    """Yield the parameters that the family has beside the linear predictor."""
    _check_names(design, family)
    sizes = Sizes(
        scale=scale,
        residual=scale * root_mean_weight(design),
        categories=1 + int(design.y.max(initial=0.0)) if family.discrete else 0,
    )
    for parameter in family.parameters[1:]:
        if parameter.prior is None:
            raise AssertionError(f"the parameter {parameter.name!r} has no default prior")
        distribution, numbers = parameter.prior(sizes)
        default = Prior(distribution, **numbers)
        yield Leaf(
            (parameter.name,),
            default,
            default,
            support=parameter.support,
            length=None if parameter.length is None else parameter.length(sizes),
            at_means=parameter.is_threshold,
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


def _location(design: Design, family: Family) -> float:
    """Find where the intercept would be without other effects: the link of the mean response."""
    y, offset = design.y, design.offset
    if family.of_mean is not None:
        return _at_mean(design, family)
    placed = family.on_predictor_scale(y)
    if placed is not None:
        return mean(placed, design.weights) - (0.0 if offset is None else mean(offset))
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


def _population_defaults(X: FloatArray, location: float, scale: float, cells: bool) -> list[Prior]:
    """Priors of the columns except the intercept; `cells` looks for one intercept per cell."""
    spreads = np.array([spread(column) for column in X.T])
    is_cell = np.zeros(X.shape[1], dtype=bool)
    if cells:
        is_cell[_cell_columns(X)] = True
    uncentred = math.sqrt(1 + ((X.mean(axis=0) / spreads)[~is_cell] ** 2).sum())
    return [
        Prior("Normal", mu=location, sigma=2.5 * scale * uncentred)
        if cell
        else Prior("Normal", mu=0.0, sigma=2.5 * scale / size)
        for cell, size in zip(is_cell, spreads, strict=True)
    ]


def _intercept_like(group: GroupTerm) -> list[bool]:
    """Which effects of a grouping factor are intercepts: `Intercept`, or one per cell."""
    found = [effect == "Intercept" for effect in group.effects]
    for block in group.blocks:
        columns = [effect for effect in block if not found[effect]]
        for position in _cell_columns(group.Z[:, columns]):
            found[columns[position]] = True
    return found


def _cell_columns(X: FloatArray) -> list[int]:
    """Find the first run of neighbouring 0/1 columns that sum to one in every row."""
    binary = ((X == 0) | (X == 1)).all(axis=0)
    for start in range(X.shape[1]):
        total = np.zeros(X.shape[0])
        for stop in range(start, X.shape[1]):
            total = total + X[:, stop]
            if not binary[stop] or (total > 1).any():
                break
            if (total == 1).all():
                return list(range(start, stop + 1))
    return []
