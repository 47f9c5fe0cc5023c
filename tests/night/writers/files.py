"""A classified night on disk, as the command leaves it, for what reads catalogues."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.io import fits

from ceres_fast.catalogues import read_catalogue, write_catalogue
from ceres_fast.classify.account import CLASSIFIED
from ceres_fast.classify.outputs import dropped_path
from ceres_fast.classify.scores import Scores
from ceres_fast.night.record import ExposureRecord, FieldRecord, write_record
from tests.survey_files import write_field

LEFT_OUT = [True, False, True, True, False]
"""Of the five rows of each catalogue; the last is the asteroid, which is in a tracklet."""


def classified(
    folder: Path, *, drop: bool = True, left_out: list[bool] = LEFT_OUT, table_format: str = "ASCII_HEAD"
) -> Path:
    """Write a night with a field of three exposures into ``night``, and what is made of it into ``out``."""
    exposures = []
    for number, frame in enumerate(write_field(folder / "night", table_format=table_format)):
        with fits.open(frame, mode="update") as hdus:
            hdus[0].header["OBSERVAT"] = "950"
        source = frame.parent.parent / "sextractor_cat" / f"{frame.stem}.cat"
        catalogue = read_catalogue(source)
        scores = Scores.none(len(catalogue.table), linked=True)
        scores.probability[:] = [0.1, 0.6, 0.2, 0.0, 0.9]
        scores.linked["TRACKLET"][-1], scores.linked["PROB_TRACKLET"][-1] = 1, 0.95
        place = Path("F0001") / "sextractor_cat" / source.name
        target = folder / "out" / place
        gone = np.array(left_out) & drop
        write_catalogue(catalogue, target, added=scores.columns(), keep=~gone)
        if drop:
            write_catalogue(catalogue, dropped_path(target), added=scores.columns(), keep=gone)
        exposures.append(
            ExposureRecord(
                frame=str(frame), catalogue=str(source), table=place.as_posix(), signature=[number], fate=CLASSIFIED
            )
        )
    record = FieldRecord(name="F0001, 2023-02-25", version=1, provisional=False, settings="", exposures=exposures)
    write_record(folder / "out", record)
    return folder / "out"
