"""The proof that a product answers as what it was made of: both on the same real stamps."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...artifact.classifier import Classifier
from ...artifact.scaling import published
from ...engines import Engine
from ...engines.agreement import probe_stamps
from ...errors import CeresFastError
from ...evaluation.asteroids import critical
from ...evaluation.predictions import Predictions
from ...settings.guarantee import NEEDS
from .decisions import Decisions, decide, loss_interval, recall_of
from .report import KERAS, Proof, refusal
from .stamps import Stamps, draw_stamps
from .tolerances import TOLERANCES, Tolerances, tolerances_for

__all__ = [
    "KERAS",
    "TOLERANCES",
    "NotProven",
    "Proof",
    "Stamps",
    "Tolerances",
    "comparison_pixels",
    "draw_stamps",
    "prove",
    "tolerances_for",
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


def comparison_pixels(classifier: Classifier, stamps: Stamps | None) -> np.ndarray:
    """Return all that a product is compared on: built-in stamps, then those of records, (n, 32, 32, planes) float32."""
    probes = probe_stamps(classifier.planes)
    return probes if stamps is None else np.concatenate([probes, stamps.pixels])


def prove(
    engine: Engine, stamps: Stamps | None, tolerances: Tolerances, answers: np.ndarray, reference: str = KERAS
) -> Proof:
    """Compare a product with what it was made of, and refuse it where it is too far away.

    Parameters
    ----------
    engine : Engine
        The product, opened as its users open it; its ``classifier`` says threshold, scaling and precision.
    stamps : Stamps or None
        Of a split that neither training nor export has chosen anything by. Without any, only the built-in stamps are
        compared, which say nothing of decisions and recall.
    tolerances : Tolerances
        From `tolerances_for`.
    answers : numpy.ndarray
        P(asteroid) as the network of the reference gives it for what `comparison_pixels` gives, (n,).
    reference : str
        What gave these answers, for people.

    Returns
    -------
    Proof

    Raises
    ------
    NotProven
        When the product is beyond the tolerances, gives no number for a stamp, or is int8 and there are no asteroids to
        compare on. The message begins with "Not exported:".
    """
    classifier = engine.classifier
    if tolerances.difference is None and (stamps is None or not stamps.asteroids.any()):
        raise NotProven(
            f"Not exported: what {classifier.precision} costs shows only in the recall of real asteroids, and there "
            "are none to compare on. Name records with asteroids in their test split, with --records."
        )
    pixels = comparison_pixels(classifier, stamps)
    probes = len(pixels) - (0 if stamps is None else len(stamps.pixels))
    before = _numbers(answers, len(pixels), f"the classifier itself ({reference})", probes)
    after = _numbers(engine.predict(pixels, raw=True), len(pixels), f"the {classifier.precision} product", probes)
    differences = np.abs(after.astype(np.float64) - before)
    of_records = {} if stamps is None else _on_records(stamps, before[probes:], after[probes:], classifier)
    proof = Proof(
        reference=reference,
        precision=classifier.precision,
        tolerances=tolerances,
        threshold=classifier.threshold,
        probes=probes,
        largest=float(differences.max()),
        largest_of_probes=float(differences[:probes].max()),
        alone=_alone(engine, pixels, after),
        **of_records,
    )
    if problem := refusal(proof):
        raise NotProven(problem, proof)
    return proof


def _on_records(stamps: Stamps, before: np.ndarray, after: np.ndarray, classifier: Classifier) -> dict[str, Any]:
    """Return the fields of a `Proof` that stamps of records give, from P(asteroid) of both networks, (n,) each."""
    threshold, scaling = classifier.threshold, classifier.scaling
    decisions = decide(stamps.asteroids, before, after, threshold=threshold, scaling=scaling)
    # An asteroid of a night is found where the NEEDS-th largest of its probabilities reaches the threshold.
    critical_before, critical_after = (
        critical(Predictions(stamps.known, published(scaling, each), {}), NEEDS)[1] for each in (before, after)
    )
    seen_often_enough = ~np.isnan(critical_before)
    nights = Decisions(seen_often_enough, critical_before >= threshold, critical_after >= threshold)
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
        "nights": recall_of(nights, np.arange(np.count_nonzero(seen_often_enough))),
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
    """Return by how much the other stamps of a batch change an answer; infinite where one is no number any more."""
    # Evenly from the built-in stamps to the last of the records.
    rows = np.unique(np.linspace(0, len(pixels) - 1, ALONE).astype(int))
    chosen = pixels[rows]
    answers = [engine.predict(chosen, batch_size=size, raw=True) for size in BATCH_SIZES]
    answers.append(engine.predict(chosen[::-1], raw=True)[::-1])  # at other places of the batch
    beside = np.concatenate([chosen[:5], np.full_like(chosen[:1], np.nan), chosen[5:]])
    answers.append(np.delete(engine.predict(beside, raw=True), 5))
    largest = float(np.max(np.abs(np.stack(answers).astype(np.float64) - among[rows])))
    return largest if np.isfinite(largest) else np.inf
