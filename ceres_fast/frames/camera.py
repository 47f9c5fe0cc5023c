"""What is special to a camera: a small TOML file that says how its headers, masks and catalogues are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Camera:
    """A profile of a camera; what it does not say is read as from any other.

    Parameters
    ----------
    name : str
        Of the camera.
    keywords : mapping of str to tuple of str
        Keywords by quantity (`quantities.QUANTITIES`, `quantities.TEXT_KEYWORDS`, and "time"), tried before the others.
    units : mapping of str to str
        Units of keywords, whatever their comments say: one of those of the quantity (`quantities.QUANTITIES`).
    field_ignore : tuple of str
        Regular expressions: what is left out of the names of fields.
    no_sky : mapping of str to tuple of str
        Values of keywords (whatever their case) of frames that are no exposures of the sky.
    """

    name: str = "generic"
    keywords: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    field_ignore: tuple[str, ...] = ()
    no_sky: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


GENERIC = Camera()
"""Any camera."""
