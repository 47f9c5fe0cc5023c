"""ceres-fast: tell asteroids from everything else in telescope frames.

What is listed in ``__all__`` is meant for other programs. Each name is imported when it is first used: importing the
package costs nothing, and scoring stamps needs no TensorFlow. docs/python.md shows each with an example.
"""

import os
import sys

__version__ = "0.1.0"

__all__ = [
    "CeresFastError",
    "InputError",
    "Names",
    "Rules",
    "Settings",
    "__version__",
    "build_records",
    "calibrate",
    "classify",
    "classify_table",
    "dataset",
    "evaluate",
    "export",
    "inspect",
    "keras_model",
    "load",
    "look",
    "night",
    "read_night",
    "read_records",
    "train",
]

_TELEMETRY_OFF = "ORT_DISABLE_TELEMETRY"

# Nothing is sent, and no identifier is left in the user's folders. ONNX Runtime's official builds collect telemetry,
# and begin while they are imported (Privacy.md in their wheels). Python runs this file before any module of the
# package, and so before any library that one imports. Who has set the variable has chosen, and keeps that.
if not os.environ.get(_TELEMETRY_OFF):
    os.environ[_TELEMETRY_OFF] = "1"
    if "onnxruntime" in sys.modules:  # imported before this package: what it does from now on can still be kept small
        sys.modules["onnxruntime"].disable_telemetry_events()

# Nobody has to have a home. Where there is none (no HOME, and a user id that no list of users knows, as in containers)
# libraries raise errors while they are imported; one that does not exist, they make. Neither where it is a file that
# holds nothing: what is looked for there is not found, what is written there is not kept, and nothing is said of it.
if not os.path.isdir(os.path.expanduser("~")):  # noqa: PTH111, PTH112  (a Path costs time, and raises without a home)
    os.environ["HOME"] = os.devnull
# A folder of configuration that does not exist holds none. Some libraries warn of it, one makes it.
if not os.path.isdir(os.environ.get("XDG_CONFIG_HOME", "")):  # noqa: PTH112
    os.environ.pop("XDG_CONFIG_HOME", None)

TYPE_CHECKING = False  # so do type checkers know the name; importing `typing` for it would take longer than all of this

if TYPE_CHECKING:
    from .api import dataset, keras_model, load, read_records
    from .catalogues import Names
    from .classify.classify import classify
    from .classify.tables import classify_table
    from .errors import CeresFastError, InputError
    from .evaluation.calibrate import calibrate
    from .evaluation.evaluate import evaluate
    from .export import export
    from .look import look
    from .night import night, read_night
    from .records.build import build_records
    from .records.inspect import inspect_records as inspect
    from .selection.rules import Rules
    from .settings.training import Settings
    from .training.train import train
else:
    _WHERE = {
        "CeresFastError": "errors",
        "InputError": "errors",
        "Names": "catalogues",
        "Rules": "selection.rules",
        "Settings": "settings.training",
        "build_records": "records.build",
        "calibrate": "evaluation.calibrate",
        "classify_table": "classify.tables",
        "dataset": "api",
        "evaluate": "evaluation.evaluate",
        "inspect": "records.inspect",
        "keras_model": "api",
        "load": "api",
        "read_night": "night.detections",
        "read_records": "api",
        "train": "training.train",
    }
    _CALLABLE = ("classify", "export", "look", "night")  # folders of that name, which can be called (`callable_module`)
    _ELSEWHERE = {"inspect": "inspect_records"}  # as it is called there

    def __getattr__(name):
        from importlib import import_module

        if name in _CALLABLE:
            return import_module(f".{name}", __name__)
        if name not in _WHERE:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module = import_module(f".{_WHERE[name]}", __name__)
        globals()[name] = found = getattr(module, _ELSEWHERE.get(name, name))
        return found

    def __dir__():
        return sorted(__all__)
