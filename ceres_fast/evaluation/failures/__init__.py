"""Where a classifier fails: against magnitude, motion, FLAGS, neighbours, seeing, CCD, field and filter."""

from .measure import failures
from .report import draw, summary, tables
from .worst import draw_worst, write_worst

__all__ = ["draw", "draw_worst", "failures", "summary", "tables", "write_worst"]
