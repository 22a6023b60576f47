"""The exact method for Gaussian models: theta sampled, all effects drawn given it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from bayesmix.base.arrays import FloatArray
from bayesmix.base.errors import BayesmixError
from bayesmix.blocks.crossproducts import cross_products
from bayesmix.blocks.marginal import Effects, MarginalModel
from bayesmix.blocks.plan import marginal_model
from bayesmix.blocks.theta import Theta
from bayesmix.design.design import Design
from bayesmix.design.magnitudes import LARGEST, SMALLEST, root_mean_weight, sd
from bayesmix.engines.exact.chains import Sampled, has_stuck, learn_from, long_chains, short_chains
from bayesmix.engines.exact.learning import learn
from bayesmix.engines.exact.space import ThetaSpace
from bayesmix.engines.scaling import ORDINARY_TO_EXACT, Units
from bayesmix.model.centring import effects_as_written, scale_as_written, sd_and_cor, sd_variable
from bayesmix.model.spec import ModelSpec

__all__ = [
    "PROBABILITIES",
    "STATISTICS",
    "ExactDraws",
    "exact_obstacle",
    "marginal_of",
    "sample_exact",
]


# Floating-point operations of one step of all short chains: above the first, long chains are
# preferred where the proposal is good; above the second there is no other way.
DEAR_STEP, DEAREST_STEP = 3e8, 3e10
GOOD_PROPOSAL = 0.5
# How often long chains that stuck go on, each time with a better proposal.
MOST_CONTINUATIONS = 4

# Bytes of draws of group effects (u and zeta) beyond which those of the largest factor are
# summarised level by level and forgotten.
MOST_BYTES = 1 << 30

# Residual sds, as a share of the sd of the response, that rounding alone can make.
SMALLEST_RESIDUAL = 1e-5

PROBABILITIES = (0.005, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.995)
STATISTICS = ("mean", "sd", *(f"{p:g}" for p in PROBABILITIES))


@dataclasses.dataclass(frozen=True, eq=False)
class ExactDraws:
    """Draws of every parameter, by name, and how theta was sampled.

    Attributes
    ----------
    values : dict of ndarray, shape (chains, draws, ...)
        ``beta``, ``sigma`` and, per factor, ``sd_``, ``cor_``, ``free_``, ``zeta_`` and ``u_``;
        ``centred_sd_`` where the block is centred (`bayesmix.model.centring`).
    theta : Sampled
    summaries : dict of ndarray, shape (len(STATISTICS), J, q)
        ``u_`` and ``coef_`` of a factor whose draws would not fit into memory, and so are left
        out of `values`.
    """

    values: dict[str, FloatArray]
    theta: Sampled
    summaries: dict[str, FloatArray]


def exact_obstacle(spec: ModelSpec) -> str | None:
    """Say why a model is not Gaussian in all its effects, or None if it is.

    Parameters
    ----------
    spec : ModelSpec

    Returns
    -------
    str or None
    """
    family = spec.family
    if (family.name, family.link) != ("gaussian", "identity"):
        return f"the {family.name} family is not Gaussian"
    leaves = {"Intercept": spec.priors.intercept} if spec.design.has_intercept else {}
    terms = spec.design.terms[1:] if spec.design.has_intercept else spec.design.terms
    leaves |= {f"beta:{term}": p for term, p in zip(terms, spec.priors.beta, strict=True)}
    for path, prior in leaves.items():
        if prior is not None and prior.distribution != "Normal":
            return f"the prior of {path} is {prior!r}, not a Normal"
    return None


@dataclasses.dataclass(frozen=True, eq=False)
class Marginal:
    """A Gaussian model with all effects integrated out, in units of its own.

    Attributes
    ----------
    units : Units
        What one is in the numbers of the user; everything else here is in these units.
    design : Design
    model : MarginalModel
    center : ndarray, shape (p,)
        Means of the columns of X, zero for the intercept: the prior is of the centred columns.
    mean : ndarray, shape (p,)
        Prior mean of the population effects of the centred columns.
    shifts : tuple of ndarray, shape (q,)
        What the priors take off the columns of each grouping factor (`ModelSpec.centre`).
    """

    units: Units
    design: Design
    model: MarginalModel
    center: FloatArray
    mean: FloatArray
    shifts: tuple[FloatArray, ...]


def marginal_of(spec: ModelSpec) -> Marginal:
    """Pass over the rows once.

    Parameters
    ----------
    spec : ModelSpec
        One without an obstacle.

    Returns
    -------
    Marginal
    """
    center = _centers(spec)
    units = Units.of(spec.design, ORDINARY_TO_EXACT)
    design = units.design(spec.design)
    priors = list(spec.priors.beta)
    if design.has_intercept and spec.priors.intercept is not None:
        priors.insert(0, spec.priors.intercept)
    mean = np.array([prior.parameters["mu"] for prior in priors], dtype=np.float64)
    sd = np.array([prior.parameters["sigma"] for prior in priors], dtype=np.float64)
    center, mean = center / units.X, mean / units.beta
    # Beyond these a prior is flat or a point to the machine, and its precision no number.
    sd = np.clip(sd / units.beta, SMALLEST, LARGEST)
    patterns = tuple(term.correlations.pattern for term in design.groups)
    shifts = tuple(spec.centre(term) for term in design.groups)
    # A prior may be so far from the data that nothing is finite; then no density is.
    with np.errstate(all="ignore"):
        products = cross_products(design, center, mean, shifts)
        model = marginal_model(products, 1 / sd**2, patterns)
    return Marginal(units, design, model, center, mean, shifts)


def _centers(spec: ModelSpec) -> FloatArray:
    center = np.zeros(spec.design.n_terms)
    if spec.design.has_intercept and spec.priors.intercept is not None:
        center[1:] = spec.design.X[:, 1:].mean(axis=0)
    return center


def _check_residual(spec: ModelSpec, sigma: float) -> None:
    """Raise where the model explains the response exactly, so that sigma is what rounding left."""
    residual = sigma / root_mean_weight(spec.design)
    y = spec.design.y if spec.design.offset is None else spec.design.y - spec.design.offset
    if residual < SMALLEST_RESIDUAL * sd(y):
        raise BayesmixError(
            f"The model explains the response '{spec.design.response}' exactly: its sd is "
            f"{sd(y):.3g}, and the residual sd would be {residual:.1g}, which is zero up to "
            "rounding. There is nothing to estimate it from. Look for columns or levels that make "
            "up the response, and leave them out."
        )


def sample_exact(
    spec: ModelSpec,
    *,
    draws: int,
    chains: int,
    cores: int | None,
    random_seed: int,
    report: Callable[[str, float], None] = lambda stage, share: None,
) -> ExactDraws:
    """Sample theta, then draw all effects given it.

    Parameters
    ----------
    spec : ModelSpec
        One without an obstacle.
    draws, chains : int
    cores : int or None
        Threads; the numbers do not depend on it.
    random_seed : int
    report : callable
        Called with the name of the stage and the share that is done.

    Returns
    -------
    ExactDraws
    """
    with threadpool_limits(limits=1, user_api="blas"), ThreadPoolExecutor(cores) as pool:
        report("data", 0.0)
        marginal = marginal_of(spec)
        model, units = marginal.model, marginal.units
        space = ThetaSpace.of(spec)
        constant = spec.design.n_rows * np.log(units.response)
        learning, sampling, effects = (
            np.random.Generator(np.random.PCG64(seed))
            for seed in np.random.SeedSequence(random_seed).spawn(3)
        )

        def density(x: FloatArray) -> FloatArray:
            values = np.full(len(x), -np.inf)
            inside = space.inside(x)
            if inside.any():
                x = x[inside]
                with np.errstate(all="ignore"):
                    log = model.log_density(units.theta(space.theta(x)), pool.map)
                    log += space.log_prior(x) - constant
                values[inside] = np.where(np.isfinite(log), log, -np.inf)
            return values

        step = model.cost * draws * chains
        dear = step > DEAR_STEP
        report("mode", 0.0)
        candidates = space.candidates(learning, 50 if dear else 500)
        start = candidates[int(np.argmax(density(candidates)))]
        learnt = learn(
            density,
            start,
            learning,
            points=max(250, 50 * space.size) if dear else 1000,
            rounds=4 if dear else 8,
            good_enough=0.6 if dear else 0.7,
        )
        _check_residual(spec, float(np.median(space.split(learnt.archive)[2])))
        n_effects = sum(term.n_levels * term.n_effects for term in spec.design.groups)
        keep = 16 * n_effects * draws * chains <= MOST_BYTES
        good = learnt.efficiency >= GOOD_PROPOSAL
        options: dict[str, Any] = {
            "chains": chains,
            "draws": draws,
            "rng": sampling,
            "report": lambda share: report("theta", share),
        }
        together: list[Effects] = []
        if step <= DEAREST_STEP and not (dear and good):
            sampled = short_chains(density, learnt, **options)
        elif keep:
            # The factorisation that gives the density of a proposal also gives its effects: theta
            # and effects are then proposed and accepted together.
            def evaluate(x: FloatArray) -> FloatArray:
                inside = space.inside(x)
                reachable = np.where(inside[:, None], x, learnt.archive[0])
                drawn = model.draw(units.theta(space.theta(reachable)), effects, pool.map)
                together.append(drawn)
                with np.errstate(all="ignore"):
                    log = drawn.log_density + space.log_prior(reachable) - constant
                return np.where(inside & np.isfinite(log), log, -np.inf)

            sampled = long_chains(density, learnt, evaluate=evaluate, **options)
        else:
            sampled = long_chains(density, learnt, **options)
        for _ in range(MOST_CONTINUATIONS):
            if sampled.index is None or not sampled.settled or not has_stuck(sampled):
                break
            together.clear()
            learnt = learn_from(sampled, learnt, sampling)
            sampled = long_chains(density, learnt, thin=2, **options)
        x = sampled.x.reshape(chains * draws, -1)
        theta = space.theta(x)
        if together and sampled.index is not None:
            drawn = _pick(together, sampled.index.ravel())
        else:
            drawn = model.draw(
                units.theta(theta),
                effects,
                pool.map,
                lambda share: report("effects", share),
                with_first=keep,
            )
        summaries = {} if keep else _summarise_first(spec, marginal, theta, drawn, effects, pool)
    sds, frees, sigma = space.split(x)
    values = {"sigma": sigma, "beta": _on_original_columns(spec, drawn.beta, marginal)}
    for t, term in enumerate(spec.design.groups):
        centre, scale = spec.centre(term), theta.scale[t]
        values[sd_variable(spec, term)] = sds[t]
        if spec.is_centred(term):
            written = sd_and_cor(scale_as_written(centre, scale))
            values[term.names.sd], values[term.names.cor] = written
        elif space.correlations[t]:
            values[term.names.cor] = sd_and_cor(scale)[1]
        values[term.names.free] = frees[t]
        if term.names.u not in summaries:
            values[term.names.zeta] = drawn.zeta[t]
            effects_of = drawn.zeta[t] @ np.swapaxes(scale, 1, 2)
            values[term.names.u] = effects_as_written(centre, effects_of)
    return ExactDraws(
        {name: value.reshape(chains, draws, *value.shape[1:]) for name, value in values.items()},
        sampled,
        summaries,
    )


def _pick(parts: list[Effects], index: npt.NDArray[np.int64]) -> Effects:
    """Take the effects of the accepted proposals from those of all, part by part."""
    part_of = np.repeat(np.arange(len(parts)), [len(part.beta) for part in parts])
    start = np.cumsum([0, *(len(part.beta) for part in parts)])
    first = parts[0]
    beta = np.empty((len(index), first.beta.shape[1]))
    zeta = tuple(np.empty((len(index), *z.shape[1:])) for z in first.zeta)
    log_density = np.empty(len(index))
    for i, part in enumerate(parts):
        place = np.flatnonzero(part_of[index] == i)
        own = part[index[place] - start[i]]
        beta[place], log_density[place] = own.beta, own.log_density
        for whole, values in zip(zeta, own.zeta, strict=True):
            whole[place] = values
    return Effects(beta, zeta, log_density)


def _summarise_first(
    spec: ModelSpec,
    marginal: Marginal,
    theta: Theta,
    drawn: Effects,
    rng: np.random.Generator,
    pool: ThreadPoolExecutor,
) -> dict[str, FloatArray]:
    """Summarise u, and u with its population effect, of the factor that is eliminated first."""
    model, units = marginal.model, marginal.units
    assert model.first is not None
    term = spec.design.groups[model.first.factor]
    unit = units.response / units.Z[model.first.factor]
    beta = _on_original_columns(spec, drawn.beta, marginal)
    twins = [
        beta[:, spec.design.terms.index(effect)] if effect in spec.design.terms else 0.0
        for effect in term.effects
    ]

    centre = spec.centre(term)

    def summarise(levels: slice, u: FloatArray) -> tuple[FloatArray, FloatArray]:
        u *= unit[:, None, None]
        u = np.moveaxis(effects_as_written(centre, np.moveaxis(u, 0, -1)), -1, 0)
        coef = np.stack([own + twin for own, twin in zip(u, twins, strict=True)])
        return _statistics(u), _statistics(coef)

    parts = list(model.draw_first(units.theta(theta), drawn, rng, summarise, pool.map))
    u, coef = (np.concatenate(part, axis=1) for part in zip(*parts, strict=True))
    return {term.names.u: u, term.names.coef: coef}


def _statistics(draws: FloatArray) -> FloatArray:
    """Mean, sd and quantiles of (q, levels, B) over draws, shape (len(STATISTICS), levels, q)."""
    moments = [draws.mean(axis=2), draws.std(axis=2, ddof=1)]
    draws.sort(axis=2)
    places = np.array(PROBABILITIES) * (draws.shape[2] - 1)
    below = np.floor(places).astype(np.int64)
    above = np.minimum(below + 1, draws.shape[2] - 1)
    share = places - below
    quantiles = draws[..., below] * (1 - share) + draws[..., above] * share
    return np.stack([values.T for values in (*moments, *np.moveaxis(quantiles, 2, 0))])


def _on_original_columns(spec: ModelSpec, beta: FloatArray, marginal: Marginal) -> FloatArray:
    """Return population effects of the columns as written, in the user's numbers."""
    beta = beta + marginal.mean
    if spec.design.has_intercept:
        beta[:, 0] -= beta[:, 1:] @ marginal.center[1:]
    beta *= marginal.units.beta
    return beta
