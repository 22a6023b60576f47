"""The whitened method against long runs of NUTS on the joint model, which shares no coordinates.

    python tests/benchmarks/whitened_posterior.py [name ...] [--draws 4000]

For every population effect, sd, correlation and auxiliary: means, sds, 2.5 and 97.5 % quantiles
of both, and their difference in combined Monte-Carlo errors. One line a model, and at the end the
largest of all differences. Four errors are a lot for one number, and what some hundred independent
ones reach once in a hundred runs.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import xarray as xr
from arviz_stats.base import array_stats

import bayesmix as bm

sys.path.insert(0, str(Path(__file__).parents[1]))
from whitened_cases import CASES


def stacked(fit: bm.MixedFit) -> tuple[list[str], np.ndarray]:
    """Draws (parameter, chain, draw) of everything but single levels."""
    from bayesmix.posterior.parameters import parameter_draws

    draws = parameter_draws(fit.design, fit.family, fit.posterior)
    shape = (fit.posterior.sizes["chain"], fit.posterior.sizes["draw"])
    return list(draws), np.array([np.reshape(own, shape) for own in draws.values()])


def figures(draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean, sd and two quantiles (4, k) of draws (k, chain, draw), and their errors."""
    values = [draws.mean(axis=(1, 2)), draws.std(axis=(1, 2), ddof=1)]
    errors = [array_stats.mcse(draws, method="mean"), array_stats.mcse(draws, method="sd")]
    for q in (0.025, 0.975):
        values.append(np.quantile(draws, q, axis=(1, 2)))
        errors.append(array_stats.mcse(draws, method="quantile", prob=q))
    return np.array(values), np.array(errors)


def differences(ours: bm.MixedFit, theirs: bm.MixedFit) -> tuple[list[str], np.ndarray]:
    """Differences (4, k) in combined Monte-Carlo errors."""
    names, mine = stacked(ours)
    (value, error), (other, other_error) = figures(mine), figures(stacked(theirs)[1])
    return names, (value - other) / np.hypot(error, other_error)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=list(CASES))
    parser.add_argument("--draws", type=int, default=4000)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    worst = 0.0
    print(
        "model | parameters | seconds | ESS | NUTS seconds | ESS | divergences | largest difference"
    )
    for name in arguments.names:
        case = CASES[name]
        data = case.data()
        options = {"family": case.family, "random_seed": 1, "progressbar": False} | case.options
        options["draws"] = arguments.draws
        begun = time.process_time()
        ours = bm.fit(case.formula, data, method="whitened", **options)
        seconds = time.process_time() - begun
        begun = time.process_time()
        theirs = bm.fit(
            case.formula,
            data,
            nuts={"target_accept": 0.95},
            tune=2000,
            **options,
        )
        nuts_seconds = time.process_time() - begun
        names, z = differences(ours, theirs)
        place = np.unravel_index(np.nanargmax(np.abs(z)), z.shape)
        worst = max(worst, float(np.nanmax(np.abs(z))))
        which = ("mean", "sd", "2.5 %", "97.5 %")[place[0]]
        ess = [min(fit.diagnostics()[["ess_bulk", "ess_tail"]].min()) for fit in (ours, theirs)]
        print(
            f"{name} | {len(names)} | {seconds:.1f} | {ess[0]:.0f} | {nuts_seconds:.1f} | "
            f"{ess[1]:.0f} | {divergences(theirs.idata)} | "
            f"{z[place]:.1f} ({which} of {names[place[1]]}); rms {np.sqrt(np.nanmean(z**2)):.2f}",
            flush=True,
        )
    print(f"largest of all: {worst:.1f}")


def divergences(idata: xr.DataTree) -> int:
    return int(idata["sample_stats"]["diverging"].sum())


if __name__ == "__main__":
    main()
