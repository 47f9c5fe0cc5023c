"""Giving detections and stamps their probability of being an asteroid; no TensorFlow."""

from ..callable_module import make_callable
from .account import Result
from .classify import classify
from .tables import classify_table

__all__ = ["Result", "classify", "classify_table"]

make_callable(__name__, classify)
