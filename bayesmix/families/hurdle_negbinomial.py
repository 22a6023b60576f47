"""Zeros with a probability, and otherwise counts of the negative binomial above zero.

All zeros have one reason, of probability ``hu``. Other counts are of the negative binomial
distribution of mean ``mu`` and variance ``mu + mu^2 / shape`` given that they are above zero, so
that the mean response is ``(1 - hu) mu / (1 - (1 + mu / shape)^-shape)``. The default priors are
brms's: InverseGamma(0.4, 0.3) of ``shape``, Beta(1, 1) of ``hu``.

References
----------
Mullahy (1986), Specification and testing of some modified count data models,
https://doi.org/10.1016/0304-4076(86)90002-3;
Bürkner, Parameterization of response distributions in brms,
https://paulbuerkner.com/brms/articles/brms_families.html
"""

from __future__ import annotations

from bayesmix.families.clusters import NEGBINOMIAL_CLUSTERS
from bayesmix.families.zeros import hurdle

__all__ = ["HURDLE_NEGBINOMIAL"]

HURDLE_NEGBINOMIAL = hurdle("hurdle_negbinomial", NEGBINOMIAL_CLUSTERS)
