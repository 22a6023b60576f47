"""Time the exact method on gpa against Bambi and against NUTS on the joint model.

    python tests/benchmarks/gpa.py --bambi-python ~/bambi/bin/python
    python tests/benchmarks/gpa.py --runs 1          # without Bambi, one run of each side

One process for each run; the sides take turns, so that a busy machine is busy for all of them.
An extra first round fills the compile caches and is left out. Needs ../shared/data/gpa.csv.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path

from measuring import Clock, Figures

GPA = Path(__file__).parents[3] / "shared" / "data" / "gpa.csv"
CORRELATED = "gpa ~ occasion + (1 + occasion | student)"
UNCORRELATED = "gpa ~ occasion + (1 | student) + (0 + occasion | student)"
DRAWS = {"draws": 1000, "tune": 1000, "chains": 4, "random_seed": 1, "progressbar": False}
CORES = os.cpu_count() or 1


def answer(formula: str) -> Figures:
    """From the import to the text of the summary, by the exact method."""
    start = Clock()
    import arviz_stats
    import pandas as pd

    import bayesmix as bm
    from bayesmix.engines import run
    from bayesmix.engines.exact import sampler

    data = pd.read_csv(GPA)
    assert {arviz_stats, sampler, run}
    loaded = Clock()
    fit = bm.fit(formula, data, method="exact", **DRAWS)
    text = str(fit.summary())
    figures = start.figures() | {"fit": loaded.figures()["wall"]}
    assert "Fixed Effects" in text
    return figures


def bambi_answer(sampler: str) -> Figures:
    """From the import to the text of the summary, by Bambi, whose effects are independent."""
    start = Clock()
    import arviz_stats as az
    import bambi
    import pandas as pd

    data = pd.read_csv(GPA)
    loaded = Clock()
    model = bambi.Model(UNCORRELATED, data)
    idata = model.fit(inference_method=sampler, cores=CORES, **DRAWS)
    names = [name for name, values in idata["posterior"].items() if len(values.dims) == 2]
    text = str(az.summary(idata, var_names=names))
    figures = start.figures() | {"fit": loaded.figures()["wall"]}
    assert "occasion" in text
    return figures


def effective_sample(method: str, sampler: str | None = None) -> Figures:
    """Give the smallest bulk ESS and the seconds of `fit`, all libraries loaded before it."""
    import arviz_stats
    import nutpie
    import pandas as pd
    import pymc

    import bayesmix as bm

    data = pd.read_csv(GPA)
    bm.prepare(CORRELATED, data)
    assert {arviz_stats, nutpie, pymc}
    clock = Clock()
    fit = bm.fit(CORRELATED, data, method=method, nuts_sampler=sampler, **DRAWS)
    figures = clock.figures()
    return figures | {"ess": float(fit.diagnostics()["ess_bulk"].min())}


SIDES: dict[str, Callable[[], Figures]] = {
    "exact, correlated": lambda: answer(CORRELATED),
    "exact, uncorrelated": lambda: answer(UNCORRELATED),
    "Bambi, nutpie": lambda: bambi_answer("nutpie"),
    "Bambi, PyMC": lambda: bambi_answer("pymc"),
    "fit, exact": lambda: effective_sample("exact"),
    "fit, NUTS by nutpie": lambda: effective_sample("nuts", "nutpie"),
    "fit, NUTS by PyMC": lambda: effective_sample("nuts", "pymc"),
}


def main(runs: int, bambi_python: str | None, sides: Iterable[str]) -> None:
    if not GPA.exists():
        sys.exit(f"{GPA} is not there: this benchmark needs the gpa data.")
    sides = [side for side in sides if bambi_python or not side.startswith("Bambi")]
    measured: dict[str, list[Figures]] = {side: [] for side in sides}
    for run in range(runs + 1):
        for side in sides:
            python = bambi_python if side.startswith("Bambi") and bambi_python else sys.executable
            figures = in_own_process(side, python)
            if run:
                measured[side].append(figures)
            said = ", ".join(f"{name} {value:.2f}" for name, value in figures.items())
            print(f"{'run ' + str(run) if run else 'warming up'}: {side}: {said}", file=sys.stderr)
    report(runs, measured)


def in_own_process(side: str, python: str) -> Figures:
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [python, __file__, "--side", side],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures


def report(runs: int, measured: dict[str, list[Figures]]) -> None:
    median = {
        side: {name: statistics.median(f[name] for f in figures) for name in figures[0]}
        for side, figures in measured.items()
    }
    for side, figures in measured.items():
        if "ess" in figures[0]:
            for clock in ("wall", "cpu"):
                rates = [f["ess"] / f[clock] for f in figures]
                median[side][f"ess per {clock}"] = statistics.median(rates)
    print(f"Medians of {runs}, 4 x 1000 draws, {CORES} cores, one BLAS thread, caches warm.\n")
    answers = {side: f for side, f in median.items() if "ess" not in f}
    if answers:
        print("From `fit` (or the model) to the text of the summary, and from the import to it:\n")
        bambi = [f for side, f in answers.items() if side.startswith("Bambi")]
        print(
            "| side | seconds from fit | range | Bambi's fastest / this "
            "| seconds from import | Bambi's fastest / this | CPU seconds |"
        )
        print("|---|---|---|---|---|---|---|")
        for side, f in answers.items():
            seconds = [one["fit"] for one in measured[side]]
            ratios = [
                f"{min(b[clock] for b in bambi) / f[clock]:.1f}" if bambi else ""
                for clock in ("fit", "wall")
            ]
            print(
                f"| {side} | {f['fit']:.2f} | {min(seconds):.2f} to {max(seconds):.2f} "
                f"| {ratios[0]} | {f['wall']:.2f} | {ratios[1]} | {f['cpu']:.2f} |"
            )
    fits = {side: f for side, f in median.items() if "ess" in f}
    if fits:
        print("\n`fit` of the correlated model, compile included, libraries loaded:\n")
        exact = fits.get("fit, exact")
        print(
            "| side | seconds | range | CPU seconds | smallest bulk ESS | ESS / s "
            "| exact / this | the same per CPU second |"
        )
        print("|---|---|---|---|---|---|---|---|")
        for side, f in fits.items():
            walls = [one["wall"] for one in measured[side]]
            ratios = [
                f"{exact[rate] / f[rate]:.0f}" if exact else ""
                for rate in ("ess per wall", "ess per cpu")
            ]
            print(
                f"| {side} | {f['wall']:.2f} | {min(walls):.2f} to {max(walls):.2f} "
                f"| {f['cpu']:.2f} | {f['ess']:.0f} | {f['ess per wall']:.0f} "
                f"| {' | '.join(ratios)} |"
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=5, help="runs of each side (default: 5)")
    parser.add_argument("--bambi-python", help="Python of an environment with Bambi and nutpie")
    parser.add_argument("--sides", nargs="*", default=list(SIDES), choices=list(SIDES))
    parser.add_argument("--side", choices=list(SIDES), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side:
        warnings.simplefilter("ignore")
        print(json.dumps(SIDES[arguments.side]()))
    else:
        main(arguments.runs, arguments.bambi_python, arguments.sides)
