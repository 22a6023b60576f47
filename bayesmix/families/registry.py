"""The families by name, with a link if asked for. A further one is a file, and a line here."""

from __future__ import annotations

import copyreg
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from bayesmix.base.arguments import shown
from bayesmix.base.errors import BayesmixError, suggest
from bayesmix.families.acat import ACAT
from bayesmix.families.bernoulli import BERNOULLI
from bayesmix.families.beta import BETA
from bayesmix.families.beta_binomial import BETA_BINOMIAL
from bayesmix.families.binomial import BINOMIAL
from bayesmix.families.categorical import CATEGORICAL
from bayesmix.families.cratio import CRATIO
from bayesmix.families.cumulative import CUMULATIVE
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
from bayesmix.families.sratio import SRATIO
from bayesmix.families.student import STUDENT
from bayesmix.families.thresholds import LAYOUTS
from bayesmix.families.weibull import WEIBULL
from bayesmix.families.zero_inflated_negbinomial import ZERO_INFLATED_NEGBINOMIAL
from bayesmix.families.zero_inflated_poisson import ZERO_INFLATED_POISSON

__all__ = ["FAMILIES", "get_family", "is_known", "parameter_names", "with_predictors"]

_ALL = (
    *(GAUSSIAN, BERNOULLI, BINOMIAL, POISSON),
    *(NEGBINOMIAL, ZERO_INFLATED_POISSON, ZERO_INFLATED_NEGBINOMIAL),
    *(HURDLE_POISSON, HURDLE_NEGBINOMIAL, BETA_BINOMIAL),
    *(STUDENT, LOGNORMAL, GAMMA, WEIBULL, BETA, EXGAUSSIAN, SKEW_NORMAL, HURDLE_LOGNORMAL),
    *(CUMULATIVE, SRATIO, CRATIO, ACAT, CATEGORICAL),
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
    | {"ordered": "cumulative", "ordinal": "cumulative", "clm": "cumulative", "polr": "cumulative"}
    | {"propodds": "cumulative", "orderedlogistic": "cumulative", "orderedprobit": "cumulative"}
    | {"stopping": "sratio", "continuation": "cratio", "sequential": "sratio", "adjacent": "acat"}
    | {"multinomial": "categorical", "multinom": "categorical", "mlogit": "categorical"}
    | {"softmax": "categorical", "nominal": "categorical"}
    | {"t": "student", "studentt": "student", "student_t": "student"}
)

# What is no parameter here, as users of other libraries may pass it.
_ADVICE = MappingProxyType(
    {
        "link": "A link goes with the family: family='bernoulli(probit)'.",
        "categorical": "Write C(x) in the formula for the categories of x.",
        "psi": "Bambi's psi is 1 - zi, or 1 - hu of a hurdle.",
        "alpha": "Bambi's alpha of gamma and negbinomial is shape here.",
        "kappa": "Bambi's kappa is phi here.",
    }
)


def get_family(
    family: str | tuple[str, str] | Family,
    link: str | None = None,
    *,
    threshold: str | None = None,
) -> Family:
    """Return a family by name, with its default link or the one asked for.

    Parameters
    ----------
    family : str, tuple of (str, str) or Family
        ``"bernoulli"``, ``"bernoulli(probit)"``, ``("bernoulli", "probit")``,
        ``"cumulative(probit, threshold=equidistant)"`` or a family.
    link : str, optional
        The link; one of `Family.links`.
    threshold : {"flexible", "equidistant"}, optional
        Of families of ordered categories: each threshold on its own, which is the default, or all
        at equal distances.

    Returns
    -------
    Family

    Raises
    ------
    BayesmixError
        The family, the link or `threshold` is unknown, the family has no thresholds, or two
        different links are asked for.

    Examples
    --------
    >>> get_family("binomial")
    binomial(logit)
    >>> get_family("bernoulli(probit)") == get_family("bernoulli", link="probit")
    True
    >>> get_family("cumulative", threshold="equidistant")
    cumulative(logit, threshold=equidistant)
    """
    if isinstance(family, Family):
        own: dict[str, str] = {}
        named = family
    else:
        name, own = _read(family)
        if name not in FAMILIES:
            hint = suggest(_SYNONYMS.get(name.lower(), name.lower()), FAMILIES)
            raise BayesmixError(
                f"Unknown family {shown(name)}. Families: {', '.join(FAMILIES)}. {hint}".strip()
            )
        named = FAMILIES[name]
    for word, asked in (("link", link), ("threshold", threshold)):
        if isinstance(asked, str) and own.get(word, asked) != asked:
            raise BayesmixError(
                f"Family {shown(family)} has the {word} {own[word]!r}, but {word}={shown(asked)} "
                "came with it. Give one of them."
            )
    link = own.get("link") if link is None else link
    threshold = own.get("threshold") if threshold is None else threshold
    named = named if link is None else _with_link(named, link)
    return named if threshold is None else _with_threshold(named, threshold)


def is_known(family: Family) -> bool:
    """Tell whether the name of a family stands for it, known standard errors being none of it."""
    named = FAMILIES.get(family.name)
    if named is None:
        return False
    if family.known_errors:
        named = with_known_errors(named, "sigma" in family.others)
    if family.categories:
        named = named.completed(family.categories)
    own = replace(named, link=family.link, threshold=family.threshold)
    beside = tuple(one for one in family.predicted if one[0] not in family.specific)
    return _predicted(own, beside).with_specific(len(family.specific)) == family


def with_predictors(family: Family, names: Iterable[str]) -> Family:
    """Return a family some of whose further parameters have linear predictors, on their links.

    Raises
    ------
    BayesmixError
        A name is that of no parameter, of one without a link, or of the first, whose predictor is
        the formula.
    """
    predicted = []
    if family.of_categories is not None:
        return _of_categories(family, names)
    for name in names:
        if name == family.parameters[0].name:
            raise BayesmixError(
                f"{name}= is the predictor of the formula itself. Write its terms there; "
                f"{_predictable(family)}."
            )
        if name not in _names(family):
            others = [one.name for one in FAMILIES.values() if name in _names(one)]
            has = f" Families with {name}: {', '.join(others)}." if others else ""
            hint = _ADVICE.get(name) or suggest(name, _names(family))
            raise BayesmixError(
                f"{name}= is none of the arguments, and family {family.name!r} has no parameter "
                f"{name!r}: {_predictable(family)}.{has} {hint}".rstrip()
            )
        parameter = family.parameter(name)
        if not parameter.is_predictable:
            raise BayesmixError(
                f"The parameter {name!r} of family {family.name!r} cannot have a predictor: "
                f"{_predictable(family)}."
            )
        predicted.append((name, parameter.links[0]))
    return _predicted(family, tuple(predicted))


def _of_categories(family: Family, names: Iterable[str]) -> Family:
    """Refuse names that are of no category, whatever the categories are."""
    for name in names:
        if not name.startswith("mu"):
            others = [one.name for one in FAMILIES.values() if name in _names(one)]
            has = f" Families with {name}: {', '.join(others)}." if others else ""
            raise BayesmixError(
                f"{name}= is none of the arguments, and family {family.name!r} has no parameter "
                f"{name!r}: its parameters are called mu<category>, of each category but the "
                f"first.{has}"
            )
    return family


def _names(family: Family) -> list[str]:
    """List the parameters after the first, those included that need a predictor to be there."""
    return [one.name for one in family.parameters[1:]]


def _predicted(family: Family, predicted: tuple[tuple[str, str], ...]) -> Family:
    residual = None if family.residual in dict(predicted) else family.residual
    return replace(family, predicted=predicted, residual=residual)


def _predictable(family: Family) -> str:
    """Say which parameters may have a formula of their own."""
    names = [one.name for one in family.parameters[1:] if one.is_predictable]
    if not names:
        return "none of its parameters may have a formula of its own"
    return f"a formula of its own may have {', '.join(names)}, as in {names[0]}='~ x'"


def parameter_names() -> frozenset[str]:
    """Collect the names of all auxiliary parameters: those of variables of some posterior."""
    return frozenset(name for family in FAMILIES.values() for name in family.auxiliary)


def _reduced(family: Family) -> tuple[Any, ...]:
    """Pickle by name, so that the functions stay where they are."""
    if is_known(family):
        errors = "sigma" in family.others if family.known_errors else None
        own = (family.name, family.link, family.threshold, family.categories)
        specific = family.specific
        beside = tuple(name for name in dict(family.predicted) if name not in specific)
        return _named, (*own, beside, len(specific), errors)
    reduced: tuple[Any, ...] = object.__reduce_ex__(family, 4)  # type: ignore[assignment]
    return reduced


def _named(
    name: str,
    link: str,
    threshold: str,
    categories: tuple[str, ...],
    predicted: tuple[str, ...],
    specific: int,
    errors: bool | None,
) -> Family:
    family = get_family(name, link, threshold=threshold or None)
    if categories:
        return family.completed(categories)
    if errors is not None:
        family = with_known_errors(family, errors)
    return with_predictors(family, predicted).with_specific(specific)


copyreg.pickle(Family, _reduced)


def _with_link(family: Family, link: str) -> Family:
    if not isinstance(link, str) or link not in family.links:
        raise BayesmixError(
            f"Unknown link {shown(link)} for family {family.name!r}. "
            f"Links: {', '.join(family.links)}. {suggest(link, family.links)}".strip()
        )
    return replace(family, link=link)


def _with_threshold(family: Family, threshold: str) -> Family:
    if family.thresholds is None:
        takers = ", ".join(repr(name) for name, one in FAMILIES.items() if one.thresholds)
        raise BayesmixError(
            f"Family {family.name!r} has no thresholds, which those of ordered categories have: "
            f"{takers}. Leave threshold out."
        )
    if not isinstance(threshold, str) or threshold not in LAYOUTS:
        raise BayesmixError(
            f"Unknown threshold {shown(threshold)} for family {family.name!r}. "
            f"Thresholds: {', '.join(LAYOUTS)}. {suggest(threshold, LAYOUTS)}".strip()
        )
    return replace(family, threshold=threshold)


def _read(family: object) -> tuple[str, dict[str, str]]:
    """Split ``"bernoulli(probit)"`` or ``("bernoulli", "probit")`` into the name and the rest."""
    if isinstance(family, str):
        matched = re.fullmatch(r"\s*(\w+)\s*\(([\w\s,=\"']*)\)\s*", family)
        if matched is None or not matched[2].strip():
            return family.strip(), {}
        given: dict[str, str] = {}
        for part in matched[2].split(","):
            word, equals, value = (one.strip(" \"'") for one in part.partition("="))
            word, value = (word, value) if equals else ("link", word)
            if word not in ("link", "threshold") or word in given or not value:
                break
            given[word] = value
        else:
            return matched[1], given
    elif (
        isinstance(family, tuple)
        and len(family) == 2
        and all(isinstance(part, str) for part in family)
    ):
        return family[0], {"link": family[1]}
    raise BayesmixError(
        "family must be a name such as 'gaussian' or 'cumulative(probit, threshold=equidistant)', "
        f"or a Family; got {shown(family)}. An unknown name is answered with all of them."
    )
