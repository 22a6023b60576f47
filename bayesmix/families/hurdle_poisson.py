"""Zeros with a probability, and otherwise counts of the Poisson distribution above zero.

All zeros have one reason, of probability ``hu``. Other counts are of the Poisson distribution of
mean ``mu`` given that they are above zero, so that the mean response is
``(1 - hu) mu / (1 - exp(-mu))``. The default prior of ``hu`` is brms's, Beta(1, 1).

References
----------
Mullahy (1986), Specification and testing of some modified count data models,
https://doi.org/10.1016/0304-4076(86)90002-3;
Bürkner, Parameterization of response distributions in brms,
https://paulbuerkner.com/brms/articles/brms_families.html
"""

from __future__ import annotations

from bayesmix.families.clusters import POISSON_CLUSTERS
from bayesmix.families.zeros import hurdle

__all__ = ["HURDLE_POISSON"]

HURDLE_POISSON = hurdle("hurdle_poisson", POISSON_CLUSTERS)
