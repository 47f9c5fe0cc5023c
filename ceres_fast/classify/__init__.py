"""Giving detections and stamps their probability of being an asteroid; no TensorFlow."""

from .classify import classify
from .task import Result

__all__ = ["Result", "classify"]
