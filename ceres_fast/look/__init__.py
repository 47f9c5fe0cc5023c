"""How frames are understood, shown before anything is done with them."""

from ..callable_module import make_callable
from .examine import Looked
from .frame import FrameLook
from .look import look

__all__ = ["FrameLook", "Looked", "look"]

make_callable(__name__, look)
