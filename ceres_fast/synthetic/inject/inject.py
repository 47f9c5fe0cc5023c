"""`ceres-fast inject`: synthetic asteroids into a user's frames, their truth table, and how many are found again."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from astropy.table import vstack

from ...console import say, track, warn, warnings_kept
from ...console import table as print_table
from ...detect import detect_frames
from ...errors import CeresFastError, OnError, Problems
from ...files import StrPath
from ...folders import atomic_directory, refuse_occupied
from ...frames.camera import Camera
from ...frames.missing import companion_files
from ...frames.profiles import load_camera
from ...selection.rules import Rules
from ...settings.survey import Detection, DetectionEngine, Injection
from .completeness import Completeness
from .conditions import DEPTH_SIGNAL
from .fields import Field, Scorer, Scores, add_found, find_fields, plan_field, write_files
from .population import TRUTH_FILE, Population, read_known, write_truth
from .report import print_completeness, write_completeness

CROWDED = 64
"""Side (pixels) of the area that each asteroid of a field should have for itself: twice that of a stamp."""


def inject_frames(
    sources: Sequence[Path],
    out: Path,
    *,
    number_per_field: int = Injection.number_per_field,
    magnitude: tuple[float, float] | None = None,
    rate: tuple[float, float] = Injection.rate,
    position_angle: tuple[float, float] = Injection.position_angle,
    truth: Path | None = None,
    seed: int = 0,
    engine: DetectionEngine = Detection.engine,
    threshold: float = Detection.threshold,
    min_area: int = Detection.min_area,
    camera: StrPath | Camera | None = None,
    scorer: Scorer | None = None,
    slowest: float = Rules.slowest,
    on_error: OnError = "stop",
    overwrite: bool = False,
) -> Completeness:
    """Put synthetic asteroids into copies of frames, detect, and measure which of them are found.

    Frames are grouped by field, CCD and night, and an asteroid moves along a great circle through all exposures of
    its group. Its image is the mean star image of each frame (`stars.measure_stars`), trailed by the rate times the
    exposure time, with the Poisson noise of its own light. The same arguments write the same bytes.

    Parameters
    ----------
    sources : sequence of pathlib.Path
        Frames, or folders of frames; they are not changed. Headers must give WCS, time, exposure time and gain.
    out : pathlib.Path
        Folder to make; it appears only when everything in it is complete. Frames keep their names relative to the
        folders in `sources`. Also written: their catalogues, ``asteroids.csv`` (a truth table that `read_truth`
        reads), ``injected.csv`` (a row per asteroid and exposure, with what became of it), ``completeness.csv``,
        ``.json`` and ``.png``.
    number_per_field : int
        Asteroids per field, CCD and night.
    magnitude : tuple of float, optional
        Brightest and faintest, drawn uniformly, in the system of the header's zero point (MAGZPT; 0 without one, as
        `detect` has it). By default from 3 mag brighter to 1 mag fainter than the depth of the field, which is
        where a star has a signal-to-noise ratio of 5 (`conditions.Conditions`), the median of its exposures.
    rate : tuple of float
        Slowest and fastest, arcsec/min, drawn uniformly in the logarithm.
    position_angle : tuple of float
        Directions from north through east, deg, drawn uniformly between the two.
    truth : pathlib.Path, optional
        Known real asteroids in these frames, handed on in ``asteroids.csv``.
    seed : int
        Random seed, not negative. Every field and exposure has its own stream.
    engine : str
        As in `detect.detect_frames`.
    threshold, min_area : float, int
        As in `detect.detect_frame`.
    camera : str, path or Camera, optional
        How frames are read: a profile that ships with the package, or a TOML file (`frames.profiles.load_camera`).
    scorer : callable, optional
        Called with the folder of injected frames and a folder for tables; says which detections a classifier calls
        asteroids (`fields.Scorer`).
    slowest : float
        Rate of the slowest asteroid that is wanted by the rule for stationary detections, arcsec/min.
    on_error : {"stop", "skip"}
        Whether a bad frame ends the work or is left out.
    overwrite : bool
        Replace `out` where it exists.

    Returns
    -------
    Completeness
        Shares of the asteroids that were found.

    Raises
    ------
    CeresFastError
        When a number is out of range, `out` exists, a frame cannot be used or holds synthetic asteroids already, no
        asteroid could be seen, or the disk refuses.
    """
    population = Population(number_per_field, magnitude, rate, position_angle)
    _check(population, seed)
    refuse_occupied(out, overwrite)
    profile = replace(load_camera(camera), origin=1)  # the catalogues are those of `detect`, which counts from 1
    known = read_known(truth)
    counts: Counter[str] = Counter()
    problems = Problems(on_error)
    batches, names = find_fields(sources, problems, counts, profile)
    finding: dict[str, Any] = {"threshold": threshold, "min_area": min_area}
    with atomic_directory(out, overwrite=overwrite) as folder:
        fields: list[Field] = []
        drawn = 0
        for batch in track(batches, "injecting"):
            first = number_per_field * drawn + 1
            planned = [
                plan_field(infos, population, first + number_per_field * number, seed, problems, counts, **finding)
                for number, infos in enumerate(batch)
            ]
            usable = [field for field in planned if field is not None]
            fields += write_files(usable, names, folder, seed, problems, counts)
            drawn += len(batch)
        if not fields:
            raise CeresFastError("no frame could be used, so nothing was injected; the warnings above say why.")
        _copy_companions(fields, names, folder)
        injected = vstack([field.table for field in fields], metadata_conflicts="silent")
        write_truth(folder / TRUTH_FILE, injected, known)
        with _without_doubts(fields):
            detect_frames([folder], on_error=on_error, engine=engine, camera=profile, **finding)
        with TemporaryDirectory(dir=folder.parent) as tables:
            with _without_doubts(fields):
                scores = Scores(scorer(folder, Path(tables)), folder, Path(tables)) if scorer else None
            for field in fields:
                add_found(field, names, folder, Rules(slowest=slowest), scores)
        completeness = _completeness(fields)
        write_completeness(completeness, folder)
    print_completeness(completeness)
    _report(completeness, fields, counts, out)
    return completeness


@contextmanager
def _without_doubts(fields: Sequence[Field]) -> Iterator[None]:
    """Say what a block warns of, but not again of the copies what the headers of the originals say wrongly."""
    known = {doubt.text for each in fields for exposure in each.exposures for doubt in exposure.info.doubts}
    with warnings_kept() as kept:
        yield
    for message in kept:
        if not any(text in message for text in known):
            warn(message)


def _check(population: Population, seed: int) -> None:
    """Refuse what cannot be drawn."""
    for name, value, good, expected in (
        ("number per field", population.number, population.number >= 1, "1 at least"),
        ("seed", seed, seed >= 0, "0 at least"),
        (
            "rate",
            population.rate,
            0 < population.rate[0] <= population.rate[1] < np.inf,
            "slowest and fastest, above 0",
        ),
        ("magnitude", population.magnitude, _ordered(population.magnitude), "brightest and faintest, in this order"),
        ("position angle", population.position_angle, _ordered(population.position_angle), "two angles, in order"),
    ):
        if not good:
            raise CeresFastError(f"{name} {value}: expected {expected}.")


def _ordered(limits: tuple[float, float] | None) -> bool:
    return limits is None or -np.inf < limits[0] <= limits[1] < np.inf


def _copy_companions(fields: Sequence[Field], names: dict[Path, Path], folder: Path) -> None:
    """Copy masks and weights: what they say is missing is missing in the injected frames too."""
    cameras = {exposure.info.path: exposure.info.camera for field in fields for exposure in field.exposures}
    for path, camera in cameras.items():
        for other in companion_files(path, camera):
            shutil.copyfile(other, folder / names[path].with_name(other.name))


def _completeness(fields: Sequence[Field]) -> Completeness:
    rows = vstack([field.table for field in fields], metadata_conflicts="silent")
    exposures = {str(name): len(field.exposures) for field in fields for name in field.table["designation"]}
    return Completeness.of(rows, exposures)


def _report(completeness: Completeness, fields: Sequence[Field], counts: Counter[str], out: Path) -> None:
    rows = completeness.injected
    exposures = [exposure for field in fields for exposure in field.exposures]
    asteroids = sum(len(field.asteroids.rate) for field in fields)
    lines = [
        ("frames written", len(exposures)),
        ("synthetic asteroids", asteroids),
        ("of these in a frame, once per exposure", len(rows)),
        ("of these validated", int(rows["validated"].sum())),
        *counts.items(),
    ]
    print_table("inject", ("", "number"), lines)
    area = min(exposure.info.shape[0] * exposure.info.shape[1] for exposure in exposures)
    if max(len(field.asteroids.rate) for field in fields) * CROWDED**2 > area:
        warn(
            f"an asteroid has less than {CROWDED}x{CROWDED} pixels for itself: they get in each other's way, and "
            "completeness comes out too low. Ask for fewer per field"
        )
    if any(exposure.zero_point == 0 for exposure in exposures):
        warn("some headers have no zero point (MAGZPT): magnitudes are instrumental there (0 is 1 ADU)")
    depth = np.median([exposure.depth for exposure in exposures])
    say(f"median depth (a star with a signal-to-noise ratio of {DEPTH_SIGNAL:g}): {depth:.2f} mag")
    if not rows["detected"].any():
        warn("none was detected: choose brighter magnitudes")
    say(f"written to {out}")
