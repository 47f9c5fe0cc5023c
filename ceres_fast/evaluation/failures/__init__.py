"""Where a classifier fails: against magnitude, motion, FLAGS, neighbours, seeing, CCD, field and filter."""

from .figures import draw
from .measure import NEEDS, failures
from .text import summary, tables
from .worst import draw_worst, write_worst

__all__ = ["NEEDS", "draw", "draw_worst", "failures", "summary", "tables", "write_worst"]
