"""What the paper printed of its twelve experiments, as data, and what its own confusion matrices say of that.

Source: Bacu et al. 2023, "Assessment of Asteroid Classification Using Deep Convolutional Neural Networks",
doi 10.20944/preprints202308.0047.v1. Its data are not public: figures of other data are not to be compared with these.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..evaluation.formatting import decimals

NON_ASTEROIDS, ASTEROIDS = 5983, 2331
"""Stamps of the paper's test set (its Table 1)."""

PRINTED_DIGITS = 2
"""The paper prints ratios to this many digits, rounded: cut off, 23 of its 47 would be others, and not 3."""

TITLES = {
    "inceptionv3": "InceptionV3",
    "xception": "Xception",
    "inceptionresnetv2": "InceptionResNetV2",
    "resnet152v2": "ResNet152V2",
}
"""How the paper writes the names of the backbones."""

NOT_COMPARABLE = (
    "Published figures (Bacu et al. 2023) were measured on another dataset, which is not public: they are not "
    "comparable as a score."
)
FROM_MATRICES = (
    "Published figures are computed from the published confusion matrices, without the misprints of the tables; the "
    "loss is as printed."
)


@dataclass(frozen=True)
class Published:
    """What is printed of one experiment on the test set, misprints included.

    Attributes
    ----------
    tn, fp, fn, tp : int
        The confusion matrix; an asteroid is positive.
    accuracy : float or None
        Share of stamps classified right; None where the text only says that it is "the same" as in the experiment
        before.
    loss : float
        Cross-entropy: cannot be recomputed, because it is not decided by the matrix.
    precision, recall, f1 : float
        Of the asteroid class.
    asteroids : int or None
        Of how many asteroids in all, where the text says so.
    """

    tn: int
    fp: int
    fn: int
    tp: int
    accuracy: float | None
    loss: float
    precision: float
    recall: float
    f1: float
    asteroids: int | None = None


RESULTS = {
    ("inceptionv3", 1): Published(5266, 717, 359, 1972, 0.87, 0.34, 0.73, 0.85, 0.79),
    ("inceptionv3", 2): Published(5507, 476, 192, 2139, 0.92, 0.21, 0.82, 0.92, 0.86),
    ("inceptionv3", 3): Published(5456, 527, 112, 2219, 0.92, 0.22, 0.81, 0.95, 0.87, asteroids=233),
    ("xception", 1): Published(5147, 836, 366, 1965, 0.86, 0.37, 0.70, 0.84, 0.77),
    ("xception", 2): Published(5362, 621, 144, 2187, 0.90, 0.28, 0.78, 0.94, 0.85),
    ("xception", 3): Published(5356, 627, 123, 2208, 0.90, 0.27, 0.78, 0.95, 0.85),
    ("inceptionresnetv2", 1): Published(5236, 747, 588, 1743, 0.84, 0.48, 0.70, 0.75, 0.72),
    ("inceptionresnetv2", 2): Published(5540, 443, 218, 2113, 0.92, 0.23, 0.83, 0.91, 0.86),
    ("inceptionresnetv2", 3): Published(5541, 442, 208, 2123, 0.92, 0.20, 0.83, 0.91, 0.86),
    ("resnet152v2", 1): Published(4861, 1122, 105, 1926, 0.82, 0.48, 0.63, 0.83, 0.72),
    # The text calls this accuracy a precision.
    ("resnet152v2", 2): Published(5460, 523, 245, 2086, 0.91, 0.24, 0.80, 0.89, 0.84),
    ("resnet152v2", 3): Published(5606, 377, 313, 2018, None, 0.21, 0.84, 0.87, 0.85),
}
"""The paper's results by backbone (a name of `ceres_fast.model.backbones`) and experiment."""


RECOMPUTED: dict[str, Callable[[Published], float]] = {
    "tn": lambda row: NON_ASTEROIDS - row.fp,
    "fn": lambda row: ASTEROIDS - row.tp,
    "asteroids": lambda row: ASTEROIDS,
    "accuracy": lambda row: (NON_ASTEROIDS - row.fp + row.tp) / (NON_ASTEROIDS + ASTEROIDS),
    "precision": lambda row: row.tp / (row.tp + row.fp),
    "recall": lambda row: row.tp / ASTEROIDS,
    "f1": lambda row: 2 * row.tp / (row.tp + row.fp + ASTEROIDS),
}
"""How each printed figure (a field of `Published`) follows from FP, TP and the size of the classes."""


def recomputed(row: Published) -> dict[str, float]:
    """Return every figure of `RECOMPUTED`, with all its digits.

    Wrong calls are the size of the class less the right ones, so that a matrix with a misprint in TN or FN is put
    right.
    """
    return {figure: compute(row) for figure, compute in RECOMPUTED.items()}


def matrix_of(backbone: str, experiment: str) -> list[int]:
    """Return the published TN, FP, FN and TP of an experiment; the empty list where there are none."""
    row = next((row for (name, number), row in RESULTS.items() if (name, str(number)) == (backbone, experiment)), None)
    if row is None:
        return []
    found = recomputed(row)
    return [int(found["tn"]), row.fp, int(found["fn"]), row.tp]


def matrix_cells(backbone: str, experiment: str) -> list[str]:
    """Return `matrix_of` as cells."""
    return [decimals(count, 0) for count in matrix_of(backbone, experiment)]


def metric_cells(backbone: str, experiment: str) -> list[str]:
    """Return precision, recall and F1 of non-asteroids and asteroids, accuracy and loss, as published."""
    if not (matrix := matrix_of(backbone, experiment)):
        return []
    tn, fp, fn, tp = matrix
    per_class = [
        figure
        for right, wrongly_called, missed in ((tn, fn, fp), (tp, fp, fn))
        for figure in (
            right / (right + wrongly_called),
            right / (right + missed),
            2 * right / (2 * right + wrongly_called + missed),
        )
    ]
    loss = RESULTS[backbone, int(experiment)].loss
    return [decimals(figure, PRINTED_DIGITS) for figure in (*per_class, (tn + tp) / sum(matrix), loss)]
