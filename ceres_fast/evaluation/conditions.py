"""What the conditions were in the fields that a classifier is calibrated on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Any

import numpy as np

from ..artifact.conditions import LEAST_FIELDS, QUANTITIES, Value, noise_of, values_of
from ..artifact.scaling import DIGITS
from ..records.manifest import Manifest
from ..records.splits.hold_out import nights
from .predictions import Predictions

_WRITTEN = 6
"""Significant digits in classifier.json."""


def conditions_of(
    predictions: Predictions, stamps: np.ndarray, threshold: float, manifest: Manifest
) -> tuple[dict[str, Any] | None, list[str]]:
    """Return `artifact.conditions.Conditions`, and what the report says of them.

    Parameters
    ----------
    predictions : Predictions
        Of the calibration split, scaled.
    stamps : numpy.ndarray
        Its stamps, float32 (n, 32, 32, planes), in ADU.
    threshold : float
        That was chosen.
    manifest : Manifest
        Of the records.

    Returns
    -------
    dict or None, list of str
        None where records do not have all detections of exposures that the rules leave (stamps, alerts, a preset), or
        too few fields.
    """
    if manifest.lost_file is None or manifest.preset is not None:
        return None, wrap("Conditions are not watched: these records lack some detections of their exposures.", 80)
    fields, exposures = exposures_of(predictions, stamps, threshold)
    if (number := len(set(fields))) < LEAST_FIELDS:
        return None, [f"Conditions are not watched: {number} fields are fewer than {LEAST_FIELDS}."]
    conditions = fitted(fields, exposures)
    lines = [
        f"{QUANTITIES[name].words.format('').strip():<44}{seen['lowest']:>10.3g} to {seen['highest']:<10.3g}"
        for name, seen in conditions["quantities"].items()
    ]
    return conditions, [f"Calibrated on {conditions['exposures']} exposures of {conditions['fields']} fields:", *lines]


def exposures_of(
    predictions: Predictions, stamps: np.ndarray, threshold: float
) -> tuple[list[str], list[dict[str, Value]]]:
    """Return of each exposure (of one CCD) its field and night, and what is measured of it."""
    known = predictions.known
    probability = np.round(predictions.probabilities, DIGITS)
    noise = noise_of(stamps[..., 0])
    parts = (known["field"], nights(known["mjd"]), known["ccd"], known["frame"])
    names, first, of = np.unique(
        np.stack([part.astype(str) for part in parts], axis=1), axis=0, return_index=True, return_inverse=True
    )
    order = np.argsort(of.reshape(-1), kind="stable")
    found = [
        values_of(float(known["seeing"][start]), noise[rows], known["neighbour"][rows], probability[rows], threshold)
        for start, rows in zip(first, np.split(order, np.cumsum(np.bincount(of.reshape(-1)))[:-1]), strict=True)
    ]
    return [f"{field} {night}" for field, night, _, _ in names], found


def fitted(fields: Sequence[str], exposures: Sequence[Mapping[str, Value]]) -> dict[str, Any]:
    """Return the `Conditions` of exposures of some fields; of a quantity that few fields have, nothing.

    Parameters
    ----------
    fields : sequence of str
        Of each exposure the field and night that it is of.
    exposures : sequence of mapping
        What is measured of each.
    """
    quantities = {}
    for name, quantity in QUANTITIES.items():
        measured = np.array([each[name].value if name in each else np.nan for each in exposures], float)
        with np.errstate(divide="ignore", invalid="ignore"):
            good = np.isfinite(quantity.scale(measured))
        numbers, field = np.unique(np.array(fields)[good], return_inverse=True)
        if len(numbers) < LEAST_FIELDS:
            continue
        scaled = quantity.scale(measured[good])
        count = np.bincount(field)
        mean = np.bincount(field, scaled) / count
        within = np.bincount(field, (scaled - mean[field]) ** 2) / count
        # A field's own mean differs from the others' already by a share of what is within fields.
        deviation = float(np.sqrt(mean.var(ddof=1) + within.mean()))
        seen = {
            "lowest": float(measured[good].min()),
            "highest": float(measured[good].max()),
            "mean": float(mean.mean()),
            "deviation": deviation,
        }
        quantities[name] = {key: float(f"{value:.{_WRITTEN}g}") for key, value in seen.items()}
    return {"fields": len(set(fields)), "exposures": len(exposures), "quantities": quantities}
