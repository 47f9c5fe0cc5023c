"""Where a classifier fails: against magnitude, motion, FLAGS, neighbours, seeing, CCD, field and filter."""

from .measure import NEEDS, failures
from .report import draw, summary, tables
from .worst import draw_worst, write_worst

__all__ = ["NEEDS", "draw", "draw_worst", "failures", "summary", "tables", "write_worst"]
