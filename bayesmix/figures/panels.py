"""What all figures share: colours, axes given or made, densities, names of what is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from bayesmix.base.arguments import few, shown
from bayesmix.base.arrays import FloatArray
from bayesmix.base.errors import BayesmixError, suggest
from bayesmix.posterior.fitted import Fitted

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from bayesmix.design.groupterm import GroupTerm

__all__ = [
    "BLUE",
    "CHAINS",
    "GREY",
    "ORANGE",
    "SKY",
    "choose",
    "clean",
    "density",
    "has_groups",
    "is_fit",
    "make_axes",
    "parameter_of",
    "quantity_label",
    "returned",
    "scale_of",
]


# Okabe & Ito's colours, which differ in lightness as well.
BLUE, ORANGE, SKY, GREY = "#0072B2", "#D55E00", "#56B4E9", "#7F7F7F"
CHAINS = (BLUE, ORANGE, "#009E73", "#CC79A7", SKY, "#E69F00")
_BINS = 1024
# Levels up to which each is named beside its arrow, or has a tick of its own below a density.
NAMED, TICKED = 25, 100


def is_fit(name: str, fit: object) -> None:
    """Raise unless a figure was given a fit."""
    if not isinstance(fit, Fitted):
        raise BayesmixError(f"{name} takes a fit of bm.fit(...); got {type(fit).__name__}.")


def make_axes(
    ax: object, n: int, *, width: float, height: float, columns: int = 3, **options: Any
) -> list[Axes]:
    """Check the given Axes, or make as many as are needed.

    Parameters
    ----------
    ax : Axes, array of Axes or None
        What the user gave.
    n : int
        How many are needed.
    width, height : float
        Inches of each.
    columns : int
        Most Axes beside each other.
    **options
        For `matplotlib.pyplot.subplots`, such as ``sharey``.

    Returns
    -------
    list of Axes, length n

    Raises
    ------
    BayesmixError
        Something else than n Axes was given.
    """
    from matplotlib import pyplot as plt
    from matplotlib.axes import Axes

    if ax is not None:
        given = _flat(ax, n)
        if len(given) != n or not all(isinstance(axis, Axes) for axis in given):
            what = "one matplotlib Axes" if n == 1 else f"an array of {n} matplotlib Axes"
            raise BayesmixError(f"ax is not usable: give {what}, or none for a new figure.")
        for axis in cast("list[Axes]", given):
            if axis.name != "rectilinear":
                raise BayesmixError(
                    f"ax has the projection {axis.name!r}. Give axes of the plain one, as "
                    "plt.subplots() makes them, or none for a new figure."
                )
        return cast("list[Axes]", given)
    columns = min(n, columns)
    rows = -(-n // columns)
    figure, grid = plt.subplots(
        rows,
        columns,
        figsize=(width * columns, height * rows),
        squeeze=False,
        layout="constrained",
        **options,
    )
    made = list(grid.ravel())
    for spare in made[n:]:
        figure.delaxes(spare)
    return made[:n]


def _flat(ax: object, n: int) -> list[object]:
    """List the Axes of an array of any shape, or of lists of lists."""
    if isinstance(ax, np.ndarray):
        return list(ax.ravel()) if ax.size == n else []
    rows = few("ax", ax)
    return [one for row in rows for one in (few("ax", row) if row is not ax else rows)]


def returned(axes: Sequence[Axes], ax: object) -> Axes | npt.NDArray[Any]:
    """Return one Axes alone, and several, or one of an array, as an array."""
    return axes[0] if len(axes) == 1 and not isinstance(ax, np.ndarray) else np.array(axes)


def clean(axes: Axes) -> None:
    """Leave out the frame's upper and right line."""
    axes.spines[["top", "right"]].set_visible(False)


def density(
    values: FloatArray, lower: float = -np.inf, upper: float = np.inf
) -> tuple[FloatArray, FloatArray]:
    """Estimate a density on a grid, at the same cost for ten values and for ten million.

    Parameters
    ----------
    values : ndarray, shape (k,)
        Finite.
    lower, upper : float
        Bounds of the support; what leaks out there is mirrored back.

    Returns
    -------
    x, y : ndarray, shape (1024,)
        Nothing, of shape (0,), where the values do not differ.

    Notes
    -----
    A histogram smoothed by a Gaussian kernel with Scott's bandwidth in its robust form,
    ``1.06 min(sd, iqr / 1.34) k^(-1/5)``.
    """
    from scipy.ndimage import gaussian_filter1d

    spread = float(np.std(values)) if len(values) else 0.0
    if not spread > 1e-12 * float(np.abs(values).max(initial=0.0)):
        return np.empty(0), np.empty(0)
    quartiles = np.quantile(values, [0.25, 0.75])
    width = min(spread, float(quartiles[1] - quartiles[0]) / 1.34) or spread
    width *= 1.06 * len(values) ** -0.2
    start = max(lower, float(values.min()) - 4 * width)
    stop = min(upper, float(values.max()) + 4 * width)
    counts, edges = np.histogram(values, bins=_BINS, range=(start, stop))
    bin_width = (stop - start) / _BINS
    smooth = gaussian_filter1d(counts.astype(np.float64), width / bin_width, mode="reflect")
    return (edges[1:] + edges[:-1]) / 2, smooth / (len(values) * bin_width)


def choose(name: str, chosen: object, known: Sequence[str]) -> list[str]:
    """Read a choice of labels: one, several, or None for all.

    Parameters
    ----------
    name : str
        The argument, for the message.
    chosen : str, sequence of str or None
    known : sequence of str
        Labels to choose from.

    Returns
    -------
    list of str

    Raises
    ------
    BayesmixError
        A label is not known, or there is none.
    """
    if chosen is None:
        return list(known)
    labels = few(name, chosen)
    for label in labels:
        if not isinstance(label, str) or label not in known:
            raise BayesmixError(
                f"{name}={shown(chosen)} is not usable: {shown(label)} is not among "
                f"{', '.join(known)}. "
                f"{suggest(label, known)}".rstrip()
            )
    if not labels:
        raise BayesmixError(f"{name} is empty. Choose from {', '.join(known)}, or leave it out.")
    return list(dict.fromkeys(labels))


def has_groups(name: str, fit: Fitted, *, of_any_parameter: bool = False) -> None:
    """Raise unless a fit has a grouping factor to draw, in the formula or in any predictor."""
    if not (fit.design.every_group if of_any_parameter else fit.design.groups):
        raise BayesmixError(
            f"{name} draws group effects, and '{fit.design.formula.text}' has no grouping factor."
        )


def scale_of(fit: Fitted) -> str:
    """Name the scale of the linear predictor."""
    family = fit.spec.family
    response = fit.design.response
    if family.response.is_ordinal:
        return f"latent {response} ({family.link})"
    if family.response.is_nominal:
        return f"log odds over {response} = {family.categories[0]}"
    link = family.response_link if family.link == "identity" else family.link
    return response if family.on_response_scale else f"{link} of {response}"


def parameter_of(fit: Fitted, term: GroupTerm) -> str:
    """Name the parameter that effects belong to, where that is to be told; empty otherwise."""
    return term.predictor or (fit.family.predictors[0] if fit.family.categories else "")


def axis_label(fit: Fitted, effect: str) -> str:
    """Name an effect with its unit."""
    per = "" if effect == "Intercept" or "[" in effect else " per unit"
    return f"{effect} ({scale_of(fit)}{per})"


def quantity_label(fit: Fitted, scale: str, parameter: str | None, *, is_category: bool) -> str:
    """Name what is predicted: the expected response, a parameter, or a linear predictor."""
    response = fit.design.response
    if parameter is not None:
        return parameter if scale == "response" else f"linear predictor of {parameter}"
    if scale == "link":
        return scale_of(fit)
    if is_category:
        return f"probability of each {response}"
    if fit.family.binary:
        return f"probability of {fit.design.event or response}"
    return f"expected {response}"
