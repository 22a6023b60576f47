"""Arithmetic of parameters as a list of steps, computed on a stack: no text is ever executed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from bayesmix.base.arrays import FloatArray
from bayesmix.base.errors import FormulaError
from bayesmix.base.words import count

__all__ = [
    "FUNCTIONS",
    "Affine",
    "Constant",
    "Expression",
    "Operation",
    "Reference",
    "Step",
    "difference",
    "negative",
]

FUNCTIONS: Mapping[str, Callable[[FloatArray], FloatArray]] = {
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "abs": np.abs,
}
_BINARY: Mapping[str, Callable[[FloatArray, FloatArray], FloatArray]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "**": np.power,
}
_NEGATIVE = "negative"
# Operations that have no value where the one of these numbers is zero.
_POLES: Mapping[str, int] = {"log": 0, "/": 1, "**": 0}


@dataclasses.dataclass(frozen=True)
class Constant:
    """A number."""

    value: float


@dataclasses.dataclass(frozen=True)
class Reference:
    """A parameter by its label."""

    label: str


@dataclasses.dataclass(frozen=True)
class Operation:
    """An operator or a function, and where it stands in the text."""

    name: str
    position: int

    @property
    def size(self) -> int:
        """How many values it takes."""
        return 2 if self.name in _BINARY else 1


Step = Constant | Reference | Operation


@dataclasses.dataclass(frozen=True)
class Affine:
    """``constant + sum of coefficient * parameter``."""

    constant: float
    coefficients: Mapping[str, float]


@dataclasses.dataclass(frozen=True)
class Expression:
    """A value of parameters, as steps: each takes what it needs from a stack and leaves one.

    Attributes
    ----------
    steps : tuple of Step
    text : str
        What it was read from, for errors.
    """

    steps: tuple[Step, ...]
    text: str

    @property
    def labels(self) -> tuple[str, ...]:
        """The parameters, each once."""
        own = (step.label for step in self.steps if isinstance(step, Reference))
        return tuple(dict.fromkeys(own))

    def values(self, draws: Mapping[str, FloatArray], size: int) -> FloatArray:
        """Compute the value of each draw (size,), given those of the parameters.

        Raises
        ------
        FormulaError
            An operation has no value in some draw, such as the log of a negative number, or one
            that is too large for a number.
        """
        stack: list[FloatArray] = []
        with np.errstate(all="ignore"):
            for step in self.steps:
                match step:
                    case Constant(value):
                        stack.append(np.full(size, value))
                    case Reference(label):
                        stack.append(draws[label])
                    case Operation():
                        taken = stack[-step.size :]
                        del stack[-step.size :]
                        stack.append(self._computed(step, taken))
        return stack[0]

    def _computed(self, step: Operation, taken: list[FloatArray]) -> FloatArray:
        if step.name == _NEGATIVE:
            return -taken[0]
        value = _BINARY[step.name](*taken) if step.size == 2 else FUNCTIONS[step.name](*taken)
        if np.isfinite(value).all():
            return value
        # At zero log, and what divides by it, have no value; all else that is infinite is large.
        zero = taken[_POLES[step.name]] == 0 if step.name in _POLES else False
        without = np.isnan(value) | (np.isinf(value) & zero)
        is_large = not without.any()
        bad = np.isinf(value) if is_large else without
        first = int(np.argmax(bad))
        numbers = " and ".join(f"{own[first]:g}" for own in taken)
        what = "is too large for a number" if is_large else "has no value"
        remedy = " Take the logarithm of both sides, or smaller multiples." if is_large else ""
        raise FormulaError(
            f"'{step.name}' {what} in {count(int(bad.sum()), 'draw')} of {len(value)}, such as of "
            f"{numbers}.{remedy}",
            self.text,
            step.position,
        )

    @property
    def affine(self) -> Affine | None:
        """The same as a weighted sum of parameters; None where it is none."""
        stack: list[Affine] = []
        for step in self.steps:
            match step:
                case Constant(value):
                    stack.append(Affine(value, {}))
                case Reference(label):
                    stack.append(Affine(0.0, {label: 1.0}))
                case Operation():
                    taken = stack[-step.size :]
                    del stack[-step.size :]
                    own = _combined(step.name, taken)
                    if own is None:
                        return None
                    stack.append(own)
        return stack[0]


def _combined(name: str, taken: list[Affine]) -> Affine | None:
    """Apply one operation to weighted sums, where the result is one."""
    first, last = taken[0], taken[-1]
    if name == _NEGATIVE:
        return _scaled(first, -1.0)
    if name in ("+", "-"):
        sign = 1.0 if name == "+" else -1.0
        labels = dict.fromkeys([*first.coefficients, *last.coefficients])
        return Affine(
            first.constant + sign * last.constant,
            {
                label: first.coefficients.get(label, 0.0) + sign * last.coefficients.get(label, 0.0)
                for label in labels
            },
        )
    if name == "*" and not first.coefficients:
        return _scaled(last, first.constant)
    if name == "*" and not last.coefficients:
        return _scaled(first, last.constant)
    if name == "/" and not last.coefficients and last.constant:
        return _scaled(first, 1 / last.constant)
    if any(own.coefficients for own in taken):
        return None
    with np.errstate(all="ignore"):
        numbers = [np.array([own.constant]) for own in taken]
        value = _BINARY[name](*numbers) if len(taken) == 2 else FUNCTIONS[name](*numbers)
    return Affine(float(value[0]), {})


def _scaled(own: Affine, factor: float) -> Affine:
    return Affine(
        factor * own.constant,
        {label: factor * value for label, value in own.coefficients.items()},
    )


def negative(position: int) -> Operation:
    """Make the operation of a sign."""
    return Operation(_NEGATIVE, position)


def difference(left: Iterable[Step], right: Iterable[Step], position: int) -> tuple[Step, ...]:
    """Take one value less another."""
    return (*left, *right, Operation("-", position))
