"""Proof that records are sound, and a look at what is in them: what `ceres-fast inspect` does."""

from .inspect import inspect_records

__all__ = ["inspect_records"]
