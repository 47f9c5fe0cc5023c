"""The whole path on a small simulated survey, from frames to what was found and what was lost."""

from .run import run_demo

__all__ = ["run_demo"]
