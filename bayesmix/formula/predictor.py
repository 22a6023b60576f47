"""The right side of the predictor of a further parameter, such as ``"~ x + (1 | g)"`` of sigma."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bayesmix.base.arguments import shown
from bayesmix.base.errors import BayesmixError
from bayesmix.formula.formula import Formula, names_in, parse_formula

__all__ = ["parse_predictor"]


def parse_predictor(
    name: str,
    right: str,
    *,
    response: str = "",
    columns: Iterable[str] | None = None,
    namespace: Mapping[str, Any] | None = None,
) -> Formula:
    """Read the predictor of a parameter, whose name stands as the response.

    Parameters
    ----------
    name : str
        The parameter.
    right : str
        ``"~ x + (1 | g)"``, or with the name of the parameter before it.
    response : str
        That of the model, which no predictor may have.
    columns, namespace
        As in `parse_formula`.

    Returns
    -------
    Formula

    Raises
    ------
    BayesmixError
        It is not text with a tilde, has another response, or that of the model among its terms.

    Examples
    --------
    >>> parse_predictor("sigma", "~ x + (1 | g)").text
    'sigma ~ x + (1 | g)'
    """
    write = f"{name}='~ x' or {name}='~ 1 + (1 | g)'"
    if not isinstance(right, str):
        raise BayesmixError(f"{name}={shown(right)} is no formula. Write {write}.")
    left, tilde, terms = right.partition("~")
    if not tilde:
        raise BayesmixError(
            f"{name}={shown(right)} has no '~'. The predictor of a parameter is a formula without "
            f"a response: write {write}."
        )
    if left.strip() not in ("", name):
        raise BayesmixError(
            f"{name}={shown(right)} has a response, {shown(left.strip())}. The predictor of a "
            f"parameter has none: write {write}."
        )
    known = None
    if columns is not None:  # what '.' stands for
        own = names_in(response)[0] if response else ()
        known = [column for column in columns if column not in own]
    label = name
    while label in (known or ()):
        label += "_"
    formula = parse_formula(f"{label} ~ {terms.strip()}", columns=known, namespace=namespace)
    if response in formula.variables:
        raise BayesmixError(
            f"{name}={shown(right)} has the response {response} among its terms. Leave it out."
        )
    return formula
