"""Ordered categories as steps: at each threshold a row stops, or goes on to the next (sratio).

``P(y = k | y >= k) = F(cutpoint[k] - mu)``, F being the inverse of the link: the stopping ratio,
for categories that are passed one after the other, such as grades of a school or years until an
event [1]_ [2]_. With cloglog it is the grouped proportional hazards model, and the same as the
cumulative one. A positive effect makes higher categories more likely. brms's ``sratio``.

References
----------
.. [1] Tutz, G. (1990). Sequential item response models with an ordered response. British Journal
   of Mathematical and Statistical Psychology 43, 39-55.
   https://doi.org/10.1111/j.2044-8317.1990.tb00925.x
.. [2] Bürkner, P.-C. & Vuorre, M. (2019). Ordinal regression models in psychology: a tutorial.
   Advances in Methods and Practices in Psychological Science 2, 77-101.
   https://doi.org/10.1177/2515245918823199
"""

from __future__ import annotations

from bayesmix.families.sequential import sequential

__all__ = ["SRATIO"]

SRATIO = sequential("sratio", stops_below=True).family
