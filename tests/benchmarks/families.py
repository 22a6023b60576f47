"""Time families against Bambi with nutpie, from the call to the summary: 1,500 rows of 100 groups.

    python tests/benchmarks/families.py --bambi-python ~/bambi/bin/python
    python tests/benchmarks/families.py --cases beta sratio --runs 1     # without Bambi

One process for each fit, whose libraries are loaded before the clock starts; the sides take turns.
A round before the others fills the compile caches on the disk, and is left out. Data are simulated
from known parameters. CPU seconds count all threads, and depend less than others on what else the
machine does.
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
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from measuring import Clock, Figures
from whitened import (
    CORES,
    DRAWS,
    SIDES,
    figures_of_bambi,
    figures_of_bayesmix,
    load_bambi,
    load_bayesmix,
)

GROUPS, EACH = 100, 15
FORMULA = "y ~ x + (1 | g)"


@dataclasses.dataclass(frozen=True)
class Case:
    """A family in the words of both sides, and responses from a linear predictor and x.

    Without a name for Bambi only bayesmix is measured.
    """

    draw: Callable[[np.random.Generator, Any, Any], Any]
    family: str
    of_bambi: str = ""
    predictors: Mapping[str, str] = dataclasses.field(default_factory=dict)
    is_ordered: bool = False


def cumulative(rng: np.random.Generator, eta: Any, x: Any) -> Any:
    return 1 + (rng.logistic(eta - 0.5)[:, None] > [-1.0, 0.0, 1.2, 2.0]).sum(axis=1)


def sratio(rng: np.random.Generator, eta: Any, x: Any) -> Any:
    """Take steps as long as a latent number is above the threshold of each."""
    goes_on = rng.logistic(eta[:, None] - 0.5, size=(len(eta), 4)) > [-1.0, -0.5, 0.0, 0.5]
    return 1 + goes_on.cumprod(axis=1).sum(axis=1)


def hurdle(rng: np.random.Generator, eta: Any, x: Any) -> Any:
    counts = rng.poisson(np.exp(eta))
    while (counts == 0).any():
        counts = np.where(counts == 0, rng.poisson(np.exp(eta)), counts)
    return counts * (rng.random(len(eta)) > 0.3)


def excess_zeros(rng: np.random.Generator, eta: Any, x: Any) -> Any:
    counts = rng.poisson(np.exp(eta + 0.5) * rng.gamma(2.0, 0.5, len(eta)))
    return counts * (rng.random(len(eta)) > 1 / (1 + np.exp(1 - 0.5 * x)))


def share(rng: np.random.Generator, eta: Any, x: Any) -> Any:
    mean = 1 / (1 + np.exp(-eta))
    return np.clip(rng.beta(10 * mean, 10 * (1 - mean)), 1e-6, 1 - 1e-6)


CASES = {
    "negbinomial": Case(
        lambda rng, eta, x: rng.poisson(np.exp(eta) * rng.gamma(2.0, 0.5, len(eta))),
        "negbinomial",
        "negativebinomial",
    ),
    "zero_inflated_poisson": Case(
        lambda rng, eta, x: rng.poisson(np.exp(eta)) * (rng.random(len(eta)) > 0.25),
        "zero_inflated_poisson",
        "zero_inflated_poisson",
    ),
    "hurdle_poisson": Case(hurdle, "hurdle_poisson", "hurdle_poisson"),
    "beta": Case(share, "beta", "beta"),
    "gamma": Case(lambda rng, eta, x: rng.gamma(2.0, np.exp(eta) / 2), "gamma", "gamma"),
    "student": Case(lambda rng, eta, x: eta + rng.standard_t(4, len(eta)), "student", "t"),
    "cumulative": Case(cumulative, "cumulative", "cumulative", is_ordered=True),
    "sratio": Case(sratio, "sratio", "sratio", is_ordered=True),
    "gaussian, sigma ~ x": Case(
        lambda rng, eta, x: rng.normal(eta, np.exp(-0.2 + 0.3 * x)),
        "gaussian",
        "gaussian",
        {"sigma": "~ x"},
    ),
    "cumulative(probit)": Case(cumulative, "cumulative(probit)"),
    "cumulative(cloglog)": Case(cumulative, "cumulative(cloglog)"),
    "cumulative(cauchit)": Case(cumulative, "cumulative(cauchit)"),
    "sratio(probit)": Case(sratio, "sratio(probit)"),
    "acat(probit)": Case(sratio, "acat(probit)"),
    "zero_inflated_negbinomial, zi ~ x": Case(
        excess_zeros, "zero_inflated_negbinomial", predictors={"zi": "~ x"}
    ),
    "hurdle_negbinomial, hu ~ x": Case(
        excess_zeros, "hurdle_negbinomial", predictors={"hu": "~ x"}
    ),
    "beta, phi ~ x": Case(share, "beta", predictors={"phi": "~ x"}),
    "exgaussian": Case(
        lambda rng, eta, x: eta + rng.normal(0, 0.2, len(eta)) + rng.exponential(0.4, len(eta)),
        "exgaussian",
    ),
}


def data_of(case: Case) -> Any:
    import pandas as pd

    rng = np.random.default_rng(1)
    g = np.repeat(np.arange(GROUPS), EACH)
    x = rng.normal(size=len(g))
    eta = 0.5 + 0.4 * x + 0.5 * rng.normal(size=GROUPS)[g]
    return pd.DataFrame({"y": case.draw(rng, eta, x), "x": x, "g": [f"g{one}" for one in g]})


def by_bayesmix(case: Case, data: Any) -> Figures:
    import bayesmix as bm

    clock = Clock()
    fit = bm.fit(FORMULA, data, family=case.family, **DRAWS, **case.predictors)
    assert "worst R-hat" in str(fit.summary())
    return {**clock.figures(), **figures_of_bayesmix(fit)}


def by_bambi(case: Case, data: Any) -> Figures:
    import arviz_stats as az
    import bambi

    if case.is_ordered:
        import pandas as pd

        data = data.assign(y=pd.Categorical(data["y"], ordered=True))
    clock = Clock()
    # Bambi's ordinal families want the formula without an intercept, its gamma another link.
    formula = FORMULA.replace("~", "~ 0 +") if case.is_ordered else FORMULA
    further = [f"{name} {right}" for name, right in case.predictors.items()]
    link = {"link": "log"} if case.of_bambi == "gamma" else {}
    model = bambi.Model(bambi.Formula(formula, *further), data, family=case.of_bambi, **link)
    idata = model.fit(inference_method="nutpie", cores=CORES, **DRAWS)
    names = [one for one in idata["posterior"] if "|" not in one or one.endswith("_sigma")]
    table = az.summary(idata, var_names=names, round_to="none")
    return {**clock.figures(), **figures_of_bambi((idata, table))}


def run_side(side: str, name: str, path: str) -> Figures:
    """Fit in this process, and return what it took."""
    import pandas as pd

    load = {"bayesmix": load_bayesmix, "Bambi": load_bambi}[side]
    answer = {"bayesmix": by_bayesmix, "Bambi": by_bambi}[side]
    data = pd.read_csv(path)
    load()
    return answer(CASES[name], data)


def in_own_process(side: str, name: str, path: Path, python: str) -> Figures:
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [python, __file__, "--side", side, "--cases", name, "--data", str(path)],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures


def compared(name: str, python_of: Mapping[str, str], runs: int) -> dict[str, Figures]:
    """Run the sides in turn, and take the medians."""
    measured: dict[str, list[Figures]] = {side: [] for side in python_of}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.csv"
        data_of(CASES[name]).to_csv(path, index=False)
        for run in range(runs + 1):
            for side, python in python_of.items():
                found = in_own_process(side, name, path, python)
                if run:
                    measured[side].append(found)
    return {
        side: {key: statistics.median(one[key] for one in found) for key in found[0]}
        for side, found in measured.items()
    }


HEADER = (
    "| family | seconds | CPU | bulk ESS | tail ESS | Bambi: seconds | CPU | bulk ESS | tail ESS "
)
RATIOS = "| CPU, ratio | ESS per CPU second, ratio |"


def main(runs: int, bambi_python: str | None, names: list[str]) -> None:
    sides = SIDES if bambi_python else SIDES[:1]
    python_of = dict(zip(sides, (sys.executable, bambi_python or ""), strict=False))
    print(f"Medians of {runs}, {GROUPS * EACH} rows, 4 x 1000 draws, {CORES} cores.\n")
    print(HEADER + RATIOS)
    print("|---" * ((HEADER + RATIOS).count("|") - 1) + "|", flush=True)
    for name in names:
        own_sides = sides if CASES[name].of_bambi else SIDES[:1]
        found = compared(name, {side: python_of[side] for side in own_sides}, runs)
        cells = [
            f"{found[side][key]:{'.1f' if key in ('wall', 'cpu') else '.0f'}}"
            for side in own_sides
            for key in ("wall", "cpu", "bulk", "tail")
        ]
        if len(own_sides) == 2:
            own, other = (found[side] for side in SIDES)
            rates = [min(one["bulk"], one["tail"]) / one["cpu"] for one in (own, other)]
            cells += [f"{other['cpu'] / own['cpu']:.1f}", f"{rates[0] / rates[1]:.1f}"]
        print(f"| `{name}` | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=3, help="runs of each side (default: 3)")
    parser.add_argument("--bambi-python", help="Python of an environment with Bambi and nutpie")
    parser.add_argument("--cases", nargs="*", default=list(CASES), choices=list(CASES))
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--data", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side:
        warnings.simplefilter("ignore")
        print(json.dumps(run_side(arguments.side, arguments.cases[0], arguments.data)))
    else:
        main(arguments.runs, arguments.bambi_python, arguments.cases)
