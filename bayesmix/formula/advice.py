"""What to write instead of functions that a formula does not have: R's, mgcv's and brms's."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["ADVICE"]

_MAKE = "Make the column in the data first"
_SMOOTH = "Smooths of mgcv are not there: bs(x, df=4) is a spline, poly(x, 2) a polynomial"
ADVICE: Mapping[str, str] = {
    "ns": "R's natural splines are not there: bs(x, df=4) is a B-spline.",
    "rcs": "Restricted cubic splines are not there: bs(x, df=4) is a B-spline.",
    "s": f"{_SMOOTH}, (1 | g) is s(g, bs='re').",
    "t2": f"{_SMOOTH}; bs(x, df=4) * z lets one vary with a column.",
    "te": f"{_SMOOTH}; bs(x, df=4) * z lets one vary with a column.",
    "ti": f"{_SMOOTH}; bs(x, df=4) * z lets one vary with a column.",
    "gp": "Gaussian processes are not there: bs(x, df=8) is a flexible spline.",
    "hsgp": "Gaussian processes are not there: bs(x, df=8) is a flexible spline.",
    "mo": "Monotonic effects of brms are not there: C(x, Diff) has a step between neighbours, "
    "x itself a straight line.",
    "me": "Covariates with measurement error are not there: write x.",
    "mi": "Missing values are not imputed: write x; rows without it are dropped.",
    "cs": "Category-specific effects stand alone in the sum: cs(x) or cs(a + b).",
    "mm": "A row belongs to one group of a factor here: (1 | g).",
    "mmc": "A row belongs to one group of a factor here: (x | g).",
    "gr": "gr() of brms stands right of a bar: (1 | g).",
    "Surv": "Censored times are not there: the response is one column, y ~ x.",
    "censored": "Censored responses are not there: the response is one column, y ~ x.",
    "mvbind": "One response at a time: y1 ~ x, and y2 ~ x in another model.",
    "bf": "A formula is plain text: 'y ~ x + (1 | g)'.",
    "cbind": "cbind(successes, failures) is a response; as effects write the columns: a + b.",
    "interaction": "interaction() stands right of a bar: (1 | a:b). As effects write a*b, or "
    "0 + a:b for a mean of each combination.",
    "cut": f"{_MAKE}: pd.cut(data.x, [0, 10, 20]).",
    "findInterval": f"{_MAKE}: pd.cut(data.x, [0, 10, 20]).",
    "lag": f"{_MAKE}: data.groupby('g').x.shift().",
    "paste": f"{_MAKE}, or write a:b for the combinations of a and b.",
    "paste0": f"{_MAKE}, or write a:b for the combinations of a and b.",
    "rank": f"{_MAKE}: data.x.rank().",
    "as.character": "Write C(x) for the categories of x.",
    "as.logical": "Write I(x == 1).",
    "is.na": f"{_MAKE}: data.x.isna().",
    "numFactor": "Spatial covariance structures are not there.",
    "dummy": "Write I(f == 'a') for an indicator.",
    "lo": f"{_SMOOTH}.",
    "trials": "Write p(successes, trials) or successes | trials(n) left of '~'.",
    "weights": "Pass weights='w' to fit().",
} | dict.fromkeys(
    (
        "ar",
        "ma",
        "arma",
        "cosy",
        "unstr",
        "sar",
        "car",
        "fcor",
        "ar1",
        "ou",
        "toep",
        "rr",
        "us",
        "diag",
    ),
    "Correlated residuals are not there; group effects are bars: (1 | g), (1 + x | g).",
)
