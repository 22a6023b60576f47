"""Example data that comes with the package."""

from __future__ import annotations

from importlib.resources import files

import pandas as pd

from bayesmix.errors import BayesmixError, suggest

__all__ = ["load_dataset"]

_GROUPING_COLUMNS = {"sleepstudy": ["Subject"]}


def load_dataset(name: str) -> pd.DataFrame:
    """Load an example data set.

    Parameters
    ----------
    name : {"sleepstudy"}
        ``"sleepstudy"``: reaction times of 18 subjects whose sleep was restricted to three
        hours a night, one row for each subject and day (180 rows).

        * ``Reaction`` (float): the day's average reaction time, in milliseconds.
        * ``Days`` (int): days of sleep restriction, 0 to 9. Days 0 and 1 were adaptation
          and training, day 2 the baseline; restriction began after day 2.
        * ``Subject`` (categorical): the subject's number, as text.

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

    Examples
    --------
    >>> import bayesmix as bm
    >>> bm.load_dataset("sleepstudy").head(3)
       Reaction  Days Subject
    0  249.5600     0     308
    1  258.7047     1     308
    2  250.8006     2     308
    """
    if not isinstance(name, str) or name not in _GROUPING_COLUMNS:
        hint = suggest(str(name), _GROUPING_COLUMNS)
        message = f"Unknown data set {name!r}. Data sets: {', '.join(_GROUPING_COLUMNS)}. {hint}"
        raise BayesmixError(message.rstrip())
    factors = _GROUPING_COLUMNS[name]
    with (files("bayesmix") / "data" / f"{name}.csv").open(encoding="utf-8") as file:
        data = pd.read_csv(file, dtype=dict.fromkeys(factors, str))
    return data.astype(dict.fromkeys(factors, "category"))
