"""Alert packets as ZTF and Rubin write them, with the fields that are read, and the files they come in."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import fastavro
import numpy as np
from astropy.io import fits

CANDID = 697251920515010000

_NULLABLE = {
    **dict.fromkeys(("pdiffimfilename", "ssnamenr", "isdiffpos"), "string"),
    **dict.fromkeys(("fid", "rcid", "field", "ndethist"), "int"),
    **dict.fromkeys(("xpos", "ypos", "magpsf", "rb", "drb", "ssdistnr", "ssmagnr", "fwhm", "exptime"), "float"),
    **dict.fromkeys(("jd", "jdstarthist", "ra", "dec"), "double"),
}


def _record(name: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": [{"name": key, "type": kind} for key, kind in fields.items()]}


_CUTOUT = _record("ztf.cutout", {"fileName": "string", "stampData": "bytes"})
ZTF_SCHEMA = _record(
    "ztf.alert",
    {
        "objectId": "string",
        "candid": "long",
        "candidate": _record("ztf.candidate", {name: ["null", kind] for name, kind in _NULLABLE.items()}),
        "cutoutScience": ["null", _CUTOUT],
        "cutoutTemplate": ["null", "ztf.cutout"],
        "cutoutDifference": ["null", "ztf.cutout"],
    },
)

_SOURCE = _record(
    "lsst.diaSource",
    {
        "diaSourceId": "long",
        "visit": "long",
        "detector": "int",
        "ssObjectId": ["null", "long"],
        "midpointMjdTai": "double",
        "ra": "double",
        "dec": "double",
        "x": "float",
        "y": "float",
        "psfFlux": ["null", "float"],
        "reliability": ["null", "float"],
        "isNegative": ["null", "boolean"],
        "band": ["null", "string"],
    },
)
EPHEMERIS = ("ephVmag", "ephRate", "ephRateRa", "ephRateDec", "ephOffset")
"""What Rubin predicts of a known asteroid: its magnitude, its rates, and how far from the prediction it was found."""
_ORBIT = {"designation": "string", **dict.fromkeys(EPHEMERIS, "float")}

RUBIN_SCHEMA = _record(
    "lsst.alert",
    {
        "diaSourceId": "long",
        "diaSource": _SOURCE,
        "prvDiaSources": ["null", {"type": "array", "items": "lsst.diaSource"}],
        "ssSource": [
            "null",
            _record("lsst.ssSource", {name: ["null", kind] for name, kind in _ORBIT.items()}),
        ],
        "cutoutDifference": ["null", "bytes"],
        "cutoutScience": ["null", "bytes"],
        "cutoutTemplate": ["null", "bytes"],
    },
)


def image(ny: int = 63, nx: int = 63, at: tuple[int, int] = (31, 31), level: float = 100) -> np.ndarray:
    """Noise around `level`, and a source of 1000 in the pixel `at` (0-based row, column)."""
    pixels = np.random.default_rng([ny, nx, int(level)]).normal(level, 5, (ny, nx)).astype(np.float32)
    pixels[at] += 1000
    return pixels


def fits_bytes(pixels: np.ndarray, **keywords: object) -> bytes:
    """An image as the bytes of a FITS file."""
    stream = io.BytesIO()
    fits.PrimaryHDU(pixels, fits.Header(keywords)).writeto(stream)
    return stream.getvalue()


def ztf(number: int = 0, cutouts: Mapping[str, bytes | None] | None = None, **candidate: Any) -> dict[str, Any]:
    """A packet of something new with a good score; planes of level 100, 200 and 300."""
    known = {
        **dict.fromkeys(_NULLABLE),
        "jd": 2458451.75,
        "jdstarthist": 2458451.75,
        "ndethist": 1,
        "fid": 1,
        "field": 248,
        "rcid": 5,
        "ra": 20.0 + number,
        "dec": -7.0,
        "magpsf": 18.0,
        "isdiffpos": "t",
        "drb": 0.9,
        "ssdistnr": -999.0,
        "ssnamenr": "null",
        "ssmagnr": -999.0,
        "xpos": 1500.0,
        "ypos": 1500.0,
        "exptime": 30.0,
    }
    made = {
        name: gzip.compress(fits_bytes(image(level=level)))
        for name, level in (("Science", 100), ("Template", 200), ("Difference", 300))
    } | dict(cutouts or {})
    return {
        "objectId": "ZTF18x",
        "candid": CANDID + number,
        "candidate": known | candidate,
        **{
            f"cutout{name}": None if data is None else {"fileName": name, "stampData": data}
            for name, data in made.items()
        },
    }


ASTEROID = {"ssdistnr": 1.0, "ssnamenr": "111678", "ssmagnr": 18.3}
BOGUS = {"drb": 0.1}
STATIONARY = {"ndethist": 9, "jdstarthist": 2458400.0}


def rubin(cutout: bytes | None = None, history: Sequence[float] = (), **changed: Any) -> dict[str, Any]:
    """A packet of something new with a good score."""
    packet = {name: value for name, value in changed.items() if name in ("ssSource",)}
    source = {
        "diaSourceId": 1,
        "visit": 2025051500042,
        "detector": 94,
        "ssObjectId": None,
        "midpointMjdTai": 60810.25,
        "ra": 150.0,
        "dec": 2.0,
        "x": 99.0,
        "y": 199.0,
        "psfFlux": 3630.78,
        "reliability": 0.9,
        "isNegative": False,
        "band": "r",
    } | {name: value for name, value in changed.items() if name not in packet}
    data = fits_bytes(image(30, 30, (15, 14)), CRPIX1=15.2, CRPIX2=15.8) if cutout is None else cutout
    return {
        "diaSourceId": 1,
        "diaSource": source,
        "prvDiaSources": [source | {"midpointMjdTai": time} for time in history] or None,
        "ssSource": None,
        **dict.fromkeys(("cutoutScience", "cutoutTemplate", "cutoutDifference"), data or None),
        **packet,
    }


def avro(*packets: Mapping[str, Any], codec: str = "null") -> bytes:
    """Packets as the bytes of an Avro file."""
    stream = io.BytesIO()
    schema = RUBIN_SCHEMA if packets and "diaSource" in packets[0] else ZTF_SCHEMA
    fastavro.writer(stream, fastavro.parse_schema(schema), packets, codec=codec)
    return stream.getvalue()


def message(packet: Mapping[str, Any], schema: Mapping[str, Any] = RUBIN_SCHEMA, number: int = 900) -> bytes:
    """A packet as Kafka sends it: in Confluent's wire format, without its schema."""
    stream = io.BytesIO(b"\0" + number.to_bytes(4, "big"))
    stream.seek(0, io.SEEK_END)
    fastavro.schemaless_writer(stream, fastavro.parse_schema(dict(schema)), packet)
    return stream.getvalue()


def write_folder(folder: Path, packets: Sequence[Mapping[str, Any]]) -> Path:
    """A file per packet, named by its id."""
    folder.mkdir(parents=True, exist_ok=True)
    for packet in packets:
        (folder / f"{packet['candid']}.avro").write_bytes(avro(packet))
    return folder


def write_tar(path: Path, files: Mapping[str, bytes | tarfile.TarInfo]) -> Path:
    """An archive; a TarInfo goes in as it is, without content."""
    with tarfile.open(path, "w:gz" if path.suffix in (".gz", ".tgz") else "w") as tar:
        for name, content in files.items():
            member = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
            data = content if isinstance(content, bytes) else b""
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def tar_of(path: Path, folder: Path) -> Path:
    """An archive of the files of a folder, in their order."""
    return write_tar(path, {file.name: file.read_bytes() for file in sorted(folder.iterdir())})


def write_fields(folder: Path, fields: int = 8) -> Path:
    """Packets of all three kinds in each of some fields; every asteroid is in one field."""
    packets = [ztf(number, field=number % fields) for number in range(6 * fields)]
    for number, packet in enumerate(packets):
        packet["candidate"] |= (ASTEROID, BOGUS, STATIONARY)[number % 3]
        if number % 3 == 0:
            packet["candidate"]["ssnamenr"] = str(number % fields + 1)
    return write_folder(folder, packets)
