"""What sections of the config are made of: settings that say what they mean, and their range."""

import dataclasses
import functools
import math
from dataclasses import field
from numbers import Real
from typing import Any, Literal, TypeVar, cast, get_args, get_origin, get_type_hints

from slam.errors import SlamError

Value = TypeVar("Value")


def setting(
    default: Value,
    meaning: str,
    of: str = "",
    at_least: int | float | None = None,
    at_most: int | float | None = None,
) -> Value:
    """Declare a field of a section: what it means, of which choice of its section it is, and of a
    number the range, ends included. Every number has one, if only of one end.
    """
    metadata = {"meaning": meaning, "of": of, "at_least": at_least, "at_most": at_most}
    return field(default=default, metadata=metadata)


class Checked:
    """A section whose values are possible, wherever they come from: `SlamError` for one that is
    out of its range, or none of its choices. What only two of them together make impossible is
    refused by who uses them.
    """

    def __post_init__(self) -> None:
        """Check each value."""
        cls = type(self)
        section = cls.__name__.removesuffix("Config").lower()
        choices = _choices(cls)
        for of_field in dataclasses.fields(cast(Any, self)):
            name, value = of_field.name, getattr(self, of_field.name)
            where = f"{section}.{name}" if section else name
            if name in choices and value not in choices[name]:
                known = ", ".join(choices[name])
                raise SlamError(f"config {where} must be one of {known}; got {value!r}")
            at_least, at_most = map(of_field.metadata.get, ("at_least", "at_most"))
            if at_least is not None and value is not None:
                _check_range(where, value, at_least, at_most)


@functools.cache
def _choices(cls: type) -> dict[str, tuple[str, ...]]:
    hints = get_type_hints(cls)
    return {name: get_args(hint) for name, hint in hints.items() if get_origin(hint) is Literal}


def _check_range(
    name: str, value: object, at_least: int | float, at_most: int | float | None
) -> None:
    if not isinstance(value, Real) or isinstance(value, bool) or not math.isfinite(value):
        raise SlamError(f"config {name} must be a number, got {value!r}")
    number = float(value)
    if number < at_least or (at_most is not None and number > at_most):
        most = "" if at_most is None else f" .. {at_most:.9g}"
        allowed = f"in {at_least:.9g}{most}" if most else f"at least {at_least:.9g}"
        raise SlamError(f"config {name} must be {allowed}, got {number:.9g}")
