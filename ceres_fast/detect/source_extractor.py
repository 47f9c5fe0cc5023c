"""Detecting sources with the program SExtractor itself.

It is not shown the user's file but a copy of each CCD as this package reads it: so compressed, scaled, masked and
multi-extension files all work, and it detects in the very pixels that stamps are cut from.
Source: SExtractor manual, "Configuration file" and "Weighting".
"""

from __future__ import annotations

import math
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
from astropy.io import fits

from ..catalogues import FORMATS, Catalogue, read_catalogue, write_tables
from ..console import warn
from ..errors import CeresFastError, InputError
from ..files import atomic_file, temporary_folder
from ..frames.camera import GENERIC, Camera
from ..frames.fits_files import writable_header
from ..frames.reading import Frame, read_frame, read_headers

PROGRAMS = ("source-extractor", "sex", "sextractor")
"""Names of the program: Debian's, the original one, and that of some other distributions."""

TIMEOUT = 1800.0
"""Seconds after which a run for one CCD is given up; a crowded frame takes a minute."""

NO_SATURATION = 1e20
"""SATUR_LEVEL (ADU) where it is not known: nothing is called saturated."""

_CONFIG = Path(__file__).parent / "config"
_ERASING = re.compile(r"\x1b\[\d*[A-Z]")
_SOURCES = re.compile(r"/ sextracted (\d+)")


def write_catalogue(
    frame: Path, target: Path, format: str, *, threshold: float, min_area: int, camera: Camera = GENERIC
) -> int:
    """Run the program on all CCDs in a file and write their catalogue.

    Parameters
    ----------
    frame : pathlib.Path
        FITS file. Missing pixels (NaN) get weight 0; gain, saturation, pixel scale, seeing and zero point are those
        of `FrameInfo`.
    target : pathlib.Path
        The catalogue: of one CCD the program's own file, of several CCDs their tables in one file. Sky positions
        are left out where the program does not know the frame's distortion (SIP), or there are no coordinates.
    format : str
        SExtractor's CATALOG_TYPE.
    threshold, min_area : float, int
        DETECT_THRESH and DETECT_MINAREA.
    camera : Camera
        The profile of the camera, where it has one.

    Returns
    -------
    int
        The number of detections.

    Raises
    ------
    CeresFastError
        When the program is not installed.
    InputError
        When it fails, is killed, takes longer than `TIMEOUT`, or writes no whole catalogue.
    """
    program = find_program()
    ccds = read_headers(frame, camera)
    if len(ccds) > 1 and format not in FORMATS:
        problem, action = f"holds {len(ccds)} CCDs, whose catalogues are not joined in {format}", "choose FITS_LDAC"
        raise InputError(frame, problem, expected=f"one of the formats {', '.join(FORMATS)}", action=action)
    options: dict[str, object] = {
        "CATALOG_TYPE": format if len(ccds) == 1 else "FITS_LDAC",  # the exact numbers, to be joined
        "DETECT_THRESH": threshold,
        "ANALYSIS_THRESH": threshold,
        "DETECT_MINAREA": min_area,
    }
    parts = []
    for info, header, _ in ccds:
        with temporary_folder("--engine source-extractor") as folder:
            found = _run(program, read_frame(frame, info.hdu, camera), folder, options)
            parts.append((found.table, header))
            if len(ccds) == 1:
                with atomic_file(target) as temporary:
                    shutil.copyfile(found.path, temporary)
    if len(ccds) > 1:
        write_tables(parts, target, format)
    return sum(len(table) for table, _ in parts)


def find_program() -> str:
    """Return the path of the program; raise a CeresFastError where it is not installed."""
    found = next((path for name in PROGRAMS if (path := shutil.which(name))), None)
    if found is None:
        raise CeresFastError(
            f"{PROGRAMS[0]}: is not installed (nor {' or '.join(PROGRAMS[1:])}). Install Debian's package "
            "source-extractor, or use --engine sep."
        )
    return found


def _run(program: str, frame: Frame, folder: Path, options: dict[str, object]) -> Catalogue:
    """Run the program on a CCD in a folder, and return the catalogue that it wrote there."""
    for file in _CONFIG.iterdir():
        shutil.copyfile(file, folder / file.name)
    if not _knows_sky(frame):
        columns = (folder / "default.param").read_text(encoding="utf-8").split()
        known = "\n".join(name for name in columns if "J2000" not in name)
        (folder / "default.param").write_text(known + "\n", encoding="utf-8")
    options = options | _write_pixels(frame, folder)
    command = [program, "frame.fits", "-c", "default.sex"]
    command += [text for name, value in options.items() for text in (f"-{name}", str(value))]
    path = frame.info.place
    try:
        done = subprocess.run(
            command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise InputError(path, f"{program} took longer than {TIMEOUT:g} s", action="raise the threshold") from error
    except OSError as error:
        raise CeresFastError(f"{program}: cannot be run ({error.strerror}). Use --engine sep.") from error
    said = _ERASING.sub("\n", done.stderr.decode(errors="replace"))
    if done.returncode:
        ending = f"was killed by signal {-done.returncode}" if done.returncode < 0 else f"ended with {done.returncode}"
        problem = f"{program} {ending}: {_last_lines(said)}"
        raise InputError(path, problem, action="leave this frame out, or use --engine sep")
    if warnings := re.findall(r"WARNING: *(.*\S)", said):
        more = f" (and {len(warnings) - 1} more)" if len(warnings) > 1 else ""
        warn(f"{path}: {program} warns: {warnings[0]}{more}")
    return _whole(path, folder / "catalogue", said)


def _knows_sky(frame: Frame) -> bool:
    """Tell whether the program's sky positions can be used: of distortions it knows only the polynomials of TPV."""
    wcs = frame.wcs
    return wcs is not None and not any((wcs.sip, wcs.cpdis1, wcs.cpdis2, wcs.det2im1, wcs.det2im2))


def _write_pixels(frame: Frame, folder: Path) -> dict[str, object]:
    """Write the pixels, and the weights where some are missing; return the options that say what they are."""
    info = frame.info
    options: dict[str, object] = {
        "GAIN": _known(info.gain, 0.0),
        "SATUR_LEVEL": _known(info.saturation, NO_SATURATION),
        "PIXEL_SCALE": _known(info.pixel_scale, 1.0),
        "SEEING_FWHM": _known(info.seeing, 1.2),
        "MAG_ZEROPOINT": _known(info.zero_point, 0.0),
    }
    good = np.isfinite(frame.data)
    header = writable_header(frame.header, info.place).copy(strip=True)
    for keyword in ("BZERO", "BSCALE", "BLANK", "CHECKSUM", "DATASUM"):  # of the file's pixels, not of these
        header.remove(keyword, ignore_missing=True, remove_all=True)
    del header["NAXIS*"]  # of axes that are not there
    if frame.wcs is None:
        del header["CTYPE*"]  # coordinates that cannot be used would end the program
    _write_image(folder / "frame.fits", np.where(good, frame.data, np.float32(0)), header)
    if not good.all():
        _write_image(folder / "weight.fits", good.astype(np.uint8), fits.Header())
        options |= {"WEIGHT_TYPE": "MAP_WEIGHT", "WEIGHT_IMAGE": "weight.fits"}
    return options


def _write_image(path: Path, pixels: np.ndarray, header: fits.Header) -> None:
    with atomic_file(path) as temporary:
        fits.PrimaryHDU(pixels, header).writeto(temporary, overwrite=True)


def _known(value: float, otherwise: float) -> float:
    return otherwise if math.isnan(value) else value


def _whole(frame: str, path: Path, said: str) -> Catalogue:
    """Read the catalogue; it must have as many rows as the program says: a full disk cuts it off silently."""
    action = "make room for temporary files (TMPDIR), or use --engine sep"
    try:
        catalogue = read_catalogue(path)
    except InputError as error:
        raise InputError(frame, f"source-extractor wrote no whole catalogue ({error})", action=action) from error
    found = _SOURCES.findall(said)
    if not found or int(found[-1]) != len(catalogue.table):
        there, here = found[-1] if found else "none", len(catalogue.table)
        problem = f"source-extractor wrote {here} detections where it says it found {there}"
        raise InputError(frame, problem, expected="a whole catalogue", action=action)
    return catalogue


def _last_lines(said: str, number: int = 2) -> str:
    lines = [line.strip("> \r") for line in said.splitlines() if line.strip("> \r")]
    return "; ".join(lines[-number:]) or "it said nothing"
