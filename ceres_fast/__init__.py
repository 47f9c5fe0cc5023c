"""ceres-fast: tell asteroids from everything else in telescope frames."""

import os
import sys

__version__ = "0.1.0"

_TELEMETRY_OFF = "ORT_DISABLE_TELEMETRY"

# Nothing is sent, and no identifier is left in the user's folders. ONNX Runtime's official builds collect telemetry,
# and begin while they are imported (Privacy.md in their wheels). Python runs this file before any module of the
# package, and so before any library that one imports. Who has set the variable has chosen, and keeps that.
if not os.environ.get(_TELEMETRY_OFF):
    os.environ[_TELEMETRY_OFF] = "1"
    if "onnxruntime" in sys.modules:  # imported before this package: what it does from now on can still be kept small
        sys.modules["onnxruntime"].disable_telemetry_events()
