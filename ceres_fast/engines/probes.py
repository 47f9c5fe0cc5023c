"""Built-in stamps, on which what should answer alike is compared where there are no records."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..stamps import PLANES, STAMP_SIZE


def probe_stamps(planes: Sequence[str] = PLANES[:1]) -> np.ndarray:
    """Return stamps at the edges of what a detector delivers, (n, 32, 32, planes) float32, always the same.

    Noise on faint and bright sky, point sources from faint to saturated, constant, negative, huge and tiny values; each
    plane of a stamp is another one of these.
    """
    random = np.random.default_rng(0)
    y, x = np.mgrid[:STAMP_SIZE, :STAMP_SIZE] - STAMP_SIZE / 2
    source = np.exp(-(x**2 + y**2) / 8)
    sky = random.normal(0, 1, (24, STAMP_SIZE, STAMP_SIZE))
    peaks = np.geomspace(1, 65000, 24)[:, None, None]
    level = np.geomspace(10, 50000, 24)[:, None, None]
    detected = np.minimum(level + np.sqrt(level) * sky + peaks * source, 65535)
    extreme = [
        np.zeros_like(x),
        np.full_like(x, 65535),
        source - 100,
        source * 1e9,
        source * 1e-6,
        65535 * (source > 0.5),
    ]
    images = np.concatenate([detected, np.stack(extreme)]).astype(np.float32)
    return np.stack([np.roll(images, 7 * plane, axis=0) for plane in range(len(planes))], axis=-1)
