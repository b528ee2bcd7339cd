"""What a learner passes to a helper: taken as it is meant, or refused in one sentence."""

from numbers import Integral, Real

from helpers.errors import LessonError


def whole_number(name: str, value: object, low: int, high: int) -> int:
    """`value` as an int from `low` to `high`; NumPy's integers count, True does not.

    Raises LessonError, in a sentence with `name` in it, for everything else.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or not low <= int(value) <= high:
        raise LessonError(f"{name} is a whole number from {low:,} to {high:,}; {value!r} is not.")
    return int(value)


def number(name: str, value: object, low: float, high: float, unit: str = "seconds") -> float:
    """`value` as a float from `low` to `high`, in `unit`; NumPy's numbers count, True and NaN do not.

    Raises LessonError, in a sentence with `name` and `unit` in it, for everything else.
    """
    if isinstance(value, bool) or not isinstance(value, Real) or not low <= float(value) <= high:
        of = f" of {unit}" if unit else ""
        raise LessonError(f"{name} is a number{of} from {low:g} to {high:g}; {value!r} is not.")
    return float(value)
