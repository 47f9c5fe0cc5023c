"""Which detections of an exposure become no stamp, before anything is cut, and why."""

from __future__ import annotations

from collections import Counter

import numpy as np

from ..catalogues import far_outside
from ..catalogues.detections import Detections
from ..errors import InputError, Problems
from ..frames.where import Where, matching
from .labels import Labelled


def dropped(labelled: Labelled, where: Where, problems: Problems, counts: Counter[str]) -> np.ndarray:
    """Return why each detection of an exposure becomes no stamp, "" where it does: (n,), str; and count them."""
    reason = np.where(_chosen(labelled.exposure, where), labelled.reason, "not_selected").astype("U20")
    outside = np.flatnonzero(
        (reason == "") & far_outside(labelled.exposure.x, labelled.exposure.y, labelled.exposure.info)
    )
    if len(outside):
        problems.report(_outside(labelled.exposure, outside), counts, "outside_frame", len(outside))
    counts["detections"] += len(reason)
    counts += Counter(reason[reason != ""].tolist())
    reason[outside] = "outside_frame"
    return reason


def _outside(exposure: Detections, rows: np.ndarray) -> InputError:
    ny, nx = exposure.info.shape
    more = f", as are {len(rows) - 1} others" if len(rows) > 1 else ""
    return InputError(
        exposure.catalogue.path,
        f"x={exposure.x[rows[0]]:.1f}, y={exposure.y[rows[0]]:.1f} is outside the frame {exposure.info.place}{more}",
        row=int(exposure.rows[rows[0]]) + 1,
        expected=f"positions in {nx}x{ny} pixels",
        action="correct the catalogue, or pass --on-error skip to leave such detections out",
    )


def _chosen(exposure: Detections, where: Where) -> np.ndarray:
    chosen = np.ones(len(exposure.x), bool)
    columns = {name.upper(): name for name in exposure.catalogue.table.colnames}
    for name, allowed in where:
        if name in exposure.header:
            continue
        if name.upper() not in columns:
            expected = f"a keyword of the header of {exposure.info.path.name}, or a column of its catalogue"
            raise InputError(exposure.catalogue.path, f"--where names {name}, which is not there", expected=expected)
        chosen &= matching(exposure.catalogue.table[columns[name.upper()]][exposure.rows], allowed)
    return chosen
