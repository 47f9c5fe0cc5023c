"""What `look` prints: frames in full, what differs in the others, and what is to be mended."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from ..catalogues import find_catalogue
from ..console import say, table, warn
from ..errors import LOUD, InputError
from ..frames.headers.quantities import QUANTITIES
from ..frames.info import FrameInfo, Reading
from ..settings.rules import RuleOptions
from .examine import Exposures, Looked
from .frame import UNDERSTOOD, keywords_of, kind_of
from .one_frame import print_frame
from .words import NOT_KNOWN, called, date_text, few, is_known, value_text

NEEDED = ("mjd", "exposure", "pixel_scale", "seeing", "gain", "saturation", "zero_point")
"""What should be known of every frame, and can be mended in its header or by a profile of the camera."""


def print_report(looked: Looked, catalogues: Path | None = None) -> None:
    """Print how frames are understood; `catalogues` is the folder in which their catalogues were looked for."""
    for frame in looked.shown:
        print_frame(frame, catalogues)
    if len(looked.infos) > 1:
        _print_what_differs(looked)
        _print_other_kinds(looked)
    if len(looked.infos) > len(looked.shown):
        _print_catalogues(looked, catalogues)
    _print_exposures(looked.exposures)
    _print_left_out(looked)
    say(_closing(looked))


def _print_what_differs(looked: Looked) -> None:
    """Print which values the frames do not share."""
    rows = []
    for quantity in UNDERSTOOD:
        values = [getattr(info, quantity) for info in looked.infos]
        known = [value for value in values if is_known(value)]
        lacking = len(values) - len(known)
        if len(set(known)) < 2 and (not known or not lacking):
            continue
        of = f"{len(known)} of {len(values)}" if lacking else f"all {len(values)}"
        if quantity == "mjd":
            rows.append((called(quantity), date_text(min(known)), date_text(max(known)), "UTC", of))
        elif isinstance(known[0], float):
            rows.append(
                (called(quantity), value_text(min(known)), value_text(max(known)), QUANTITIES[quantity].unit, of)
            )
        else:
            counts = [f"{value} ({number})" for value, number in Counter(known).most_common()]
            rows.append((called(quantity), few(counts), "", "", of))
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
            (called(each.quantity), value_text(_of(info, each)), keywords_of(each.origin) or "-")
            for each in info.readings
            if keywords_of(each.origin) != keywords_of(origins[each.quantity].origin)
        ]
        if info.shape != first.shape:
            rows.append(("size", f"{info.shape[1]}x{info.shape[0]}", "-"))
        if (info.parts, info.images) != (first.parts, first.images):
            rows.append(("images in the file", f"{info.images}", "-"))
        number = f"{len(infos)} frames are" if len(infos) > 1 else "1 frame is"
        title = f"{number} understood in another way than {first.place}: {few([each.place for each in infos])}"
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
    lacking = f"; without: {few(without)}" if without else ""
    say(f"catalogues: {len(files) - len(without) - len(several)} of {len(files)} files have one{lacking}")


def _print_exposures(exposures: Sequence[Exposures]) -> None:
    """Print the fields; the CCDs of a mosaic, which share field and times, and frames without a time are one line."""
    alike: dict[tuple[object, ...], list[Exposures]] = {}
    for each in exposures:
        first = each.infos[0]
        times = tuple(round(info.mjd * 86400) if is_known(info.mjd) else NOT_KNOWN for info in each.infos)
        alike.setdefault((first.field, times, each.compared), []).append(each)
    rows = []
    for same in alike.values():
        each = same[0]
        info = each.infos[0]
        ccds = [one.infos[0].ccd for one in same if one.infos[0].ccd]
        start = date_text(info.mjd)[:16] if is_known(info.mjd) else NOT_KNOWN
        files = len(each.infos) if is_known(info.mjd) else len({one.infos[0].path for one in same})
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
        "stationary detections can be found",
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
        say(f"no sky: {len(names)} file{'s' if len(names) > 1 else ''} with {card}: {few(names)}")
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
        number = sum(not is_known(getattr(info, quantity)) for info in infos)
        if number:
            lacking.append(f"{called(quantity)}{f' ({number} of {total})' if number < total else ''}")
    if number := sum(not is_known(info.centre[0]) for info in looked.infos):
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
