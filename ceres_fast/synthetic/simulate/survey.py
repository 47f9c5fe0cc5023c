"""A whole survey: training nights and a held-out night, their frames and the table of their asteroids."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from astropy.time import Time

from ... import __version__
from ...console import progress, say, table
from ...errors import CeresFastError
from ...files import StrPath, write_json
from ...folders import atomic_directory
from ...frames.camera import Camera
from ...frames.profiles import load_camera
from ...frames.reading import read_frame, read_headers
from ...settings.survey import Simulation
from .constants import CONSTANTS, Constants
from .frame import View, render_exposure, write_frame
from .like import Taken, constants_like
from .pointing import Field, plan_field
from .sky import AsteroidSet, build_scene

TRUTH_COLUMNS = ("designation", "mjd", "ra", "dec", "magnitude", "rate", "position_angle", "validated", "field")

VALIDATED_SHARE = 0.5
"""Least share of the light in its box that an asteroid gives where it is validated."""

VALIDATED_SNR = 3.0
"""Least signal-to-noise ratio in its box: fainter, no one would have seen it to validate it."""

VALIDATED_EXPOSURES = 3
"""Least number of exposures of a track in which both hold."""


@dataclass(frozen=True)
class Plan:
    """What to simulate: numbers of fields and exposures, seed, frame shape (ny, nx), constants and where those come
    from that are not the usual ones."""

    fields: int
    exposures: int
    held_out_fields: int
    seed: int
    shape: tuple[int, int]
    constants: Constants = CONSTANTS
    taken: tuple[Taken, ...] = ()

    def parts(self) -> Iterator[tuple[str, list[Field]]]:
        """Yield (folder, fields) of the training nights and of the held-out night."""
        cadence = self.constants.cadence
        per_night = cadence.fields_per_night
        yield (
            "training",
            [
                self._field(f"F{number + 1:04d}", cadence.first_night + number // per_night, number % per_night)
                for number in range(self.fields)
            ],
        )
        yield (
            "held-out",
            [
                self._field(f"H{number + 1:04d}", cadence.held_out_night, number)
                for number in range(self.held_out_fields)
            ],
        )

    def _field(self, name: str, night: int, position: int) -> Field:
        return plan_field(name, night, position, self.exposures, self.seed, self.constants)


def simulate_survey(
    out: Path,
    *,
    fields: int = Simulation.fields,
    exposures: int = Simulation.exposures,
    held_out_fields: int = Simulation.held_out_fields,
    seed: int = 0,
    small: bool = False,
    like: Path | None = None,
    camera: StrPath | Camera | None = None,
    overwrite: bool = False,
) -> None:
    """Simulate a survey with an INT/WFC-like CCD, or one like a frame; the same arguments write the same bytes.

    Writes ``survey.json`` (what was asked for, and every constant), and for the training nights and for a held-out
    night ``<training|held-out>/<YYYYMMDD>/<field>/resamp/<field>-<k>.fits`` and ``asteroids.csv``. A frame holds 16-bit
    unsigned ADU, bias subtracted. The table has a row for every asteroid and exposure with the asteroid in the frame:
    designation, mjd (middle of the exposure, UTC), ra, dec (deg, J2000), magnitude (r), rate (arcsec/min),
    position_angle (deg, from north through east), validated (1 or 0), field.

    Parameters
    ----------
    out : Path
        Folder to write; appears only when everything in it is complete.
    fields, held_out_fields : int
        Number of fields of the training nights and of the held-out night.
    exposures : int
        Exposures of each field, at least 1.
    seed : int
        Random seed, not negative.
    small : bool
        Render the central 1024x1024 pixels of the same sky in place of the whole 2048x4100 chip.
    like : Path, optional
        A frame that the frames are to look like: size, pixel scale, seeing, sky, noise, gain, read noise, saturation,
        zero point, exposure time and density of stars are taken from it, where they are known. What was taken is
        printed, and kept in ``survey.json``.
    camera : str, path or Camera, optional
        The profile of the camera that took that frame: its name, or a TOML file.
    overwrite : bool
        Replace `out` where it exists.

    Raises
    ------
    CeresFastError
        When a number is out of range, `small` and `like` are both given, `like` is no frame of the sky, `out` exists
        and `overwrite` is false, or the disk refuses.
    """
    if small and like is not None:
        raise CeresFastError(f"--small and --like {like} exclude each other: the frame says how large frames are.")
    constants, taken = (CONSTANTS, []) if like is None else _constants_like(Path(like), exposures, load_camera(camera))
    side, detector = constants.detector.small, constants.detector
    shape = (side, side) if small else (detector.height, detector.width)
    plan = Plan(fields, exposures, held_out_fields, seed, shape, constants, tuple(taken))
    _check(plan)
    with atomic_directory(Path(out), overwrite=overwrite) as folder:
        rows = write_survey(folder, plan)
    table(
        f"simulated survey (seed {seed})", ("part", "fields", "frames", "asteroids", "in the table", "validated"), rows
    )
    say(f"written to {out}")


def write_survey(folder: Path, plan: Plan) -> list[tuple[str, int, int, int, int, int]]:
    """Write a planned survey into a folder; returns (part, fields, frames, asteroids, rows, validated rows)."""
    constants = plan.constants
    write_json(
        folder / "survey.json",
        {
            "version": __version__,
            "seed": plan.seed,
            "fields": plan.fields,
            "held_out_fields": plan.held_out_fields,
            "exposures": plan.exposures,
            "shape": list(plan.shape),
            "asteroids_boosted_by": round(constants.boost, 2),
            "constants": constants.as_dict(),
        }
        | ({"like": [asdict(each) for each in plan.taken]} if plan.taken else {}),
    )
    summary = []
    parts = list(plan.parts())
    with progress() as bar:
        task = bar.add_task("rendering", total=(plan.fields + plan.held_out_fields) * plan.exposures)
        for part, fields in parts:
            rows = []
            for field in fields:
                rows += _write_field(folder / part, field, plan, lambda: bar.advance(task))
            _write_truth(folder / part / "asteroids.csv", rows)
            names = {row[0] for row in rows}
            validated = sum(int(row[7]) for row in rows)
            summary.append((part, len(fields), len(fields) * plan.exposures, len(names), len(rows), validated))
    return summary


def _write_field(folder: Path, field: Field, plan: Plan, done: Callable[[], None]) -> list[tuple[str, ...]]:
    """Write a field's frames; returns its rows of the truth table, exposure by exposure."""
    scene = build_scene(field, plan.seed, plan.shape, plan.constants)
    place = folder / night_name(field.night) / field.name / "resamp"
    views = []
    for exposure in field.exposures:
        rendered = render_exposure(scene, exposure)
        write_frame(place / f"{field.name}-{exposure.number}.fits", rendered)
        views.append(rendered.view)
        done()
    seen = np.array([(view.share > VALIDATED_SHARE) & (view.snr > VALIDATED_SNR) for view in views])
    validated = seen & (seen.sum(axis=0) >= VALIDATED_EXPOSURES)
    half = plan.constants.cadence.exposure / 2 / 86400
    return [
        row
        for exposure, view, valid in zip(field.exposures, views, validated, strict=True)
        for row in _truth_rows(field, scene.asteroids, exposure.mjd + half, view, valid)
    ]


def _truth_rows(
    field: Field, asteroids: AsteroidSet, mjd: float, view: View, validated: np.ndarray
) -> list[tuple[str, ...]]:
    return [
        (
            str(asteroids.designation[row]),
            f"{mjd:.8f}",
            f"{view.ra[row]:.7f}",
            f"{view.dec[row]:.7f}",
            f"{view.magnitude[row]:.3f}",
            f"{asteroids.rate[row]:.4f}",
            f"{asteroids.position_angle[row]:.2f}",
            str(int(validated[row])),
            field.name,
        )
        for row in np.flatnonzero(view.inside)
    ]


def _write_truth(path: Path, rows: list[tuple[str, ...]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(TRUTH_COLUMNS)
        writer.writerows(rows)


def night_name(night: int) -> str:
    """Return the date (YYYYMMDD) on which a night (MJD) began."""
    return Time(night, format="mjd").strftime("%Y%m%d")


def _constants_like(path: Path, exposures: int, camera: Camera) -> tuple[Constants, list[Taken]]:
    """Return the constants of a survey like a frame, and print what was taken from it."""
    headers = read_headers(path, camera)
    if len(headers) > 1:
        say(f"{path}: has {len(headers)} CCDs; the frames will look like the first, {headers[0].info.place}")
    constants, taken = constants_like(read_frame(path, headers[0].info.hdu, camera), exposures)
    rows = [(each.what, f"{each.value:.5g}", each.unit, each.origin) for each in taken]
    columns = ("quantity", "value", "unit", "from")
    table(f"frames like {headers[0].info.place}", columns, rows, texts=columns[2:])
    return constants, taken


def _check(plan: Plan) -> None:
    limits = (
        ("fields", plan.fields, 0),
        ("exposures", plan.exposures, 1),
        ("held-out fields", plan.held_out_fields, 0),
    )
    for name, value, least in (*limits, ("seed", plan.seed, 0)):
        if value < least:
            raise CeresFastError(f"a survey of {value} {name} cannot be simulated. Ask for {least} at least.")
    if plan.fields + plan.held_out_fields == 0:
        raise CeresFastError("a survey without any field cannot be simulated. Ask for 1 field at least.")
