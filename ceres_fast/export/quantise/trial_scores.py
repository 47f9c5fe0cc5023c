"""The scores of a graph that is tried: what it would cost to run it in place of the float32 network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx

from ...engines.providers import cpu_session
from ...errors import CeresFastError
from ...stamps import CLASSES
from ..proof.decisions import decide
from ..proof.stamps import Stamps

BATCH = 64


@dataclass(frozen=True)
class TrialScores:
    """What changes when a graph answers in place of the reference.

    Attributes
    ----------
    recall_loss : float
        Recall of the reference less that of the graph, at the threshold; negative where the graph finds more.
    changed : float
        Share of the decisions that differ, 0 to 1.
    difference : float
        Mean difference of P(asteroid), before any scaling; infinite where the graph gives no number. Unlike the
        other two, which jump by whole stamps, it ranks graphs also where there are few asteroids.
    """

    recall_loss: float
    changed: float
    difference: float


def trial_scorer(
    stamps: Stamps, reference: np.ndarray, *, threshold: float, scaling: Mapping[str, Any] | None, views: int = 1
) -> Callable[[onnx.ModelProto], TrialScores]:
    """Return a function that scores graphs by their answers in ONNX Runtime on the CPU.

    Parameters
    ----------
    stamps : Stamps
        What the graphs answer on, with asteroids among them. The graph that is chosen by these scores must be proven
        on other stamps: the validation split is used here, and the test split for the proof.
    reference : numpy.ndarray
        P(asteroid) of the reference on them, before any scaling, (n,), finite.
    threshold : float
        The classifier's.
    scaling : mapping or None
        The classifier's.
    views : int
        How many stamps a graph makes of each that it is given: fewer are then given at a time.

    Returns
    -------
    callable
        From an ONNX graph, with one input (n, 32, 32, planes) and one output (n, 2), to its `TrialScores`. It raises
        CeresFastError where ONNX Runtime cannot run the graph.

    Raises
    ------
    CeresFastError
        When there is no asteroid among the stamps, or the reference is not finite.
    """
    if not stamps.asteroids.any():
        raise CeresFastError(
            f"{stamps.records}: the {stamps.split} split has no asteroids, so that a loss of recall cannot be seen. "
            "Name records with asteroids in it, with --records."
        )
    if not np.isfinite(reference).all():
        raise CeresFastError("The network gives answers that are not finite: train again with --precision float32.")

    def score(model: onnx.ModelProto) -> TrialScores:
        answers = _answers(model, stamps.pixels, max(1, BATCH // views))
        decisions = decide(stamps.asteroids, reference, answers, threshold=threshold, scaling=scaling)
        difference = float(np.mean(np.abs(answers - reference)))
        return TrialScores(
            recall_loss=decisions.recall_loss,
            changed=decisions.changed / len(answers),
            difference=difference if np.isfinite(difference) else np.inf,
        )

    return score


def _answers(model: onnx.ModelProto, pixels: np.ndarray, batch: int) -> np.ndarray:
    try:
        session = cpu_session(model.SerializeToString())
        name = session.get_inputs()[0].name
        starts = range(0, len(pixels), batch)
        outputs = [session.run(None, {name: pixels[start : start + batch]})[0] for start in starts]
    except Exception as error:  # ONNX Runtime's errors share no other base class
        raise CeresFastError(f"ONNX Runtime cannot run the graph that is tried ({str(error)[:200]}).") from error
    return np.concatenate(outputs)[:, CLASSES.index("asteroid")]
