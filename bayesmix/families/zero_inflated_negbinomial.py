"""Counts with zeros beside those of the negative binomial distribution, and their probability.

With probability ``zi`` the count is 0, otherwise it is of the negative binomial distribution of
mean ``mu`` and variance ``mu + mu^2 / shape``, whose zeros come on top. The default priors are
brms's: InverseGamma(0.4, 0.3) of ``shape``, Beta(1, 1) of ``zi``. A small shape makes zeros, too,
so that the data may leave the two apart only together.

References
----------
Bürkner, Parameterization of response distributions in brms,
https://paulbuerkner.com/brms/articles/brms_families.html;
Zuur et al. (2009), Mixed Effects Models and Extensions in Ecology with R, chapter 11,
https://doi.org/10.1007/978-0-387-87458-6_11
"""

from __future__ import annotations

from bayesmix.families.clusters import NEGBINOMIAL_CLUSTERS
from bayesmix.families.zeros import zero_inflated

__all__ = ["ZERO_INFLATED_NEGBINOMIAL"]

ZERO_INFLATED_NEGBINOMIAL = zero_inflated("zero_inflated_negbinomial", NEGBINOMIAL_CLUSTERS)
