"""What the columns of a catalogue are called, where that is not as SExtractor calls them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

from ..errors import CeresFastError

PIXEL_COLUMNS = (("XWIN_IMAGE", "YWIN_IMAGE"), ("X_IMAGE", "Y_IMAGE"))
SKY_COLUMNS = (
    ("ALPHAWIN_J2000", "DELTAWIN_J2000"),
    ("ALPHA_J2000", "DELTA_J2000"),
    ("ALPHAWIN_SKY", "DELTAWIN_SKY"),
    ("ALPHA_SKY", "DELTA_SKY"),
)

_STANDS_FOR = {
    "x": [x for x, _ in PIXEL_COLUMNS],
    "y": [y for _, y in PIXEL_COLUMNS],
    "ra": [ra for ra, _ in SKY_COLUMNS],
    "dec": [dec for _, dec in SKY_COLUMNS],
    "magnitude": ["MAG_AUTO"],
    "flags": ["FLAGS"],
    "width": ["FWHM_IMAGE"],
}


@dataclass(frozen=True)
class Names:
    """Names of columns; the empty string means as SExtractor names it.

    Parameters
    ----------
    x, y : str
        Positions, in pixels counted from 1.
    ra, dec : str
        Positions on the sky, deg (J2000).
    magnitude : str
        Magnitude, MAG_AUTO otherwise; 0, and 90 and more or -90 and less, mean unknown.
    flags : str
        Bits that mean what SExtractor's FLAGS mean.
    width : str
        FWHM, in pixels.
    """

    x: str = ""
    y: str = ""
    ra: str = ""
    dec: str = ""
    magnitude: str = ""
    flags: str = ""
    width: str = ""

    def __post_init__(self) -> None:
        for one, other in (("x", "y"), ("ra", "dec")):
            if bool(getattr(self, one)) != bool(getattr(self, other)):
                raise CeresFastError(f"--columns names one of {one} and {other}; expected both.")

    @classmethod
    def parse(cls, text: str) -> Names:
        """Return the names in a text such as ``x=XPOS,y=YPOS,magnitude=MAG``.

        Raises
        ------
        CeresFastError
            When it is not of this form, or names something else.
        """
        known = [field.name for field in fields(cls)]
        given: dict[str, str] = {}
        for pair in filter(None, (part.strip() for part in text.split(","))):
            what, equals, name = (part.strip() for part in pair.partition("="))
            if not (equals and name) or what not in known or what in given:
                raise CeresFastError(
                    f"--columns {pair!r}: expected WHAT=NAME, each of {', '.join(known)} at most once."
                )
            given[what] = name
        return cls(**given)

    def own(self, name: str) -> str:
        """Return what the catalogue calls the column that SExtractor calls `name`."""
        what = next((what for what, names in _STANDS_FOR.items() if name.upper() in names), None)
        return (getattr(self, what) if what else "") or name

    def has_positions(self, columns: Iterable[str]) -> bool:
        """Tell whether there are columns with pixel positions among some, whatever their case."""
        there = {name.upper() for name in columns}
        return any({self.own(name).upper() for name in pair} <= there for pair in PIXEL_COLUMNS)

    def given(self) -> list[str]:
        """Return the names that are not SExtractor's."""
        return [getattr(self, field.name) for field in fields(self) if getattr(self, field.name)]
