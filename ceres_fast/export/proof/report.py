"""A proof in words: what was compared, what changed, and why a product is refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from ...evaluation.shares import Share
from .decisions import CONFIDENCE, Recall
from .tolerances import Bounds

KERAS = "Keras"
"""The reference of an ONNX file."""

NEEDS = 3
"""Exposures of a night in which a trajectory search must find an asteroid; what is told of asteroids is told for it."""


@dataclass(frozen=True)
class Proof:
    """A product beside what it was made of, on the same stamps.

    Attributes
    ----------
    reference : str
        What the product is compared with, for people: `KERAS`, or an engine's ONNX file.
    precision : str
        Of the product.
    bounds : Bounds
        What was allowed.
    threshold : float
        Probability, after the classifier's scaling, from which a stamp is called an asteroid.
    split, records, manifest_sha256 : str
        Where the stamps come from; "" without records.
    trained_on : bool
        Whether these are the records of the training (another split of them).
    stamps, probes : int
        Stamps of the records, and built-in ones beside them (`probe_stamps`).
    largest, largest_of_probes : float
        Largest difference of P(asteroid), before scaling: of all stamps, and of the built-in ones.
    changed : int
        Decisions at the threshold that differ, of `stamps`.
    recall : Recall or None
        By stamp; None where there is no asteroid.
    loss_interval : tuple of float or None
        95 % interval of `recall.loss` (`ceres_fast.export.proof.decisions.loss_interval`).
    nights : Recall or None
        By asteroid of a night, which is found where `NEEDS` of its exposures are; None where the records know of none
        with so many. Told, not bounded.
    alone : float
        Largest difference of P(asteroid) between a stamp alone, among others in batches of several sizes, and beside
        one without a number.
    """

    reference: str
    precision: str
    bounds: Bounds
    threshold: float
    split: str
    records: str
    manifest_sha256: str
    trained_on: bool
    stamps: int
    probes: int
    largest: float
    largest_of_probes: float
    changed: int
    recall: Recall | None
    loss_interval: tuple[float, float] | None
    nights: Recall | None
    alone: float

    @property
    def from_training(self) -> bool:
        """Whether the reference is the classifier as it was trained."""
        return self.reference == KERAS

    def as_dict(self) -> dict[str, Any]:
        """Return plain values that JSON can hold."""
        return asdict(self)

    def text(self) -> str:
        """Return a few lines for people."""
        return _text(self)


_TRY = {
    "float32": "Find the layer where it begins with --debug",
    "float16": "Choose --precision float32, or find the layer where it begins with --debug",
    "int8": "Choose --precision float16, name records with more training stamps to take the ranges from, or find the "
    "layer where it begins with --debug",
}


_TRY_ANOTHER = "Classify with the ONNX file, and report this with the log of the build"
"""An engine computes what its ONNX file says: no other choice of the export would help."""


class _Bound(NamedTuple):
    value: Callable[[Proof], float]
    allowed: Callable[[Proof], float | None]
    says: str


_BOUNDS = (
    _Bound(
        lambda proof: proof.largest,
        lambda proof: proof.bounds.difference,
        "a probability differs from that of {proof.reference} by {value:.2g}, allowed {allowed:g}",
    ),
    _Bound(
        lambda proof: proof.changed / max(proof.stamps, 1),
        lambda proof: proof.bounds.changed,
        "{proof.changed:,} of {proof.stamps:,} decisions at the threshold {proof.threshold:g} change "
        "({value:.2g}), allowed {allowed:g}",
    ),
    _Bound(
        lambda proof: proof.recall.loss if proof.recall else 0.0,
        lambda proof: proof.bounds.recall_loss,
        "recall falls by {value:.2g}, allowed {allowed:g} ({proof.recall.lost:,} lost and {proof.recall.regained:,} "
        "regained of {proof.recall.of:,} stamps of asteroids)",
    ),
    _Bound(
        lambda proof: proof.alone,
        lambda proof: proof.bounds.alone,
        "a stamp's answer depends on the others of its batch, by {value:.2g}, allowed {allowed:g}",
    ),
)


def beyond(proof: Proof) -> str:
    """Return why the product is refused, and what to do; "" where it keeps all bounds."""
    found = []
    for bound in _BOUNDS:
        value, allowed = bound.value(proof), bound.allowed(proof)
        if allowed is not None and not value <= allowed:
            found.append(bound.says.format(proof=proof, value=value, allowed=allowed))
    advice = _TRY[proof.precision] if proof.from_training else _TRY_ANOTHER
    return f"Not exported: {'; '.join(found)}. {advice}." if found else ""


def _text(proof: Proof) -> str:
    """Return the lines of a proof."""
    rows = [("largest difference", _difference(proof)), *_of_records(proof)]
    rows.append(("alone or among others", f"{proof.alone:.1e} (allowed {proof.bounds.alone:g})"))
    width = max(len(name) for name, _ in rows)
    return "\n".join([_heading(proof), *(f"  {name:{width}}  {said}" for name, said in rows), *_remarks(proof)])


def _heading(proof: Proof) -> str:
    extreme = f"{proof.probes} built-in extreme ones (faint to saturated, constant, huge)"
    if not proof.stamps:
        return f"{proof.precision} and {proof.reference}, on {extreme}:"
    return (
        f"{proof.precision} and {proof.reference}, on {proof.stamps:,} stamps of the {proof.split} split and {extreme}:"
    )


def _difference(proof: Proof) -> str:
    allowed = "not bounded" if proof.bounds.difference is None else f"allowed {proof.bounds.difference:g}"
    return f"{proof.largest:.1e} in P(asteroid) ({allowed}); of the extreme stamps {proof.largest_of_probes:.1e}"


def _of_records(proof: Proof) -> list[tuple[str, str]]:
    if not proof.stamps:
        return []
    share = proof.changed / proof.stamps
    rows = [
        (
            "decisions changed",
            f"{proof.changed:,} of {proof.stamps:,} at the threshold {proof.threshold:g} ({share:.2g}, allowed "
            f"{proof.bounds.changed:g})",
        )
    ]
    if proof.recall and proof.loss_interval:
        low, high = proof.loss_interval
        rows += [
            ("recall", f"{_share(proof.recall.before)} before, {_share(proof.recall.after)} after"),
            (
                "stamps of asteroids",
                f"{proof.recall.lost:,} lost, {proof.recall.regained:,} regained of {proof.recall.of:,}: loss "
                f"{proof.recall.loss:.4f} [{low:.4f}, {high:.4f}] (allowed {proof.bounds.recall_loss:g})",
            ),
        ]
    if proof.nights:
        rows.append(
            (
                "asteroids of a night",
                f"{proof.nights.lost:,} lost, {proof.nights.regained:,} regained of {proof.nights.of:,} seen often "
                f"enough to be linked: found {_share(proof.nights.before)} before, {_share(proof.nights.after)} after",
            )
        )
    return rows


def _share(share: Share) -> str:
    return f"{share.value:.4f} [{share.low:.4f}, {share.high:.4f}]"


def _remarks(proof: Proof) -> list[str]:
    """Return what a reader may otherwise take the numbers for."""
    if not proof.stamps:
        return ["Without records nothing is said of decisions and recall: name some with --records."]
    remarks = []
    if not proof.recall:
        remarks.append(f"The {proof.split} split has no asteroids: nothing is said of recall.")
    elif proof.loss_interval and proof.loss_interval[1] > proof.bounds.recall_loss:
        remarks.append(
            f"{proof.recall.of:,} stamps of asteroids cannot show that the loss is not above "
            f"{proof.bounds.recall_loss:g}: with 95 % confidence it is not above {proof.loss_interval[1]:.2g}. With "
            f"none lost, {needed(proof.bounds.recall_loss):,} independent ones could."
        )
    if not proof.trained_on:
        remarks.append("The records are not those of the training: of other sky, recall may be another.")
    elif proof.split == "validation":
        chosen = " and the export what stays in floating point" if proof.precision == "int8" else ""
        remarks.append(f"The test split is empty; on this one training has chosen its best epoch{chosen}.")
    return remarks


def needed(loss: float) -> int:
    """Return how many independent stamps of asteroids, none of them lost, show that no more than `loss` are lost.

    (1 − loss)^n = (1 − `CONFIDENCE`) / 4, the tail of the interval of the loss.
    """
    return math.ceil(math.log((1 - CONFIDENCE) / 4) / math.log1p(-loss))
