"""What a proof found, in numbers and in words: what was compared, what changed, and why a product is refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from ...evaluation.shares import CONFIDENCE, Share
from .decisions import Recall
from .tolerances import Tolerances

KERAS = "Keras"
"""The reference of an ONNX file."""


@dataclass(frozen=True, kw_only=True)
class Proof:
    """A product beside what it was made of, on the same stamps.

    Attributes
    ----------
    reference : str
        What the product is compared with, for people: `KERAS`, or an engine's ONNX file.
    precision : str
        Of the product.
    tolerances : Tolerances
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
        By asteroid of a night. One counts as found where `NEEDS` of its exposures are found, because a trajectory
        search needs as many; None where no asteroid of the records has so many. Reported only: no tolerance applies.
    alone : float
        Largest difference of P(asteroid) between a stamp alone, among others in batches of several sizes, and beside
        one without a number.
    """

    reference: str
    precision: str
    tolerances: Tolerances
    threshold: float
    split: str = ""
    records: str = ""
    manifest_sha256: str = ""
    trained_on: bool = False
    stamps: int = 0
    probes: int
    largest: float
    largest_of_probes: float
    changed: int = 0
    recall: Recall | None = None
    loss_interval: tuple[float, float] | None = None
    nights: Recall | None = None
    alone: float

    def as_dict(self) -> dict[str, Any]:
        """Return plain values that JSON can hold."""
        # proof.json has called what is allowed "bounds" since its first version.
        return {"bounds" if name == "tolerances" else name: value for name, value in asdict(self).items()}

    def text(self) -> str:
        """Return a few lines for people."""
        rows = [("largest difference", _difference(self)), *_of_records(self)]
        rows.append(("alone or among others", f"{self.alone:.1e} (allowed {self.tolerances.alone:g})"))
        width = max(len(name) for name, _ in rows)
        return "\n".join([_heading(self), *(f"  {name:{width}}  {value}" for name, value in rows), *_remarks(self)])


_ADVICE = {
    "float32": "Find the layer where it begins with --debug",
    "float16": "Choose --precision float32, or find the layer where it begins with --debug",
    "int8": "Choose --precision float16, name records with more training stamps to take the ranges from, or find the "
    "layer where it begins with --debug",
}
"""What helps where an ONNX file is too far from Keras, for each precision."""

_ADVICE_FOR_ENGINES = "Classify with the ONNX file, and report this with the log of the build"
"""An engine computes what its ONNX file says: no other choice of the export would help."""


class _Check(NamedTuple):
    """A number of the proof, what is allowed of it (None: anything), and the words for one that is too large."""

    value: Callable[[Proof], float]
    allowed: Callable[[Proof], float | None]
    message: str


_CHECKS = (
    _Check(
        lambda proof: proof.largest,
        lambda proof: proof.tolerances.difference,
        "a probability differs from that of {proof.reference} by {value:.2g}, allowed {allowed:g}",
    ),
    _Check(
        lambda proof: proof.changed / max(proof.stamps, 1),
        lambda proof: proof.tolerances.changed,
        "{proof.changed:,} of {proof.stamps:,} decisions at the threshold {proof.threshold:g} change "
        "({value:.2g}), allowed {allowed:g}",
    ),
    _Check(
        lambda proof: proof.recall.loss if proof.recall else 0.0,
        lambda proof: proof.tolerances.recall_loss,
        "recall falls by {value:.2g}, allowed {allowed:g} ({proof.recall.lost:,} lost and {proof.recall.regained:,} "
        "regained of {proof.recall.of:,} stamps of asteroids)",
    ),
    _Check(
        lambda proof: proof.alone,
        lambda proof: proof.tolerances.alone,
        "a stamp's answer depends on the others of its batch, by {value:.2g}, allowed {allowed:g}",
    ),
)


def refusal(proof: Proof) -> str:
    """Return why the product is refused, and what to do; "" where it is within all tolerances."""
    problems = []
    for check in _CHECKS:
        value, allowed = check.value(proof), check.allowed(proof)
        # "value > allowed" would let NaN pass.
        if allowed is not None and not value <= allowed:
            problems.append(check.message.format(proof=proof, value=value, allowed=allowed))
    advice = _ADVICE[proof.precision] if proof.reference == KERAS else _ADVICE_FOR_ENGINES
    return f"Not exported: {'; '.join(problems)}. {advice}." if problems else ""


def _heading(proof: Proof) -> str:
    extreme = f"{proof.probes} built-in extreme ones (faint to saturated, constant, huge)"
    if not proof.stamps:
        return f"{proof.precision} and {proof.reference}, on {extreme}:"
    return (
        f"{proof.precision} and {proof.reference}, on {proof.stamps:,} stamps of the {proof.split} split and {extreme}:"
    )


def _difference(proof: Proof) -> str:
    allowed = "not bounded" if proof.tolerances.difference is None else f"allowed {proof.tolerances.difference:g}"
    return f"{proof.largest:.1e} in P(asteroid) ({allowed}); of the extreme stamps {proof.largest_of_probes:.1e}"


def _of_records(proof: Proof) -> list[tuple[str, str]]:
    if not proof.stamps:
        return []
    share = proof.changed / proof.stamps
    rows = [
        (
            "decisions changed",
            f"{proof.changed:,} of {proof.stamps:,} at the threshold {proof.threshold:g} ({share:.2g}, allowed "
            f"{proof.tolerances.changed:g})",
        )
    ]
    if proof.recall and proof.loss_interval:
        low, high = proof.loss_interval
        rows += [
            ("recall", f"{_share(proof.recall.before)} before, {_share(proof.recall.after)} after"),
            (
                "stamps of asteroids",
                f"{proof.recall.lost:,} lost, {proof.recall.regained:,} regained of {proof.recall.of:,}: loss "
                f"{proof.recall.loss:.4f} [{low:.4f}, {high:.4f}] (allowed {proof.tolerances.recall_loss:g})",
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
    """Return what the numbers do not show, so that nobody takes them for more than they are."""
    if not proof.stamps:
        return ["Without records nothing is said of decisions and recall: name some with --records."]
    remarks = []
    if not proof.recall:
        remarks.append(f"The {proof.split} split has no asteroids: nothing is said of recall.")
    elif proof.loss_interval and proof.loss_interval[1] > proof.tolerances.recall_loss:
        remarks.append(
            f"{proof.recall.of:,} stamps of asteroids cannot show that the loss is not above "
            f"{proof.tolerances.recall_loss:g}: with 95 % confidence it is not above {proof.loss_interval[1]:.2g}. "
            f"With none lost, {stamps_needed(proof.tolerances.recall_loss):,} independent ones could."
        )
    if not proof.trained_on:
        remarks.append("The records are not those of the training: of other sky, recall may be another.")
    elif proof.split == "validation":
        chosen = " and the export what stays in floating point" if proof.precision == "int8" else ""
        remarks.append(f"The test split is empty; on this one training has chosen its best epoch{chosen}.")
    return remarks


def stamps_needed(loss: float) -> int:
    """Return how many independent stamps of asteroids, none of them lost, show that no more than `loss` are lost.

    (1 − loss)^n = (1 − `CONFIDENCE`) / 4, the tail of the interval of the loss.
    """
    return math.ceil(math.log((1 - CONFIDENCE) / 4) / math.log1p(-loss))
