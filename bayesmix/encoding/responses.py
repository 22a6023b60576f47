"""The left side of a formula: the response and its trials, for old rows and new.

What a response of two levels calls a success, and where the number of trials comes from, is learnt
here once, from the rows that are fitted.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from formulae import model_description
from formulae.categorical import CategoricalBox
from formulae.environment import Environment
from formulae.terms import Variable

from bayesmix.base.arrays import FloatArray
from bayesmix.base.errors import BayesmixError, suggest
from bayesmix.encoding.calls import live_columns, nodes
from bayesmix.encoding.categories import Categories, learn_categories
from bayesmix.encoding.evaluation import evaluating, learn, not_numeric
from bayesmix.encoding.namespace import Namespace
from bayesmix.encoding.outcomes import (
    coded,
    equals,
    is_categorical,
    is_text,
    labels_of,
    not_numbers,
)
from bayesmix.encoding.sides import PROPORTIONS, Side, read_by
from bayesmix.encoding.transforms import forget_data, set_transforms
from bayesmix.families.responses import nearest_whole
from bayesmix.formula.formula import response_level
from bayesmix.formula.terms import keep_parentheses
from bayesmix.frames.columns import listed
from bayesmix.frames.spelling import label_of

if TYPE_CHECKING:
    from bayesmix.families.family import Family

__all__ = ["TRIALS_IN_ARRAY", "Response", "learn_response", "read_response", "with_categories"]


TRIALS_IN_ARRAY = "weights="
"""Stands for the column of the trials where the weights came as an array."""

# R warns of a proportion times its trials that is further from a whole number.
_WITHIN = 1e-3


def read_response(text: str) -> Side:
    """Let formulae read the left side of a formula.

    Parameters
    ----------
    text : str
        ``"y"``, ``"np.log(y)"``, ``"y['yes']"``, ``"p(successes, trials)"``.

    Returns
    -------
    Side

    Raises
    ------
    FormulaError
        formulae cannot read it.
    """
    if (subset := response_level(text)) is not None:  # formulae reads it of plain names only
        return Side(text, (Variable(*subset, is_response=True),))
    components = read_by(model_description, f"{text} ~ 1", text).response.term.components
    return Side(text, tuple(map(keep_parentheses, components)))


@dataclasses.dataclass(frozen=True, eq=False)
class Response:
    """The left side of a formula, for any rows.

    Attributes
    ----------
    name : str
        The response as formulae names it.
    columns, trial_columns : tuple of str
        Columns needed for the response, for its number of trials.
    has_trials : bool
        Whether each row has a number of trials: that of ``p(successes, trials)``, that of
        `weights`, or one.
    discrete : bool
        Whether the family is one of whole numbers, so that rounding error is taken away.
    levels : tuple of str
        Labels of failure and success of a response of two levels; empty for numbers.
    event : str
        What a success is, ``"use = 'Y'"``; empty where the name of the response says it.
    weights : str or None
        Column of the trials of a response that is a proportion.
    categories : Categories or None
        Those of a response of several categories; its values are their codes.
    """

    name: str
    columns: tuple[str, ...]
    trial_columns: tuple[str, ...]
    has_trials: bool
    _component: Any
    _environment: Environment
    discrete: bool = False
    levels: tuple[str, ...] = ()
    event: str = ""
    weights: str | None = None
    categories: Categories | None = None

    def values(self, frame: pd.DataFrame) -> FloatArray:
        """Compute the response, or the successes, for encoded rows, shape (n,)."""
        values = self.evaluated(frame)
        if self.categories is not None:
            return self.categories.codes(self.name, values)
        if self.level is not None:
            values = equals(values, self.level)
        elif self.levels:
            values = self._successes(values)
        numbers = self._numbers(frame, values, "successes" if _has_trials(self._component) else "")
        if self.weights is not None:
            return nearest_whole(numbers * frame[self.weights].to_numpy(np.float64), _WITHIN)
        return nearest_whole(numbers) if self.discrete else numbers

    @property
    def parts(self) -> tuple[Any, ...]:
        """Formulae's variable or call."""
        return (self._component,)

    @property
    def level(self) -> str | None:
        """The level that ``y['level']`` names."""
        return None if hasattr(self._component, "call") else self._component.reference

    @property
    def own_columns(self) -> frozenset[str]:
        """Columns that the response, or the number of successes, is made of; not the trials."""
        has_trials = _has_trials(self._component)
        return live_columns(
            _trials(self._component)[0] if has_trials else self._component, self.columns
        )

    def trials(self, frame: pd.DataFrame) -> FloatArray | None:
        """Compute the number of trials for encoded rows, shape (n,); None without trials."""
        if not self.has_trials:
            return None
        if self.weights is not None:
            values: Any = frame[self.weights]
        elif _has_trials(self._component):
            with evaluating(self.name, lambda: not_numeric(frame, self.columns)):
                values = _trials(self._component)[1].eval(frame, self._environment)
        else:
            values = np.ones(len(frame))
        return nearest_whole(self._numbers(frame, values, "trials"))

    def one_trial(self) -> dict[str, int]:
        """Find values of the columns of the trials that make one trial; empty if there are none."""
        names = self.trial_columns
        values = {name: int(name == names[0]) for name in names}
        try:
            found = self.trials(pd.DataFrame(values, index=[0]))
        except BayesmixError:
            return {}
        return values if found is not None and found[0] == 1 else {}

    def undone(
        self, y: FloatArray, trials: FloatArray | None, categories: pd.Index[Any] | None
    ) -> dict[str, Any] | None:
        """Make the columns that have these values, given the categories of a column of text.

        Those of the trials stay as they are. None where the response is calculated from columns.
        """
        if self.categories is not None:
            is_column = not hasattr(self._component, "call")
            return {self.name: self.categories.column(y)} if is_column else None
        if hasattr(self._component, "call"):
            if not _has_trials(self._component):
                return None
            successes, number = (getattr(part, "name", None) for part in _trials(self._component))
            if successes not in self.columns or successes in self.trial_columns:
                return None
            if self.trial_columns not in ((), (number,)):
                return None
            return {str(successes): y.astype(np.int64)}
        if self.level is not None or self.levels:
            if categories is None:
                return None
            labels = [label_of(category) for category in categories]
            success = labels.index(self.levels[1] if self.levels else str(self.level))
            codes = np.where(y == (1 if trials is None else trials), success, int(success == 0))
            return {self.name: pd.Categorical.from_codes(codes, categories)}
        if self.weights is not None and trials is not None:
            return {self.name: y / trials}
        return {self.name: y.astype(np.int64) if self.discrete else y}

    def evaluated(self, frame: pd.DataFrame) -> Any:
        """Evaluate the response as it stands: numbers, text or categories."""
        if not hasattr(self._component, "call"):
            return frame[self._component.name]
        has_trials = _has_trials(self._component)
        node = _trials(self._component)[0] if has_trials else self._component.call
        with evaluating(self.name, lambda: not_numeric(frame, self.columns)):
            return node.eval(frame, self._environment)

    def _successes(self, values: Any) -> FloatArray:
        codes, categories = coded(values)
        labels = [label_of(category) for category in categories]
        unknown = [label for label in labels if label not in self.levels]
        if unknown:
            raise BayesmixError(
                f"Response '{self.name}' was {' or '.join(map(repr, self.levels))} in the fit, and "
                f"is {listed(map(repr, unknown), 4)} in the new data. Correct it or leave it out."
            )
        return np.array([label == self.levels[1] for label in labels], dtype=np.float64)[codes]

    def _numbers(self, frame: pd.DataFrame, values: Any, what: str = "") -> FloatArray:
        array = np.asarray(values.data if isinstance(values, CategoricalBox) else values)
        if is_categorical(values) or array.dtype.kind not in "biuf":
            raise not_numbers(self.name, self.columns, values, what)
        array = array.reshape(len(frame)) if array.size == len(frame) else array
        if array.ndim > 1 or array.size not in (1, len(frame)):
            raise BayesmixError(
                f"Response '{self.name}' has shape {array.shape}; one number per row is needed."
            )
        return np.array(np.broadcast_to(array, len(frame)), dtype=np.float64)


def learn_response(
    side: Side,
    frame: pd.DataFrame,
    namespace: Namespace,
    family: Family,
    weights: str | None = None,
) -> Response:
    """Prepare the left side of a formula on the rows that are fitted.

    Parameters
    ----------
    side : Side
        From `read_response`.
    frame : DataFrame
        Encoded columns (`encode_column`).
    namespace : Namespace
        Names that are no columns.
    family : Family
        Says whether two levels have a meaning, and whether there are trials.
    weights : str, optional
        Column of the frame with the number of trials of each row, beside a proportion.

    Returns
    -------
    Response

    Raises
    ------
    BayesmixError
        ``y['level']`` names a level that does not occur, ``p()`` has other arguments than two, the
        response has other than two levels, or there are two numbers of trials.
    """
    (component,) = side.components
    environment = Environment([namespace])
    set_transforms(component)
    learn(component, frame, environment)
    has_trials = _has_trials(component)
    trials = Side("", (_trials(component)[1],) if has_trials else ())
    response = Response(
        name=component.name,
        columns=side.columns(frame.columns),
        trial_columns=trials.columns(frame.columns),
        has_trials=has_trials,
        _component=component,
        _environment=environment,
        discrete=family.discrete,
    )
    if weights is not None:
        if has_trials:
            raise BayesmixError(
                f"Response '{response.name}' has its number of trials, and weights= gives another. "
                "Leave weights out, or write the proportion of successes on the left."
            )
        response = dataclasses.replace(
            response,
            columns=tuple(dict.fromkeys((*response.columns, weights))),
            trial_columns=(weights,),
            has_trials=True,
            weights=weights,
        )
    if has_trials:
        return response
    if family.response.has_categories:
        _check_no_level(response, side, family)
        return response
    response = _with_levels(response, side, frame, family)
    if family.trials and weights is None and _is_binary(response, frame):
        response = dataclasses.replace(response, has_trials=True)
    return response


def _check_no_level(response: Response, side: Side, family: Family) -> None:
    if response.level is not None:
        raise BayesmixError(
            f"Response {side.text} is one category against the others, and family '{family.name}' "
            f"is for all of them. Write '{response.name}', or use "
            "family='bernoulli'."
        )


def with_categories(
    response: Response, frame: pd.DataFrame, columns: Mapping[str, Any], family: Family
) -> tuple[Response, tuple[str, ...]]:
    """Learn the categories of a response, if it has some, and what to say of them.

    Parameters
    ----------
    response : Response
    frame : DataFrame
        Encoded columns.
    columns : mapping of str to Series
        The same as they came.
    family : Family
    """
    if not family.response.has_categories:
        return response, ()
    values = response.evaluated(frame)
    for node in nodes(response._component):
        forget_data(getattr(node, "stateful_transform", None))
    own = {name: columns[name] for name in response.columns}
    categories, notes = learn_categories(
        response.name,
        family.name,
        values,
        own,
        is_ordered=family.response.is_ordinal,
        has_levels=_has_levels(response._component),
    )
    return dataclasses.replace(response, categories=categories), notes


def _has_levels(component: Any) -> bool:
    """Tell whether a call of ``C`` gives its levels."""
    call = getattr(component, "call", None)
    return call is not None and ("levels" in call.kwargs or len(call.args) > 2)


def _with_levels(response: Response, side: Side, frame: pd.DataFrame, family: Family) -> Response:
    """Learn what a success is, where the response does not hold numbers."""
    component = response._component
    values = response.evaluated(frame)
    for node in nodes(component):
        forget_data(getattr(node, "stateful_transform", None))
    level = response.level
    if level is not None:
        if level not in (known := labels_of(values)):
            raise BayesmixError(
                f"Response {side.text}: column '{component.name}' has no value '{level}'. "
                f"Its values: {listed(known)}. {suggest(level, known)}".rstrip()
            )
        return dataclasses.replace(response, event=f"{response.name} = '{level}'")
    if not is_text(values):
        is_bool = np.asarray(values).dtype == np.bool_
        if is_bool and family.binary and not hasattr(component, "call"):
            return dataclasses.replace(response, event=f"{response.name} = True")
        return response
    _, categories = coded(values)
    if not family.binary or len(categories) != 2:
        raise not_numbers(response.name, response.columns, values, family=family)
    success = categories[1]
    shown = repr(success) if isinstance(success, str) else label_of(success)
    return dataclasses.replace(
        response,
        levels=tuple(map(label_of, categories)),
        event=f"{response.name} = {shown}",
    )


def _is_binary(response: Response, frame: pd.DataFrame) -> bool:
    """Whether each row is one trial: a level or not, 0 or 1."""
    values = response.values(frame)
    return bool(np.isin(values, (0, 1)).all())


def _has_trials(component: Any) -> bool:
    return hasattr(component, "call") and component.call.callee in PROPORTIONS


def _trials(component: Any) -> tuple[Any, Any]:
    """Take ``p(successes, trials)`` apart."""
    call = component.call
    given = dict(zip(("successes", "trials"), call.args, strict=False)) | call.kwargs
    if len(call.args) > 2 or set(given) != {"successes", "trials"}:
        raise BayesmixError(
            f"'{call}' must have two arguments: {call.callee}(successes, trials), where trials is "
            "a column or a number."
        )
    return given["successes"], given["trials"]
