"""Synthetic asteroids in real frames, to train with and to measure completeness."""

from .completeness import Completeness
from .inject import inject_frames

__all__ = ["Completeness", "inject_frames"]
