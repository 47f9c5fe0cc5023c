"""The report of the experiments: a page for a browser, the same as Markdown, and a table for other programs."""

from .page import write_report

__all__ = ["write_report"]
