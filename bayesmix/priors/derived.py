"""Parameters that come with priors: degrees of freedom of group effects, and hyperparameters."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence

from bayesmix.base.errors import BayesmixError
from bayesmix.families.supports import POSITIVE, REAL
from bayesmix.priors.effects import DF_PRIOR, DF_SUPPORT, NORMAL_EFFECTS, AnyPrior, StudentT
from bayesmix.priors.forms import form_of
from bayesmix.priors.leaves import Leaf, linked_predictors
from bayesmix.priors.prior import Prior

__all__ = ["with_derived", "with_laws", "without_derived"]

_LAWS = ("u", "df")


def without_derived(leaves: Iterable[Leaf]) -> list[Leaf]:
    """Leave out what comes with priors: the parameters of design and family alone."""
    return [leaf for leaf in leaves if leaf.kind not in _LAWS and not leaf.is_hyper]


def with_laws(leaves: Iterable[Leaf]) -> list[Leaf]:
    """Add the distribution of the effects of each factor, and its degrees of freedom.

    They follow the sds and correlations of their predictor.
    """
    plain = without_derived(leaves)
    found = []
    for leaf, after in zip(plain, [*plain[1:], None], strict=False):
        found.append(leaf)
        ends = after is None or after.predictor != leaf.predictor or not _of_groups(after)
        if _of_groups(leaf) and ends:
            found += _laws(own for own in plain if own.predictor == leaf.predictor)
    return found


def _of_groups(leaf: Leaf) -> bool:
    return leaf.kind in ("sd", "cor")


def _laws(leaves: Iterable[Leaf]) -> Iterator[Leaf]:
    sds = {leaf.node[1]: leaf for leaf in leaves if leaf.kind == "sd"}
    for factor, leaf in sds.items():
        yield Leaf(("u", factor), NORMAL_EFFECTS, NORMAL_EFFECTS, predictor=leaf.predictor)
        yield Leaf(("df", factor), DF_PRIOR, DF_PRIOR, support=DF_SUPPORT, predictor=leaf.predictor)


def with_derived(leaves: Sequence[Leaf], edits: Mapping[str, AnyPrior]) -> tuple[Leaf, ...]:
    """Keep of `with_laws` what is Student-t, with its df, and add hyperparameters.

    Parameters
    ----------
    leaves : sequence of Leaf
        Those of `with_laws`, with their priors.
    edits : mapping of str to AnyPrior
        What was set, by full path.

    Raises
    ------
    BayesmixError
        A prior of degrees of freedom that there are not, or that is given twice; Student-t effects
        that are correlated across predictors; a hyperparameter with the path of another parameter.
    """
    used: set[str] = set()
    found: list[Leaf] = []
    for leaf in leaves:
        if leaf.kind == "u":
            df = next(one for one in leaves if one.place == _beside(leaf, "df"))
            own = _student(leaf, df)
            if own and (linked := linked_predictors(leaves, leaf.node[1], leaf.predictor)):
                raise _linked(leaf, linked)
            found += own
            used |= {df.origin for one in own if one.kind == "df"}
        elif leaf.kind != "df":
            found.append(leaf)
    for leaf in leaves:
        if leaf.kind == "df" and leaf.origin and leaf.origin not in used:
            raise _no_df(leaf, edits)
    return tuple(_with_hyperparameters(found))


def _beside(leaf: Leaf, kind: str) -> tuple[str, ...]:
    return dataclasses.replace(leaf, node=(kind, *leaf.node[1:])).place


def _student(law: Leaf, df: Leaf) -> list[Leaf]:
    """Return the law of the effects with its degrees of freedom, both with their final prior."""
    student = law.prior
    if not isinstance(student, StudentT):
        return []
    if not isinstance(student.nu, Prior):
        return [law]
    if df.origin and student.nu != DF_PRIOR:
        raise BayesmixError(
            f"The prior of the degrees of freedom of {law.path!r} is given twice, as {df.origin!r} "
            f"and inside of {student!r}. Give one of them."
        )
    nu = df.prior if df.origin else student.nu
    if not isinstance(nu, Prior):
        raise AssertionError(f"{df.path} has the prior {nu!r}")
    return [
        dataclasses.replace(law, prior=dataclasses.replace(student, nu=nu)),
        dataclasses.replace(df, prior=nu),
    ]


def _linked(law: Leaf, predictors: Sequence[str]) -> BayesmixError:
    factor = law.node[1]
    names = ["the formula" if not name else f"'{name}'" for name in predictors]
    return BayesmixError(
        f"What is set for {law.origin!r} cannot be, that effects of '{factor}' are Student-t: a "
        f"name between two bars correlates them across {', '.join(names[:-1])} and {names[-1]}, "
        f"and such effects are normal. Write (... | {factor}) without the name, or leave these "
        "normal and set other factors by their path, such as 'u:<factor>'."
    )


def _no_df(leaf: Leaf, edits: Mapping[str, AnyPrior]) -> BayesmixError:
    law = ":".join(_beside(leaf, "u"))
    fixed = next((p for p in edits.values() if isinstance(p, StudentT)), None)
    if fixed is not None and not isinstance(fixed.nu, Prior):
        return BayesmixError(
            f"The prior of {leaf.origin!r} has nothing to stand on: {fixed!r} has fixed degrees of "
            f"freedom. Write priors={{{law!r}: 'student'}} beside it, or leave it out."
        )
    return BayesmixError(
        f"The prior of {leaf.origin!r} has nothing to stand on: the effects of "
        f"'{leaf.node[1]}' are normal. Write priors={{{law!r}: 'student'}} beside it."
    )


def _with_hyperparameters(leaves: list[Leaf]) -> list[Leaf]:
    """Add the hyperparameters of each prior that was set, once, after the last that has it."""
    last = {leaf.origin: k for k, leaf in enumerate(leaves) if leaf.has_hyperpriors}
    found = []
    for k, leaf in enumerate(leaves):
        found.append(leaf)
        if leaf.has_hyperpriors and last[leaf.origin] == k:
            found += _hyperparameters(leaf, leaf.origin, leaf.prior)
    _check_paths(found)
    return found


def _hyperparameters(leaf: Leaf, path: str, prior: AnyPrior) -> Iterator[Leaf]:
    """Yield the hyperparameters of a prior, those of their priors after each."""
    assert isinstance(prior, Prior)
    form = form_of(prior.distribution, prior.arguments)
    start = f"{leaf.predictor}:" if leaf.predictor else ""
    for name, own in prior.hyperpriors.items():
        support = POSITIVE if form is not None and name in form.positive else REAL
        node = (path.removeprefix(start), name)
        one = Leaf(node, own, own, support=support, predictor=leaf.predictor, is_hyper=True)
        yield one
        yield from _hyperparameters(leaf, one.path, own)


def _check_paths(leaves: list[Leaf]) -> None:
    known = {path for leaf in leaves if not leaf.is_hyper for path in leaf.paths}
    for leaf in leaves:
        if leaf.is_hyper and leaf.path in known:
            raise BayesmixError(
                f"{leaf.path!r} would be both a coefficient and a hyperparameter, the "
                f"{leaf.node[-1]} of the prior of {':'.join(leaf.place[:-1])!r}. Rename the column "
                "of the data."
            )
