"""Write a catalogue for each frame: `ceres-fast detect`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ..console import table as print_table
from ..console import track, warn
from ..errors import CeresFastError, InputError, OnError, Problems
from ..files import DISK, StrPath, disk_errors
from ..frames.camera import Camera
from ..frames.exposures import only_no_sky, say_no_sky
from ..frames.fits_files import fits_errors, frame_stem
from ..frames.headers.cards import say_doubts
from ..frames.info import FrameInfo
from ..frames.profiles import load_camera
from ..frames.reading import find_frames, read_headers
from ..machine.interrupts import Written, noting
from ..machine.workers import in_order
from ..settings.survey import Detection, DetectionEngine
from . import sep_engine, source_extractor


@dataclass(frozen=True)
class Engine:
    """What writes the catalogue of a file and returns the number of detections, and in which formats."""

    write_catalogue: Callable[..., int]
    formats: tuple[str, ...]


ENGINES = {
    "sep": Engine(sep_engine.write_catalogue, ("ASCII_HEAD", "FITS_LDAC")),
    "source-extractor": Engine(source_extractor.write_catalogue, ("ASCII_HEAD", "FITS_LDAC", "FITS_1.0")),
}
"""Engines by name; each is called with the frame, the catalogue, the format, `threshold` and `min_area`."""


def detect_frames(
    sources: Sequence[Path],
    *,
    engine: DetectionEngine = Detection.engine,
    format: str = "ASCII_HEAD",
    output: Path | None = None,
    threshold: float = Detection.threshold,
    min_area: int = Detection.min_area,
    camera: StrPath | Camera | None = None,
    workers: int | None = 1,
    on_error: OnError = "stop",
    overwrite: bool = False,
) -> list[Path]:
    """Write a catalogue for each frame, where `catalogues.find_catalogue` finds it.

    Parameters
    ----------
    sources : sequence of pathlib.Path
        Frames, or folders of frames.
    engine : {"sep", "source-extractor"}
        What detects the sources: the library, or the program itself, which must be installed.
    format : str
        Format of the catalogues, one of the engine's.
    output : pathlib.Path, optional
        One folder for all catalogues. By default the catalogue of ``resamp/<stem>.fits`` is
        ``sextractor_cat/<stem>.cat`` beside that folder, that of another frame is beside it.
    threshold : float
        Detection threshold, in units of the background's RMS.
    min_area : int
        How many connected pixels above the threshold make a detection.
    camera : str, path or Camera, optional
        How frames are read: a profile that ships with the package, or a TOML file (`frames.profiles.load_camera`).
    workers : int or None
        Processes of this machine, each with one frame in memory; 1 works in this process, None starts one per core.
        The catalogues are the same, and so is the order of what is printed.
    on_error : {"stop", "skip"}
        Whether a bad frame, or one whose process is killed, ends the work or is left out. Where it ends the work of
        several processes, catalogues of frames that come after the bad one may be there.
    overwrite : bool
        Whether existing catalogues are replaced.

    Returns
    -------
    list of pathlib.Path
        The catalogues written.

    Raises
    ------
    CeresFastError
        When a catalogue exists, two frames would share one, a frame cannot be used, or the engine is not installed.
    """
    if engine not in ENGINES:
        raise CeresFastError(f"{engine}: no such engine of detection; expected {' or '.join(ENGINES)}.")
    chosen = ENGINES[engine]
    if format not in chosen.formats:
        expected = " or ".join(chosen.formats)
        raise CeresFastError(f"{format}: not a format of detections with {engine}; expected {expected}.")
    profile = load_camera(camera)
    if profile.origin != 1:
        warn(
            f"the profile {profile.name} says that catalogues count pixels from {profile.origin}; those that are "
            "written here count from 1, as SExtractor does. Read them with a profile that does not say it"
        )
    frames = find_frames(sources, profile)
    targets = _targets(frames, output, overwrite)
    counts: Counter[str] = Counter()
    problems = Problems(on_error)
    write = partial(
        _write, chosen.write_catalogue, format=format, threshold=threshold, min_area=min_area, camera=profile
    )
    outcomes = in_order(write, list(zip(frames, targets, strict=True)), workers, _killed)
    written = []
    infos: list[FrameInfo] = []
    others: list[FrameInfo] = []
    # Outcomes come in the order of the frames, so that the first error, and the order of the warnings, do not depend on
    # which process is the fastest. Closed at that error, so that the other processes end before it is shown.
    with noting(partial(Written(targets).told, "catalogues")), closing(outcomes):
        for target in track(targets, "detecting"):
            outcome = next(outcomes)
            for warning in outcome.warnings:
                warn(warning)
            with problems.skipping(counts, "frames left out"):
                found, ccds = outcome.get()
                if found is None:
                    others += ccds[:1]
                    continue
                infos += ccds
                counts["detections"] += found
                written.append(target)
    say_doubts((info.place, info.doubts) for info in infos)
    if len(others) == len(frames):
        raise only_no_sky(others)
    say_no_sky(others)
    counts += Counter({"no exposures of the sky": len(others)})
    rows = [("frames", len(frames)), ("catalogues written", len(written)), *sorted(counts.items())]
    print_table("detect", ("", "number"), rows)
    return written


def _write(
    write_catalogue: Callable[..., int], files: tuple[Path, Path], camera: Camera, **options: Any
) -> tuple[int | None, list[FrameInfo]]:
    """Write the catalogue of a frame; return its number of rows, None where it is no exposure of the sky, and its CCDs.

    A mosaic of which a CCD shows the sky has the catalogue of all: its tables are told apart by their order.
    """
    frame, target = files
    # Whatever a frame does is its own fault, and the others are done; a full disk is none.
    with fits_errors(frame, "its sources cannot be detected"), disk_errors(target, DISK):
        infos = [info for info, _, _ in read_headers(frame, camera)]
        if all(info.no_sky for info in infos):
            return None, infos
        return write_catalogue(frame, target, camera=camera, **options), infos


def _killed(files: tuple[Path, Path], ending: str) -> InputError:
    action = "if memory ran out, pass fewer --workers; else leave this frame out"
    return InputError(files[0], f"the process that detected its sources {ending}", action=action)


def _targets(frames: Sequence[Path], output: Path | None, overwrite: bool) -> list[Path]:
    targets = [_folder(frame, output) / f"{frame_stem(frame)}.cat" for frame in frames]
    times = Counter(targets)
    for target, frame in zip(targets, frames, strict=True):
        if target.exists() and not overwrite:
            raise InputError(target, "exists already", action="pass --overwrite to replace it")
        if times[target] > 1:
            raise InputError(frame, f"another frame has the catalogue {target} too", expected="a name per frame")
    return targets


def _folder(frame: Path, output: Path | None) -> Path:
    if output is not None:
        return output
    return frame.parent.parent / "sextractor_cat" if frame.parent.name == "resamp" else frame.parent
