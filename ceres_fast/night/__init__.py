"""A night as it comes in: exposures classified field by field, known objects named, reviewed, and handed on."""

from ..callable_module import make_callable
from .detections import Night, read_night
from .run import night
from .status import NightResult

__all__ = ["Night", "NightResult", "night", "read_night"]

make_callable(__name__, night)
