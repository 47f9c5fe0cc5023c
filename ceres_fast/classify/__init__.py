"""Giving detections and stamps their probability of being an asteroid; no TensorFlow."""

from .account import Result
from .classify import classify

__all__ = ["Result", "classify"]
