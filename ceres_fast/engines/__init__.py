"""Engines: an exported classifier on any runtime, with no TensorFlow."""

from .batches import AUTO, Engine
from .loading import exported_model, load

__all__ = ["AUTO", "Engine", "exported_model", "load"]
