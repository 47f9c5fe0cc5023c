"""Reading the profiles of cameras: those that ship with the package, by name, and a user's own files."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..files import StrPath
from ..schema import Mismatch, check, shape
from .camera import GENERIC, Camera
from .headers.quantities import QUANTITIES, TEXT_KEYWORDS

SHIPPED = Path(__file__).with_name("cameras")
"""Folder of the profiles that ship with the package; their names are those of the files."""

SUFFIX = ".toml"

LARGEST_PROFILE = 100_000
"""Bytes; a profile is a page of text, so anything far larger is none."""

NAMES = (*QUANTITIES, *TEXT_KEYWORDS, "time")
"""Quantities of which a profile may name the keywords."""


def camera_names() -> list[str]:
    """Return the names of the profiles that ship with the package."""
    return sorted(file.stem for file in SHIPPED.glob(f"*{SUFFIX}"))


def load_camera(camera: StrPath | Camera | None) -> Camera:
    """Return the profile of a camera.

    Parameters
    ----------
    camera : str, path, Camera or None
        The name of a profile that ships with the package, or a TOML file; a profile itself is returned as it is, and
        None is any camera.

    Raises
    ------
    InputError
        When there is no such profile, or it is not what one may be; the message names the key.
    """
    if camera is None:
        return GENERIC
    if isinstance(camera, Camera):
        return camera
    names = camera_names()
    path = SHIPPED / f"{camera}{SUFFIX}" if str(camera) in names else Path(camera)
    expected = f"one of {', '.join(names)}, or a TOML file"
    try:
        if not path.is_file():
            problem = "is no file" if path.exists() else "is neither a camera that is known nor a file"
            raise InputError(path, problem, expected=expected)
        if path.stat().st_size > LARGEST_PROFILE:
            raise InputError(path, f"is larger than {LARGEST_PROFILE:,} bytes", expected=expected)
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", expected=expected) from error
    except (ValueError, RecursionError) as error:
        raise InputError(path, f"is not a profile of a camera ({error})", expected=expected) from error
    try:
        return camera_of(values, path.stem)
    except Mismatch as error:
        action = "see docs/survey.md, Cameras; `generic` is a template of all keys"
        raise error.of_file(path, action=action) from error


def camera_of(values: Mapping[str, Any], name: str = GENERIC.name, *, at: str = "") -> Camera:
    """Return a camera of plain data, as `Camera.as_dict` gives them.

    Parameters
    ----------
    values : mapping
        Keys of a profile, and what they are.
    name : str
        Of a profile that does not say its own.
    at : str
        Key of the values, where they are a part of something; errors name it.

    Raises
    ------
    Mismatch
        When a key is not known, or a value is not what it may be.
    """
    check(values, shape(Camera, defaults=True), at=at)
    camera = Camera(**{"name": name, **values})
    _check_quantities(camera)
    return camera


def _check_quantities(camera: Camera) -> None:
    for name in camera.keywords:
        if name not in NAMES:
            raise Mismatch("keywords", f"has unknown {name}", f"nothing but {', '.join(NAMES)}")
    for keyword, unit in camera.units.items():
        known = {
            each.name
            for name, quantity in QUANTITIES.items()
            if keyword in (*camera.keywords.get(name, ()), *quantity.keywords)
            for each in quantity.units
        }
        if not known:
            expected = "a keyword of a quantity with units (name new ones under keywords)"
            raise Mismatch("units", f"has {keyword}", expected)
        if unit not in known:
            raise Mismatch(f"units.{keyword}", f"is {unit!r}", " or ".join(sorted(known)))
