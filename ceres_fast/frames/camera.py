"""What is special to a camera: a small TOML file says how its headers, masks and catalogues are read.

A profile is data, also one from a stranger: names, numbers, and regular expressions that are kept so simple that none
can run for long (`check_expression`). `profiles` reads the files.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Annotated, Any, Literal, TypedDict

from msgspec import Meta

from ..schema import Mismatch, check_fields, plain, shown

Kind = Literal["image", "weight", "bad", "mask", "other"]
"""What an image shows: the sky (``image``), or which pixels of it are good. Of ``weight`` those above 0 are, of ``bad``
those that are 0, of ``mask`` those without a bit (or value) that means that there are no data; ``other`` maps, as of
variance or background, say nothing of that and are not used."""

Name = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9][\w .+-]{0,59}\Z", title="a name of 1 to 60 letters, digits, '.', '_', '+' and '-'")
]
Keyword = Annotated[
    str, Meta(pattern=r"^[A-Z0-9][A-Z0-9_. -]{0,67}\Z", title="a keyword of a header, in capitals, 1 to 68 characters")
]
Quantity = Annotated[str, Meta(pattern=r"^[a-z_]{1,40}\Z", title="a quantity in small letters, as in pixel_scale")]
Text = Annotated[str, Meta(min_length=1, max_length=100, title="text of 1 to 100 characters")]
Extension = Annotated[
    str,
    Meta(
        pattern=r"^(?:\[\d{1,4}\]|[A-Za-z0-9]+(?:[._ -][A-Za-z0-9]+)*)\Z",
        max_length=68,
        title="a word of EXTNAME, or the number of an extension as in [2]",
    ),
]
Bit = Annotated[int, Meta(ge=0, le=62)]
Code = Annotated[int, Meta(ge=-(2**31), lt=2**32)]
MOST = 100
"""Entries of a table or a list of a profile."""

Expression = Annotated[str, Meta(min_length=1, max_length=100, title="a regular expression of 1 to 100 characters")]
REPEATS, ALTERNATIVES = 3, 3
"""How often a regular expression of a profile may repeat something, and how many alternatives it may have."""

LONGEST_NAME = 80
"""Characters of a name in a header that the regular expressions of a profile are tried on: a card has room for 68."""


class MapFile(TypedDict):
    """How the file of a map is named beside its frame: as the frame, with `map` where the frame has `frame`.

    With an empty `frame` the map is named as the frame with `map` behind it. Upper and lower case are the same.
    """

    frame: Annotated[str, Meta(pattern=r"^[^/\\]{0,50}\Z", title="a part of a frame's name, or nothing")]
    map: Annotated[str, Meta(pattern=r"^[^/\\]{1,50}\Z", title="a part of the name of a map's file")]
    kind: Kind


@dataclass(frozen=True)
class Camera:
    """A profile of a camera; what it does not say is read as from any other.

    Parameters
    ----------
    name : str
        Of the camera.
    origin : {1, 0}
        Position in catalogues of the centre of the first pixel: 1 as in FITS and SExtractor, 0 as in NumPy and sep.
    field_ignore : tuple of str
        Regular expressions: what is left out of the names of fields.
    no_data_bits : tuple of int
        Bits (from 0) of masks, also of bad-pixel maps, that mean that the pixel holds nothing of the sky.
    no_data_values : tuple of int
        Whole values that mean it, of masks that hold codes and not bits.
    keywords : mapping of str to tuple of str
        Keywords by quantity (`quantities.QUANTITIES`, `quantities.TEXT_KEYWORDS`, and "time"), tried before the others.
    units : mapping of str to str
        Units of keywords, whatever their comments say: one of those of the quantity (`quantities.QUANTITIES`).
    no_sky : mapping of str to tuple of str
        Values of keywords (whatever their case) of frames that are no exposures of the sky.
    extensions : mapping of str to str
        Kinds (`Kind`) of extensions, by a word of their names, or by number where they have none ("[2]").
    files : tuple of dict
        The files of maps beside frames (`MapFile`).

    Raises
    ------
    Mismatch
        When a value is not what it may be.
    """

    name: Name = "generic"
    origin: Literal[0, 1] = 1
    field_ignore: Annotated[tuple[Expression, ...], Meta(max_length=20)] = ()
    no_data_bits: Annotated[tuple[Bit, ...], Meta(max_length=MOST)] = ()
    no_data_values: Annotated[tuple[Code, ...], Meta(max_length=MOST)] = ()
    keywords: Mapping[Quantity, Annotated[tuple[Keyword, ...], Meta(max_length=MOST)]] = field(default_factory=dict)
    units: Mapping[Keyword, Text] = field(default_factory=dict)
    no_sky: Mapping[Keyword, Annotated[tuple[Text, ...], Meta(max_length=MOST)]] = field(default_factory=dict)
    extensions: Mapping[Extension, Kind] = field(default_factory=dict)
    files: Annotated[tuple[MapFile, ...], Meta(max_length=MOST)] = ()

    def __post_init__(self) -> None:
        check_fields(self)
        plain(self.as_dict())
        for number, pattern in enumerate(self.field_ignore):
            check_expression(pattern, f"field_ignore[{number}]")
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, list):
                object.__setattr__(self, each.name, tuple(value))
        for name in ("keywords", "no_sky"):
            object.__setattr__(self, name, {key: tuple(values) for key, values in getattr(self, name).items()})

    def __hash__(self) -> int:
        return hash(self.name)

    def field_name(self, text: str) -> str:
        """Return the name of a field without the words that are ignored; one that is longer than usual stays whole."""
        if len(text) > LONGEST_NAME:
            return text
        for pattern in self.field_ignore:
            text = re.sub(pattern, "", text).strip(" -_,;:")
        return text

    def as_dict(self) -> dict[str, Any]:
        """Return what is stored of it: plain data."""
        return {each.name: _plain_copy(getattr(self, each.name)) for each in fields(self)}

    def differences(self, other: Camera) -> list[str]:
        """Return the names of what another profile says differently, but for the names of the cameras."""
        mine, theirs = self.as_dict(), other.as_dict()
        return [name for name in mine if name != "name" and mine[name] != theirs[name]]


def _plain_copy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain_copy(each) for key, each in value.items()}
    return [_plain_copy(each) for each in value] if isinstance(value, list | tuple) else value


def check_expression(pattern: str, key: str) -> None:
    r"""Refuse a regular expression that is none, or that might run for very long.

    Python tries all ways in which the repetitions of a regular expression can share a text: nested ones take a time
    that grows exponentially. So groups may not be repeated, nothing may look back or ahead, and only a few repetitions
    (`REPEATS`) and alternatives (`ALTERNATIVES`) may be there; then `LONGEST_NAME` characters take a second at most.

    Raises
    ------
    Mismatch
        When it is refused.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # of what another version of Python may read in another way
            re.compile(pattern)
    except (re.error, OverflowError, RecursionError, Warning) as error:
        raise Mismatch(key, f"is {shown(pattern)} ({error})", "a regular expression") from error
    bare = re.sub(r"\\[^0-9]", "x", pattern.removeprefix("(?i)"))
    bare = re.sub(r"\[\^?\]?[^\]]*\]", "x", bare).replace("(?:", "(")
    many = len(re.findall(r"[*+?{]", bare)) > REPEATS or bare.count("|") > ALTERNATIVES
    if many or re.search(r"\\[0-9]|\(\?|\)[*+?{]", bare):
        raise Mismatch(
            key,
            f"is {shown(pattern)}",
            f"a simple regular expression: at most {REPEATS} repetitions (* + ? {{}}), none of a group, at most "
            f"{ALTERNATIVES} alternatives (|), and nothing that looks back or ahead",
        )


GENERIC = Camera()
"""Any camera."""
