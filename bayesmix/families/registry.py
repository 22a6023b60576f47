"""The families by name, with a link if asked for. A further one is a file, and a line here."""

from __future__ import annotations

import copyreg
import re
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from bayesmix.base.arguments import shown
from bayesmix.base.errors import BayesmixError, suggest
from bayesmix.families.bernoulli import BERNOULLI
from bayesmix.families.beta import BETA
from bayesmix.families.beta_binomial import BETA_BINOMIAL
from bayesmix.families.binomial import BINOMIAL
from bayesmix.families.exgaussian import EXGAUSSIAN
from bayesmix.families.family import ENTRIES, Family
from bayesmix.families.gamma import GAMMA
from bayesmix.families.gaussian import GAUSSIAN
from bayesmix.families.hurdle_lognormal import HURDLE_LOGNORMAL
from bayesmix.families.hurdle_negbinomial import HURDLE_NEGBINOMIAL
from bayesmix.families.hurdle_poisson import HURDLE_POISSON
from bayesmix.families.known_errors import with_known_errors
from bayesmix.families.lognormal import LOGNORMAL
from bayesmix.families.negbinomial import NEGBINOMIAL
from bayesmix.families.poisson import POISSON
from bayesmix.families.skew_normal import SKEW_NORMAL
from bayesmix.families.student import STUDENT
from bayesmix.families.weibull import WEIBULL
from bayesmix.families.zero_inflated_negbinomial import ZERO_INFLATED_NEGBINOMIAL
from bayesmix.families.zero_inflated_poisson import ZERO_INFLATED_POISSON

__all__ = ["FAMILIES", "get_family", "is_known", "parameter_names"]

_ALL = (
    *(GAUSSIAN, BERNOULLI, BINOMIAL, POISSON),
    *(NEGBINOMIAL, ZERO_INFLATED_POISSON, ZERO_INFLATED_NEGBINOMIAL),
    *(HURDLE_POISSON, HURDLE_NEGBINOMIAL, BETA_BINOMIAL),
    *(STUDENT, LOGNORMAL, GAMMA, WEIBULL, BETA, EXGAUSSIAN, SKEW_NORMAL, HURDLE_LOGNORMAL),
)
ENTRIES.update({family.name: family for family in _ALL})
FAMILIES: Mapping[str, Family] = MappingProxyType(ENTRIES)

# Words that users of other libraries type, for the suggestion in the error only.
_SYNONYMS = MappingProxyType(
    {"normal": "gaussian", "binary": "bernoulli", "logistic": "bernoulli", "count": "poisson"}
    | {"negativebinomial": "negbinomial", "nbinom2": "negbinomial", "nb": "negbinomial"}
    | {"zip": "zero_inflated_poisson", "zinb": "zero_inflated_negbinomial"}
    | {"zeroinflatedpoisson": "zero_inflated_poisson", "hurdlepoisson": "hurdle_poisson"}
    | {"zeroinflatednegativebinomial": "zero_inflated_negbinomial"}
    | {"hurdlenegativebinomial": "hurdle_negbinomial", "truncated_poisson": "hurdle_poisson"}
    | {"truncated_nbinom2": "hurdle_negbinomial", "betabinomial": "beta_binomial"}
    | {"hurdlelognormal": "hurdle_lognormal"}
    | {"t": "student", "studentt": "student", "student_t": "student"}
)


def get_family(family: str | tuple[str, str] | Family, link: str | None = None) -> Family:
    """Return a family by name, with its default link or the one asked for.

    Parameters
    ----------
    family : str, tuple of (str, str) or Family
        ``"bernoulli"``, ``"bernoulli(probit)"``, ``("bernoulli", "probit")`` or a family.
    link : str, optional
        The link; one of `Family.links`.

    Returns
    -------
    Family

    Raises
    ------
    BayesmixError
        The family or the link is unknown, or two different links are asked for.

    Examples
    --------
    >>> get_family("binomial")
    binomial(logit)
    >>> get_family("bernoulli(probit)") == get_family("bernoulli", link="probit")
    True
    """
    if isinstance(family, Family):
        return family if link is None else _with_link(family, link)
    name, own_link = _split_name(family)
    if name not in FAMILIES:
        hint = suggest(_SYNONYMS.get(name.lower(), name.lower()), FAMILIES)
        raise BayesmixError(
            f"Unknown family {shown(name)}. Families: {', '.join(FAMILIES)}. {hint}".strip()
        )
    if isinstance(link, str) and own_link is not None and link != own_link:
        raise BayesmixError(
            f"Family {shown(family)} has the link {own_link!r}, but link={shown(link)} came with "
            "it. Give one of them."
        )
    asked = own_link if link is None else link
    return FAMILIES[name] if asked is None else _with_link(FAMILIES[name], asked)


def is_known(family: Family) -> bool:
    """Tell whether the name of a family stands for it, known standard errors being none of it."""
    named = FAMILIES.get(family.name)
    if named is not None and family.known_errors:
        named = with_known_errors(named, family.has_residual_sd)
    return named is not None and replace(named, link=family.link) == family


def parameter_names() -> frozenset[str]:
    """Collect the names of all auxiliary parameters: those of variables of some posterior."""
    return frozenset(name for family in FAMILIES.values() for name in family.auxiliary)


def _reduced(family: Family) -> tuple[Any, ...]:
    """Pickle by name, so that the functions stay where they are."""
    if is_known(family):
        if family.known_errors:
            return with_known_errors, (FAMILIES[family.name], family.has_residual_sd)
        return get_family, (family.name, family.link)
    reduced: tuple[Any, ...] = object.__reduce_ex__(family, 4)  # type: ignore[assignment]
    return reduced


copyreg.pickle(Family, _reduced)


def _split_name(family: object) -> tuple[str, str | None]:
    """Split ``"bernoulli(probit)"`` or ``("bernoulli", "probit")`` into name and link."""
    if isinstance(family, str):
        matched = re.fullmatch(r"\s*(\w+)\s*\(\s*(\w+)\s*\)\s*", family)
        return (matched[1], matched[2]) if matched else (family.strip(), None)
    if (
        isinstance(family, tuple)
        and len(family) == 2
        and all(isinstance(part, str) for part in family)
    ):
        return family[0], family[1]
    raise BayesmixError(
        f"family must be a name such as 'gaussian' or 'bernoulli(probit)', or a Family; got "
        f"{shown(family)}. Families: {', '.join(FAMILIES)}."
    )


def _with_link(family: Family, link: str) -> Family:
    if not isinstance(link, str) or link not in family.links:
        raise BayesmixError(
            f"Unknown link {shown(link)} for family {family.name!r}. "
            f"Links: {', '.join(family.links)}. {suggest(link, family.links)}".strip()
        )
    return replace(family, link=link)
