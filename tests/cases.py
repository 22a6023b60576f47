"""The table of models that the tests go through. A new feature is a new row."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Group:
    """What a grouping factor of a case must look like."""

    effects: tuple[str, ...]
    n_levels: int
    blocks: tuple[tuple[int, ...], ...]


@dataclasses.dataclass(frozen=True)
class Case:
    """One model: what goes in, and the names and sizes that must come out.

    `lme4` is the name of the same model in lme4.json, under its data set.
    """

    id: str
    formula: str
    dataset: str
    n_rows: int
    terms: tuple[str, ...]
    groups: dict[str, Group] = dataclasses.field(default_factory=dict)
    family: str = "gaussian"
    lme4: str | None = None


def intercepts(n_levels: int) -> Group:
    return Group(("Intercept",), n_levels, ((0,),))


def correlated(*effects: str, n_levels: int) -> Group:
    return Group(effects, n_levels, (tuple(range(len(effects))),))


def uncorrelated(*effects: str, n_levels: int) -> Group:
    return Group(effects, n_levels, tuple((i,) for i in range(len(effects))))


CASES = (
    Case(
        "sleepstudy-intercept",
        "Reaction ~ Days + (1 | Subject)",
        "sleepstudy",
        180,
        ("Intercept", "Days"),
        {"Subject": intercepts(18)},
        lme4="intercept",
    ),
    Case(
        "sleepstudy-slopes",
        "Reaction ~ Days + (1 + Days | Subject)",
        "sleepstudy",
        180,
        ("Intercept", "Days"),
        {"Subject": correlated("Intercept", "Days", n_levels=18)},
        lme4="corr",
    ),
    Case(
        "sleepstudy-uncorrelated",
        "Reaction ~ Days + (Days || Subject)",
        "sleepstudy",
        180,
        ("Intercept", "Days"),
        {"Subject": uncorrelated("Intercept", "Days", n_levels=18)},
        lme4="uncorr",
    ),
    Case(
        "sleepstudy-no-groups",
        "Reaction ~ Days",
        "sleepstudy",
        180,
        ("Intercept", "Days"),
    ),
    Case(
        "sleepstudy-no-intercept",
        "Reaction ~ 0 + Days + (1 | Subject)",
        "sleepstudy",
        180,
        ("Days",),
        {"Subject": intercepts(18)},
    ),
    Case(
        "sleepstudy-transforms",
        "np.log(Reaction) ~ scale(Days) + (scale(Days) | Subject)",
        "sleepstudy",
        180,
        ("Intercept", "scale(Days)"),
        {"Subject": correlated("Intercept", "scale(Days)", n_levels=18)},
    ),
    Case(
        "gpa-intercept",
        "gpa ~ occasion + (1 | student)",
        "gpa",
        1200,
        ("Intercept", "occasion"),
        {"student": intercepts(200)},
        lme4="intercept",
    ),
    Case(
        "gpa-slopes",
        "gpa ~ occasion + (1 + occasion | student)",
        "gpa",
        1200,
        ("Intercept", "occasion"),
        {"student": correlated("Intercept", "occasion", n_levels=200)},
        lme4="corr_slope",
    ),
    Case(
        "gpa-uncorrelated",
        "gpa ~ occasion + (1 | student) + (0 + occasion | student)",
        "gpa",
        1200,
        ("Intercept", "occasion"),
        {"student": uncorrelated("Intercept", "occasion", n_levels=200)},
        lme4="uncorr_slope",
    ),
    Case(
        "gpa-covariates",
        "gpa ~ occasion + sex + highgpa + (1 + occasion | student)",
        "gpa",
        1200,
        ("Intercept", "occasion", "sex[female]", "highgpa"),
        {"student": correlated("Intercept", "occasion", n_levels=200)},
        lme4="covariates",
    ),
    Case(
        "pupils-slopes",
        "achievement ~ ses + (1 + ses | primary_school_id)",
        "pupils_demo",
        1000,
        ("Intercept", "ses[mid]", "ses[high]"),
        {"primary_school_id": correlated("Intercept", "ses[mid]", "ses[high]", n_levels=50)},
        lme4="model_1",
    ),
    Case(
        "pupils-cell-means",
        "achievement ~ ses + (0 + ses | primary_school_id)",
        "pupils_demo",
        1000,
        ("Intercept", "ses[mid]", "ses[high]"),
        {"primary_school_id": correlated("ses[low]", "ses[mid]", "ses[high]", n_levels=50)},
        lme4="model_2",
    ),
    Case(
        "pupils-combinations",
        "achievement ~ ses + (1 | primary_school_id) + (1 | primary_school_id:ses)",
        "pupils_demo",
        1000,
        ("Intercept", "ses[mid]", "ses[high]"),
        {
            "primary_school_id": intercepts(50),
            "primary_school_id:ses": intercepts(148),
        },
        lme4="model_3",
    ),
    Case(
        "penicillin-crossed",
        "diameter ~ 1 + (1 | plate) + (1 | sample)",
        "penicillin",
        144,
        ("Intercept",),
        {"plate": intercepts(24), "sample": intercepts(6)},
        lme4="crossed",
    ),
    Case(
        "pastes-nested",
        "strength ~ 1 + (1 | batch/cask)",
        "pastes",
        60,
        ("Intercept",),
        {"batch": intercepts(10), "batch:cask": intercepts(30)},
        lme4="nested",
    ),
    Case(
        "cbpp-binomial",
        "p(incidence, size) ~ period + (1 | herd)",
        "cbpp",
        56,
        ("Intercept", "period[2]", "period[3]", "period[4]"),
        {"herd": intercepts(15)},
        family="binomial",
        lme4="binomial",
    ),
    Case(
        "counts",
        "y ~ 1 + x + (1 + x | group)",
        "simulated-poisson",
        240,
        ("Intercept", "x"),
        {"group": correlated("Intercept", "x", n_levels=30)},
        family="poisson",
    ),
    Case(
        "yes-no",
        "y ~ 1 + x + (1 | group)",
        "simulated-bernoulli",
        240,
        ("Intercept", "x"),
        {"group": intercepts(30)},
        family="bernoulli",
    ),
)

BY_ID = {case.id: case for case in CASES}
