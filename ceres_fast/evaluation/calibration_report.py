"""A calibration as text: what is promised, what it costs, and whether probabilities are shares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .operating_point import OperatingPoint
from .reliability import Reliability

_MEASURES = {"ece": "expected calibration error", "brier": "Brier score", "loss": "cross-entropy"}


def as_text(
    point: OperatingPoint,
    scaling: Mapping[str, Any] | None,
    found: Mapping[str, Reliability],
    title: str,
    stamps: int,
) -> str:
    """Return the report of a calibration as plain text, 80 columns.

    Parameters
    ----------
    point : OperatingPoint
        What `choose` returned.
    scaling : mapping or None
        What `fit` returned.
    found : mapping of str to Reliability
        On the calibration split, before and after scaling.
    title : str
        First line.
    stamps : int
        That the scaling was fitted on.
    """
    lines = [title, "", *_promise(point), "", "Scaling of the probabilities:", _fitted(scaling, stamps), ""]
    lines.append(f"{f'of {point.detections:,} calibration stamps':<32}" + "".join(f"{name:>10}" for name in found))
    for name, words in _MEASURES.items():
        lines.append(f"{words:<32}" + "".join(f"{getattr(each, name):>10.4f}" for each in found.values()))
    return "\n".join(lines) + "\n"


def _promise(point: OperatingPoint) -> list[str]:
    return [
        f"Threshold {point.threshold:g}: with a confidence of {point.confidence:g}, at most {point.max_loss:g} of the",
        f"asteroids that are detected in {point.needs} exposures of a night or more are lost:",
        f"fewer than {point.needs} of their exposures are left.",
        "",
        f"{'asteroids (each in one night)':<32}{point.asteroids:>10,}   in {point.fields:,} fields",
        f"{'of these may be lost, are lost':<32}{point.allowed:>10,}{point.lost:>10,}",
        f"{'share lost, upper limit':<32}{point.bound:>10.4f}",
        f"{'in fewer exposures, not counted':<32}{point.left_out:>10,}",
        f"{'non-asteroids, and left of them':<32}{point.non_asteroids:>10,}{point.left:>10,}",
        f"{'left of 1,000 detections':<32}{point.left_per_1000:>10.1f}",
    ]


def _fitted(scaling: Mapping[str, Any] | None, stamps: int) -> str:
    if scaling is None:
        return "none, they are what the network says"
    values = {
        "temperature": lambda: f"temperature {scaling['temperature']:.4g}",
        "logistic": lambda: f"logistic, temperature {scaling['temperature']:.4g}, bias {scaling['bias']:.4g}",
        "isotonic": lambda: f"isotonic, {len(scaling['x'])} knots",
    }
    return f"{values[scaling['method']]()}; fitted on {stamps:,} validation stamps"
