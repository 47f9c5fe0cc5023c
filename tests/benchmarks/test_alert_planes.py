"""The asteroids and artefacts of a folder of alerts, each once and with all planes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.alert_planes import read

from ..alert_files import ASTEROID, BOGUS, write_folder, ztf


def test_asteroids_and_artefacts_are_read_once_with_all_planes(tmp_path: Path) -> None:
    asteroids = [ztf(number, **ASTEROID, rcid=number) for number in range(3)]
    artefacts = [ztf(number, **BOGUS, rcid=number) for number in (10, 11)]
    others = [ztf(20)]
    write_folder(tmp_path / "one", [*asteroids, *artefacts, *others])
    write_folder(tmp_path / "other", asteroids[:2])
    data = read(tmp_path)
    assert np.bincount(data.labels).tolist() == [2, 3]
    assert data.stamps.shape == (5, 32, 32, 3)
    assert len(np.unique(data.group)) == 3  # one of the asteroid, which was in three places, and two of artefacts
