"""All detections of a night as a VOTable, for TOPCAT, Aladin and astropy.

Format: https://www.ivoa.net/documents/VOTable/; the UCDs are those of https://www.ivoa.net/documents/UCD1+/.
"""

from __future__ import annotations

from pathlib import Path

from ..detections import COLUMNS
from .order import Files, Order, known_names, plain_text

NAME = "night.vot"

UCDS = {
    "detection": "meta.id;meta.main",
    "field": "meta.id;obs.field",
    "frame": "meta.id;obs.image",
    "hdu": "meta.number",
    "row": "meta.record",
    "ccd": "meta.id;instr.det",
    "filter": "meta.id;instr.filter",
    "observatory": "meta.id;instr.obsty",
    "mjd": "time.epoch;obs.exposure",
    "exposure": "time.duration;obs.exposure",
    "x": "pos.cartesian.x;instr.det",
    "y": "pos.cartesian.y;instr.det",
    "ra": "pos.eq.ra;meta.main",
    "dec": "pos.eq.dec;meta.main",
    "position_error": "stat.error;pos.eq",
    "magnitude": "phot.mag",
    "magnitude_error": "stat.error;phot.mag",
    "fwhm": "phys.angSize;instr.det.psf",
    "pixel_scale": "instr.scale",
    "probability": "stat.probability",
    "flags": "meta.code.qual",
    "tracklet": "meta.id.assoc",
    "tracklet_probability": "stat.probability;src",
    "kept": "meta.code",
    "known": "meta.id;src",
}
"""What each column is, in the words of the Virtual Observatory."""


def files(order: Order) -> Files:
    """Return what writes the file."""
    return {NAME: lambda path: _write(order, path)}


def _write(order: Order, path: Path) -> None:
    from astropy.io.votable import from_table, writeto
    from astropy.io.votable.tree import CooSys

    rows = order.night.detections.copy()
    for name, (kind, _, _) in COLUMNS.items():
        if kind == "U":
            rows[name] = plain_text(rows[name])
            rows[name].description = COLUMNS[name][2]
    rows["meant"] = order.meant
    rows["known"] = known_names(order, rows)
    rows["known"].description = "the known object that its tracklet is; empty: none, or not looked up"
    rows.remove_column("meant")
    document = from_table(rows)
    resource = document.resources[0]
    resource.coordinate_systems.append(CooSys(ID="sky", system="ICRS"))
    for field in resource.tables[0].fields:
        field.ucd = UCDS[field.name]
        if field.name in ("ra", "dec"):
            field.ref = "sky"
    # A third of the time of the other serialisations; no column has null values, only NaN and empty text.
    writeto(document, str(path), tabledata_format="binary")
