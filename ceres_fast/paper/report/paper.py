"""What the paper printed, as cells of the report's tables."""

from __future__ import annotations

from ...evaluation.formatting import decimals
from ..published import DIGITS, RESULTS, recomputed

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
    return [decimals(figure, DIGITS) for figure in (*per_class, (tn + tp) / sum(matrix), loss)]
