"""What files may hold, stated once: as the types of the values, with their limits beside them.

A format is a frozen dataclass, or a ``TypedDict`` for an object inside another. The type of a field says what it may
hold: ``Annotated[int, Meta(ge=1)]``. msgspec compares values with these types. This module adds what a user needs to
mend a file: which key is wrong (``files.onnx.sha256``), what it is, and what it should be.

Comparing changes nothing: objects stay dicts, lists stay lists, and 1 stays 1 where a number may have decimals, so that
a file which is read and written again has the same bytes.

In a ``Meta``, ``title`` says to a user what was expected; without it, `expected` makes the words from the type.
"""

from __future__ import annotations

import re
import sys
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from os import PathLike
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired, TypedDict, Union, get_args, get_origin

import msgspec
from msgspec import Meta

from .errors import InputError
from .files import DEEPEST, deeper_than

LARGEST_NUMBER = sys.float_info.max
Count = Annotated[int, Meta(ge=0, lt=2**53, title="a whole number from 0 on")]
"""A number of things; a larger one would lose digits as a float64."""

Share = Annotated[float, Meta(ge=0, le=1)]
Number = Annotated[float, Meta(ge=-LARGEST_NUMBER, le=LARGEST_NUMBER, title="a number")]
Positive = Annotated[float, Meta(gt=0, le=LARGEST_NUMBER, title="a number above 0")]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z", title="64 hexadecimal digits")]
Word = Annotated[str, Meta(min_length=1, max_length=199, title="a name of 1 to 199 characters")]


class Mismatch(ValueError):  # noqa: N818 (what it is about is no error of the program)
    """A value that is not what it may be.

    Attributes
    ----------
    key : str
        Where it is: ``files.onnx.sha256``, ``profiles[2]``; empty for the whole.
    problem : str
        What is wrong there: "is 'abc'", "lacks sha256".
    expected : str
        What it may be.
    """

    def __init__(self, key: str, problem: str, expected: str) -> None:
        self.key, self.problem, self.expected = key, problem, expected
        super().__init__(f"{self.what}, expected {expected}")

    @property
    def what(self) -> str:
        """Key and problem, in words."""
        return f"{self.key} {self.problem}".strip()

    def of_file(self, path: str | PathLike[str], *, row: int | None = None, action: str | None = None) -> InputError:
        """Return the error of the file that holds the value; the arguments are those of `InputError`."""
        return InputError(path, self.what, row=row, expected=self.expected, action=action)


def check_version(
    values: Mapping[str, Any], version: int, path: Path, *, older: str, newer: str = "install a newer ceres-fast"
) -> None:
    """Refuse another ``format_version``; `older` and `newer` are what a user can do about a file of such a one."""
    found = values.get("format_version")
    if type(found) is not int or found != version:
        action = newer if isinstance(found, int) and found > version else older
        problem = f"has the format version {shown(found)}"
        raise InputError(path, problem, expected=f"version {version}", action=action)


def check(values: Any, kind: Any, *, at: str = "", more: Literal["refused", "kept"] = "refused") -> None:
    """Compare values with what they may be.

    Parameters
    ----------
    values : object
        Dicts, lists, tuples, text, numbers, booleans and None.
    kind : type
        A dataclass (see `shape`), a TypedDict, or any type that msgspec knows.
    at : str
        Key of the values, where they are only a part; errors name it.
    more : {"refused", "kept"}
        What becomes of keys that the type does not have, at any depth.

    Raises
    ------
    Mismatch
        At the first value that is not what it may be.
    """
    if is_dataclass(kind):
        kind = shape(kind)  # type: ignore[arg-type]
    try:
        msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        raise _mismatch(values, kind, str(error), at) from None
    except UnicodeEncodeError as error:
        raise Mismatch(at, f"holds {shown(error.object)}", "text in Unicode") from error
    if more == "refused":
        for key, given, known in _objects(values, kind, ()):
            if strange := ", ".join(shown(name)[1:-1] for name in given if name not in known):
                raise Mismatch(_spelt(key, at), f"has unknown {strange}", f"nothing but {', '.join(known)}")


def check_fields(instance: Any) -> None:
    """Compare the fields of a dataclass instance with their types, for its ``__post_init__``; see `check`."""
    kind = shape(type(instance))  # type: ignore[arg-type]
    check({name: getattr(instance, name) for name in _hints(kind)}, kind)


@cache
def shape(kind: Any, *, defaults: bool = False) -> Any:
    """Return the TypedDict of what is stored of a dataclass, for `check`.

    Parameters
    ----------
    kind : type
        A dataclass. A field that is not compared (``field(compare=False)``) is not stored.
    defaults : bool
        Whether a key may be missing where its field has a default.
    """
    hints = _hints(kind)
    optional = {
        field.name
        for field in fields(kind)
        if defaults and (field.default is not MISSING or field.default_factory is not MISSING)
    }
    stored = {
        field.name: NotRequired[hints[field.name]] if field.name in optional else hints[field.name]
        for field in fields(kind)
        if field.compare
    }
    return TypedDict(kind.__name__, stored)  # type: ignore[operator]


def plain(value: Any) -> None:
    """Make sure that data are finite numbers and text that can be printed, under names (`Word`), at any depth.

    Text that moves a terminal's cursor, or turns the direction of writing, could make a message say something else.

    Raises
    ------
    Mismatch
        At the first value that is not.
    """
    if deeper_than(DEEPEST, value):
        raise Mismatch("", "is nested too deeply", f"at most {DEEPEST} objects in each other")
    for key, each, is_name in _leaves(value, ()):
        if is_name and not _fits(each, Word):
            raise Mismatch(_spelt(key[:-1]), f"has the key {shown(each)}", f"for a key {expected(Word)}")
        if isinstance(each, str) and not each.isprintable():
            raise Mismatch(_spelt(key), f"is {shown(each)}", "text that can be printed")
        if isinstance(each, int | float) and not abs(each) <= LARGEST_NUMBER:
            raise Mismatch(_spelt(key), f"is {shown(each)}", "a number")


def one_of(names: Iterable[str]) -> Meta:
    """Return what says that text is one of these names, as they are now."""
    known = list(names)
    return Meta(pattern=rf"^(?:{'|'.join(map(re.escape, known))})\Z", title=f"one of {', '.join(known)}")


def file_name(*suffixes: str) -> Meta:
    """Return what says that text is the name of a file in the same folder: no folder or drive before it, not hidden."""
    ends = "|".join(map(re.escape, suffixes))
    return Meta(
        pattern=rf"^(?!\.|.:)[^/\\]+(?:{ends})\Z",
        max_length=199,
        title=f"a bare file name ending in {' or '.join(suffixes)}",
    )


def as_python(value: Any) -> Any:
    """Return a number of NumPy as one of Python, which is what msgspec compares; all else as it is."""
    # By its method, as this module is read for `--help`, for which NumPy is not imported.
    return value.item() if hasattr(value, "item") and not getattr(value, "shape", ()) else value


def shown(value: object) -> str:
    """Return a value in a line of ASCII, cut where it is long."""
    text = ascii(value)
    return text if len(text) < 80 else text[:77] + "…"


def expected(kind: Any) -> str:
    """Return in words what a value may be: "a whole number of at least 1", "a number from 0 to 1 or null"."""
    bare, meta = _bare(kind)
    if meta.title:
        return meta.title
    arms = _arms(bare)
    if len(arms) > 1:
        return " or ".join(map(expected, arms))
    if typing.is_typeddict(bare):
        return f"an object of {', '.join(_hints(bare))}"
    if get_origin(bare) is Literal:
        return " or ".join(map(str, get_args(bare)))
    words = {int: "a whole number", float: "a number", bool: "true or false", str: "text", type(None): "null"}
    return words.get(bare, "a list" if _is_list(bare) else "an object") + _limits(meta)


def _limits(meta: Meta) -> str:
    if meta.ge is not None and meta.le is not None:
        return f" from {meta.ge:.15g} to {meta.le:.15g}"
    bounds = {"at least": meta.ge, "above": meta.gt, "at most": meta.le, "below": meta.lt}
    words = " and ".join(f"{word} {bound:.15g}" for word, bound in bounds.items() if bound is not None)
    return words and f" of {words}"


Key = tuple[str | int, ...]
"""Where a value is: the steps to it from the outermost object, names of keys and places in lists."""

_MESSAGE = re.compile(r"(?:.*field `(?P<missing>\w+)`|.*?)(?: - at (?P<of_key>`key` in )?`\$(?P<path>.*)`)?", re.DOTALL)
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]|\[\.\.\.\]")


def _mismatch(here: Any, kind: Any, message: str, at: str) -> Mismatch:
    """Return what is wrong, from the message of msgspec."""
    said = _MESSAGE.fullmatch(message)
    assert said is not None
    key: Key = ()
    for name, place in _STEP.findall(said["path"] or ""):
        step = name or (int(place) if place else _misfit(here, _inner(kind, here, "")))
        key, here, kind = (*key, step), here[step], _inner(kind, here, step)
    if name := said["missing"]:
        return Mismatch(_spelt(key, at), f"lacks {name}", expected(_inner(kind, here, name)))
    if said["of_key"]:
        names = get_args(_arm(kind, here))[0]
        strange = next(name for name in here if not _fits(name, names))
        return Mismatch(_spelt(key, at), f"has the key {shown(strange)}", f"for a key {expected(names)}")
    return Mismatch(_spelt(key, at), f"is {shown(here)}", expected(kind))


def _misfit(values: Mapping[str, Any], kind: Any) -> str:
    """Return the key that msgspec, of an object of any keys, calls ``[...]``."""
    return next(name for name, value in values.items() if not _fits(value, kind))


def _fits(value: Any, kind: Any) -> bool:
    try:
        msgspec.convert(value, kind)
    except (msgspec.ValidationError, UnicodeEncodeError):  # a ValueError only since msgspec 0.21
        return False
    return True


def _inner(kind: Any, value: Any, step: str | int) -> Any:
    """Return the type of what is one step inside a value of a type."""
    kind = _arm(kind, value)
    if typing.is_typeddict(kind):
        return _hints(kind)[str(step)]
    inside = get_args(kind)
    if not _is_list(kind):
        return inside[1] if inside else Any
    # A tuple has a type for each place, or one for all of them.
    return inside[int(step)] if get_origin(kind) is tuple and inside[-1] is not ... else inside[0]


def _arm(kind: Any, value: Any) -> Any:
    """Return the one type of a union that a dict, or a list, may have."""
    arms = [_bare(arm)[0] for arm in _arms(_bare(kind)[0])]
    is_list = isinstance(value, list | tuple)
    return next((arm for arm in arms if arm is not type(None) and _is_list(arm) == is_list), arms[0])


def _arms(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)


def _bare(kind: Any) -> tuple[Any, Meta]:
    """Return a type without the notes on it, and the one of msgspec among them."""
    meta = Meta()
    while get_origin(kind) in (Annotated, NotRequired):
        kind, *notes = get_args(kind)
        meta = next((note for note in notes if isinstance(note, Meta)), meta)
    return kind, meta


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind, include_extras=True)


def _is_list(kind: Any) -> bool:
    return (get_origin(kind) or kind) in (list, tuple)


def _objects(value: Any, kind: Any, key: Key) -> Iterator[tuple[Key, Mapping[str, Any], Mapping[str, Any]]]:
    """Yield the objects of known keys in a value: where each is, itself, and its keys."""
    if isinstance(value, Mapping) and typing.is_typeddict(arm := _arm(kind, value)):
        yield key, value, _hints(arm)
    for step, inside in _inside(value):
        if isinstance(inside, Mapping | list | tuple):
            yield from _objects(inside, _inner(kind, value, step), (*key, step))


def _leaves(value: Any, key: Key) -> Iterator[tuple[Key, Any, bool]]:
    """Yield what is at the ends of data, and the names of keys: where each is, itself, and whether it is a name."""
    if not isinstance(value, Mapping | list | tuple):
        yield key, value, False
    for step, inside in _inside(value):
        if isinstance(value, Mapping):
            yield (*key, step), step, True
        yield from _leaves(inside, (*key, step))


def _inside(value: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(value, Mapping):
        return value.items()
    return enumerate(value) if isinstance(value, list | tuple) else ()


def _spelt(key: Key, at: str = "") -> str:
    """Return a key as a user writes it; a name of any length or script is cut and written in ASCII."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{shown(step)[1:-1]}" for step in key)
    return "".join([at, *steps]).removeprefix(".")
