"""Augmentation of raw stamps, on the device."""

from __future__ import annotations

from typing import Any

from keras import ops


def dihedral(stamps: Any, variants: Any) -> Any:
    """Flip and rotate stamps; no pixel changes its value.

    Parameters
    ----------
    stamps : tensor
        (n, side, side, planes), axes (y, x, plane), of any type.
    variants : tensor of int
        (n,): 4 * flip + turns. Where flip is 1, x is reversed first; then turns quarter turns as `numpy.rot90` makes
        them.
    """
    chosen = ops.reshape(variants, (-1, 1, 1, 1))
    turns = chosen % 4
    stamps = ops.where(chosen >= 4, ops.flip(stamps, axis=2), stamps)
    stamps = ops.where(turns % 2 == 1, ops.transpose(stamps, (0, 2, 1, 3)), stamps)
    stamps = ops.where(ops.logical_or(turns == 1, turns == 2), ops.flip(stamps, axis=1), stamps)
    return ops.where(turns >= 2, ops.flip(stamps, axis=2), stamps)
