"""The proof that a product answers as what it was made of: both on the same real stamps."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...artifact.classifier import Classifier
from ...artifact.scaling import published
from ...engines import Engine
from ...engines.probes import probe_stamps
from ...errors import CeresFastError
from ...evaluation.asteroids import critical
from ...evaluation.predictions import Predictions
from .decisions import Decisions, decide, loss_interval, recall_of
from .report import KERAS, NEEDS, Proof, beyond
from .stamps import Stamps, draw_stamps
from .tolerances import BOUNDS, Bounds, bounds_for

__all__ = [
    "BOUNDS",
    "KERAS",
    "Bounds",
    "NotProven",
    "Proof",
    "Stamps",
    "bounds_for",
    "compared",
    "draw_stamps",
    "prove",
]

ALONE = 32
"""Stamps given to the engine alone, and in batches of other sizes."""

BATCH_SIZES = (1, 7, ALONE)
"""Sizes of batches that must make no difference: alone, sizes that do not divide, and all at once."""


class NotProven(CeresFastError):  # noqa: N818 (the name says what happened)
    """A product is too far from its classifier; `proof` has the numbers, where they could be had."""

    def __init__(self, message: str, proof: Proof | None = None) -> None:
        super().__init__(message)
        self.proof = proof


def compared(classifier: Classifier, stamps: Stamps | None) -> np.ndarray:
    """Return all that a product is compared on: built-in stamps, then those of records, (n, 32, 32, planes) float32."""
    probes = probe_stamps(classifier.planes)
    return probes if stamps is None else np.concatenate([probes, stamps.pixels])


def prove(engine: Engine, stamps: Stamps | None, bounds: Bounds, answers: np.ndarray, reference: str = KERAS) -> Proof:
    """Compare a product with what it was made of, and refuse it where it is too far away.

    Parameters
    ----------
    engine : Engine
        The product, opened as its users open it; its ``classifier`` says threshold, scaling and precision.
    stamps : Stamps or None
        Of a split that neither training nor export has chosen anything by. Without any, only the built-in stamps are
        compared, which say nothing of decisions and recall.
    bounds : Bounds
        From `bounds_for`.
    answers : numpy.ndarray
        P(asteroid) as the network of the reference gives it for what `compared` gives, (n,).
    reference : str
        What gave these answers, for people.

    Returns
    -------
    Proof

    Raises
    ------
    NotProven
        When the product is beyond the bounds, has no number for a stamp, or cannot be judged by the stamps. The message
        begins with "Not exported:".
    """
    classifier = engine.classifier
    if bounds.difference is None and (stamps is None or not stamps.asteroids.any()):
        raise NotProven(
            f"Not exported: what {classifier.precision} costs shows only in the recall of real asteroids, and there "
            "are none to compare on. Name records with asteroids in their test split, with --records."
        )
    pixels = compared(classifier, stamps)
    probes = len(pixels) - (0 if stamps is None else len(stamps.pixels))
    before = _numbers(answers, len(pixels), f"the classifier itself ({reference})", probes)
    after = _numbers(engine.predict(pixels, raw=True), len(pixels), f"the {classifier.precision} product", probes)
    differences = np.abs(after.astype(np.float64) - before)
    known = _of_records(stamps, before[probes:], after[probes:], engine) if stamps is not None else _NO_RECORDS
    proof = Proof(
        reference=reference,
        precision=classifier.precision,
        bounds=bounds,
        threshold=classifier.threshold,
        probes=probes,
        largest=float(differences.max()),
        largest_of_probes=float(differences[:probes].max()),
        alone=_alone(engine, pixels, after),
        **known,
    )
    if found := beyond(proof):
        raise NotProven(found, proof)
    return proof


_NO_RECORDS: dict[str, Any] = {
    **dict.fromkeys(("split", "records", "manifest_sha256"), ""),
    **dict.fromkeys(("stamps", "changed"), 0),
    **dict.fromkeys(("recall", "loss_interval", "nights")),
    "trained_on": False,
}


def _of_records(stamps: Stamps, before: np.ndarray, after: np.ndarray, engine: Engine) -> dict[str, Any]:
    classifier = engine.classifier
    threshold, scaling = classifier.threshold, classifier.scaling
    decisions = decide(stamps.asteroids, before, after, threshold=threshold, scaling=scaling)
    night = [critical(Predictions(stamps.known, published(scaling, each), {}), NEEDS)[1] for each in (before, after)]
    seen = ~np.isnan(night[0])
    nights = Decisions(seen, *(each >= threshold for each in night))
    _, owners = np.unique(Predictions(stamps.known, before, {}).units[stamps.asteroids], return_inverse=True)
    return {
        "split": stamps.split,
        "records": stamps.records,
        "manifest_sha256": stamps.manifest_sha256,
        "trained_on": classifier.records.get("manifest_sha256") == stamps.manifest_sha256,
        "stamps": len(stamps.pixels),
        "changed": decisions.changed,
        "recall": recall_of(decisions, owners),
        "loss_interval": loss_interval(decisions.lost, decisions.regained, owners) if len(owners) else None,
        "nights": recall_of(nights, np.arange(np.count_nonzero(seen))),
    }


def _numbers(answers: np.ndarray, count: int, whose: str, probes: int) -> np.ndarray:
    if answers.shape != (count,):
        raise NotProven(f"Not exported: {whose} gives answers of shape {answers.shape} to {count} stamps.")
    if wrong := np.count_nonzero(~np.isfinite(answers)):
        raise NotProven(
            f"Not exported: {whose} gives no number for {wrong:,} of {count:,} stamps (the first is number "
            f"{np.flatnonzero(~np.isfinite(answers))[0] + 1}; 1 to {probes} are the built-in ones). "
            "Choose --precision float32, or train again where that does not help."
        )
    return answers


def _alone(engine: Engine, pixels: np.ndarray, among: np.ndarray) -> float:
    """Return by how much the company of a stamp changes its answer; infinite where it takes the number away."""
    # Evenly from the built-in stamps to the last of the records.
    rows = np.unique(np.linspace(0, len(pixels) - 1, ALONE).astype(int))
    chosen = pixels[rows]
    answers = [engine.predict(chosen, batch_size=size, raw=True) for size in BATCH_SIZES]
    answers.append(engine.predict(chosen[::-1], raw=True)[::-1])
    beside = np.concatenate([chosen[:5], np.full_like(chosen[:1], np.nan), chosen[5:]])
    answers.append(np.delete(engine.predict(beside, raw=True), 5))
    largest = float(np.max(np.abs(np.stack(answers).astype(np.float64) - among[rows])))
    return largest if np.isfinite(largest) else np.inf
