"""Parameters of a family as a user gives them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bayesmix.base.arguments import as_number, few, shown
from bayesmix.base.arrays import FloatArray
from bayesmix.base.errors import BayesmixError, suggest
from bayesmix.families.family import Family
from bayesmix.families.parameters import Parameter

__all__ = ["given_parameters"]


def given_parameters(
    function: str, family: Family, given: Mapping[str, object]
) -> dict[str, float | FloatArray]:
    """Read the parameters that a family has beside its linear predictor.

    Parameters
    ----------
    function : str
        Whose arguments they are, for the message.
    family : Family
    given : mapping of str to object
        Numbers, or sequences for parameters with a length. ``sigma`` is 1 by default.

    Returns
    -------
    dict of str to float or ndarray

    Raises
    ------
    BayesmixError
        The family has no such parameter, one is missing, or lies where it may not.
    """
    for name, value in given.items():
        if name not in family.auxiliary and value is not None:
            raise BayesmixError(_not_of(function, family, name))
    return {
        parameter.name: _parameter(family, parameter, given.get(parameter.name))
        for parameter in map(family.parameter, family.others)
    }


def _not_of(function: str, family: Family, name: str) -> str:
    if name == "sigma":
        return f"The {family.name} family has no residual sd. Leave sigma out."
    others = ", ".join(family.auxiliary) or "none"
    return (
        f"{function} has no argument {shown(name)}, and the {family.name} family no such parameter "
        f"(beside its mean: {others}). {suggest(name, family.auxiliary)}".rstrip()
    )


def _parameter(family: Family, parameter: Parameter, value: object) -> float | FloatArray:
    name, support = parameter.name, parameter.support
    if value is None and name == "sigma":
        return 1.0
    if value is None:
        raise BayesmixError(f"The {family.name} family needs its parameter {name}. Give {name}=.")
    numbers = as_number(value) if parameter.length is None else _elements(name, value)
    if numbers is None or not support.holds(numbers):
        if name == "sigma":
            raise BayesmixError(f"sigma is {shown(value)}. A residual sd is positive, such as 1.0.")
        what = "numbers" if parameter.length is not None else "a number"
        rising = ", each larger than the one before" if support.is_ordered else ""
        raise BayesmixError(f"{name} is {shown(value)}. It is {what} {support.where}{rising}.")
    return numbers


def _elements(name: str, value: object) -> FloatArray | None:
    numbers = [as_number(one) for one in few(name, value)]
    if not numbers or None in numbers:
        return None
    return np.array(numbers, dtype=np.float64)
