"""Counts with zeros beside those of the Poisson distribution: its mean, and their probability.

With probability ``zi`` the count is 0, otherwise it is of the Poisson distribution of mean ``mu``,
whose zeros come on top; so ``mu`` is not the mean response, ``(1 - zi) mu`` is. The default prior
of ``zi`` is brms's, Beta(1, 1).

References
----------
Lambert (1992), Zero-inflated Poisson regression, https://doi.org/10.2307/1269547;
Bürkner, Parameterization of response distributions in brms,
https://paulbuerkner.com/brms/articles/brms_families.html
"""

from __future__ import annotations

from bayesmix.families.clusters import POISSON_CLUSTERS
from bayesmix.families.zeros import zero_inflated

__all__ = ["ZERO_INFLATED_POISSON"]

ZERO_INFLATED_POISSON = zero_inflated("zero_inflated_poisson", POISSON_CLUSTERS)
