"""How long whitened chains take, guessed from the sizes of a model."""

from __future__ import annotations

from bayesmix.engines.whitened.repeated import n_rows_of
from bayesmix.engines.whitened.team import chains_side_by_side
from bayesmix.engines.whitened.warmup import WARM_UP
from bayesmix.model.options import SampleOptions
from bayesmix.model.spec import ModelSpec

__all__ = ["seconds_of"]

# Seconds, measured on a few models (docs/whitened.md): of a fit and of a gradient whatever the
# sizes; of an entry of a row, of the effects of a level, each for one chain; of a product in the
# dense part.
FIT = 0.1
CALL, CALL_OF_FACTOR, CALL_OF_EFFECTS = 5e-4, 1.5e-4, 1.2e-4
ENTRY, ROW = 1.5e-9, 5e-9
LEVEL = {1: 8e-8, 2: 2.2e-7}
LEVEL_OF_MANY = 6e-8
PRODUCT = 4e-10
GRADIENTS = 4.0  # of an iteration


def seconds_of(spec: ModelSpec, options: SampleOptions) -> float:
    """Guess the seconds of CPU time of a fit."""
    design = spec.design
    terms = [term for term in design.every_group]
    sizes = sorted((term.n_levels * term.n_effects for term in terms), reverse=True)
    n_effects = sum(sizes)
    n_rows = n_rows_of(spec)
    chains = chains_side_by_side(n_rows + n_effects, options.chains)
    width = sum(part.n_terms for part in design.parts) + 2 * sum(term.n_effects for term in terms)
    gradient = CALL + chains * n_rows * (len(design.parts) * ROW + ENTRY * width)
    for term in terms:
        q = term.n_effects
        level = LEVEL.get(q, LEVEL_OF_MANY * q**2)
        gradient += CALL_OF_FACTOR + chains * term.n_levels * level
        gradient += CALL_OF_EFFECTS * q**2 if q > 2 else 0.0
    rest = n_effects - sizes[0] if sizes else 0
    gradient += PRODUCT * chains * rest**2 if rest <= 1500 else 0.0
    iterations = WARM_UP + options.draws * options.chains / chains
    return FIT + iterations * GRADIENTS * gradient
