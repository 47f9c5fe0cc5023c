"""SExtractor catalogues: one file per format, and what is common to them in `core`."""

from .core import Catalogue, check_against, column, find_catalogue, positions, sky_positions
from .formats import FORMATS, SUFFIXES, read_catalogue, write_catalogue, write_table

__all__ = [
    "FORMATS",
    "SUFFIXES",
    "Catalogue",
    "check_against",
    "column",
    "find_catalogue",
    "positions",
    "read_catalogue",
    "sky_positions",
    "write_catalogue",
    "write_table",
]
