"""Ordered categories as steps: at each threshold a row goes on, or stops (cratio).

``P(y > k | y >= k) = F(mu - cutpoint[k])``, F being the inverse of the link: the continuation
ratio [1]_ [2]_. With a symmetric link (logit, probit, cauchit) it is the same as the stopping
ratio, and differs with cloglog. A positive effect makes higher categories more likely. brms's
``cratio``.

References
----------
.. [1] Fienberg, S. E. (1980). The analysis of cross-classified categorical data, 2nd edition,
   section 6.6. MIT Press.
.. [2] Bürkner, P.-C. & Vuorre, M. (2019). Ordinal regression models in psychology: a tutorial.
   Advances in Methods and Practices in Psychological Science 2, 77-101.
   https://doi.org/10.1177/2515245918823199
"""

from __future__ import annotations

from bayesmix.families.sequential import sequential

__all__ = ["CRATIO"]

CRATIO = sequential("cratio", stops_below=False).family
