"""An option, stated once beside the field that it sets.

A settings class is a frozen dataclass. A field of it is an option when its type is annotated with `option`::

    batch_size: Annotated[int, option("Stamps per step.", metavar="N", ge=1)] = 128

Everything else about the option is read from there: `options_of` gives name, type, default, bounds and help to the
command line and the tables of the documentation, and `Option.allows` and `Option.expected` check a value and say what
it may be.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from ..errors import CeresFastError
from ..schema import as_python, expected


@dataclass(frozen=True)
class Shown:
    """How an option is shown, and what of its value no bound can say; see `option`."""

    panel: str | None
    metavar: str | None
    name: str | None
    unit: str | None
    check: Callable[[Any], bool] | None
    alone: bool


def option(
    text: str,
    *,
    panel: str | None = None,
    metavar: str | None = None,
    name: str | None = None,
    unit: str | None = None,
    expected: str | None = None,
    check: Callable[[Any], bool] | None = None,
    alone: bool = False,
    **bounds: float,
) -> msgspec.Meta:
    """Return the annotation that makes a field an option.

    Parameters
    ----------
    text : str
        What it does, in a sentence or two.
    panel : str, optional
        Group in which the help of a command shows it.
    metavar : str, optional
        What stands for its value in the help.
    name : str, optional
        Name of the option without dashes, where the field cannot have it.
    unit : str, optional
        Of its value.
    expected : str, optional
        What its value may be, where type and bounds do not say enough.
    check : callable, optional
        Whether a value of the right type and within the bounds can be meant.
    alone : bool
        Of a switch: whether there is no ``--no-`` option beside it, because nothing can have switched it on before.
    **bounds : float
        Any of ``ge``, ``gt``, ``le`` and ``lt``: the value is at least, above, at most, below.
    """
    shown = Shown(panel, metavar, name, unit, check, alone)
    return msgspec.Meta(description=text, title=expected, extra={"shown": shown}, **bounds)  # type: ignore[call-overload]


@dataclass(frozen=True)
class Option:
    """An option as a field states it.

    Attributes
    ----------
    field : str
        Name of the field.
    type : type
        Of its value.
    default : object
        `dataclasses.MISSING` where there is none.
    meta : msgspec.Meta
        Help and bounds.
    shown : Shown
        What else `option` was given.
    """

    field: str
    type: Any
    default: Any
    meta: msgspec.Meta
    shown: Shown

    @property
    def key(self) -> str:
        """Its key in a configuration file: the option's name, with underscores."""
        return self.shown.name or self.field

    @property
    def flag(self) -> str:
        """The command line's option: ``--batch-size``."""
        return f"--{self.key.replace('_', '-')}"

    @property
    def help(self) -> str:
        """What it does, and the unit of its value."""
        return f"{self.meta.description}{f' In {self.shown.unit}.' if self.shown.unit else ''}"

    @property
    def kind(self) -> Any:
        """Its type without None."""
        if get_origin(self.type) not in (Union, UnionType):
            return self.type
        return next(each for each in get_args(self.type) if each is not NoneType)

    @property
    def choices(self) -> tuple[Any, ...]:
        """The values that a Literal lists; empty for all other types."""
        return get_args(self.kind) if get_origin(self.kind) is Literal else ()

    def allows(self, value: Any) -> bool:
        """Return whether a value of any type may be meant."""
        if value is None:
            return NoneType in get_args(self.type)
        if self.kind is Path:  # text in a configuration file
            return isinstance(value, Path) or _is_text(value)
        try:
            msgspec.convert(value, Annotated[self.kind, self.meta])
        except msgspec.ValidationError:
            return False
        if isinstance(value, float) and not math.isfinite(value):  # infinity is within a bound on one side
            return False
        if isinstance(value, str) and not _is_text(value):
            return False
        return self.shown.check is None or self.shown.check(value)

    @property
    def expected(self) -> str:
        """What a value may be, as a message says it to a user."""
        if self.kind is Path and self.meta.title is None:
            return "a path"
        return expected(Annotated[self.kind, self.meta])


def options_of(settings: type[Any]) -> Mapping[str, Option]:
    """Return the options of a settings class by the names of their fields, in that order."""
    return _options_of(settings)  # type: ignore[arg-type]  # mypy finds that a class has no hash


@cache
def _options_of(settings: Hashable) -> Mapping[str, Option]:
    found = {}
    hints = get_type_hints(settings, include_extras=True)
    for field in fields(settings):  # type: ignore[arg-type]
        kind, *notes = get_args(hints[field.name]) if get_origin(hints[field.name]) is Annotated else (None,)
        for meta in notes:
            shown = isinstance(meta, msgspec.Meta) and (meta.extra or {}).get("shown")
            if shown:
                found[field.name] = Option(field.name, kind, field.default, meta, shown)
    return found


def only(settings: type[Any], *names: str) -> dict[str, Option]:
    """Return some options of a settings class."""
    return {name: options_of(settings)[name] for name in names}


def check_options(settings: Any) -> None:
    """Make sure that every option of an instance of a settings class has a value that may be meant.

    A number of NumPy is kept as one of Python, which a configuration file can hold.

    Raises
    ------
    CeresFastError
        When one has not; the message names the option, its value and what is expected.
    """
    for each in options_of(type(settings)).values():
        object.__setattr__(settings, each.field, _checked(each, getattr(settings, each.field)))


def check_arguments(options: Mapping[str, Option], **values: Any) -> None:
    """Make sure that arguments of a function, which have the names and meanings of options, may be meant.

    Parameters
    ----------
    options : mapping of str to Option
        Of settings classes (`options_of`, `only`).
    **values : object
        Some of them; numbers of NumPy are numbers.

    Raises
    ------
    CeresFastError
        As `check_options`.
    """
    for name, value in values.items():
        _checked(options[name], value)


def _checked(option: Option, value: Any) -> Any:
    """Return a value that may be meant, a number of NumPy as one of Python; refuse any other."""
    plain = as_python(value)
    if not option.allows(plain):
        raise CeresFastError(f"{option.flag} {value}: expected {option.expected}.")
    return plain


def as_arguments(settings: Any) -> list[object]:
    """Return an instance of a settings class as arguments of the command that has its options."""
    flags = {name: each.flag for name, each in options_of(type(settings)).items()}
    return [word for name, flag in flags.items() for word in (flag, getattr(settings, name))]


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != "" and "\0" not in value
