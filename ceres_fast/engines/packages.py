"""Which packages are installed, told without importing them."""

from __future__ import annotations

from importlib.machinery import PathFinder
from importlib.metadata import PackageNotFoundError, version


def is_package(module: str) -> bool:
    """Whether there is a top-level module with code in it.

    A folder without any is importable too, as an empty namespace: `tensorrt-stubs` leaves one called ``tensorrt``.
    """
    spec = PathFinder.find_spec(module)
    return spec is not None and spec.origin is not None


def installed(distribution: str) -> str:
    """Return the version of an installed distribution; empty where it is not installed."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""
