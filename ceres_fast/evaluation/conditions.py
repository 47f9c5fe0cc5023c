"""What the conditions were in the fields that a classifier is calibrated on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Any

import numpy as np

from ..artifact.conditions import LEAST_FIELDS, QUANTITIES, Value, noise_of, of_exposure, of_field
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
    fields, measured = measured_in(predictions, stamps, threshold)
    if (number := len(set(fields))) < LEAST_FIELDS:
        return None, [f"Conditions are not watched: {number} fields are fewer than {LEAST_FIELDS}."]
    conditions = fitted(fields, measured)
    lines = [
        f"{QUANTITIES[name].words.format('').strip():<44}{seen['lowest']:>10.3g} to {seen['highest']:<10.3g}"
        for name, seen in conditions["quantities"].items()
    ]
    return conditions, [f"Calibrated on {conditions['exposures']} exposures of {conditions['fields']} fields:", *lines]


def measured_in(
    predictions: Predictions, stamps: np.ndarray, threshold: float
) -> tuple[list[str], list[dict[str, Value]]]:
    """Return what is measured of fields and of exposures, each of one CCD, and of which field and night each is."""
    known = predictions.known
    probability = np.round(predictions.probabilities, DIGITS)
    noise = noise_of(stamps[..., 0])
    night = nights(known["mjd"])
    field = np.stack([each.astype(str) for each in (known["field"], night, known["ccd"])], axis=1)
    names, found = [], []
    for rows in _groups(field):
        names.append(" ".join(field[rows[0], :2]))
        found.append(of_field(known["neighbour"][rows], probability[rows], threshold))
    for rows in _groups(np.column_stack([field, known["frame"].astype(str)])):
        names.append(" ".join(field[rows[0], :2]))
        found.append(of_exposure(float(known["seeing"][rows[0]]), noise[rows]))
    return names, found


def _groups(names: np.ndarray) -> list[np.ndarray]:
    """Return the rows, in order, of each of the different names, (n, parts)."""
    of = np.unique(names, axis=0, return_inverse=True)[1].reshape(-1)
    return np.split(np.argsort(of, kind="stable"), np.cumsum(np.bincount(of))[:-1])


def fitted(fields: Sequence[str], measured: Sequence[Mapping[str, Value]]) -> dict[str, Any]:
    """Return the `Conditions` of some fields and their exposures; of a quantity that few fields have, nothing.

    Parameters
    ----------
    fields : sequence of str
        The field and night of each of the following.
    measured : sequence of mapping
        `of_exposure`, or `of_field`.
    """
    quantities = {}
    for name, quantity in QUANTITIES.items():
        values = np.array([each[name].value if name in each else np.nan for each in measured], float)
        with np.errstate(divide="ignore", invalid="ignore"):
            good = np.isfinite(quantity.scale(values))
        numbers, field = np.unique(np.array(fields)[good], return_inverse=True)
        if len(numbers) < LEAST_FIELDS:
            continue
        scaled = quantity.scale(values[good])
        count = np.bincount(field)
        mean = np.bincount(field, scaled) / count
        within = np.bincount(field, (scaled - mean[field]) ** 2) / count
        # A field's own mean differs from the others' already by a share of what is within fields.
        deviation = float(np.sqrt(mean.var(ddof=1) + within.mean()))
        seen = {
            "lowest": float(values[good].min()),
            "highest": float(values[good].max()),
            "mean": float(mean.mean()),
            "deviation": deviation,
        }
        quantities[name] = {key: float(f"{value:.{_WRITTEN}g}") for key, value in seen.items()}
    exposures = sum("seeing" in each for each in measured)
    return {"fields": len(set(fields)), "exposures": exposures, "quantities": quantities}
