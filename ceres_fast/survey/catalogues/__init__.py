"""SExtractor catalogues: one file per format, and what is common to them in `core`."""

from .core import Catalogue, catalogue_places, check_against, column, find_catalogue, positions, sky_positions
from .formats import FORMATS, SUFFIXES, check_free, read_catalogue, write_catalogue, write_table

__all__ = [
    "FORMATS",
    "SUFFIXES",
    "Catalogue",
    "catalogue_places",
    "check_against",
    "check_free",
    "column",
    "find_catalogue",
    "positions",
    "read_catalogue",
    "sky_positions",
    "write_catalogue",
    "write_table",
]
