"""Simulation-based calibration of a method: prior draw, data, fit, rank.

    python tests/benchmarks/calibration.py                     # 300 replications of each design
    python tests/benchmarks/calibration.py --method whitened
    python tests/benchmarks/calibration.py --method families
    python tests/benchmarks/calibration.py --replications 50 --designs nested

Parameters and data come from the joint PyMC model, the fits from the method. Prints the tables of
docs/calibration.md and draws its figure; ends with 1 if a rank is not uniform, a fit is not by the
method or a method that is wrong on purpose passes.
"""

from __future__ import annotations

import argparse
import functools
import pickle
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.calibrating.breaking import BROKEN
from benchmarks.calibrating.designs import DESIGNS, CalibrationDesign
from benchmarks.calibrating.fits import SEED, Calibration, calibrate
from benchmarks.calibrating.report import report

IMAGES = Path(__file__).parents[2] / "docs" / "images"
FIGURES = {
    "exact": IMAGES / "calibration.png",
    "whitened": IMAGES / "calibration_whitened.png",
    "families": IMAGES / "calibration_families.png",
}


def calibrated(
    arguments: argparse.Namespace, design: CalibrationDesign, seed: int, broken: str | None = None
) -> Calibration:
    """Calibrate, or read what an earlier run kept."""
    title = f"{design.name}, {broken}" if broken else design.name
    kept = arguments.keep and arguments.keep / f"{title}.pickle"
    if kept and kept.exists():
        return pickle.loads(kept.read_bytes())
    calibration = calibrate(
        design,
        arguments.replications,
        draws=arguments.draws,
        processes=arguments.processes,
        random_seed=seed,
        broken=broken,
        report=functools.partial(say, title),
    )
    if kept:
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(pickle.dumps(calibration))
    return calibration


def say(title: str, done: int) -> None:
    if done % 25 == 0:
        print(f"{title}: {done}", file=sys.stderr, flush=True)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    names = [design.name for designs in DESIGNS.values() for design in designs]
    parser.add_argument("--method", choices=list(DESIGNS), default="exact")
    parser.add_argument("--replications", type=int, default=300, help="fits of each design")
    parser.add_argument("--draws", type=int, default=1000, help="draws per chain of each fit")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--designs", nargs="*", choices=names, help="all those of the method")
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--keep", type=Path, help="folder of fits that need not be repeated")
    return parser.parse_args()


def main() -> int:
    arguments = parsed()
    designs = {
        SEED + number: design
        for number, design in enumerate(DESIGNS[arguments.method])
        if not arguments.designs or design.name in arguments.designs
    }
    done = {seed: calibrated(arguments, design, seed) for seed, design in designs.items()}
    seed = list(done)[min(1, len(done) - 1)]
    broken = {"sds multiplied by 1.1": done[seed].scaled_sds(1.1)}
    if arguments.method == "whitened":
        broken |= {what: calibrated(arguments, designs[seed], seed, what) for what in BROKEN}
    figure = arguments.figure or FIGURES[arguments.method]
    return 0 if report(list(done.values()), broken, figure) else 1


if __name__ == "__main__":
    sys.exit(main())
