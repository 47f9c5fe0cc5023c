"""Intervals that hold for several differences together."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata


def simultaneous(samples: np.ndarray, confidence: float) -> np.ndarray:
    """Return percentile intervals that together cover their values in a share `confidence` of the samples.

    Parameters
    ----------
    samples : numpy.ndarray
        Shape (resamples, k): k differences in the same bootstrap samples; NaN where one is not defined.
    confidence : float
        Such as 0.95.

    Returns
    -------
    numpy.ndarray
        Shape (k, 2): low and high; NaN where no sample defines a difference. For k = 1 they are the ordinary
        percentiles; the more differences, and the less alike, the wider.

    Notes
    -----
    Mandel and Betensky 2008, "Simultaneous confidence intervals based on the percentile bootstrap approach",
    Computational Statistics and Data Analysis 52, 2158: the tails that all intervals cut off alike are made so small
    that the share of samples with any difference in a tail is 1 − `confidence`.
    """
    known = np.count_nonzero(~np.isnan(samples), axis=0)
    defined = known > 0
    result = np.full((samples.shape[1], 2), np.nan)
    if not defined.any():
        return result
    samples, known = samples[:, defined], known[defined]
    below = rankdata(samples, "max", axis=0, nan_policy="omit") / known
    above = (known - rankdata(samples, "min", axis=0, nan_policy="omit") + 1) / known
    outermost = np.fmin.reduce(np.column_stack([below, above]), axis=1)
    # Of few values, many samples are in the outermost; a single interval is never narrower than its percentiles.
    tail = min(np.nanquantile(outermost, 1 - confidence, method="lower"), (1 - confidence) / 2)
    result[defined] = np.nanquantile(samples, [tail, 1 - tail], axis=0).T
    return result
