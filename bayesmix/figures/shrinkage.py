"""What partial pooling did to the groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from bayesmix.base.arguments import one_of
from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.base.errors import BayesmixError
from bayesmix.base.words import count
from bayesmix.figures.legends import legend_above, wrap_labels
from bayesmix.figures.panels import (
    BLUE,
    NAMED,
    ORANGE,
    TICKED,
    axis_label,
    choose,
    clean,
    density,
    has_groups,
    is_fit,
    make_axes,
    returned,
)
from bayesmix.posterior.fitted import Fitted
from bayesmix.priors.prior import Prior
from bayesmix.tables.components import correlation_matrices, varcorr
from bayesmix.tables.groups import selected
from bayesmix.tables.pooling import shrinkage

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from bayesmix.design.groupterm import GroupTerm

__all__ = ["plot_shrinkage"]


# Levels up to which each has an arrow; of more, so many are a sample.
_EACH, _SAMPLE = 300, 120
# Parts of the estimated distribution of the groups inside its contours.
CONTOURS = (0.5, 0.9)
# Quartile ranges beyond the quartiles from which on an own regression is far out.
_FENCE = 4
# Where a name may stand beside its point, the best first.
_BESIDE = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1))


def plot_shrinkage(
    fit: Fitted,
    kind: str | None = None,
    *,
    re: str | None = None,
    effects: Sequence[str] | str | None = None,
    ax: Axes | npt.NDArray[Any] | None = None,
) -> Axes | npt.NDArray[Any]:
    """Draw what partial pooling did to the groups; the numbers are those of ``fit.shrinkage()``.

    Parameters
    ----------
    fit : Fitted
    kind : {"plane", "density"}, optional
        ``"plane"``: in the plane of two effects, an arrow for each group from its own regression
        to its estimate by the mixed model, the population, and contours that hold 50 and 90 % of
        the estimated distribution of the groups, normal or Student-t (with the posterior means of
        the sds, of the correlation and of the degrees of freedom). ``"density"``: for each effect
        the density of the estimates over the groups, own regressions against mixed model. By
        default the plane for two effects, and densities otherwise.
    re : str, optional
        The grouping factor; by default the one with the most effects.
    effects : str or sequence of str, optional
        Effects to draw, two of them for the plane: by default the first two there, and all for
        densities.
    ax : Axes or array of Axes, optional
        Where to draw: one Axes for the plane, one for each effect for densities.

    Returns
    -------
    Axes or ndarray of Axes

    Raises
    ------
    BayesmixError
        There are no groups, an argument is not one of the allowed, or the plane has not two
        effects.

    Notes
    -----
    Of more than 300 groups 120 have an arrow, taken at equal steps of how far pooling moved them,
    as the legend says; all have their dots. A group that cannot be fitted alone is a cross at its
    mixed-model estimate. Of own regressions far out, as groups of two rows have them, the view
    leaves out what would press the rest together, and the legend counts the arrows that start
    outside.

    Examples
    --------
    >>> fit.plot_shrinkage()  # doctest: +SKIP
    >>> fit.plot_shrinkage("density", effects="Days")  # doctest: +SKIP
    """
    is_fit("plot_shrinkage", fit)
    has_groups("plot_shrinkage", fit)
    if kind is not None:
        one_of("kind", kind, ("plane", "density"))
    (term,) = (
        [max(fit.design.groups, key=lambda one: one.n_effects)]
        if re is None
        else selected(fit.design, re)
    )
    chosen = choose("effects", effects, term.effects)
    if kind == "plane" and effects is None:
        chosen = chosen[:2]
    if kind is None:
        kind = "plane" if len(chosen) == 2 else "density"
    groups = _Groups.of(fit, term, chosen)
    if kind == "density":
        return _densities(fit, groups, ax)
    if len(chosen) != 2:
        raise BayesmixError(
            f"kind='plane' is a plane of two effects; got {', '.join(chosen)}. Choose two of "
            f"{', '.join(term.effects)} with effects=[...], or take kind='density'."
        )
    return _plane(fit, groups, ax)


class _Groups(NamedTuple):
    """Estimates of the chosen effects of one factor, each of shape (effects, J)."""

    term: GroupTerm
    effects: list[str]
    own: FloatArray
    mixed: FloatArray
    population: FloatArray

    @classmethod
    def of(cls, fit: Fitted, term: GroupTerm, effects: list[str]) -> _Groups:
        table = shrinkage(fit, re=term.factor)
        places = [term.effects.index(effect) for effect in effects]

        def column(name: str) -> FloatArray:
            values = table[name].to_numpy(dtype=np.float64)
            return values.reshape(term.n_effects, term.n_levels)[places]

        population = column("population")[:, 0]
        return cls(term, effects, column("no_pooling"), column("partial_pooling"), population)


def _plane(fit: Fitted, groups: _Groups, ax: object) -> Axes:
    term = groups.term
    own, mixed, population = groups.own, groups.mixed, groups.population
    (axes,) = make_axes(ax, 1, width=6.4, height=5.4)
    alone = np.isfinite(own).all(axis=0)
    n = int(alone.sum())
    contours = _contours(fit, groups)
    limits = [
        _view(own[k, alone], np.concatenate([mixed[k], *(c[k] for c in contours)]))
        for k in range(2)
    ]
    axes.set_xlim(*limits[0])
    axes.set_ylim(*limits[1])
    for part, curve, style in zip(CONTOURS, contours, ("-", (0, (4, 3))), strict=True):
        label = f"{100 * part:g} % of groups"
        axes.plot(*curve, color="#404040", lw=1.2, ls=style, label=label, zorder=5)
    size = float(np.clip(40 / np.sqrt(max(n, 1)), 1.6, 5.5))
    arrows = _sampled(own, mixed, alone)
    faint = float(np.clip(4 / np.sqrt(max(len(arrows), 1)), 0.12, 0.6))
    if n:
        axes.quiver(
            *own[:, arrows],
            *(mixed - own)[:, arrows],
            angles="xy",
            scale_units="xy",
            scale=1,
            width=float(np.clip(0.006 / len(arrows) ** 0.2, 0.0016, 0.0035)),
            headwidth=5,
            headlength=6,
            headaxislength=5.5,
            minlength=0.1,
            color=BLUE,
            alpha=faint,
            zorder=4.5 if len(arrows) < n else 2,
        )
        (dots,) = axes.plot(*own[:, alone], "o", color=ORANGE, ms=size, mew=0, zorder=3)
        dots.set_alpha(max(faint, 0.5))
        if len(arrows) < n:
            label = f"arrows: {len(arrows)} of {n:,}"
            axes.plot([], [], ">", color=BLUE, ms=5, mew=0, alpha=0.6, label=label)
        axes.plot([], [], "o", color=ORANGE, ms=5, mew=0, label="own regression")
    axes.plot([], [], "o", color=BLUE, ms=5, mew=0, label="mixed model")
    axes.plot(*mixed[:, alone], "o", color=BLUE, ms=size, mew=0, alpha=max(faint, 0.6), zorder=4)
    if n < term.n_levels:
        label = f"mixed model only ({term.n_levels - n})"
        axes.plot(*mixed[:, ~alone], "x", color=BLUE, ms=size + 1, label=label, zorder=4)
    axes.plot(
        *population, "D", color="black", mec="white", mew=1.2, ms=9, label="population", zorder=6
    )
    inside = np.all([(own[k] >= limits[k][0]) & (own[k] <= limits[k][1]) for k in range(2)], axis=0)
    outside = int((~inside[arrows]).sum())
    if outside:
        label = f"{outside} {'arrow starts' if outside == 1 else 'arrows start'} outside"
        axes.plot([], [], " ", label=label)
    axes.set_xlabel(axis_label(fit, groups.effects[0]))
    axes.set_ylabel(axis_label(fit, groups.effects[1]))
    clean(axes)
    wrap_labels([axes])
    legend_above(axes, f"{count(term.n_levels, 'level', commas=True)} of {term.factor}")
    if term.n_levels <= NAMED:
        _name_points(
            axes, own[:, alone], mixed[:, alone], contours, [str(x) for x in term.levels[alone]]
        )
    return axes


def _sampled(own: FloatArray, mixed: FloatArray, alone: npt.NDArray[np.bool_]) -> IntArray:
    """Choose the groups that have an arrow: all, or some by how far they moved."""
    known = np.flatnonzero(alone)
    if len(known) <= _EACH:
        return known
    scale = mixed[:, known].std(axis=1, keepdims=True)
    moved = (((mixed - own)[:, known] / np.where(scale > 0, scale, 1.0)) ** 2).sum(axis=0)
    steps = np.linspace(0, len(known) - 1, _SAMPLE).astype(np.int64)
    return np.sort(known[np.argsort(moved, kind="stable")[steps]])


def _contours(fit: Fitted, groups: _Groups) -> list[FloatArray]:
    """Ellipses (2, k) of the estimated distribution of the groups."""
    term = groups.term
    first, second = (term.effects.index(effect) for effect in groups.effects)
    table = varcorr(fit)
    sd = table["sd"][table["group"] == term.factor].to_numpy(dtype=np.float64)
    matrices = correlation_matrices(fit.design, fit.posterior)
    assert isinstance(matrices, dict)
    r = float(matrices[term.factor].to_numpy()[first, second])
    angle = np.linspace(0, 2 * np.pi, 181)
    circle = np.array([np.cos(angle), np.sin(angle)])
    shape = np.array([[sd[first], 0.0], [r * sd[second], np.sqrt(1 - r**2) * sd[second]]])
    center = groups.population[:, np.newaxis]
    df = _degrees_of_freedom(fit, term)
    radii = (
        np.sqrt(-2 * np.log1p(-part) if df is None else df * np.expm1(-2 / df * np.log1p(-part)))
        for part in CONTOURS
    )
    return [center + radius * (shape @ circle) for radius in radii]


def _degrees_of_freedom(fit: Fitted, term: GroupTerm) -> float | None:
    """Return the posterior mean of the degrees of freedom; None for effects that are normal."""
    law = (fit.spec.predictor(term.predictor) if term.predictor else fit.spec).student(term)
    if law is None:
        return None
    if isinstance(law.nu, Prior):
        return float(fit.posterior[term.names.df].mean())
    return float(law.nu)


def _view(own: FloatArray, rest: FloatArray) -> tuple[float, float]:
    """Limits that hold all of the rest, and own estimates but the few that are far out."""
    low, high = float(rest.min()), float(rest.max())
    if len(own):
        lower, upper = np.quantile(own, [0.25, 0.75])
        reach = _FENCE * (upper - lower)
        near = own[(own >= min(low, lower - reach)) & (own <= max(high, upper + reach))]
        low, high = min(low, float(near.min())), max(high, float(near.max()))
    margin = 0.05 * ((high - low) or 1.0)
    return low - margin, high + margin


def _densities(fit: Fitted, groups: _Groups, ax: object) -> Axes | npt.NDArray[Any]:
    axes = make_axes(ax, len(groups.effects), width=4.3, height=3.5)
    ticked = groups.term.n_levels <= TICKED
    for k, axis in enumerate(axes):
        own, mixed = groups.own[k][np.isfinite(groups.own[k])], groups.mixed[k]
        low, high = _view(own, mixed)
        seen = own[(own >= low) & (own <= high)]
        x, y = density(seen)
        y = y * (len(seen) / max(len(own), 1))
        curves: list[tuple[FloatArray, FloatArray, str, Any, str]] = [
            (x, y, ORANGE, (0, (5, 2)), "own regressions"),
            (*density(mixed), BLUE, "-", "mixed model"),
        ]
        top = max(float(y.max(initial=0.0)) for _, y, *_ in curves) or 1.0
        for x, y, color, style, label in curves:
            axis.fill_between(x, y, color=color, alpha=0.15, lw=0)
            axis.plot(x, y, color=color, lw=2, ls=style, label=label)
            tails = x[y > 0.01 * top]
            low, high = min([low, *tails[:1]]), max([high, *tails[-1:]])
        if ticked:
            for values, color, place in ((seen, ORANGE, -0.035), (mixed, BLUE, -0.08)):
                places = np.full(len(values), place * top)
                axis.plot(values, places, "|", color=color, ms=6, mew=1, alpha=0.7)
        axis.axvline(groups.population[k], color="black", lw=1.2, label="population", zorder=0)
        axis.set_xlim(low, high)
        axis.set_ylim(-0.11 * top if ticked else 0, 1.06 * top)
        axis.set_xlabel(axis_label(fit, groups.effects[k]))
        clean(axis)
    axes[0].set_ylabel(
        f"Density over {count(groups.term.n_levels, 'level', commas=True)}\nof {groups.term.factor}"
    )
    wrap_labels(axes)
    legend_above(axes[0])
    return returned(axes, ax)


def _name_points(
    axes: Axes, own: FloatArray, mixed: FloatArray, curves: list[FloatArray], names: list[str]
) -> None:
    """Name points where there is room beside them, and leave the other names out."""
    from matplotlib.transforms import Bbox

    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()
    frame, point = axes.get_window_extent(), figure.dpi / 72
    arrows = np.concatenate([own + share * (mixed - own) for share in np.linspace(0, 1, 9)], axis=1)
    taken = [
        Bbox.from_bounds(x - 3 * point, y - 3 * point, 6 * point, 6 * point)
        for x, y in axes.transData.transform(arrows.T)
    ]
    lines = axes.transData.transform(np.concatenate(curves, axis=1).T)
    for name, (x, y) in zip(names, axes.transData.transform(own.T), strict=True):
        text = axes.text(0, 0, name, fontsize=7.5, color="#404040", transform=None)
        text.set_in_layout(False)
        size = text.get_window_extent()
        free = []
        for dx, dy in _BESIDE:
            left = x + 5 * point * dx + size.width * (dx - 1) / 2
            bottom = y + 5 * point * dy + size.height * (dy - 1) / 2
            box = Bbox.from_bounds(left, bottom, size.width, size.height)
            inside = frame.contains(box.x0, box.y0) and frame.contains(box.x1, box.y1)
            if inside and not any(box.overlaps(other) for other in taken):
                free.append(box)
        if not free:
            text.remove()
            continue
        best = min(free, key=lambda box: box.count_contains(lines))
        taken.append(best)
        text.set_transform(axes.transData)
        at = axes.transData.inverted().transform((best.x0 - size.x0, best.y0 - size.y0))
        text.set_position((at[0], at[1]))
