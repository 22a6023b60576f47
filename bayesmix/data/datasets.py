"""Example data that comes with the package."""

from __future__ import annotations

from importlib.resources import files

import pandas as pd

from bayesmix.base.arguments import shown
from bayesmix.base.errors import BayesmixError, suggest

__all__ = ["load_dataset"]

# Categories in order where the order matters, None for those of the file.
_CATEGORICAL: dict[str, dict[str, list[str] | None]] = {
    "sleepstudy": {"Subject": None},
    "gpa": {"student": None},
    "pupils": {
        "ses": ["low", "mid", "high"],
        "sex": ["male", "female"],
        "primary_school": None,
        "secondary_school": None,
    },
}


def load_dataset(name: str) -> pd.DataFrame:
    """Load an example data set.

    Parameters
    ----------
    name : {"sleepstudy", "gpa", "pupils"}
        ``"sleepstudy"``: reaction times of 18 subjects whose sleep was restricted to three
        hours a night, one row for each subject and day (180 rows) [1]_.

        * ``Reaction`` (float): the day's average reaction time, in milliseconds.
        * ``Days`` (int): days of sleep restriction, 0 to 9. Days 0 and 1 were adaptation
          and training, day 2 the baseline; restriction began after day 2.
        * ``Subject`` (categorical): the subject's number, as text.

        ``"gpa"``: grade point averages of 200 students on six occasions (1,200 rows).
        **Simulated**, with the published estimates of a mixed model as the truth [2]_: the
        numbers of this file are not those of the original.

        * ``student`` (categorical), ``occasion`` (int): 0 to 5.
        * ``gpa`` (float): grade point average.

        ``"pupils"``: achievement of 1,000 pupils of 50 primary schools, later in 30 secondary
        schools. **Simulated** from published estimates [2]_, like ``"gpa"``; socio-economic
        status matters more in some primary schools than in others.

        * ``achievement`` (float): a test score, about 4 to 9.
        * ``ses`` (categorical): socio-economic status, low, mid, high.
        * ``sex`` (categorical): male, female.
        * ``primary_school``, ``secondary_school`` (categorical): numbers, as text.

    Returns
    -------
    pandas.DataFrame
        A new frame at each call.

    Raises
    ------
    BayesmixError
        If there is no data set of this name.

    References
    ----------
    .. [1] Belenky, G., Wesensten, N. J., Thorne, D. R., Thomas, M. L., Sing, H. C.,
       Redmond, D. P., Russo, M. B., & Balkin, T. J. (2003). Patterns of performance
       degradation and restoration during sleep restriction and subsequent recovery: a
       sleep dose-response study. *Journal of Sleep Research*, 12, 1-12.
       https://doi.org/10.1046/j.1365-2869.2003.00337.x
    .. [2] Clark, M. *Mixed models with R*, chapter "More random effects".
       https://m-clark.github.io/mixed-models-with-R/

    Examples
    --------
    >>> import bayesmix as bm
    >>> bm.load_dataset("sleepstudy").head(3)
       Reaction  Days Subject
    0  249.5600     0     308
    1  258.7047     1     308
    2  250.8006     2     308
    """
    if not isinstance(name, str) or name not in _CATEGORICAL:
        hint = suggest(name, _CATEGORICAL)
        message = f"Unknown data set {shown(name)}. Data sets: {', '.join(_CATEGORICAL)}. {hint}"
        raise BayesmixError(message.rstrip())
    factors = _CATEGORICAL[name]
    with (files("bayesmix") / "data" / f"{name}.csv").open(encoding="utf-8") as file:
        data = pd.read_csv(file, dtype=dict.fromkeys(factors, str))
    for factor, categories in factors.items():
        known = data[factor].unique().tolist() if categories is None else categories
        if categories is None and all(level.isdigit() for level in known):
            known = sorted(known, key=int)
        data[factor] = pd.Categorical(data[factor], known)
    return data
