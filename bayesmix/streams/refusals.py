"""What cannot be fitted without the rows in memory, and what to do."""

from __future__ import annotations

from collections.abc import Mapping

import numpy.typing as npt

from bayesmix.base.errors import BayesmixError
from bayesmix.families.family import Family

__all__ = ["by_column", "check_gaussian", "check_settled"]

_IN_MEMORY = (
    "Fit rows that are in memory, bm.fit(formula, pd.read_parquet(path, columns=[...])) or "
    "frame.compute(): those of a sample of the groups if all are too many"
)


def check_gaussian(
    family: Family,
    predictors: Mapping[str, str],
    what: str,
) -> None:
    """Refuse models of which sums over rows are not all that is needed."""
    if (family.name, family.link) != ("gaussian", "identity"):
        raise BayesmixError(
            f"Rows that are not in memory are fitted from sums of products of their columns, which "
            f"say all there is to know in Gaussian models with the identity link only; family "
            f"'{family.name}' with link '{family.link}' needs the rows themselves. {_IN_MEMORY}; "
            "or take a transformed response, such as log(y), as Gaussian."
        )
    if predictors:
        raise BayesmixError(
            f"{', '.join(predictors)} with a predictor of its own needs the rows themselves, and "
            f"{what} are not in memory. {_IN_MEMORY}."
        )
    if family.known_errors and family.has_residual_sd:
        raise BayesmixError(
            "residual=True beside known standard errors needs the rows themselves, and "
            f"{what} are not in memory. {_IN_MEMORY}; or leave the residual out."
        )


def by_column(argument: str, value: str | npt.ArrayLike | None) -> str | None:
    """Return the name of a column of weights or standard errors; refuse an array of them."""
    if value is not None and not isinstance(value, str):
        raise BayesmixError(
            f"{argument} must be the name of a column of the data where these are not in "
            f"memory; got {type(value).__name__}. Write the numbers into the files."
        )
    return value


def check_settled(obstacle: str | None, what: str) -> None:
    """Refuse priors that the exact method cannot have."""
    if obstacle is not None:
        raise BayesmixError(
            f"{what[:1].upper()}{what[1:]} are not in memory, so that the model must be one for "
            f"the exact method, but {obstacle}. Write a Normal prior, or leave it out for the "
            f"default. {_IN_MEMORY}."
        )
