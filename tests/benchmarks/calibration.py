"""Simulation-based calibration of the exact method: prior draw, data, fit, rank.

    python tests/benchmarks/calibration.py                     # 300 replications of each design
    python tests/benchmarks/calibration.py --replications 50 --designs nested

Parameters and data come from the joint PyMC model, the fits from the exact method. Prints the
tables of docs/calibration.md and draws its figure; ends with 1 if a rank is not uniform or a fit is
not by the exact method.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import functools
import multiprocessing
import os
import sys
import time
import unittest.mock
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr
from scipy import stats

import bayesmix as bm
from bayesmix.engines.exact.engine import Exact
from bayesmix.engines.exact.sampler import Limits
from bayesmix.engines.nuts.engine import Nuts
from bayesmix.engines.run import sample
from bayesmix.model.centring import sd_variable
from bayesmix.model.options import SampleOptions
from bayesmix.model.spec import ModelSpec
from bayesmix.posterior.parameters import parameter_draws

type FloatArray = npt.NDArray[np.float64]
type IntArray = npt.NDArray[np.int64]

ALPHA = 0.01
KEPT = 99  # draws of a fit that a rank is taken among: ranks are 0 .. 99
BINS = 20
SEED = 20261122
FIGURE = Path(__file__).parents[2] / "docs" / "images" / "calibration.png"


@dataclasses.dataclass(frozen=True)
class CalibrationDesign:
    """A formula, its rows and fixed priors.

    `dear` takes the way of large models: a short adaptation and, where the proposal is good,
    one long chain in place of many short ones.
    """

    name: str
    formula: str
    levels: Mapping[str, int]
    rows_per_cell: int
    priors: Mapping[str, bm.Prior | bm.LKJ]
    weights: str | None = None
    dear: bool = False

    def frame(self) -> pd.DataFrame:
        """Every combination of the levels, with covariates and a response to be replaced."""
        cells = pd.MultiIndex.from_product([range(n) for n in self.levels.values()])
        data = cells.to_frame(index=False, name=list(self.levels))
        data = data.loc[data.index.repeat(self.rows_per_cell)].reset_index(drop=True)
        rng = np.random.default_rng(7)
        for name in ("x", "z", "y"):
            data[name] = rng.standard_normal(len(data))
        data["w"] = rng.uniform(0.3, 3, len(data))
        data["far"] = data["x"] + 20 * data["x"].std()
        return data

    def spec(self, y: FloatArray | None = None) -> ModelSpec:
        """The model; a response that is given does not move the defaults of its priors."""
        with warnings.catch_warnings():
            # As many effects as rows: calibration does not mind.
            warnings.simplefilter("ignore", bm.DesignWarning)
            spec = bm.prepare(
                self.formula, self.frame(), priors=dict(self.priors), weights=self.weights
            )
        if y is None:
            return spec
        return dataclasses.replace(spec, design=dataclasses.replace(spec.design, y=y))


# The families of the default priors, on a fixed scale.
EXPONENTIAL = {
    "Intercept": bm.Prior("Normal", mu=1, sigma=2.5),
    "beta": bm.Prior("Normal", mu=0, sigma=2.5),
    "sd": bm.Prior("Exponential", lam=1),
    "sigma": bm.Prior("Exponential", lam=1),
}
OTHERS = {
    "Intercept": bm.Prior("Normal", mu=-1, sigma=2),
    "beta": bm.Prior("Normal", mu=0.5, sigma=1),
    "sd": bm.Prior("HalfNormal", sigma=1),
    "sigma": bm.Prior("Gamma", alpha=2, beta=2),
}

DESIGNS = (
    CalibrationDesign(
        "3 x 3 block",
        "y ~ x + z + (x + z | g)",
        {"g": 6},
        3,
        EXPONENTIAL | {"cor": bm.LKJ(1)},
    ),
    CalibrationDesign(
        "2 x 2 block",
        "y ~ x + (x | g)",
        {"g": 15},
        5,
        EXPONENTIAL | {"cor": bm.LKJ(1)},
    ),
    # The default prior of the intercept's sd, so that the block is centred.
    CalibrationDesign(
        "2 x 2 block, mean(x) = 20 sd(x)",
        "y ~ far + (far | g)",
        {"g": 15},
        5,
        {name: prior for name, prior in EXPONENTIAL.items() if name != "sd"}
        | {"sd:g:far": bm.Prior("Exponential", lam=1), "cor": bm.LKJ(1)},
    ),
    CalibrationDesign("nested", "y ~ x + (1 | a/b)", {"a": 5, "b": 3}, 3, OTHERS),
    CalibrationDesign(
        "crossed, weighted",
        "y ~ x + (x | g) + (1 | h)",
        {"g": 8, "h": 6},
        1,
        OTHERS | {"cor": bm.LKJ(2)},
        weights="w",
    ),
    CalibrationDesign(
        "2 x 2 block, long chains",
        "y ~ x + (x | g)",
        {"g": 15},
        5,
        EXPONENTIAL | {"cor": bm.LKJ(1)},
        dear=True,
    ),
)


@dataclasses.dataclass(frozen=True, eq=False)
class Replication:
    """One fit: what it drew, by quantity, and what it said.

    `draws` is None where the exact method gave up. `steps` is 1 for long chains.
    """

    draws: dict[str, FloatArray] | None
    warned: Counter[str]
    steps: int


@dataclasses.dataclass(frozen=True, eq=False)
class Calibration:
    """All replications of one design.

    Attributes
    ----------
    truth : dict of ndarray, shape (replications,)
        Each quantity at the parameters and data that were simulated.
    draws : dict of ndarray, shape (replications, KEPT)
        Each quantity at the draws of the fits.
    fell_back : int
        Fits that would have called NUTS; they are not among the replications.
    warned : Counter
        Fits that warned, by the kind of warning.
    """

    design: CalibrationDesign
    truth: dict[str, FloatArray]
    draws: dict[str, FloatArray]
    fell_back: int
    warned: Counter[str]
    steps: IntArray
    seconds: float

    def ranks(self) -> dict[str, IntArray]:
        """Rank of the truth among the draws, 0 to KEPT, shape (replications,)."""
        return {
            name: (self.draws[name] < truth[:, None]).sum(axis=1)
            for name, truth in self.truth.items()
        }

    def scaled_sds(self, factor: float) -> Calibration:
        """Return what a method would give whose sds are wrong by a factor."""
        draws = {
            name: values * factor if name.startswith("sd:") else values
            for name, values in self.draws.items()
        }
        return dataclasses.replace(self, draws=draws)


class _FellBackError(Exception):
    """The fit would have called NUTS."""


def calibrate(
    design: CalibrationDesign,
    replications: int,
    *,
    draws: int = 1000,
    processes: int = 2,
    random_seed: int = SEED,
) -> Calibration:
    """Simulate from the prior and fit, again and again."""
    start = time.perf_counter()
    prior_seed, *seeds = np.random.SeedSequence(random_seed).generate_state(replications + 1)
    spec = design.spec()
    prior = spec.sample_prior(replications, random_seed=int(prior_seed))
    (responses,) = prior["prior_predictive"].dataset.data_vars.values()
    y = responses.values[0]
    truth = ranked_quantities(spec, prior["prior"].dataset, y)
    # The BLAS of the processes must know before it is loaded.
    with (
        unittest.mock.patch.dict(os.environ, OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1"),
        ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool,
    ):
        fits = list(pool.map(functools.partial(replicate, design, draws), y, map(int, seeds)))
    kept = np.array([fit.draws is not None for fit in fits])
    return Calibration(
        design,
        {name: values[kept] for name, values in truth.items()},
        {
            name: np.array([fit.draws[name] for fit in fits if fit.draws is not None])
            for name in truth
        },
        int((~kept).sum()),
        sum((fit.warned for fit in fits), start=Counter[str]()),
        np.array([fit.steps for fit in fits if fit.draws is not None]),
        time.perf_counter() - start,
    )


def replicate(design: CalibrationDesign, draws: int, y: FloatArray, seed: int) -> Replication:
    """Fit one simulated response."""
    exact = Exact(Limits(dear_step=0.0)) if design.dear else Exact()
    with (
        unittest.mock.patch.object(Nuts, "draw", side_effect=_FellBackError),
        _counted() as warned,
    ):
        try:
            options = SampleOptions(
                method="exact",
                draws=draws,
                chains=4,
                cores=1,
                random_seed=seed,
                progressbar=False,
            )
            spec = design.spec(y)
            idata = sample(spec, options, engines=(exact, Nuts()))
        except _FellBackError:
            return Replication(None, warned, 0)
        posterior = idata["posterior"].dataset.stack(sample=("chain", "draw"), create_index=False)
        places = np.linspace(0, posterior.sizes["sample"] - 1, KEPT).round().astype(int)
        thinned = posterior.isel(sample=places).drop_vars(["chain", "draw"])
        thinned = thinned.rename(sample="draw").expand_dims("chain")
        quantities = ranked_quantities(spec, thinned, y)
        steps = idata["sample_stats"].attrs["steps"]
        return Replication(quantities, warned, steps)


def ranked_quantities(spec: ModelSpec, draws: xr.Dataset, y: FloatArray) -> dict[str, FloatArray]:
    """Compute all that is ranked, each of shape (draws,), from one chain of draws.

    Parameters and some group effects; and three quantities that depend on the data too: the
    log likelihood given the group effects, with these integrated out (given beta and theta),
    and the log density of data and all parameters. `y` has one row for each draw, or one for all.
    """
    draws = draws.isel(chain=0).transpose("draw", ...)
    design, priors = spec.design, spec.priors
    by_chain = parameter_draws(design, spec.family, draws.expand_dims("chain"))
    values = {name: one[0] for name, one in by_chain.items()}
    weights = np.ones(design.n_rows) if design.weights is None else design.weights
    beta, sigma = draws["beta"].values, draws["sigma"].values
    noise = sigma[:, None] ** 2 / weights
    centred = y - beta @ design.X.T
    covariance = noise[:, :, None] * np.eye(design.n_rows)
    residual = centred
    assert priors.intercept is not None
    joint = priors.intercept.log_density(draws["Intercept_centred"].values)
    joint = joint + priors.auxiliary["sigma"].log_density(sigma)
    for prior, slope in zip(priors.beta, draws["slope"].values.T, strict=True):
        joint = joint + prior.log_density(slope)
    for term in design.groups:
        u = draws[f"u_{term.factor}"].transpose("draw", term.dim, term.effect_dim).values
        for level in (0, term.n_levels - 1):
            for i, effect in enumerate(term.effects):
                values[f"u:{term.factor}:{term.levels[level]}:{effect}"] = u[:, level, i]
        residual = residual - term.dot(u)
        sd = draws[f"sd_{term.factor}"].values
        own = sd[:, :, None] * sd[:, None, :] * np.eye(term.n_effects)
        pairs = spec.correlations(term)
        if len(pairs):
            cor = draws[f"cor_{term.factor}"]
            cor = cor.transpose("draw", term.effect_dim, term.effect_dim_bis)
            own = sd[:, :, None] * sd[:, None, :] * cor.values
            share, shapes = draws[f"lkj_{term.factor}"].values, pairs.shapes.T
            joint = joint + stats.beta.logpdf(share, *shapes).sum(axis=1)
        together = term.codes[:, None] == term.codes
        covariance = covariance + together * (term.Z @ own @ term.Z.T)
        with_prior = draws[sd_variable(spec, term)].values
        for i, prior in enumerate(priors.sd[term.factor]):
            joint = joint + prior.log_density(with_prior[:, i])
        zeta = draws[f"zeta_{term.factor}"].values
        joint = joint + stats.norm.logpdf(zeta).sum(axis=(1, 2))
    conditional = stats.norm.logpdf(residual, scale=np.sqrt(noise)).sum(axis=1)
    factor = np.linalg.cholesky(covariance)
    white = np.linalg.solve(factor, centred[..., None])[..., 0]
    log_determinant = np.log(np.diagonal(factor, axis1=1, axis2=2)).sum(axis=1)
    values["log likelihood"] = conditional
    values["log likelihood, no u"] = stats.norm.logpdf(white).sum(axis=1) - log_determinant
    values["log joint"] = conditional + joint
    return values


@contextlib.contextmanager
def _counted() -> Iterator[Counter[str]]:
    """Count warnings by kind, instead of showing them."""
    counter: Counter[str] = Counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield counter
        finally:
            counter.update({warning.category.__name__ for warning in caught})


def chi_square_p(ranks: IntArray) -> float:
    """P value of equal shares of the ranks in equal bins."""
    counts = np.bincount(ranks * BINS // (KEPT + 1), minlength=BINS)
    return float(stats.chisquare(counts).pvalue)


class Envelope:
    """Simultaneous envelope of the ECDF of n uniform ranks, its probability exact.

    The band holds the counts that are not in either tail of their binomial distribution, of
    probability gamma / 2 each, at all possible ranks at once. The counts are a Markov chain with
    binomial steps, so that the probability to stay within a band is a product of matrices.

    References
    ----------
    Saeilynoja, Buerkner & Vehtari (2022), Statistics and Computing 32, 32,
    https://doi.org/10.1007/s11222-022-10090-6
    """

    def __init__(self, n: int) -> None:
        self.n = n
        self.at = np.arange(1, KEPT + 1) / (KEPT + 1)
        counts = np.arange(n + 1)
        below = stats.binom.cdf(counts, n, self.at[:, None])
        above = stats.binom.sf(counts - 1, n, self.at[:, None])
        self.tail = 2 * np.minimum(below, above)
        steps = counts - counts[:, None]
        self.transitions = [
            stats.binom.pmf(steps, n - counts[:, None], 1 / (KEPT + 1 - k)) for k in range(KEPT)
        ]

    def counts(self, ranks: IntArray) -> IntArray:
        """How many of the ranks are below 1, .., KEPT."""
        return np.searchsorted(np.sort(ranks), np.arange(1, KEPT + 1))

    def gamma(self, ranks: IntArray) -> float:
        """Smallest tail probability that the ECDF reaches anywhere."""
        return float(self.tail[np.arange(KEPT), self.counts(ranks)].min())

    def leaves(self, gamma: npt.ArrayLike) -> FloatArray:
        """Probability that the ECDF of uniform ranks reaches a tail of probability gamma."""
        gammas = np.atleast_1d(np.asarray(gamma, dtype=np.float64))
        inside = np.zeros((len(gammas), self.n + 1))
        inside[:, 0] = 1
        for transition, tail in zip(self.transitions, self.tail, strict=True):
            inside = (inside @ transition) * (tail > gammas[:, None])
        return np.asarray(1 - inside.sum(axis=1))

    def band(self, alpha: float) -> tuple[FloatArray, FloatArray]:
        """Lowest and highest ECDF at `at` of the envelope that is left with probability alpha."""
        lower, upper = 0.0, alpha
        for _ in range(40):
            middle = (lower + upper) / 2
            lower, upper = (middle, upper) if self.leaves(middle)[0] <= alpha else (lower, middle)
        within = self.tail > lower
        lowest = within.argmax(axis=1)
        highest = self.n - within[:, ::-1].argmax(axis=1)
        return lowest / self.n, highest / self.n


envelope = functools.lru_cache(maxsize=8)(Envelope)


def judge(calibration: Calibration) -> pd.DataFrame:
    """Test each quantity: ``design, quantity, mean rank, chi_square, ecdf``.

    The mean rank is divided by its largest value; the last two columns are p values.
    """
    ranks = calibration.ranks()
    by_ecdf = envelope(len(next(iter(ranks.values()))))
    return pd.DataFrame(
        {
            "design": calibration.design.name,
            "quantity": list(ranks),
            "mean rank": [one.mean() / KEPT for one in ranks.values()],
            "chi_square": [chi_square_p(one) for one in ranks.values()],
            "ecdf": by_ecdf.leaves([by_ecdf.gamma(one) for one in ranks.values()]),
        }
    )


def holm(p: npt.ArrayLike) -> FloatArray:
    """P values adjusted for their number (Holm 1979), shape kept.

    References
    ----------
    Holm (1979), Scandinavian Journal of Statistics 6, 65-70, https://www.jstor.org/stable/4615733
    """
    values = np.asarray(p, dtype=np.float64)
    flat = values.ravel()
    order = np.argsort(flat)
    adjusted = np.empty_like(flat)
    adjusted[order] = np.maximum.accumulate(flat[order] * np.arange(len(flat), 0, -1))
    return np.minimum(adjusted, 1).reshape(values.shape)


def adjusted(table: pd.DataFrame) -> pd.DataFrame:
    """Add the columns ``chi_square_holm`` and ``ecdf_holm``, over both tests of all quantities."""
    both = holm(table[["chi_square", "ecdf"]].to_numpy())
    return table.assign(chi_square_holm=both[:, 0], ecdf_holm=both[:, 1])


def design_table(calibrations: Sequence[Calibration], table: pd.DataFrame) -> str:
    lines = [
        "| design | formula | rows | replications | fell back to NUTS | fits that warned "
        "| quantities | smallest p, chi-square | smallest p, ECDF | smallest p, Holm | seconds |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for calibration in calibrations:
        design = calibration.design
        own = table[table["design"] == design.name]
        smallest = [
            f"{own[name].min():.2g} ({own['quantity'].iloc[int(own[name].to_numpy().argmin())]})"
            for name in ("chi_square", "ecdf")
        ]
        least = own[["chi_square_holm", "ecdf_holm"]].to_numpy().min()
        warned = ", ".join(f"{count} {kind}" for kind, count in calibration.warned.items())
        formula = design.formula.replace("|", "\\|")
        lines.append(
            f"| {design.name} | `{formula}` | {len(design.frame())} "
            f"| {len(calibration.steps) + calibration.fell_back} | {calibration.fell_back} "
            f"| {warned or 0} | {len(own)} | {smallest[0]} | {smallest[1]} | {least:.2g} "
            f"| {calibration.seconds:.0f} |"
        )
    return "\n".join(lines)


def quantity_table(table: pd.DataFrame) -> str:
    lines = [
        "| design | quantity | mean rank / 99 | p, chi-square | p, ECDF |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {row[0]} | {row[1]} | {row[2]:.3f} | {row[3]:.3g} | {row[4]:.3g} |"
        for row in table.itertuples(index=False)
    ]
    return "\n".join(lines)


def draw_figure(rows: Mapping[str, Calibration], path: Path, tests: int) -> None:
    """Draw rank histograms and ECDF differences of all quantities, one row for each design."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 2.1 * len(rows)), layout="constrained")
    axes = figure.subplots(len(rows), 2, sharex="col", squeeze=False)
    for (title, calibration), (left, right) in zip(rows.items(), axes, strict=True):
        ranks = calibration.ranks()
        n = len(calibration.steps)
        low, high = stats.binom.ppf([0.005, 0.995], n, 1 / BINS)
        left.axhspan(low, high, color="0.88", zorder=0)
        edges = np.linspace(0, KEPT + 1, BINS + 1)
        by_ecdf = envelope(n)
        at = np.concatenate([[0], by_ecdf.at, [1]])
        for color, level in (("0.88", ALPHA), (None, ALPHA / tests)):
            lower, upper = (np.concatenate([[0], bound, [1]]) - at for bound in by_ecdf.band(level))
            if color:
                right.fill_between(at, lower, upper, color=color, zorder=0, linewidth=0)
            else:
                right.plot(at, lower, at, upper, color="0.4", linewidth=0.8, linestyle="--")
        for name, one in ranks.items():
            color, front = _style(name)
            counts = np.bincount(one * BINS // (KEPT + 1), minlength=BINS)
            left.stairs(counts, edges, color=color, linewidth=0.8, alpha=0.75, zorder=front)
            ecdf = np.concatenate([[0], by_ecdf.counts(one) / n, [1]]) - at
            right.plot(at, ecdf, color=color, linewidth=0.8, alpha=0.85, zorder=front)
        left.set_ylim(0, None)
        left.set_ylabel("count")
        left.set_title(title, loc="left", fontsize=10)
        right.set_ylabel("ECDF - uniform")
        for side in (left, right):
            side.spines[["top", "right"]].set_visible(False)
    axes[-1, 0].set_xlabel(f"rank among {KEPT} draws")
    axes[-1, 1].set_xlabel("rank, scaled to 0 .. 1")
    handles = [
        axes[0, 1].plot([], [], color=color, label=label)[0]
        for label, (color, _) in _STYLES.items()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False)
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=110)


_STYLES = {
    "population effects, sigma": ("#0072b2", 2),
    "sds": ("#d55e00", 4),
    "correlations": ("#cc79a7", 3),
    "group effects": ("#56b4e9", 1),
    "log densities": ("#000000", 5),
}


def _style(quantity: str) -> tuple[str, int]:
    kinds = {"sd": "sds", "cor": "correlations", "u": "group effects"}
    kind = "log densities" if quantity.startswith("log ") else kinds.get(quantity.split(":")[0])
    return _STYLES[kind or "population effects, sigma"]


def report(calibrations: Sequence[Calibration], path: Path) -> bool:
    """Print the tables, draw the figure, and say whether all is well."""
    table = adjusted(pd.concat(map(judge, calibrations), ignore_index=True))
    print(design_table(calibrations, table))
    long = [(c.design.name, int((c.steps == 1).sum()), len(c.steps)) for c in calibrations]
    for name, one, n in long:
        print(f"\n{name}: {one} of {n} fits by long chains.")
    least = table[["chi_square_holm", "ecdf_holm"]].to_numpy().min()
    print(f"\n{2 * len(table)} tests, smallest p after Holm: {least:.3g}.")

    broken = calibrations[min(1, len(calibrations) - 1)].scaled_sds(1.1)
    broken_table = adjusted(judge(broken))
    broken_least = broken_table[["chi_square_holm", "ecdf_holm"]].to_numpy().min()
    print(f"\nThe same, sds multiplied by 1.1: smallest p after Holm: {broken_least:.3g}.\n")
    print(quantity_table(broken_table[broken_table["quantity"].str.startswith("sd:")]))
    print(f"\n{quantity_table(table)}")
    rows = {c.design.name: c for c in calibrations}
    rows[f"{broken.design.name}, sds multiplied by 1.1: wrong on purpose"] = broken
    draw_figure(rows, path, len(table))
    fell_back = any(c.fell_back for c in calibrations)
    return bool(least >= ALPHA > broken_least and not fell_back)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    every = [design.name for design in DESIGNS]
    parser.add_argument("--replications", type=int, default=300, help="fits of each design")
    parser.add_argument("--draws", type=int, default=1000, help="draws per chain of each fit")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--designs", nargs="*", default=every, choices=every)
    parser.add_argument("--figure", type=Path, default=FIGURE)
    arguments = parser.parse_args()
    done = []
    for number, design in enumerate(DESIGNS):
        if design.name in arguments.designs:
            done.append(
                calibrate(
                    design,
                    arguments.replications,
                    draws=arguments.draws,
                    processes=arguments.processes,
                    random_seed=SEED + number,
                )
            )
            print(f"{design.name}: {done[-1].seconds:.0f} s", file=sys.stderr, flush=True)
    sys.exit(0 if report(done, arguments.figure) else 1)
