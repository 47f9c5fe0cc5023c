"""What `look` prints."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from astropy.io import fits
from astropy.time import Time

from ..catalogues import CATALOGUE_FOLDER, find_catalogue
from ..console import say, table, warn
from ..errors import LOUD, InputError
from ..frames.camera import GENERIC
from ..frames.info import FrameInfo, Reading
from ..frames.quantities import QUANTITIES
from ..settings.rules import RuleOptions
from .coordinates import sexagesimal
from .examine import Looked
from .exposures import Exposures
from .frame import UNDERSTOOD, FrameLook, keywords_of, kind_of

NOT_KNOWN = "not known"

COSTS = {
    "field": "exposures are put together by their place on the sky",
    "filter": "frames cannot be told apart by filter",
    "observatory": "cannot be compared with that of known asteroids",
    "mjd": "nothing in it can be called stationary; known asteroids are not found; inject refuses it",
    "exposure": "a time of the start counts as the middle; inject refuses it",
    "pixel_scale": "places are compared in pixels: one place is 1.5 pixels wide",
    "seeing": "that of the catalogue is used; without it one place is 1.5 pixels wide",
    "gain": "inject refuses it",
    "read_noise": "nothing, but that simulate --like takes a usual one",
    "saturation": "no detection is flagged as saturated",
    "zero_point": "magnitudes are instrumental: 0 is 1 ADU",
    "airmass": "nothing",
}
"""What it costs where a quantity is not known; those that are not here are not shown then."""

NEEDED = ("mjd", "exposure", "pixel_scale", "seeing", "gain", "saturation", "zero_point")
"""What should be known of every frame, and can be mended in its header or by a profile of the camera."""

NAMES = {"mjd": "time", "ccd": "CCD"}
"""Quantities that are not called as their fields."""

LONGEST_CARD = 60
"""Characters of a card that are shown."""

MOST_NAMED = 3
"""So many files, values or extensions of a kind are named; the rest is counted."""


def print_report(looked: Looked, catalogues: Path | None = None) -> None:
    """Print how frames are understood; `catalogues` is the folder in which their catalogues were looked for."""
    for frame in looked.shown:
        _print_frame(frame, catalogues)
    if len(looked.infos) > 1:
        _print_what_differs(looked)
        _print_other_kinds(looked)
    if len(looked.infos) > len(looked.shown):
        _print_catalogues(looked, catalogues)
    _print_exposures(looked.exposures)
    _print_left_out(looked)
    say(_closing(looked))


def _print_frame(frame: FrameLook, catalogues: Path | None) -> None:
    place = frame.info.place
    columns = ("quantity", "value", "unit", "from, or what it costs")
    rows = [row for reading in _in_order(frame.info) for row in _quantity_rows(frame, reading)]
    profile = f", read as that of {frame.info.camera.name}" if frame.info.camera != GENERIC else ""
    table(f"{place}: its header{profile}", columns, rows, texts=columns[2:])
    for doubt in frame.info.doubts:
        say(f"doubt: {doubt.text}")
    if frame.info.no_sky:
        say(f"no sky: {frame.info.no_sky}; classify and build-records leave it out")
    facts = [*_sky_rows(frame), *_pixel_rows(frame), *_file_rows(frame), *_catalogue_rows(frame, catalogues)]
    table(f"{place}: sky, pixels, files", ("what", "is"), facts, texts=("is",))


def _in_order(info: FrameInfo) -> Iterator[Reading]:
    readings = {reading.quantity: reading for reading in info.readings}
    yield from (readings[name] for name in UNDERSTOOD)


def _quantity_rows(frame: FrameLook, reading: Reading) -> Iterator[tuple[str, str, str, str]]:
    info, name, quantity = frame.info, _called(reading.quantity), reading.quantity
    value = getattr(info, quantity)
    if not _is_known(value):
        if quantity in COSTS:
            yield name, NOT_KNOWN, "", COSTS[quantity]
        return
    origin = _cards(frame.header, reading.origin)
    if quantity != "mjd":
        unit = QUANTITIES[quantity].unit if quantity in QUANTITIES else ""
        yield name, _value(value), unit, origin
        return
    if info.exposure > 0:
        yield "start", _date(info.mjd - info.exposure / 2 / 86400), "UTC", ""
    yield "middle", _date(info.mjd), "UTC", origin
    yield "", f"{info.mjd:.7f}", "MJD (UTC)", ""


def _cards(header: fits.Header, origin: str) -> str:
    """Return the cards that a value comes from, as they are written, with the comments that say the unit."""
    if origin in ("WCS", ""):  # the names of a mosaic's CCDs are made for the whole file
        return origin or "the file"
    names, _, rest = origin.partition(" (")
    written = []
    for keyword in names.split(", "):
        comment = header.comments[keyword] if keyword in header else ""
        written.append(f"{keyword} = {_value(header.get(keyword))}{f' / {comment}' if comment else ''}")
    texts = [text if len(text) <= LONGEST_CARD else f"{text[: LONGEST_CARD - 1]}…" for text in written]
    return ", ".join(texts) + (f" ({rest}" if rest else "")


def _sky_rows(frame: FrameLook) -> Iterator[tuple[str, str]]:
    place = frame.coordinates
    if place is None:
        yield "sky", "no coordinates that can be used; places come from the catalogue; inject refuses it"
        return
    across, up = place.scale
    yield "sky", f"{place.projection}, {across:.4g} x {up:.4g} arcsec per pixel"
    side = "right (mirrored)" if place.mirrored else "left"
    turned = f"+y is {place.rotation % 360:.1f} deg from north through east"
    yield "", f"{turned}; with north up, east is on the {side}"
    yield "centre", _place(*place.centre)
    ny, nx = frame.info.shape
    for (x, y), corner in zip(((1, 1), (nx, 1), (1, ny), (nx, ny)), place.corners, strict=True):
        yield f"pixel {x}, {y}", _place(*corner)


def _place(ra: float, dec: float) -> str:
    return f"{sexagesimal(ra, dec)} = {ra:.5f}, {dec:+.5f} deg"


def _pixel_rows(frame: FrameLook) -> Iterator[tuple[str, str]]:
    pixels = frame.pixels
    if pixels is None:
        yield "pixels", f"cannot be used: {frame.problem}"
        return
    yield "sky level, noise", f"{pixels.sky:,.5g}, {pixels.noise:,.4g} ADU"
    yield "missing pixels", _share(pixels.missing, pixels.number)
    if pixels.saturated >= 0:
        yield "saturated pixels", _share(pixels.saturated, pixels.number)


def _share(count: int, of: int) -> str:
    return f"{count:,} ({count / of:.2%})" if count else "none"


def _file_rows(frame: FrameLook) -> Iterator[tuple[str, str]]:
    alike: dict[tuple[str, str], list[str]] = {}
    for each in frame.extensions:
        alike.setdefault((each.use, each.size), []).append(f"[{each.number}]{f' {each.name}' if each.name else ''}")
    for (use, size), names in alike.items():
        number = f"{len(names)} x " if len(names) > 1 else ""
        yield _few(names), f"{number}{use}{f': {size}' if size else ''}"
    for path, use in frame.companions.items():
        yield "beside it", f"{path.name}: {use}"


def _catalogue_rows(frame: FrameLook, folder: Path | None) -> Iterator[tuple[str, str]]:
    found = frame.catalogue
    if found.path is None and not found.problem:
        where = f"in {folder}" if folder is not None else f"beside it and in ../{CATALOGUE_FOLDER}"
        yield "catalogue", f"none {where}; `ceres-fast detect` makes one"
        return
    if found.problem:
        yield "catalogue", f"cannot be used: {found.problem}"
        return
    yield "catalogue", f"{found.path} ({found.format})"
    lost = f", {found.rows - found.known:,} without a position" if found.known < found.rows else ""
    yield "detections", f"{found.rows:,} rows{lost}; {found.inside:,} in the frame"
    dx, dy = found.offset
    if not found.with_sky:
        yield "sky positions", "none in the catalogue; the frame's coordinates give them"
    elif math.isnan(dx):
        yield "sky positions", f"of {found.with_sky:,} rows; the frame has no coordinates to compare them with"
    else:
        yield "sky positions", f"of {found.with_sky:,} rows; {dx:+.2f}, {dy:+.2f} pixels (median) from the frame's"
    if found.doubt:
        yield "doubt", found.doubt
    if frame.seeing_of_catalogue > 0:
        yield "seeing", f"{frame.seeing_of_catalogue:.3g} arcsec, by the widths of its detections"


def _print_what_differs(looked: Looked) -> None:
    """Print which values the frames do not share."""
    rows = []
    for quantity in UNDERSTOOD:
        values = [getattr(info, quantity) for info in looked.infos]
        known = [value for value in values if _is_known(value)]
        lacking = len(values) - len(known)
        if len(set(known)) < 2 and (not known or not lacking):
            continue
        of = f"{len(known)} of {len(values)}" if lacking else f"all {len(values)}"
        if quantity == "mjd":
            rows.append((_called(quantity), _date(min(known)), _date(max(known)), "UTC", of))
        elif isinstance(known[0], float):
            rows.append((_called(quantity), _value(min(known)), _value(max(known)), QUANTITIES[quantity].unit, of))
        else:
            counts = [f"{value} ({number})" for value, number in Counter(known).most_common()]
            rows.append((_called(quantity), _few(counts), "", "", of))
    if rows:
        table(
            f"what differs in {len(looked.infos)} frames",
            ("quantity", "from", "to", "unit", "known in"),
            rows,
            texts=("unit",),
        )


def _print_other_kinds(looked: Looked) -> None:
    """Print which frames are understood in another way than those shown in full, and how."""
    shown = {kind_of(frame.info) for frame in looked.shown}
    first = looked.shown[0].info
    origins = {reading.quantity: reading for reading in first.readings}
    for kind, infos in looked.kinds().items():
        if kind in shown:
            continue
        info = infos[0]
        columns = ("quantity", "value", "from")
        rows = [
            (_called(each.quantity), _value(_of(info, each)), keywords_of(each.origin) or "-")
            for each in info.readings
            if keywords_of(each.origin) != keywords_of(origins[each.quantity].origin)
        ]
        if info.shape != first.shape:
            rows.append(("size", f"{info.shape[1]}x{info.shape[0]}", "-"))
        if (info.parts, info.images) != (first.parts, first.images):
            rows.append(("images in the file", f"{info.images}", "-"))
        number = f"{len(infos)} frames are" if len(infos) > 1 else "1 frame is"
        title = f"{number} understood in another way than {first.place}: {_few([each.place for each in infos])}"
        table(title, columns, rows, texts=("from",))
        for doubt in info.doubts:
            say(f"doubt: {info.place}: {doubt.text}")


def _of(info: FrameInfo, reading: Reading) -> object:
    return getattr(info, reading.quantity) if reading.quantity != "centre" else info.centre[0]


def _print_catalogues(looked: Looked, folder: Path | None) -> None:
    without, several = [], []
    files = dict.fromkeys(info.path for info in looked.infos)
    for path in files:
        try:
            if find_catalogue(path, folder) is None:
                without.append(path.name)
        except InputError as error:
            several.append(str(error))
    for text in several[:LOUD]:
        warn(text)
    lacking = f"; without: {_few(without)}" if without else ""
    say(f"catalogues: {len(files) - len(without) - len(several)} of {len(files)} files have one{lacking}")


def _print_exposures(exposures: Sequence[Exposures]) -> None:
    """Print the fields; the CCDs of a mosaic, which share field and times, and frames without a time are one line."""
    alike: dict[tuple[object, ...], list[Exposures]] = {}
    for each in exposures:
        first = each.infos[0]
        times = tuple(round(info.mjd * 86400) if _is_known(info.mjd) else NOT_KNOWN for info in each.infos)
        alike.setdefault((first.field, times, each.compared), []).append(each)
    rows = []
    for same in alike.values():
        each = same[0]
        info = each.infos[0]
        ccds = [one.infos[0].ccd for one in same if one.infos[0].ccd]
        start = _date(info.mjd)[:16] if _is_known(info.mjd) else NOT_KNOWN
        files = len(each.infos) if _is_known(info.mjd) else len({one.infos[0].path for one in same})
        rows.append(
            (
                info.field or NOT_KNOWN,
                ccds[0] if len(ccds) == 1 else f"{len(ccds)} CCDs" if ccds else "",
                start,
                files,
                _between(each.minutes),
                f"{each.needed:.3g}" if each.needed > 0 else "",
                _told(each),
            )
        )
    columns = (
        "field",
        "CCD",
        "first (UTC)",
        "exposures",
        "min apart",
        f"min needed at {RuleOptions.slowest:g} arcsec/min",
        "stationary detections can be told",
    )
    table("exposures of the same field and night", columns, rows, texts=("CCD", "first (UTC)", columns[-1]))


def _between(minutes: Sequence[float]) -> str:
    if not minutes:
        return ""
    low, high = f"{min(minutes):.3g}", f"{max(minutes):.3g}"
    return low if low == high else f"{low} to {high}"


def _told(each: Exposures) -> str:
    number = len(each.infos)
    if number == 1:
        return "no: its time is not known" if math.isnan(each.infos[0].mjd) else "no: it is alone"
    if each.compared == 0:
        return "no: too near in time"
    return "in all" if each.compared == number else f"in {each.compared} of {number}"


def _print_left_out(looked: Looked) -> None:
    reasons: dict[str, list[str]] = {}
    for info in looked.no_sky:
        reasons.setdefault(info.no_sky, []).append(info.path.name)
    for card, names in reasons.items():
        names = list(dict.fromkeys(names))
        say(f"no sky: {len(names)} file{'s' if len(names) > 1 else ''} with {card}: {_few(names)}")
    for text in [*looked.broken.values()][:LOUD]:
        warn(text)
    if len(looked.broken) > LOUD:
        warn(f"{len(looked.broken) - LOUD} more files cannot be read")
    for text in looked.copies[:LOUD]:
        warn(text)
    if looked.passed_over:
        say("passed over: " + ", ".join(f"{number} {what}" for what, number in looked.passed_over.items()))


def _closing(looked: Looked) -> str:
    """Return one line: what to mend, or that nothing is."""
    total = len(looked.infos)
    lacking = []
    for quantity in NEEDED:
        # The seeing may be known from the catalogues.
        infos = looked.infos if quantity != "seeing" else [info for each in looked.exposures for info in each.infos]
        number = sum(not _is_known(getattr(info, quantity)) for info in infos)
        if number:
            lacking.append(f"{_called(quantity)}{f' ({number} of {total})' if number < total else ''}")
    if number := sum(not _is_known(info.centre[0]) for info in looked.infos):
        lacking.append(f"a WCS{f' ({number} of {total})' if number < total else ''}")
    about = list(dict.fromkeys(doubt.about for info in looked.infos for doubt in info.doubts))
    about += ["the seeing"] * any(frame.seeing_of_catalogue > 0 < frame.info.seeing for frame in looked.shown)
    about += ["the catalogue's positions"] * any(frame.catalogue.doubt for frame in looked.shown)
    about += ["the catalogue"] * any(frame.catalogue.problem for frame in looked.shown)
    found = []
    if not total:
        found.append("No frame shows the sky.")
    if looked.broken:
        number = len(looked.broken)
        found.append(f"{number} file{'s' if number > 1 else ''} cannot be read.")
    found += [f"The pixels of {frame.info.place} cannot be used." for frame in looked.shown if frame.problem]
    if lacking:
        found.append(
            f"Not known: {', '.join(lacking)}. Add them to the headers; where a header has them under another name or "
            "in another unit, say so in a profile of the camera (--camera)."
        )
    if about:
        found.append(f"Doubtful, see above: {', '.join(about)}.")
    return " ".join(found) or "Everything that is asked of a header is known, and nothing is doubtful."


def _called(quantity: str) -> str:
    return NAMES.get(quantity, quantity.replace("_", " "))


def _is_known(value: object) -> bool:
    return value != "" and not (isinstance(value, float) and math.isnan(value))


def _value(value: object) -> str:
    if isinstance(value, float):
        return NOT_KNOWN if math.isnan(value) else f"{value:.8g}" if abs(value) >= 1e4 else f"{value:.5g}"
    return str(value) if value != "" else NOT_KNOWN


def _date(mjd: float) -> str:
    return str(Time(mjd, format="mjd", scale="utc").isot).replace("T", " ")


def _few(names: Iterable[str]) -> str:
    names = list(names)
    more = f" … ({len(names)})" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more
