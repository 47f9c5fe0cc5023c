"""Who observed, with what, and against which star catalogues: a small TOML file, for what is sent to others."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, NotRequired, TypedDict

from msgspec import Meta

from ..errors import InputError
from ..schema import Mismatch, check, shape

LARGEST = 100_000
"""Bytes of a file; it is a page of text."""

# The limits are those of ADES (submit.xsd). A bar would end a value in PSV, and a control character a line;
# the last two are none in XML.
_TEXT = r"^(?=.*\S)[^|\x00-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff]+\Z"
Line = Annotated[str, Meta(pattern=_TEXT, max_length=100, title="a line of at most 100 characters, without |")]
Short = Annotated[str, Meta(pattern=_TEXT, max_length=25, title="a line of at most 25 characters, without |")]
Code = Annotated[str, Meta(pattern=r"^[0-9A-Z][0-9A-Za-z]{2,3}\Z", title="an observatory code of the MPC, as 950")]
Stars = Annotated[str, Meta(pattern=r"^[.A-Za-z0-9_]{1,8}\Z", title="a star catalogue as ADES calls it, as Gaia3")]
Band = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_]{1,3}\Z", title="a band of ADES, as Sr")]
Mode = Annotated[str, Meta(pattern=r"^[A-Z]{3}\Z", title="a mode of ADES, as CCD or CMO")]
Programme = Annotated[str, Meta(pattern=r"^[!-~]?\Z", title="the one character of a programme of the MPC")]


class Telescope(TypedDict):
    """What ADES wants to know of a telescope; the aperture is in m."""

    design: Short
    aperture: Annotated[float, Meta(ge=0.001, lt=100, title="an aperture in m")]
    detector: Short
    name: NotRequired[Line]


def aperture_of(telescope: Telescope) -> str:
    """Return the aperture in m, in the six characters that ADES has for it."""
    return f"{telescope['aperture']:.3f}".rstrip("0").rstrip(".")


@dataclass(frozen=True)
class Observatory:
    """Who observed, with what, and against which star catalogues.

    Parameters
    ----------
    code : str
        Of the Minor Planet Center.
    submitter : str
        Who would send a report.
    measurers : list of str
        Who measured.
    telescope : Telescope
    star_catalogue : str
        That positions were measured against (``astCat`` in ADES), as ``Gaia3``.
    magnitude_catalogue : str
        That magnitudes were measured against (``photCat``); empty where that is not known.
    observers : list of str
        Who observed; the measurers where nobody is named.
    institution : str
        The submitter's.
    name : str
        Of the observatory.
    mode : str
        Of observing: CCD, or CMO for CMOS.
    programme : str
        The programme's character at the MPC, in column 14 of the 80 columns.
    bands : dict of str to str
        By names of filters, as frames give them, the bands of ADES that magnitudes are in. The empty name is what a
        frame has that names none. A magnitude in a filter that is not here is left out of reports.
    """

    code: Code
    submitter: Line
    measurers: Annotated[list[Line], Meta(min_length=1, title="names")]
    telescope: Telescope
    star_catalogue: Stars
    magnitude_catalogue: Stars | None = None
    observers: list[Line] = field(default_factory=list)
    institution: Line | None = None
    name: Line | None = None
    mode: Mode = "CCD"
    programme: Programme = ""
    bands: dict[str, Band] = field(default_factory=dict)


def read_observatory(path: Path) -> Observatory:
    """Read the file that says who observed.

    Parameters
    ----------
    path : pathlib.Path
        TOML with the keys of `Observatory`.

    Raises
    ------
    InputError
        When it cannot be read, or is not what it may be; the message names the key.
    """
    expected = f"a TOML file with {', '.join(Observatory.__dataclass_fields__)}"
    try:
        with path.open("rb") as stream:
            content = stream.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise InputError(path, f"is larger than {LARGEST:,} bytes", expected=expected)
        values = tomllib.loads(content.decode())
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", expected=expected) from error
    except (ValueError, RecursionError) as error:
        raise InputError(path, f"is not TOML ({error})", expected=expected) from error
    try:
        check(values, shape(Observatory, defaults=True))
    except Mismatch as error:
        raise error.of_file(path, action="see docs/outputs.md, The observatory") from error
    return Observatory(**values)
