"""How often LOO, LOGO, the evidence and WAIC pick the model that made the data.

Three questions with a simulated truth: are the effects of a group correlated, are counts Poisson,
does a slope vary by group? Prints the tables of docs/comparing.md.

    python tests/benchmarks/criteria_choice.py
    python tests/benchmarks/criteria_choice.py --data-sets 10 --designs family --keep found.csv

Each data set is a job, and what is in the file that `--keep` names is not done again. A
quarter of an hour of CPU for 40 data sets of each truth.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import time
import warnings
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit
from threadpoolctl import threadpool_limits

import bayesmix as bm

# What `compare` does not call small or unclear, and what Kass & Raftery call strong.
SMALL_DIFFERENCE, STANDARD_ERRORS, STRONG = 4.0, 2.0, 20.0

# Name of a design, of a truth, and number of the data set.
type Job = tuple[str, str, int]
type Found = dict[str, Any]


def rows(rng: np.random.Generator, n_groups: int, each: int) -> pd.DataFrame:
    """Groups, and a covariate whose mean is zero."""
    x = rng.standard_normal(n_groups * each)
    return pd.DataFrame({"g": np.repeat(np.arange(n_groups), each), "x": x - x.mean()})


def correlated(rng: np.random.Generator, correlation: float) -> pd.DataFrame:
    """Normal rows whose intercepts and slopes by group are correlated."""
    data = rows(rng, 50, 10)
    factor = np.linalg.cholesky([[1.0, correlation], [correlation, 1.0]])
    effects = (rng.standard_normal((50, 2)) @ factor.T * [1.0, 0.5])[data["g"]]
    mean = 1.0 + effects[:, 0] + (0.5 + effects[:, 1]) * data["x"]
    return data.assign(y=mean + rng.standard_normal(len(data)))


def counts(rng: np.random.Generator, shape: float) -> pd.DataFrame:
    """Negative binomial counts, or Poisson ones where the shape is infinite."""
    data = rows(rng, 40, 8)
    mean = np.exp(1.0 + 0.3 * data["x"] + 0.5 * rng.standard_normal(40)[data["g"]])
    more = 1.0 if np.isinf(shape) else rng.gamma(shape, 1.0 / shape, len(data))
    return data.assign(y=rng.poisson(mean * more))


def binary(rng: np.random.Generator, sd: float) -> pd.DataFrame:
    """Binary rows whose slopes vary by group with this sd."""
    data = rows(rng, 40, 8)
    intercept, slope = rng.standard_normal((2, 40))[:, data["g"]]
    eta = 0.3 + intercept + (0.5 + sd * slope) * data["x"]
    return data.assign(y=rng.binomial(1, expit(eta)))


@dataclasses.dataclass(frozen=True)
class Design:
    """A question: truths by name, and two models by formula and family, the larger one first.

    The smaller model is right where the truth is `simple`.
    """

    draw: Callable[[np.random.Generator, float], pd.DataFrame]
    truths: Mapping[str, float]
    simple: str
    larger: tuple[str, str]
    smaller: tuple[str, str]


DESIGNS = {
    "correlation": Design(
        correlated,
        {"correlation 0": 0.0, "correlation 0.3": 0.3, "correlation 0.8": 0.8},
        "correlation 0",
        ("y ~ x + (1 + x | g)", "gaussian"),
        ("y ~ x + (1 + x || g)", "gaussian"),
    ),
    "family": Design(
        counts,
        {"Poisson": np.inf, "shape 10": 10.0, "shape 3": 3.0},
        "Poisson",
        ("y ~ x + (1 | g)", "negbinomial"),
        ("y ~ x + (1 | g)", "poisson"),
    ),
    "slope": Design(
        binary,
        {"no slopes": 0.0, "sd 0.5": 0.5, "sd 1": 1.0},
        "no slopes",
        ("y ~ x + (1 + x || g)", "bernoulli"),
        ("y ~ x + (1 | g)", "bernoulli"),
    ),
}


def judged(job: Job) -> list[Found]:
    """Draw data, fit both models, and ask each criterion: a row for each."""
    name, truth, number = job
    design = DESIGNS[name]
    data = design.draw(np.random.default_rng(number), design.truths[truth])
    with warnings.catch_warnings(record=True) as told, threadpool_limits(1):
        warnings.simplefilter("always")
        begun = time.process_time()
        fits = [
            bm.fit(formula, data, family=family, random_seed=number, cores=1, progressbar=False)
            for formula, family in (design.larger, design.smaller)
        ]
        seconds = time.process_time() - begun
        fitted = sum(issubclass(one.category, bm.ConvergenceWarning) for one in told)
        found = [
            by_prediction(fits, "LOO", lambda fit: fit.loo()),
            by_prediction(fits, "LOGO", lambda fit: fit.logo("g")),
            by_evidence(fits),
            by_prediction(fits, "WAIC", lambda fit: fit.waic()),
        ]
        if name == "correlation":
            found.append(by_interval(fits[0]))
    shared = {"design": name, "truth": truth, "number": number}
    return [shared | one | {"fits": seconds, "not converged": fitted} for one in found]


def by_prediction(
    fits: list[bm.MixedFit], criterion: str, ask: Callable[[bm.MixedFit], Any]
) -> Found:
    """Compare by elpd, as `compare` does."""
    begun = time.process_time()
    larger, smaller = (ask(fit) for fit in fits)
    table = bm.compare({"larger": larger, "smaller": smaller})
    seconds = time.process_time() - begun
    difference, se = larger.elpd - smaller.elpd, table["se_Delta"].max() / 2
    k = [result.pareto_k for result in (larger, smaller) if result.pareto_k is not None]
    return {
        "criterion": criterion,
        "difference": float(difference),
        "sure": abs(difference) >= max(SMALL_DIFFERENCE, STANDARD_ERRORS * se),
        "refits": sum(int((np.asarray(one) == 0).sum()) for one in k),
        "doubtful": bool((table["warning"] != "").any()),
        "seconds": seconds,
    }


def by_evidence(fits: list[bm.MixedFit]) -> Found:
    """Compare by the Bayes factor; the difference is its logarithm."""
    begun = time.process_time()
    table = bm.compare(dict(zip(("larger", "smaller"), fits, strict=True)), ic="evidence")
    seconds = time.process_time() - begun
    logs = table["log_evidence"]
    return {
        "criterion": "evidence",
        "difference": float(logs["larger"] - logs["smaller"]),
        "sure": bool(table["Bayes_factor"].min() < 1.0 / STRONG),
        "refits": 0,
        "doubtful": bool((table["warning"] != "").any()),
        "seconds": seconds,
    }


def by_interval(fit: bm.MixedFit) -> Found:
    """Ask whether the 95 % interval of the correlation leaves zero out."""
    begun = time.process_time()
    lower, upper = np.quantile(fit.posterior["cor_g"].values[:, :, 0, 1], [0.025, 0.975])
    return {
        "criterion": "95 % interval",
        # Its sign alone counts.
        "difference": 1.0 if lower > 0 or upper < 0 else -1.0,
        "sure": False,
        "refits": 0,
        "doubtful": False,
        "seconds": time.process_time() - begun,
    }


def table(found: pd.DataFrame) -> str:
    """Return the table of a design."""
    columns = ["truth", "criterion", "right", "surely right", "surely wrong", "mean difference"]
    lines = [[*columns, "refits", "not to be trusted", "CPU s"]]
    for (truth, criterion), part in found.groupby(["truth", "criterion"], sort=False):
        n, difference = len(part), part["difference"]
        simple = DESIGNS[part["design"].iloc[0]].simple
        right = (difference <= 0) if truth == simple else (difference > 0)
        error = difference.std(ddof=1) / np.sqrt(n)
        line = [str(truth), str(criterion), f"{right.sum()} of {n}"]
        if criterion == "95 % interval":
            lines.append([*line, "", "", "", "", "", ""])
            continue
        again = part["refits"]
        line += [f"{(right & part['sure']).sum()}", f"{(~right & part['sure']).sum()}"]
        line += [f"{difference.mean():+.1f} ({error:.1f})", f"{again.sum()} in {(again > 0).sum()}"]
        lines.append([*line, f"{part['doubtful'].sum()}", f"{part['seconds'].mean():.1f}"])
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def job_of(one: Found) -> Job:
    return one["design"], one["truth"], one["number"]


def run(jobs: list[Job], processes: int, keep: Path | None) -> pd.DataFrame:
    """Do the jobs that are not kept yet, and return the rows of all."""
    found: list[Found] = []
    if keep and keep.exists():
        found += [
            {str(name): value for name, value in row.items()}
            for row in pd.read_csv(keep).to_dict("records")
        ]
    done = {job_of(one) for one in found}
    with ProcessPoolExecutor(processes) as pool:
        for future in as_completed([pool.submit(judged, job) for job in jobs if job not in done]):
            found += future.result()
            if keep:
                pd.DataFrame(found).to_csv(keep, index=False)
    return pd.DataFrame([one for one in found if job_of(one) in jobs])


def main() -> None:
    """Run what is not kept yet, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data-sets", type=int, default=40)
    parser.add_argument("--designs", nargs="*", choices=list(DESIGNS), default=list(DESIGNS))
    parser.add_argument("--processes", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    jobs = [
        (design, truth, number)
        for number in range(options.data_sets)
        for design in options.designs
        for truth in DESIGNS[design].truths
    ]
    found = run(jobs, options.processes, options.keep)
    for name in options.designs:
        # In the order of the truths, whichever job was done first.
        truths = list(DESIGNS[name].truths)
        part = found[found["design"] == name].sort_values(
            "truth", key=lambda column, truths=truths: column.map(truths.index), kind="stable"
        )
        fits = part.groupby(["truth", "number"])[["fits", "not converged"]].first()
        seconds, warned = fits["fits"].mean(), fits["not converged"].sum()
        print(f"\n{name}: {len(fits)} data sets; fits of both {seconds:.1f} s of CPU")
        print(f"{warned} of the fits with a warning of convergence\n")
        print(table(part), flush=True)


if __name__ == "__main__":
    main()
