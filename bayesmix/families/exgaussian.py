"""Reaction times: a normal and an exponential part added, with a long right tail.

``mu`` is the mean of the response, as in brms
(https://paulbuerkner.com/brms/articles/brms_families.html): that of the normal part is ``mu - tau``.
``sigma`` is the sd of the normal part and ``tau``, brms's ``beta``, the mean of the exponential
one, so that the sd of the response is ``sqrt(sigma^2 + tau^2)`` [1]_.

Default priors: ``sigma`` and ``tau`` exponential with the sd of the response as mean, so that either
part may be next to nothing.

References
----------
.. [1] Palmer, E. M., Horowitz, T. S., Torralba, A. & Wolfe, J. M. (2011). What are the shapes of
   response time distributions in visual search? J. Exp. Psychol. Hum. Percept. Perform. 37, 58-71.
   https://doi.org/10.1037/a0020747
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import erfcx, log_ndtr

from bayesmix.families.family import Family
from bayesmix.families.parameters import Parameter, Sizes
from bayesmix.families.responses import REAL_NUMBERS
from bayesmix.families.scores import Scores
from bayesmix.families.slopes import Slope
from bayesmix.families.supports import POSITIVE, REAL
from bayesmix.families.tails import log_ndtr_and_slope
from bayesmix.families.values import Rows, Values

__all__ = ["EXGAUSSIAN"]
