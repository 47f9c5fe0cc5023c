"""How far a product may be from the classifier that was trained."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tolerances:
    """What a product may change; more is refused.

    Attributes
    ----------
    difference : float or None
        Largest difference of P(asteroid), before any scaling; None: any, because the decisions are limited instead.
    changed : float
        Share of the decisions at the threshold that may differ.
    recall_loss : float
        Recall that may be lost at the threshold, as observed; a loss that is only possible, because few asteroids were
        compared, is not refused.
    alone : float
        Largest difference of P(asteroid) between a stamp alone and the same stamp among others.
    """

    difference: float | None
    changed: float
    recall_loss: float
    alone: float


TOLERANCES = {
    "float32": Tolerances(difference=1e-4, changed=0.001, recall_loss=0.005, alone=1e-4),
    "float16": Tolerances(difference=2e-2, changed=0.01, recall_loss=0.005, alone=1e-2),
    "int8": Tolerances(difference=None, changed=0.02, recall_loss=0.005, alone=2e-2),
}
"""For each precision of a product. The differences of floating point are its rounding over about 100 layers
(float16 as a GPU computes it: up to 1.1e-2 in whole Xception, below 2e-3 in the others, benchmarks.products); int8
moves single probabilities by more, where the network is in doubt, so that its decisions count instead."""

_TRAINED = {
    "float32": None,
    "mixed_float16": TOLERANCES["float16"],
    "mixed_bfloat16": Tolerances(difference=5e-2, changed=0.02, recall_loss=0.005, alone=0.0),
}
"""What the reference's own rounding allows, for each precision of training. bfloat16 has 3 bits less than float16."""


def tolerances_for(precision: str, trained: str = "float32") -> Tolerances:
    """Return the tolerances of a product.

    Parameters
    ----------
    precision : str
        Of the product: a key of `TOLERANCES`.
    trained : str
        Precision that the Keras model computes in. Where it is the coarser of the two, its rounding is most of the
        difference, and the tolerances of the difference and the decisions are the wider ones.

    Raises
    ------
    KeyError
        When there is no such precision.
    """
    own, reference = TOLERANCES[precision], _TRAINED[trained]
    if reference is None:
        return own
    differences = (own.difference, reference.difference)
    return Tolerances(
        difference=None if None in differences else max(each for each in differences if each is not None),
        changed=max(own.changed, reference.changed),
        recall_loss=own.recall_loss,
        alone=own.alone,
    )
