"""How long the exact method takes, guessed from the sizes of a model."""

from __future__ import annotations

from bayesmix.engines.exact.marginal import marginal_of
from bayesmix.engines.exact.sampler import LIMITS
from bayesmix.model.options import SampleOptions
from bayesmix.model.spec import ModelSpec

__all__ = ["seconds_of"]

# Seconds, measured on a few models (docs/whitened.md): whatever the sizes, for each row, and
# for each floating-point operation of a density, each dimension of theta and each draw.
CALL, ROW, OPERATION = 0.2, 3e-6, 2.5e-9
# Few dimensions are learnt so well that a draw takes a few densities: up to so many, seconds.
OPERATIONS_OF_FEW = ((5, 4e-10), (7, 8.5e-10))
# Where densities are dear, the fewest dimensions are sampled by long chains, one density for a
# draw, after some that the proposal is learnt from.
FEWEST, OPERATION_OF_LONG, LEARNING = 4, 3.5e-11, 1500
# A guess from above that is below these need not be better: seconds, and seconds for each row,
# which is less than any other method takes for 4,000 draws.
SHORT, SHORT_OF_ROW = 1.0, 1e-4


def seconds_of(spec: ModelSpec, options: SampleOptions) -> float:
    """Guess the seconds of CPU time of a fit."""
    seconds = _seconds(spec, options, _most_operations(spec))
    short = SHORT + SHORT_OF_ROW * spec.design.n_rows * options.draws * options.chains / 4000
    return seconds if seconds < short else _seconds(spec, options, marginal_of(spec).model.cost)


def _seconds(spec: ModelSpec, options: SampleOptions, cost: float) -> float:
    groups = spec.design.groups
    dimensions = 1 + sum(term.n_effects + len(spec.correlations(term)) for term in groups)
    draws = options.draws * options.chains
    if dimensions <= FEWEST and cost * draws > LIMITS.dear_step:
        seconds = OPERATION_OF_LONG * cost * (draws + LEARNING)
    else:
        each = (of_few for most, of_few in OPERATIONS_OF_FEW if dimensions <= most)
        seconds = next(each, OPERATION) * cost * dimensions * draws
    return CALL + ROW * spec.design.n_rows + seconds


def _most_operations(spec: ModelSpec) -> float:
    """Operations of a density if no two levels were alike, and all factors crossed."""
    sizes = sorted(
        ((term.n_levels, term.n_effects) for term in spec.design.groups),
        key=lambda size: -size[0] * size[1],
    )
    operations = float(spec.design.n_terms**3 + 1)
    if sizes:
        (levels, q), *others = sizes
        rest = sum(J * r for J, r in others) + spec.design.n_terms
        operations += levels * (5 * q**3 + 20 * q) + levels * q * rest**2 + rest**3
    return operations
