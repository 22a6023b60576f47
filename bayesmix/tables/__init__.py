"""The tables that mixed-model users read, each made once, and the page that shows them.

Tables are plain frames of unrounded numbers. ``value`` is a posterior mean, ``se`` a posterior
standard deviation (``ddof=1``), and an interval is equal-tailed: quantiles of all chains together,
linearly interpolated. Column names carry the tail: ``lower_2.5`` and ``upper_97.5`` for
``ci_level=0.95``. The columns are those of the R package mixedup for brms fits.
"""
