"""From frames, catalogues and known asteroids to stamps with a label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from astropy.table import Table, vstack

from ..catalogues import Names
from ..catalogues.detections import Detections, read_detections
from ..catalogues.fields import leave_out, survey_fields
from ..catalogues.static_sources import read_static
from ..console import warn
from ..errors import InputError, NanPolicy, OnError, Problems
from ..file_names import written
from ..frames.info import FrameInfo
from ..frames.reading import FrameHeader, relative_to_sources
from ..frames.where import Where
from ..settings.guarantee import NEEDS
from ..stamps import PLANES, empty_table
from .cutting import exposure_stamps, with_template
from .labels import Labelled, dropped, label_field
from .linked import count_linked, link_field
from .lost import count_lost, fates, no_fates
from .others.exposures import OtherExposures
from .rules import Rules
from .single import of_records, warn_of_single, warn_without_template
from .stationary import Comparison, find_stationary
from .stationary_checks import check_field, why_not_compared
from .track_cost import track_cost
from .truth_checks import check_truth

LOST = "lost"
"""Key of the ``meta`` of a stamp table under which the asteroids are that are no stamp."""


def looks_elsewhere(rules: Rules, planes: Sequence[str], forced: bool) -> bool:
    """Tell whether the other exposures are asked what is at the places of detections: it takes their pixels."""
    return forced or rules.forced_limit is not None or len(planes) > 1


def survey_tables(
    sources: Sequence[Path],
    truth: Table,
    rules: Rules,
    *,
    where: Where = (),
    on_error: OnError = "stop",
    nan: NanPolicy = "error",
    names: Names | None = None,
    catalogues: Path | None = None,
    static: Path | None = None,
    needs: int = NEEDS,
    planes: Sequence[str] = PLANES[:1],
    forced: bool = False,
    templates: Sequence[FrameHeader] = (),
) -> Iterator[tuple[Table, Counter[str]]]:
    """Make the stamps of all fields found in frames and folders, one table per field, CCD and night.

    Parameters
    ----------
    sources : sequence of pathlib.Path
        Frames, or folders of frames; each frame with its catalogue (`catalogues.find_catalogue`).
    truth, rules, where, on_error, nan, names, catalogues, static, needs, planes, forced, templates
        As in `field_stamps`.

    Yields
    ------
    table : astropy.table.Table
        A stamp table.
    counts : collections.Counter
        See `counts.COUNTS`.

    Raises
    ------
    CeresFastError
        As `field_stamps` and `group_exposures`; at the end, when no row of the truth table was in any frame.
    """
    fields, counts = survey_fields(sources, where=where, on_error=on_error, catalogues=catalogues)
    if rules.remove_stationary:
        warn_of_single(fields, static, of_records(planes, templates))
    total = Counter(counts)
    for number, infos in enumerate(fields):
        table, field_counts = field_stamps(
            infos,
            truth,
            rules,
            sources=sources,
            where=where,
            on_error=on_error,
            nan=nan,
            names=names,
            catalogues=catalogues,
            static=static,
            needs=needs,
            planes=planes,
            forced=forced,
            templates=templates,
        )
        total += field_counts
        yield table, field_counts + (Counter() if number else counts)
    if not fields:
        yield empty_table(planes), counts
    else:
        check_truth(truth, total)


def field_stamps(
    frames: Sequence[FrameInfo],
    truth: Table,
    rules: Rules,
    *,
    sources: Sequence[Path] = (),
    where: Where = (),
    on_error: OnError = "stop",
    nan: NanPolicy = "error",
    names: Names | None = None,
    catalogues: Path | None = None,
    static: Path | None = None,
    needs: int = NEEDS,
    planes: Sequence[str] = PLANES[:1],
    forced: bool = False,
    templates: Sequence[FrameHeader] = (),
) -> tuple[Table, Counter[str]]:
    """Make the stamps of the exposures of one field and CCD in one night.

    Needs the memory of one frame, and of the field's catalogues and stamps; where the other exposures are asked
    (`looks_elsewhere`), that of `others.exposures.MOST_OTHERS` and one frames, and of the templates.

    Parameters
    ----------
    frames : sequence of FrameInfo
        The exposures (`exposures.group_exposures`).
    truth : astropy.table.Table
        The known asteroids (`truth.read_truth`).
    rules : Rules
        What is stationary, and what is an asteroid.
    sources : sequence of pathlib.Path
        Folders that the column ``source`` is relative to; the file's name where a frame is in none of them.
    where : sequence of (name, allowed values)
        Keywords of headers, or columns of catalogues: keep detections with one of the allowed values.
    on_error : {"stop", "skip"}
        Whether a bad frame, catalogue or stamp ends the work or is left out and counted.
    nan : {"error", "fill"}
        Whether a stamp with missing pixels inside the frame is bad, or gets its median there; one with too few pixels
        to be scored is then left out.
    names : Names, optional
        What the columns of the catalogues are called; by default as SExtractor calls them.
    catalogues : pathlib.Path, optional
        The folder that holds the catalogues; by default they are beside the frames (`find_catalogue`).
    static : pathlib.Path, optional
        A table of fixed sources (`static_sources.read_static`).
    needs : int
        Exposures in which a synthetic asteroid must be left by the rules (`track_cost`), and a real one be linked.
    planes : sequence of str
        What the planes of the stamps show: a row of `PLANE_SETS`. Detections without a template give no stamps of three
        planes.
    forced : bool
        Whether forced fluxes are measured; they are, too, where the rules or the planes ask for the other exposures.
    templates : sequence of FrameHeader
        Frames of known sky (`others.exposures.read_templates`).

    Returns
    -------
    table : astropy.table.Table
        A stamp table; detections that are stationary, shown by the other exposures too, or set aside are not in it.
        Its ``meta[LOST]`` is a table of the validated asteroids that are no stamp, once per exposure (`lost.COLUMNS`).
    counts : collections.Counter
        See `counts.COUNTS`.

    Raises
    ------
    InputError
        For a bad frame, catalogue or stamp; it names the file, and the row of the catalogue. For a field in which
        stationary detections cannot be found: nearly all are, none is, or the exposures are too near in time.
    """
    counts: Counter[str] = Counter(files=2 * sum(info.part == 0 for info in frames))
    problems = Problems(on_error)
    exposures = _exposures(frames, rules, names, catalogues, problems, counts)
    counts["single_exposures"] += int(rules.remove_stationary and sum(len(e.x) > 0 for e in exposures) == 1)
    if rules.remove_stationary and len(frames) > 1:
        with_rows = [exposure.info for exposure in exposures if len(exposure.x)]
        warn_of_single([with_rows], static, of_records(planes, templates))
    found, comparison = find_stationary(exposures, rules, None if static is None else read_static(static))
    try:
        # Known fixed sources make up for exposures that cannot be compared.
        why = "" if static is not None and _any(found.stays) else why_not_compared(exposures, found, comparison)
        if why:
            raise InputError(exposures[0].info.place, f"nothing can be called stationary: {why}", action=_NOT_COMPARED)
        check_field(exposures, found, comparison)
    except InputError as error:
        problems.report(error, counts, "bad_frames", len(exposures))
        left_out = sum(len(exposure.x) for exposure in exposures)
        return empty_table(planes), counts + Counter(detections=left_out, bad_frame_detections=left_out)
    others = OtherExposures(exposures, rules, templates) if looks_elsewhere(rules, planes, forced) else None
    counts += _cost(comparison, needs, others)
    counts["not_compared"] += sum(int((~mask).sum()) for mask in found.compared)
    tables, fate = [], [no_fates()]
    by_place = label_field(exposures, found.stays, truth, rules)
    asked = [_with_forced(each, others, e, rules) for e, each in enumerate(by_place)]
    linked, tracklets = link_field([labelled for labelled, _ in asked], comparison, rules)
    for e, (labelled, (_, unreadable)) in enumerate(zip(linked, asked, strict=True)):
        rows = np.flatnonzero(dropped(labelled, where, problems, counts) == "")
        made = empty_table(planes)
        try:
            if unreadable is not None:
                raise unreadable
            plane_maker = partial(others.planes, e) if others is not None and len(planes) > 1 else None
            made = exposure_stamps(labelled, rows, problems, nan, counts, rules.missing, plane_maker)
            counts["frames"] += 1
        except InputError as error:
            problems.report(error, counts, "bad_frames")
            counts["bad_frame_detections"] += len(rows)
        table, without = with_template(made)
        counts["no_template"] += len(without)
        info = labelled.exposure.info
        table["source"] = np.full(len(table), written(relative_to_sources(info.path, sources)) + info.brackets)
        tables.append(table)
        fate.append(fates(labelled, table, without))
        counts += count_lost(fate[-1])
    table = vstack(tables, metadata_conflicts="silent") if tables else empty_table(planes)
    every = vstack(fate)
    table.meta[LOST] = every[every["reason"] != ""]
    if counts["no_template"] and not len(table):
        warn_without_template(exposures[0].info, len(exposures))
    counts += count_linked(linked, tracklets, table, needs)
    counts["padded_stamps"] += int((table["padded"] > 0).sum())
    counts["filled_stamps"] += int((table["filled"] > 0).sum())
    counts["asteroid"] += int((table["label"] == 1).sum())
    counts["non_asteroid"] += int((table["label"] == 0).sum())
    return table, counts


def _any(masks: Sequence[np.ndarray]) -> bool:
    return any(mask.any() for mask in masks)


_NOT_COMPARED = (
    "give exposures of this field that are farther apart, or look only for faster asteroids; with --keep-stationary "
    "all detections are used, and with --on-error skip the field is left out"
)


def _with_forced(
    labelled: Labelled, others: OtherExposures | None, e: int, rules: Rules
) -> tuple[Labelled, InputError | None]:
    """Return an exposure with what the others show at the places of all its detections, and why it cannot be read."""
    if others is None:
        return labelled, None
    try:
        forced = others.forced(e, np.arange(len(labelled.exposure.x)))
    except InputError as error:
        return labelled, error
    return replace(labelled, forced=forced, forced_limit=rules.forced_limit), None


def _cost(comparison: Comparison | None, needs: int, others: OtherExposures | None) -> Counter[str]:
    """Count what the rules say of random places and of synthetic asteroids."""
    if comparison is None:
        return Counter()
    places = comparison.random
    return track_cost(comparison, needs, others) + Counter(
        random_places=places.compared, random_by_chance=places.by_chance, random_on_sources=places.on_sources
    )


def _exposures(
    frames: Sequence[FrameInfo],
    rules: Rules,
    names: Names | None,
    catalogues: Path | None,
    problems: Problems,
    counts: Counter[str],
) -> list[Detections]:
    exposures: list[Detections] = []
    for info in frames:
        try:
            exposures.append(_exposure(info, rules, names, catalogues))
            counts += Counter(drifted=exposures[-1].drifted)
        except InputError as error:
            leave_out(info, error, problems, counts, catalogues)
    for exposure in exposures:
        if len(exposure.x) == 0:
            counts["empty_catalogues"] += 1
            warn(f"{exposure.catalogue.path}: has no rows; in this field, less is known of what is stationary")
    return exposures


def _exposure(info: FrameInfo, rules: Rules, names: Names | None, catalogues: Path | None) -> Detections:
    exposure = read_detections(info, reject_flags=rules.reject_flags, names=names, catalogues=catalogues)
    if np.isnan(exposure.info.mjd):
        problem = f"its header does not say when it was taken{info.in_brackets('mjd')}"
        raise InputError(info.place, problem, expected="MJD-OBS or DATE-OBS, EXPTIME")
    if len(exposure.x) and not np.isfinite(exposure.ra).any():
        raise InputError(
            info.place,
            f"neither its header nor its catalogue has positions on the sky{info.in_brackets('centre')}",
            expected="a WCS, or ALPHA_J2000 and DELTA_J2000: without them no asteroid can be matched",
        )
    return exposure
