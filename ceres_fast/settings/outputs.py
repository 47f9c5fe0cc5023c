"""What a night can be written for: the names that `report --to` takes."""

from typing import Literal, get_args

Output = Literal["crossobject", "heliolinx", "thor", "difi", "ades-psv", "ades-xml", "mpc80", "ds9", "votable"]
OUTPUTS: tuple[Output, ...] = get_args(Output)

REPORTS: tuple[Output, ...] = ("ades-psv", "ades-xml", "mpc80")
"""What can be sent to the Minor Planet Center, once somebody has looked at it."""
