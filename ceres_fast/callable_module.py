"""A folder that can be called: `ceres_fast.classify`, `.export`, `.look` and `.night`, folders and functions of users.

Python makes every imported folder an attribute of the package, in the place of anything else of that name. So
``ceres_fast.classify`` is the folder as soon as any of its files is imported, and calling it must do what the function
in it does. (Setting the class of a module is documented: docs.python.org/3/reference/datamodel.html,
"Customizing module attribute access".)
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any


def make_callable(module: str, function: Callable[..., Any]) -> None:
    """Let a module be called as `function`, with its signature.

    Parameters
    ----------
    module : str
        Name of the module, which is being imported: its ``__name__``.
    function : callable
        What calling it does.
    """
    # Copied and pickled by its name, as functions are: another process imports it.
    copied = {"__reduce__": lambda self: (importlib.import_module, (self.__name__,))}
    made = type("CallableModule", (ModuleType,), {"__call__": staticmethod(function), **copied})
    there = sys.modules[module]
    there.__class__ = made
    there.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]  # help() and editors show it
