"""Sums of products of bytes, exact on every processor: what ONNX Runtime is told for int8.

Without VNNI, x64 processors add products of an unsigned and a signed byte in 16 bits, and cut them off. ONNX Runtime
can avoid it by an order of its own, which takes half the speed away: with VNNI for nothing.
"""

from __future__ import annotations

from pathlib import Path

import onnxruntime

OPTION = "session.x64quantprecision"
PROCESSOR = Path("/proc/cpuinfo")


def sum_exactly(options: onnxruntime.SessionOptions) -> None:
    """Set what keeps the sums exact, unless the processor is known to have VNNI (Linux tells)."""
    try:
        known = "vnni" in PROCESSOR.read_text(encoding="utf-8", errors="replace")
    except OSError:
        known = False
    options.add_session_config_entry(OPTION, "0" if known else "1")
