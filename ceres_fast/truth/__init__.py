"""Known asteroids: one file per format, a table of them in `core`; `skybot` asks a service for those in some frames."""

from .core import read_truth, write_truth

__all__ = ["read_truth", "write_truth"]
