"""What is asked of machines elsewhere: nothing unasked, nothing unsaid, and nothing at all where that is forbidden.

Addresses that the user gives (a Dask scheduler, a Triton server) are the user's own, and not meant.
"""

from __future__ import annotations

import os

from ..console import say
from ..errors import CeresFastError

OFFLINE = "CERES_FAST_OFFLINE"
"""Environment variable that forbids it: any value but 0."""


def announce(what: str, address: str, instead: str) -> None:
    """Say what is about to be asked, and of whom.

    Parameters
    ----------
    what : str
        What is asked for: a sentence, or a part of one.
    address : str
        Of whom: a URL.
    instead : str
        A sentence that says how to do without.

    Raises
    ------
    CeresFastError
        Where ``CERES_FAST_OFFLINE`` forbids it.
    """
    if os.environ.get(OFFLINE, "").strip() not in ("", "0"):
        raise CeresFastError(f"{OFFLINE} is set, so nothing is asked of {address}: {what}. {instead}")
    say(f"asking {address}: {what}; {OFFLINE}=1 forbids it")
