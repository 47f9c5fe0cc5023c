"""What is claimed of speed and accuracy, measured; `results/` holds what was measured and where."""

import ceres_fast  # noqa: F401, it turns ONNX Runtime's telemetry off, which must be done before any benchmark imports that
