"""Fit the models that lme4 has fitted too, and print the comparison as Markdown tables.

    python tests/benchmarks/against_lme4.py              # all of them, a few minutes
    python tests/benchmarks/against_lme4.py gpa-slopes   # some, by the ids of tests/cases.py
    python tests/benchmarks/against_lme4.py --method auto

Needs the data and lme4's estimates in ../shared/data.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

import bayesmix as bm
from bayesmix.posterior.drawn import divergences

sys.path.insert(0, str(Path(__file__).parents[1]))

from cases import BY_ID, Case
from lme4_comparison import fixed_effects, group_effects, group_sds, residual_sd

SHARED_DATA = Path(__file__).parents[3] / "shared" / "data"
SEED = 1
CASES = (
    "gpa-intercept",
    "gpa-slopes",
    "gpa-uncorrelated",
    "sleepstudy-slopes",
    "sleepstudy-uncorrelated",
    "penicillin-crossed",
    "pastes-nested",
    "cbpp-binomial",
    "pupils-slopes",
    "pupils-cell-means",
    "pupils-combinations",
)


def main(case_ids: Iterable[str], method: str) -> None:
    lme4 = json.loads((SHARED_DATA / "lme4.json").read_text())
    sampling, fixed, sds, effects = [], [], [], []
    for case_id in case_ids:
        case = BY_ID[case_id]
        reference = lme4["fits"][case.dataset][case.lme4]
        fit = sampled(case, load(lme4["datasets"][case.dataset]), method)
        sampling.append(sampling_row(case_id, fit, residual_sd(fit, reference), reference))
        fixed.append(fixed_effects(fit, reference).assign(model=case_id))
        sds.append(group_sds(fit, reference).assign(model=case_id))
        effects.append(group_effects(fit, reference).assign(model=case_id))
        print(f"{case_id}: {sampling[-1][2]} s", file=sys.stderr, flush=True)
    print(
        f"method={method!r}, default priors, 4 x 1000 draws, seed {SEED}, {os.cpu_count()} cores, "
        f"bayesmix {bm.__version__}; seconds of sampling include compiling.\n"
    )
    print_table(
        "Sampling and residual sd",
        "model | method | seconds | worst R-hat | smallest bulk ESS | divergences "
        "| residual sd, ours / lme4 | lme4 singular",
        sampling,
    )
    print_table(
        "Fixed effects: posterior mean minus lme4's estimate, in lme4's standard errors",
        "model | term | ours | lme4 | lme4's se | difference | Monte-Carlo error",
        [
            (
                row.model,
                row.term,
                *figures(row.value, row.lme4, row.lme4_se),
                f"{row.difference:+.3f}",
                f"{row.mcse:.3f}",
            )
            for row in pd.concat(fixed).itertuples()
        ],
    )
    print_table(
        "Group sds: posterior mean and 80 % interval",
        "model | group | effect | levels | ours | 80 % interval | lme4 | ours / lme4 | inside",
        [
            (
                row.model,
                row.group,
                row.effect,
                row.levels,
                *figures(row.sd),
                " to ".join(figures(row.sd_10, row.sd_90)),
                *figures(row.lme4),
                f"{row.sd / row.lme4:.3f}",
                "yes" if row.inside else "no",
            )
            for row in pd.concat(sds).itertuples()
        ],
    )
    print_table(
        "Group effects: posterior means against conditional modes",
        "model | group | effect | levels | correlation | slope",
        [
            (
                row.model,
                row.group,
                row.effect,
                row.levels,
                f"{row.correlation:.5f}",
                f"{row.slope:.3f}",
            )
            for row in pd.concat(effects).itertuples()
        ],
    )


def load(description: dict[str, Any]) -> pd.DataFrame:
    levels = {
        column: facts["levels"]
        for column, facts in description["columns"].items()
        if facts["type"] == "categorical"
    }
    data = pd.read_csv(SHARED_DATA / description["file"], dtype=dict.fromkeys(levels, str))
    categories = {column: pd.Categorical(data[column], levels[column]) for column in levels}
    return data.assign(**categories)


def sampled(case: Case, data: pd.DataFrame, method: str) -> bm.MixedFit:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bm.ConvergenceWarning)
        return bm.fit(
            case.formula,
            data,
            family=case.family,
            method=method,
            random_seed=SEED,
            progressbar=False,
        )


def sampling_row(
    case_id: str, fit: bm.MixedFit, residual: float, reference: dict[str, Any]
) -> tuple[object, ...]:
    table = fit.diagnostics()
    return (
        case_id,
        fit.idata.attrs["method"],
        f"{fit.idata.attrs['seconds']:.1f}",
        f"{table['r_hat'].max():.3f}",
        f"{table['ess_bulk'].min():.0f}",
        divergences(fit.idata),
        "" if pd.isna(residual) else f"{residual:.3f}",
        "yes" if reference["singular"] else "",
    )


def figures(*values: float) -> list[str]:
    return [f"{value:#.4g}" for value in values]


def print_table(title: str, header: str, rows: Iterable[tuple[object, ...]]) -> None:
    print(f"### {title}\n\n| {header} |")
    print("|" + "---|" * (header.count("|") + 1))
    for row in rows:
        print(f"| {' | '.join(map(str, row))} |")
    print()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("cases", nargs="*", default=CASES, metavar="case")
    parser.add_argument("--method", default="nuts", choices=("nuts", "auto"))
    arguments = parser.parse_args()
    main(arguments.cases, arguments.method)
