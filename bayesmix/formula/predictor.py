"""The right side of the predictor of a further parameter, such as ``"~ x + (1 | g)"`` of sigma."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bayesmix.base.arguments import shown
from bayesmix.base.errors import BayesmixError
from bayesmix.formula.formula import Formula, parse_formula

__all__ = ["parse_predictor"]


def parse_predictor(
    name: str,
    right: str,
    *,
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
    columns, namespace
        As in `parse_formula`.

    Returns
    -------
    Formula

    Raises
    ------
    BayesmixError
        It is not text with a tilde, or has another response.

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
    known = None if columns is None else list(columns)
    response = name
    while response in (known or ()):
        response += "_"
    return parse_formula(f"{response} ~ {terms.strip()}", columns=known, namespace=namespace)
