"""Detecting sources, for those who have no catalogues yet: a file per engine, and what is common in `core`."""

from .core import ENGINES, detect_frames
from .sep_engine import COLUMNS, detect_frame

__all__ = ["COLUMNS", "ENGINES", "detect_frame", "detect_frames"]
